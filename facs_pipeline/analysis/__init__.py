"""One call for an image, an array, a camera or a video."""
