"""Training of action-unit models from FACS codes or from a teacher."""
