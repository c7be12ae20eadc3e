"""The tables that are written and read, and the dictionary of their columns."""
