"""Text tables, line by line, from a file, gzip, zip or tar; a bad line or damaged archive does not end the reading."""

from __future__ import annotations

import contextlib
import csv
import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from facs_pipeline.datasets.file_kinds import is_image, is_tar
from facs_pipeline.foundation.errors import InputError

# Far above a row of any table read here, far below what fills the memory.
_LONGEST_LINE = 1 << 20
_DAMAGE = (EOFError, OSError, zlib.error, zipfile.BadZipFile, tarfile.TarError)
_TABLE_SUFFIXES = (".csv", ".csv.gz")


class Line(NamedTuple):
    """One line of a table: its row as spreadsheets count, the header being row 1; its text; or why it has none."""

    row: int
    text: bytes
    reason: str


def table_names(path: Path) -> list[str]:
    """Names of the CSV files (also .csv.gz) in a folder, zip or tar, without hidden ones.

    In a tar, which has no list of members, only those before the first image are found.
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
    return name.lower().endswith(_TABLE_SUFFIXES) and not PurePosixPath(name).name.startswith(".")


def _first_tables(path: Path) -> Iterator[str]:
    with tarfile.open(path) as archive:
        for member in archive:
            if is_image(member.name):
                return
            if member.isfile():
                yield member.name


@contextlib.contextmanager
def open_table(path: Path, member: str | None = None) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A table as stream of bytes, and the file on disk behind it, whose position tells how far the reading has come.

    Parameters
    ----------
    path : the table, or the folder or archive it is in.
    member : its name in there.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = path / member if member and path.is_dir() else path
            raw = stack.enter_context(open(file, "rb"))
            if member is None or path.is_dir():
                stream = raw
            elif is_tar(path):
                stream = _tar_member(stack.enter_context(tarfile.open(fileobj=raw, mode="r|*")), member)
            else:
                stream = stack.enter_context(stack.enter_context(zipfile.ZipFile(raw)).open(member))
            if (member or path.name).lower().endswith(".gz"):
                stream = stack.enter_context(gzip.open(stream))
        except (*_DAMAGE, KeyError, RuntimeError, NotImplementedError) as error:
            # The last two are zipfile's for encryption and for compression it does not know.
            what = f"{path}: {member}" if member else str(path)
            raise InputError(f"{what}: cannot be read ({error})") from None
        yield stream, raw


def _tar_member(archive: tarfile.TarFile, member: str) -> IO[bytes]:
    # As a stream: to look a name up in a compressed tar means to decompress all of it, and then again up to there.
    for candidate in archive:
        if candidate.name == member:
            return archive.extractfile(candidate)
    raise KeyError(member)


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


def cells_of(text: bytes) -> list[bytes]:
    """The cells of one line of a CSV.

    Raises
    ------
    ValueError
        If it cannot be taken apart.
    """
    if b'"' not in text:
        return text.split(b",")
    try:
        return [cell.encode() for cell in next(csv.reader([text.decode("utf-8", "replace")]))]
    except csv.Error as error:
        raise ValueError(f"not a line of a CSV ({error})") from None


def header_of(source: str, first: Line | None) -> list[str]:
    """Names of the columns, lower case and without spaces around them.

    Raises
    ------
    InputError
        If there are none, the text is not UTF-8, or a name is there twice.
    """
    if first is None or first.reason:
        raise InputError(f"{source}: {first.reason if first else 'the file is empty'}; expected a CSV with a header")
    if first.text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{source}: UTF-16 text; save it as CSV in UTF-8")
    try:
        text = first.text.decode("utf-8-sig")
        names = [cell.decode().strip().lower() for cell in cells_of(text.encode())]
    except ValueError as error:
        raise InputError(f"{source}: the first line is not a CSV's header in UTF-8 ({error})") from None
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise InputError(f"{source}: the column {twice} is there more than once; keep one")
    return names
