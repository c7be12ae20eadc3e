"""How long a video file says that it is, in bytes: MP4 and QuickTime, AVI, Matroska and WebM, ASF (WMV).

A file whose copying or recording was interrupted is shorter than that.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_LEAST_MISSING = 64  # some writers of AVI count their own header, too
_MOST_BOXES = 100_000
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_ASF, _ASF_FILE = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def stated_size(path: str | os.PathLike[str]) -> int:
    """Bytes that the file should have at least.

    Parameters
    ----------
    path : path

    Returns
    -------
    int
        0 where the format does not say, or the file has no fewer than it says.
    """
    try:
        size = os.stat(path).st_size
        with open(path, "rb") as file:
            head = file.read(16)
            if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
                stated = _of_boxes(file, size)
            elif head[:4] == b"RIFF":
                stated = _of_riff(file, size)
            elif head[:4] == _EBML:
                stated = _of_matroska(file)
            elif head == _ASF:
                stated = _of_asf(file)
            else:
                stated = 0
    except (OSError, ValueError, struct.error, OverflowError):
        return 0
    return stated if stated > size + _LEAST_MISSING else 0


def _of_boxes(file: BinaryIO, size: int) -> int:
    """End of the last box that begins within the file (ISO 14496-12)."""
    place = 0
    for _ in range(_MOST_BOXES):
        if place + 8 > size:
            break
        file.seek(place)
        length, kind = struct.unpack(">I4s", file.read(8))
        if not kind.isascii() or not kind.strip().isalnum():
            return 0  # no box: what stands behind the last one says nothing
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        if length < 8:  # 0: to the end of the file
            return 0
        place += length
    return place


def _of_riff(file: BinaryIO, size: int) -> int:
    """End of the last RIFF chunk; files above a gigabyte have several."""
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            break
        (length,) = struct.unpack("<I", head[4:])
        if length in (0, 0xFFFFFFFF):  # a recording that was not closed
            return 0
        place += 8 + length + length % 2
        if place >= size:
            break
    return place


def _of_matroska(file: BinaryIO) -> int:
    """End of the segment (RFC 8794, RFC 9559)."""
    file.seek(4)
    header, _ = _length(file)
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return 0
    length, unknown = _length(file)
    return 0 if unknown else file.tell() + length


def _length(file: BinaryIO) -> tuple[int, bool]:
    """An EBML length, and whether it says "unknown"."""
    first = file.read(1)[0]
    extra = 8 - first.bit_length()
    value = int.from_bytes(bytes([first & (0x7F >> extra)]) + file.read(extra), "big")
    return value, value == (1 << 7 * (extra + 1)) - 1


def _of_asf(file: BinaryIO) -> int:
    """The size in the file properties object (ASF specification, 3.2); not of broadcasts."""
    file.seek(0)
    head = file.read(1 << 16)
    place = head.find(_ASF_FILE)
    if place < 0:
        return 0
    (length,) = struct.unpack_from("<Q", head, place + 40)
    (flags,) = struct.unpack_from("<I", head, place + 88)
    return 0 if flags & 1 else length
