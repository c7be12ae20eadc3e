"""Faces as they happen: a camera, a stream or a video in real time, measured by the one chain."""
