"""Stage 2: frames -> tracked faces."""
