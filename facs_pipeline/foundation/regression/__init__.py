"""Linear and ridge regression on large tables."""
