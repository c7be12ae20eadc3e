"""How well predictions agree with what is known: intensities, classes, intervals, learning curves."""
