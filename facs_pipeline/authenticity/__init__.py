"""Which of two videos of the same person and emotion shows the felt expression."""
