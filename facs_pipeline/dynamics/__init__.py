"""Stage 6: intensities over time -> events, blinks and the facial activity descriptor."""
