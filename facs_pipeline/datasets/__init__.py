"""Datasets that people have: found, checked, and read into one form."""
