"""Pictures as users have them -> grey pictures as the pipeline takes them, or a refusal that says what is expected."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from facs_pipeline.foundation.errors import InputError

Colour = Literal["rgb", "bgr"]
"""Order of the channels of colour pictures: ``"rgb"`` as in Pillow and imageio, ``"bgr"`` as in OpenCV."""

_SMALLEST = 16
_TO_GREY = {
    ("rgb", 3): cv2.COLOR_RGB2GRAY,
    ("rgb", 4): cv2.COLOR_RGBA2GRAY,
    ("bgr", 3): cv2.COLOR_BGR2GRAY,
    ("bgr", 4): cv2.COLOR_BGRA2GRAY,
}


def as_grey(picture: np.ndarray, colour: Colour | None = None) -> np.ndarray:
    """A picture as grey levels [h, w] uint8.

    Parameters
    ----------
    picture : ndarray
        Grey [h, w] or [h, w, 1], or colour [h, w, 3] or, with transparency, [h, w, 4]. Levels are uint8, uint16
        from 0 to 65535 (scale those of 12-bit cameras), bool, or floating-point numbers from 0 to 1.
    colour : "rgb" or "bgr"
        Order of the channels; needed for colour pictures only, since it cannot be told from the pixels.

    Returns
    -------
    ndarray of uint8
        [h, w]; the very same array where it is grey uint8 already.

    Raises
    ------
    InputError
        If the picture is none of these, is smaller than 16 x 16 pixels, or is in colour and `colour` is not given.

    Notes
    -----
    Grey is luma, ``0.299 R + 0.587 G + 0.114 B`` (ITU-R BT.601), as in the grey pictures of videos.

    Examples
    --------
    >>> as_grey(np.full((20, 20), 0.5)).dtype, as_grey(np.full((20, 20), 0.5))[0, 0]
    (dtype('uint8'), np.uint8(128))
    """
    if not isinstance(picture, np.ndarray):
        raise InputError(f"a picture is a NumPy array, got {type(picture).__name__}")
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[:, :, 0]
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (3, 4)):
        raise InputError(
            f"a picture is grey [height, width] or colour [height, width, 3], got shape {list(picture.shape)}"
        )
    if min(picture.shape[:2]) < _SMALLEST:
        raise InputError(
            f"a picture of {picture.shape[1]} x {picture.shape[0]} pixels; expected at least {_SMALLEST} x {_SMALLEST}"
        )
    levels = _bytes(picture)
    if levels.ndim == 2:
        return levels
    if colour not in ("rgb", "bgr"):
        raise InputError(
            "a colour picture needs the order of its channels: colour='rgb' (Pillow, imageio) or colour='bgr' (OpenCV)"
        )
    return cv2.cvtColor(levels, _TO_GREY[colour, levels.shape[2]])


def _bytes(picture: np.ndarray) -> np.ndarray:
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == np.bool_:
        return picture.astype(np.uint8) * np.uint8(255)
    if picture.dtype == np.uint16:
        return np.rint(picture / 257).astype(np.uint8)
    if np.issubdtype(picture.dtype, np.floating):
        low, high = float(picture.min()), float(picture.max())
        if not (low >= 0 and high <= 1):
            raise InputError(
                f"a picture of {picture.dtype} with levels {low:g} to {high:g}; floating-point levels go from 0 to 1: "
                "divide by the largest possible level, or convert to uint8"
            )
        return np.rint(picture * 255).astype(np.uint8)
    raise InputError(f"a picture of {picture.dtype}; expected uint8, uint16, bool, or floating-point levels 0 to 1")
