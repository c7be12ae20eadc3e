"""Seven emotions of faces: models, their training and their evaluation."""
