"""What knows nothing of faces: files, images, regression, evaluation, progress."""
