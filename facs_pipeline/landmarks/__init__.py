"""Stage 3: a face -> 68 landmarks, head pose, confidence."""
