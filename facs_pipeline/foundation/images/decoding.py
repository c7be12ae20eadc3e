"""Bytes of an image file -> grey or coloured pixels, whatever their kind and depth; its size is checked first."""

from __future__ import annotations

import re

import cv2
import numpy as np

from facs_pipeline.foundation.images.headers import ImageHeader, is_jpeg, jpeg_is_cut, read_header
from facs_pipeline.foundation.limits import too_many_pixels

LARGEST_BYTES = 256 << 20
"""No photograph of a face is larger; an archive may claim anything."""
_BITS = (8, 10, 12, 14)
"""Bits of cameras whose levels fill only the lower part of a 16-bit file."""
_DEEP = frozenset({"PNG", "TIFF", "PNM"})
"""Kinds of files that cameras fill so; lossy ones do not keep the highest level."""
_AVIF_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


class BitDepth:
    """How many bits the levels of 16-bit images really use, judged by the highest level so far.

    The images of one video share one, so that a dark image is not taken for one of fewer bits.

    Attributes
    ----------
    bits : int
        8, 10, 12, 14 or 16.

    Examples
    --------
    >>> depth = BitDepth()
    >>> depth.to_bytes(np.array([[0, 4095]], np.uint16)).tolist(), depth.bits
    ([[0, 255]], 12)
    >>> depth.to_bytes(np.array([[0, 819]], np.uint16)).tolist()
    [[0, 51]]
    """

    def __init__(self) -> None:
        self.bits = _BITS[0]

    def to_bytes(self, levels: np.ndarray) -> np.ndarray | None:
        """Levels of uint16 as uint8; None where they use all 16 bits."""
        highest = int(levels.max())
        self.bits = max(self.bits, next((bits for bits in _BITS if highest < 1 << bits), 16))
        return None if self.bits == 16 else cv2.convertScaleAbs(levels, alpha=255 / ((1 << self.bits) - 1))


def decode(data: bytes, *, colour: bool = False, depth: BitDepth | None = None) -> np.ndarray:
    """Decode an image.

    Of several pictures, as in an animated PNG or WebP, the first one. Whatever follows a JPEG is passed over, such as
    the video of a motion photo. An orientation that the file states is applied.

    Parameters
    ----------
    data : bytes
        Content of an image file.
    colour : bool
        In colour instead of grey.
    depth : BitDepth, optional
        That of the images of one video; by default the image's own.

    Returns
    -------
    ndarray of uint8
        Grey image `[h, w]`, or BGR `[h, w, 3]`.

    Raises
    ------
    ValueError
        If it is empty, cut short, no image or too large; the text tells which.
    """
    if not data:
        raise ValueError("the file is empty")
    if is_jpeg(data) and jpeg_is_cut(data):
        raise ValueError("a JPEG file that is cut short")
    header = read_header(data)
    if header is not None and (problem := too_many_pixels(header.width, header.height)):
        raise ValueError(problem)
    image = _decoded(data, header, colour, depth or BitDepth()) if header is not None else None
    if image is None:
        raise ValueError("not an image that can be decoded; damaged, or not what its name says?")
    return image


def decode_grey(data: bytes) -> np.ndarray:
    """Decode an image as grey levels `[h, w]`; see `decode`."""
    return decode(data)


def picture_note(data: bytes) -> str:
    """What is passed over of an image that can be decoded; empty if nothing is.

    Examples
    --------
    >>> picture_note(b"P5 640 480 255 ...")
    ''
    """
    header = read_header(data)
    if header is None or not header.animated:
        return ""
    return f"an animated {header.kind}, of which the first picture is measured; as a video it needs to be converted"


def _decoded(data: bytes, header: ImageHeader, colour: bool, depth: BitDepth) -> np.ndarray | None:
    flag = cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE
    content = np.frombuffer(data, np.uint8)
    try:
        image = cv2.imdecode(content, flag | cv2.IMREAD_ANYDEPTH if header.kind in _DEEP else flag)
        if image is not None and image.dtype == np.uint16:
            image = depth.to_bytes(image)
        if image is None or image.dtype != np.uint8:
            image = cv2.imdecode(content, flag)
    except cv2.error:
        return None
    if image is None or header.kind != "AVIF":
        return image
    return _upright(data, image)


def _upright(data: bytes, image: np.ndarray) -> np.ndarray:
    """An AVIF as its properties turn and mirror it, which OpenCV leaves to its caller."""
    properties = data[: 1 << 16]
    turn = re.search(rb"\0\0\0\x09irot(.)", properties, re.DOTALL)
    if turn and turn[1][0] & 3:
        image = cv2.rotate(image, _AVIF_TURNS[turn[1][0] & 3])
    mirror = re.search(rb"\0\0\0\x09imir(.)", properties, re.DOTALL)
    return cv2.flip(image, mirror[1][0] & 1) if mirror else image


def silence_opencv() -> None:
    """Let OpenCV say nothing of images that it cannot decode: it names no file."""
    logging = getattr(cv2.utils, "logging", None)
    if logging is None:
        # Before version 4.13.
        cv2.setLogLevel(0)
    else:
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
