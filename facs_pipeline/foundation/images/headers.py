"""What image files state of themselves: kind, size, several pictures, and where a JPEG ends. Nothing is decoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_TIFF_VALUES = {1: "B", 3: "H", 4: "I", 16: "Q"}


class ImageHeader(NamedTuple):
    """What an image file states.

    Attributes
    ----------
    kind : str
        For example ``"JPEG"``.
    width, height : int
        In pixels, as stored; of the largest picture where there are several.
    animated : bool
        Whether several pictures follow one another.
    """

    kind: str
    width: int
    height: int
    animated: bool = False


def read_header(data: bytes) -> ImageHeader | None:
    """What an image file states; None where it is damaged before that, or of another kind.

    Parameters
    ----------
    data : bytes
        Content of a file.

    Examples
    --------
    >>> read_header(b"P5 640 480 255 ...")
    ImageHeader(kind='PNM', width=640, height=480, animated=False)
    """
    for begins, read in _READERS:
        if begins.match(data):
            try:
                return read(data)
            except (struct.error, LookupError, ValueError):
                return None
    return None


def is_jpeg(data: bytes) -> bool:
    """Whether a file begins as a JPEG; a video may lie behind it, as in the motion photos of phones."""
    return data[:3] == b"\xff\xd8\xff"


def jpeg_is_cut(data: bytes) -> bool:
    r"""Whether the first picture of a JPEG file lacks its end.

    Phones append a video or further pictures, whose bytes may look like anything.

    Examples
    --------
    >>> whole = b"\xff\xd8\xff\xda\x00\x02picture\xff\xd9"
    >>> jpeg_is_cut(whole), jpeg_is_cut(whole[:-2]), jpeg_is_cut(whole + b"video \xff\xda")
    (False, True, False)
    """
    at, in_picture = 2, False
    while match := _NEXT_MARKER.search(data, at):
        marker = match[0][1]
        if marker == 0xD9 and in_picture:
            return False
        in_picture |= marker == 0xDA
        at = match.end()
        if marker not in (0x01, 0xD8, 0xD9):
            at += int.from_bytes(data[at : at + 2], "big")
    # The picture's data are damaged, and hide its end: decoders show what they can of it.
    return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")


def _jpeg(data: bytes) -> ImageHeader | None:
    at = 2
    while match := _NEXT_MARKER.search(data, at):
        marker, at = match[0][1], match.end()
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 3)
            return ImageHeader("JPEG", width, height)
        if marker == 0xDA:
            return None
        if marker not in (0x01, 0xD8, 0xD9):
            at += int.from_bytes(data[at : at + 2], "big")
    return None


def _png(data: bytes) -> ImageHeader | None:
    width, height = struct.unpack_from(">II", data, 16)
    at, animated = 8, False
    # A chunk that claims more bytes than there are would be given memory for them.
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        if at + 12 + size > len(data) and kind != b"IEND":
            return None
        animated |= kind == b"acTL"
        if kind == b"IEND":
            break
        at += 12 + size
    return ImageHeader("PNG", width, height, animated)


def _gif(data: bytes) -> ImageHeader:
    return ImageHeader("GIF", *struct.unpack_from("<HH", data, 6))


def _bmp(data: bytes) -> ImageHeader:
    old = struct.unpack_from("<I", data, 14)[0] == 12
    width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
    return ImageHeader("BMP", abs(width), abs(height))


def _webp(data: bytes) -> ImageHeader:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return ImageHeader("WebP", width, height, bool(data[20] & 0x02))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    width, height = struct.unpack_from("<HH", data, 26)
    return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF)


def _tiff(data: bytes) -> ImageHeader:
    order = "<" if data[:2] == b"II" else ">"
    if struct.unpack_from(order + "H", data, 2)[0] == 43:
        start, count_kind, entry, value_at = struct.unpack_from(order + "Q", data, 8)[0], "Q", 20, 12
    else:
        start, count_kind, entry, value_at = struct.unpack_from(order + "I", data, 4)[0], "H", 12, 8
    (entries,) = struct.unpack_from(order + count_kind, data, start)
    start += struct.calcsize(count_kind)
    sides = {}
    for at in range(start, min(start + entry * entries, len(data)), entry):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        if tag in (256, 257):
            (sides[tag],) = struct.unpack_from(order + _TIFF_VALUES[kind], data, at + value_at)
    return ImageHeader("TIFF", sides.get(256, 0), sides.get(257, 0))


def _pnm(data: bytes) -> ImageHeader:
    # A comment goes from # to the end of its line.
    words = re.sub(rb"#[^\n\r]*", b"", data[:4096]).split()
    return ImageHeader("PNM", int(words[1]), int(words[2]))


def _jpeg_2000(data: bytes) -> ImageHeader:
    right, lower, left, upper = struct.unpack_from(">IIII", data, data.index(b"\xff\x4f\xff\x51") + 8)
    return ImageHeader("JPEG 2000", right - left, lower - upper)


def _avif(data: bytes) -> ImageHeader:
    sizes = [struct.unpack_from(">II", data, match.end() + 4) for match in re.finditer(rb"ispe", data[: 1 << 16])]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return ImageHeader("AVIF", width, height, data[8:12] == b"avis")


_Reader = Callable[[bytes], ImageHeader | None]
_READERS: tuple[tuple[re.Pattern[bytes], _Reader], ...] = tuple(
    (re.compile(begins, re.DOTALL), read)
    for begins, read in (
        (rb"\xff\xd8\xff", _jpeg),
        (rb"\x89PNG\r\n\x1a\n", _png),
        (rb"GIF8[79]a", _gif),
        (rb"BM", _bmp),
        (rb"RIFF....WEBP", _webp),
        (rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", _tiff),
        (rb"P[1-6]\s", _pnm),
        (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", _jpeg_2000),
        (rb"....ftypavi[fs]", _avif),
    )
)
