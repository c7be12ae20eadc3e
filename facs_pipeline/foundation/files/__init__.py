"""Files that are whole or not there, verified artifacts, model files."""
