"""Bytes of an image file -> grey pixels, whatever their colours and depth."""

from __future__ import annotations

import cv2
import numpy as np

LARGEST_BYTES = 256 << 20
"""No photograph of a face is larger; an archive may claim anything."""


def decode_grey(data: bytes) -> np.ndarray:
    """Decode an image.

    Parameters
    ----------
    data : bytes
        Content of an image file.

    Returns
    -------
    ndarray of uint8
        Grey image `[h, w]`.

    Raises
    ------
    ValueError
        If it is empty, cut short or no image; the text tells which.
    """
    if not data:
        raise ValueError("the file is empty")
    # Decoders may fill what is missing of a JPEG with grey. Its end marker cannot occur within a scan.
    if data[:2] == b"\xff\xd8" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise ValueError("a JPEG file that is cut short")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        image = None
    if image is None:
        raise ValueError("not an image that can be decoded; damaged, or not what its name says?")
    return image


def silence_opencv() -> None:
    """Let OpenCV say nothing of images that it cannot decode: it names no file."""
    logging = getattr(cv2.utils, "logging", None)
    if logging is None:
        # Before version 4.13.
        cv2.setLogLevel(0)
    else:
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
