"""How much is read into memory at once: limits that are checked before anything is unpacked, and how to raise them.

A file of a few kilobytes may claim any size. Whoever has larger files than the limits allow sets the environment
variables named here, which reach worker processes as well.
"""

from __future__ import annotations

import os

from facs_pipeline.foundation.errors import InputError

PIXELS_VARIABLE = "FACS_MAX_MEGAPIXELS"
"""Largest picture, in millions of pixels; 120 unless set."""
BYTES_VARIABLE = "FACS_MAX_FILE_MB"
"""Largest image file, and largest content of an archive once it is unpacked, in megabytes; 1000 unless set."""
SIZE_LIMIT = f"pictures of more than 120 million pixels are read with {PIXELS_VARIABLE}=240, for example"
"""What is told of a picture that a decoder refused for its size."""
_MILLION = 1_000_000


def largest_picture() -> int:
    """Pixels of the largest picture that is decoded.

    Raises
    ------
    InputError
        If the variable holds no number above 0.

    Examples
    --------
    >>> largest_picture()
    120000000
    """
    return _limit(PIXELS_VARIABLE, 120)


def largest_content() -> int:
    """Bytes of the largest file or unpacked archive that is read into memory.

    Raises
    ------
    InputError
        If the variable holds no number above 0.

    Examples
    --------
    >>> largest_content()
    1000000000
    """
    return _limit(BYTES_VARIABLE, 1000)


def too_many_pixels(width: int, height: int) -> str:
    """Why a picture of this size is not decoded; empty if it is.

    Examples
    --------
    >>> too_many_pixels(4000, 3000)
    ''
    >>> too_many_pixels(40000, 30000)
    '40000 x 30000 pixels, more than 120 million; make it smaller, or set FACS_MAX_MEGAPIXELS=1200'
    """
    limit = largest_picture()
    if width * height <= limit:
        return ""
    needed = -(-width * height // _MILLION)
    return (
        f"{width} x {height} pixels, more than {limit / _MILLION:g} million; make it smaller, "
        f"or set {PIXELS_VARIABLE}={needed}"
    )


def too_many_bytes(size: int) -> str:
    """Why so many bytes are not read into memory; empty if they are.

    Examples
    --------
    >>> too_many_bytes(2_000_000_000)
    '2,000 MB in memory, more than 1,000; set FACS_MAX_FILE_MB=2000 if the file is to be trusted'
    """
    limit = largest_content()
    if size <= limit:
        return ""
    needed = -(-size // _MILLION)
    return (
        f"{size / 1e6:,.0f} MB in memory, more than {limit / 1e6:,.0f}; "
        f"set {BYTES_VARIABLE}={needed} if the file is to be trusted"
    )


def _limit(variable: str, default: int) -> int:
    text = os.environ.get(variable, "")
    try:
        millions = float(text or default)
    except ValueError:
        millions = 0.0
    if not 0 < millions < float("inf"):
        raise InputError(f"{variable}={text!r}: expected a number above 0, such as {default}")
    return int(millions * _MILLION)
