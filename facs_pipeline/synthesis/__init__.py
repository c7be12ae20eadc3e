"""Synthetic videos of faces that move, for the demo and for tests."""
