"""What a shape predictor's file of dlib holds, checked before dlib loads it: dlib itself trusts every index in it."""

from __future__ import annotations

import re

# As dlib's serialize.h writes whole numbers: their length in bytes and their sign, then the bytes, lowest first.
_WHOLE = b"(?:" + b"|".join(b"[\\x%02x\\x%02x].{%d}" % (n, 0x80 | n, n) for n in range(1, 9)) + b")"
# A floating-point number is two of them, mantissa and exponent; nearly all have these lengths.
_NUMBER = rb"(?>[\x03\x83]...[\x01\x81].|" + _WHOLE + _WHOLE + b")"
_LARGEST_TREE = 1 << 20


class DamagedPredictorError(ValueError):
    """A file that dlib would crash on, or is no shape predictor."""


def check_shape_predictor(data: bytes) -> int:
    """Check the structure and every index of a file, and give its number of points.

    The format is that of dlib's ``shape_predictor.h``: the mean shape; for each cascade regression trees of splits
    (two indexes of pixels and a threshold) and leaves (a shape each); for each cascade the points round which its
    pixels lie, and their offsets.

    Parameters
    ----------
    data : bytes
        Content of the file.

    Returns
    -------
    int
        Number of points.

    Raises
    ------
    DamagedPredictorError
        If dlib could not load it, or would read beyond its numbers with it.
    """
    read = _Reader(data)
    if read.whole() != 1:
        raise DamagedPredictorError("not a shape predictor of the known version")
    numbers = read.column()
    if numbers < 2 or numbers % 2:
        raise DamagedPredictorError(f"a mean shape of {numbers} numbers")
    highest = [read.forest(numbers) for _ in range(read.count())]
    anchors = []
    for _ in range(read.count()):
        anchors.append([read.whole() for _ in range(read.count())])
    offsets = []
    for _ in range(read.count()):
        offsets.append(read.count())
        read.skip(2 * offsets[-1])
    if not len(highest) == len(anchors) == len(offsets):
        raise DamagedPredictorError("cascades of trees and of pixels differ in number")
    for pixel, points, count in zip(highest, anchors, offsets, strict=True):
        if len(points) != count or pixel >= count:
            raise DamagedPredictorError(f"a tree asks for pixel {pixel} of {count}")
        if any(not 0 <= point < numbers // 2 for point in points):
            raise DamagedPredictorError(f"a pixel lies at point {max(points)} of {numbers // 2}")
    if read.at != len(data):
        raise DamagedPredictorError(f"{len(data) - read.at} bytes too many")
    return numbers // 2


class _Reader:
    """Numbers of a file, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0
        self._skips: dict[int, re.Pattern[bytes]] = {}

    def whole(self) -> int:
        """The next whole number."""
        start, data = self.at, self._data
        if start >= len(data):
            raise DamagedPredictorError("cut short")
        size = data[start] & 0x7F
        if not 1 <= size <= 8 or start + 1 + size > len(data):
            raise DamagedPredictorError("cut short, or not a shape predictor")
        self.at = start + 1 + size
        value = int.from_bytes(data[start + 1 : self.at], "little")
        return -value if data[start] & 0x80 else value

    def count(self) -> int:
        """The next whole number, of things that follow: each takes at least a byte."""
        value = self.whole()
        if not 0 <= value <= len(self._data) - self.at:
            raise DamagedPredictorError(f"{value} things, of which the file cannot hold so many")
        return value

    def skip(self, numbers: int) -> None:
        """Pass over floating-point numbers."""
        # Expressions repeat no more often than 65,535 times in some builds of Python.
        while numbers:
            now = min(numbers, 1024)
            pattern = self._skips.setdefault(now, re.compile(_NUMBER + b"{%d}" % now, re.DOTALL))
            match = pattern.match(self._data, self.at)
            if match is None:
                raise DamagedPredictorError("cut short, or not a shape predictor")
            self.at, numbers = match.end(), numbers - now

    def column(self) -> int:
        """Pass over a matrix of one column; how many rows it has."""
        # The signs tell this way of writing a matrix from an older one.
        rows, columns = -self.whole(), -self.whole()
        if columns != 1 or not 0 <= rows <= len(self._data) - self.at:
            raise DamagedPredictorError(f"a matrix of {rows} x {columns} numbers instead of a shape")
        self.skip(rows)
        return rows

    def forest(self, numbers: int) -> int:
        """Pass over the trees of a cascade; the highest pixel that one asks for."""
        return max((self._tree(numbers) for _ in range(self.count())), default=-1)

    def _tree(self, numbers: int) -> int:
        splits = self.count()
        highest = -1
        for _ in range(splits):
            first, second = self.whole(), self.whole()
            if min(first, second) < 0:
                raise DamagedPredictorError("a tree asks for a pixel below the first")
            highest = max(highest, first, second)
            self.skip(1)
        leaves = self.count()
        if leaves != splits + 1 or leaves & (leaves - 1) or leaves > _LARGEST_TREE:
            raise DamagedPredictorError(f"a tree of {splits} splits with {leaves} leaves")
        for _ in range(leaves):
            if self.column() != numbers:
                raise DamagedPredictorError("a leaf of another number of points than the mean shape")
        return highest
