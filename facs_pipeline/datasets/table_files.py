"""Text tables, line by line, from a file, gzip, zip or tar; a bad line or damaged archive does not end the reading.

What makes it another reader than `facs_pipeline.foundation.tabular`, whose parts it uses: a table may lie in an
archive, and one bad row costs that row only.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from facs_pipeline.datasets.file_kinds import is_image, is_tar
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.text_files import encoding_of, separator_of

# Far above a row of any table read here, far below what fills the memory.
_LONGEST_LINE = 1 << 20
_DAMAGE = (EOFError, OSError, zlib.error, zipfile.BadZipFile, tarfile.TarError)
_TABLE_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


class Line(NamedTuple):
    """One line of a table.

    Attributes
    ----------
    row : int
        Its row as spreadsheets count, the header being row 1.
    text : bytes
        The line in UTF-8, without its end.
    reason : str
        Why it has no text, else empty.
    """

    row: int
    text: bytes
    reason: str


class Header(NamedTuple):
    """The first line of a table.

    Attributes
    ----------
    names : list of str
        The columns, lower case and without spaces around them.
    separator : str
        What separates the cells of every row.
    """

    names: list[str]
    separator: str


def table_names(path: Path) -> list[str]:
    """Names of the text tables (also gzipped) in a folder, zip or tar, without hidden ones.

    Of a tar, which has no list of members, only those before the first image.
    """
    try:
        if path.is_dir():
            names = [file.relative_to(path).as_posix() for level in ("*", "*/*") for file in path.glob(level)]
        elif is_tar(path):
            names = list(_first_tables(path))
        else:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
    except _DAMAGE as error:
        raise InputError(f"{path}: not a readable archive ({error}); is it cut short? Download it again") from None
    return sorted(name for name in names if _is_table(name))


def _is_table(name: str) -> bool:
    return name.lower().endswith(_TABLE_ENDINGS) and not PurePosixPath(name).name.startswith(".")


def _first_tables(path: Path) -> Iterator[str]:
    with tarfile.open(path) as archive:
        for member in archive:
            if is_image(member.name):
                return
            if member.isfile():
                yield member.name


@contextlib.contextmanager
def open_table(path: Path, member: str | None = None) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A table as a stream of bytes in UTF-8.

    Parameters
    ----------
    path : Path
        The table, or the folder or archive it is in.
    member : str, optional
        Its name in there.

    Yields
    ------
    IO of bytes
        The table.
    IO of bytes
        The file on disk behind it, whose position tells how far the reading has come.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = path / member if member and path.is_dir() else path
            raw = stack.enter_context(open(file, "rb"))
            stream: IO[bytes] | gzip.GzipFile
            if member is None or path.is_dir():
                stream = raw
            elif is_tar(path):
                stream = _tar_member(stack.enter_context(tarfile.open(fileobj=raw, mode="r|*")), member)
            else:
                stream = stack.enter_context(stack.enter_context(zipfile.ZipFile(raw)).open(member))
            if (member or path.name).lower().endswith(".gz"):
                stream = stack.enter_context(gzip.open(stream))
            stream = _in_utf_8(stream)
        except (*_DAMAGE, KeyError, RuntimeError, NotImplementedError) as error:
            # The last two are zipfile's for encryption and for compression it does not know.
            source = f"{path}: {member}" if member else str(path)
            raise InputError(f"{source}: damaged, or another kind of file than its name says ({error})") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not {error.encoding} text ({error.reason}); save it as CSV in UTF-8") from None
        yield stream, raw


def _tar_member(archive: tarfile.TarFile, member: str) -> IO[bytes]:
    # As a stream: finding a name in a compressed tar means decompressing all of it, and then again up to there.
    for candidate in archive:
        if candidate.name == member and (file := archive.extractfile(candidate)) is not None:
            return file
    raise KeyError(member)


def _in_utf_8(stream: IO[bytes] | gzip.GzipFile) -> IO[bytes]:
    buffered = io.BufferedReader(stream)  # type: ignore[type-var]  # whatever reads is raw enough
    encoding = encoding_of(buffered.peek(4)[:4])
    if encoding.startswith("utf-16"):
        # Spreadsheets save so, whose tables fit into memory.
        text = buffered.read().decode(encoding)
        buffered.detach()
        return io.BytesIO(text.encode())
    return buffered


def lines_of(stream: IO[bytes]) -> Iterator[Line]:
    """The lines of a table with line ends removed; blank ones are counted and left out."""
    row = 0
    too_long = False
    while True:
        try:
            text = stream.readline(_LONGEST_LINE)
        except _DAMAGE as error:
            yield Line(row + 1, b"", f"the file is damaged or cut short here ({error}); what comes after it is lost")
            return
        if not text:
            return
        ended = text.endswith((b"\n", b"\r"))
        if too_long or (not ended and len(text) == _LONGEST_LINE):
            if not too_long:
                row += 1
                yield Line(row, b"", f"longer than {_LONGEST_LINE:,} bytes")
            too_long = not ended
            continue
        row += 1
        if text.strip():
            yield Line(row, text.rstrip(b"\r\n"), "")


def cells_of(text: bytes, separator: str = ",") -> list[bytes]:
    """The cells of one line of a table.

    Raises
    ------
    ValueError
        If it cannot be taken apart.
    """
    if b'"' not in text:
        return text.split(separator.encode())
    try:
        reader = csv.reader([text.decode("utf-8", "replace")], delimiter=separator)
        return [cell.encode() for cell in next(reader)]
    except csv.Error as error:
        raise ValueError(f"not a line of a CSV ({error})") from None


def header_of(source: str, first: Line | None) -> Header:
    """The columns' names, and what separates them, by a table's first line.

    Raises
    ------
    InputError
        If there are none, the text is not UTF-8, or a name is there twice.
    """
    if first is None or first.reason:
        raise InputError(f"{source}: {first.reason if first else 'the file is empty'}; expected a CSV with a header")
    try:
        text = first.text.decode("utf-8-sig")
        separator = separator_of(text)
        names = [cell.decode().strip().lower() for cell in cells_of(text.encode(), separator)]
    except ValueError as error:
        raise InputError(f"{source}: the first line is not a CSV's header in UTF-8 ({error})") from None
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise InputError(f"{source}: the column {twice} is there more than once; keep one")
    return Header(names, separator)
