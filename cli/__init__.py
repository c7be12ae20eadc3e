"""The `facs` command: one file per command; each parses, calls `facs_pipeline`, prints."""
