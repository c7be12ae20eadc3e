"""Text files that hold a table: their encoding, gzip, what separates their cells, and what is wrong with them."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from facs_pipeline.foundation.errors import InputError

_GZIP_MARK = b"\x1f\x8b"
# Where a first row holds as many of two of them, the comma is likelier a part of a name or number.
_SEPARATORS = ("\t", ";", ",")
_QUOTED = re.compile(r'"[^"]*"')
_LONGEST_LINE = 1 << 24
"""Characters; a file of which one line is longer is no table, and would fill the memory."""


def separator_of(first_row: str) -> str:
    """What separates the cells of a table with this first row: a comma, a semicolon or a tab.

    >>> separator_of('frame;"time, in s";AU12'), separator_of("1;0,5"), separator_of("video")
    (';', ';', ',')
    """
    bare = _QUOTED.sub("", first_row)
    most = max(_SEPARATORS, key=bare.count)
    return most if most in bare else ","


def encoding_of(start: bytes) -> str:
    """Encoding of a text by its first four bytes: UTF-16 with or without its mark, else UTF-8.

    >>> encoding_of("a,b".encode("utf-16-le")), encoding_of("a,b".encode("utf-16")), encoding_of(b"a,b")
    ('utf-16-le', 'utf-16', 'utf-8-sig')
    """
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) >= 4 and start[1] == start[3] == 0:
        return "utf-16-le"
    if len(start) >= 4 and start[0] == start[2] == 0:
        return "utf-16-be"
    return "utf-8-sig"


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """A text table's characters; whatever goes wrong while they are read becomes an `InputError`."""
    try:
        with open(path, "rb") as raw:
            zipped = raw.peek(2).startswith(_GZIP_MARK)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if zipped else raw
            yield io.TextIOWrapper(stream, encoding_of(stream.peek(4)), newline="")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: damaged or cut short ({error}); copy it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from None
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV table ({error})") from None


def lines_of(path: Path, file: IO[str]) -> Iterator[str]:
    """The lines with their ends; none without an end fills the memory."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(("\n", "\r")):
            raise InputError(f"{path}: a line of more than {_LONGEST_LINE:,} characters; expected a table")
        yield line


def _not_text(path: Path, error: UnicodeDecodeError) -> InputError:
    """Which row is at fault: the decoder, which takes whole blocks, does not know."""
    if not error.encoding.startswith("utf-8"):
        return InputError(f"{path}: not {error.encoding} text ({error.reason}); save the file as 'CSV UTF-8'")
    with open(path, "rb") as raw:
        lines = gzip.GzipFile(fileobj=raw) if raw.peek(2).startswith(_GZIP_MARK) else raw
        for row, line in enumerate(lines, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as wrong:
                byte = line[wrong.start]
                return InputError(f"{path}: row {row} is not UTF-8 (byte 0x{byte:02x}); save the file as 'CSV UTF-8'")
    return InputError(f"{path}: not UTF-8 text ({error.reason}); save the file as 'CSV UTF-8'")
