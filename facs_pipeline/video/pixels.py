"""Decoded pictures -> grey or colour images that stand upright, with square pixels and luma over the full range."""

from __future__ import annotations

import math

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type

# 8-bit formats whose first plane is luma as it stands
_LUMA_FIRST = frozenset(
    {"gray", "yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "nv12", "nv21", "nv16"}
    | {"yuvj420p", "yuvj422p", "yuvj444p", "yuvj440p"}
)
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Limited-range luma 16..235 -> 0..255 as factor and offset
_TO_FULL_RANGE = np.array([[255 / 219, -16 * 255 / 219]], np.float32)
_TURNS = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


def to_image(picture: av.VideoFrame, pixel_aspect: float, *, colour: bool) -> np.ndarray:
    """A decoded picture as an image.

    Parameters
    ----------
    picture : VideoFrame
    pixel_aspect : float
        Width by height of its pixels.
    colour : bool
        BGR instead of grey.

    Returns
    -------
    ndarray of uint8
        Grey `[h, w]` or BGR `[h, w, 3]`, upright, with square pixels.
    """
    image: np.ndarray
    if colour:
        image = picture.to_ndarray(format="bgr24")
    elif picture.format.name in _LUMA_FIRST:
        plane = picture.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        image = rows[: picture.height, : picture.width]
        full = picture.color_range == _FULL_RANGE or picture.format.name.startswith(("yuvj", "gray"))
        image = np.ascontiguousarray(image) if full else cv2.transform(image, _TO_FULL_RANGE)
    else:
        image = picture.to_ndarray(format="gray")
    if pixel_aspect != 1:
        image = cv2.resize(image, None, fx=max(pixel_aspect, 1.0), fy=max(1 / pixel_aspect, 1.0))
    return as_shown(image, picture)


def as_shown(image: np.ndarray, picture: av.VideoFrame) -> np.ndarray:
    """An image of a decoded picture, mirrored and turned by quarters as the picture's display matrix says.

    Parameters
    ----------
    image : ndarray
        ``[h, w]`` or ``[h, w, 3]``.
    picture : VideoFrame
        Where the matrix is taken from: x' = a x + c y, y' = b x + d y, with y downwards (ISO 14496-12, 8.3.2).

    Returns
    -------
    ndarray
    """
    # Typed for names, which only some versions of PyAV take.
    matrix = picture.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    if matrix is None:
        return image
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if a * d - b * c < 0:
        image, a, b = cv2.flip(image, 1), -a, -b
    turn = _TURNS.get(round(math.degrees(math.atan2(b, a)) / 90) % 4)
    return image if turn is None else cv2.rotate(image, turn)
