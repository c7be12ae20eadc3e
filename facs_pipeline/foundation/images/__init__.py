"""Decoding of images; geometry and gradients of images."""
