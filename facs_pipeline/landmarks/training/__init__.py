"""Training of the landmark model from a teacher."""
