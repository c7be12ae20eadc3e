"""Stage 5: features -> intensities 0 to 5 of action units."""
