"""Collections of still faces to be labelled by the teacher: a folder or an uncompressed tar, with whose face is whose.

Images are read where they lie; a tar is not extracted. Reading is by number, so that several processes can share one
collection without sharing an open file.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.regular import read_whole
from facs_pipeline.foundation.images.decoding import decode_grey
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.video.reader import IMAGE_SUFFIXES


@dataclass(frozen=True)
class Pictures:
    """Still images of one face each.

    Attributes
    ----------
    path : Path
        The folder or tar file.
    names : tuple of str
        Path of each image [n] inside it, sorted.
    persons : tuple of str
        Whose face it is [n]; an image of which that is not known is a person of its own.
    persons_known : bool
        Whether a table tells whose face it is.
    """

    path: Path
    names: tuple[str, ...]
    persons: tuple[str, ...]
    persons_known: bool
    _offsets: tuple[tuple[int, int], ...] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def grey(self, number: int) -> np.ndarray:
        """Image `number` as grey [h, w] uint8.

        Raises
        ------
        InputError
            If it cannot be decoded.
        """
        try:
            return decode_grey(self.data(number))
        except (ValueError, OSError) as error:
            raise InputError(f"{self.path}: {self.names[number]}: {error}") from None

    def only(self, numbers: Sequence[int]) -> Pictures:
        """The images of these numbers, in this order."""
        return replace(
            self,
            names=tuple(self.names[n] for n in numbers),
            persons=tuple(self.persons[n] for n in numbers),
            _offsets=None if self._offsets is None else tuple(self._offsets[n] for n in numbers),
        )

    def of_persons(self, persons: Sequence[str]) -> Pictures:
        """The same images, known to show these persons [n]."""
        return replace(self, persons=tuple(persons), persons_known=True)

    def folder_of(self, number: int) -> str:
        """Name of the folder directly around an image; where images are sorted by emotion, its label."""
        return Path(self.names[number]).parent.name

    def data(self, number: int) -> bytes:
        """The file of image `number` as it lies there."""
        if self._offsets is None:
            return read_whole(self.path / self.names[number])
        start, size = self._offsets[number]
        with open(self.path, "rb") as file:
            file.seek(start)
            return file.read(size)

    def digest(self) -> str:
        """SHA-256 over names and contents of all images (64 hex digits); persons are not part of it."""
        whole = hashlib.sha256()
        for number, name in enumerate(self.names):
            whole.update(name.encode() + b"\0")
            whole.update(hashlib.sha256(self.data(number)).digest())
        return whole.hexdigest()


def open_pictures(
    path: str | os.PathLike, persons: str | os.PathLike | None = None, under: str | None = None
) -> Pictures:
    """Find the images of a folder or a tar.

    Parameters
    ----------
    path : str or PathLike
        Folder (searched recursively) or uncompressed tar file.
    persons : str or PathLike, optional
        Table with columns ``image`` (file name) and ``person``; then only images it lists are taken.
    under : str, optional
        Only images in this folder inside it, e.g. ``"fer2013/train"``.

    Raises
    ------
    InputError
        If nothing is there, the tar is compressed or damaged, a listed image is missing, or two images that the
        table should tell apart share a name.
    """
    path = Path(path)
    if path.is_dir():
        files = {
            (Path(folder) / name).relative_to(path).as_posix(): (0, 0)
            for folder, _, names in os.walk(path)
            for name in names
        }
    elif path.is_file():
        files = _tar_members(path)
    else:
        raise InputError(f"{path}: no such folder or tar file of images")
    prefix = under.strip("/") + "/" if under else ""
    members = {
        name: place
        for name, place in sorted(files.items())
        if name.startswith(prefix)
        and Path(name).suffix.lower() in IMAGE_SUFFIXES
        and not Path(name).name.startswith(".")
    }
    if not members:
        raise InputError(f"{path}: no images{f' under {under}' if under else ''} ({', '.join(sorted(IMAGE_SUFFIXES))})")
    if persons is None:
        owners = {name: name for name in members}
    else:
        owners = _owners(path, members, Path(persons))
        members = {name: members[name] for name in members if name in owners}
    offsets = None if path.is_dir() else tuple(members.values())
    return Pictures(path, tuple(members), tuple(owners[name] for name in members), persons is not None, offsets)


def _tar_members(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and size of each file in an uncompressed tar."""
    try:
        # Mode "r:" refuses compression, in which a member could not be read by its offset.
        with tarfile.open(path, "r:") as archive:
            return {m.name.removeprefix("./"): (m.offset_data, m.size) for m in archive if m.isfile()}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{path}: not an uncompressed tar file ({error}); extract it and name the folder") from None


def _owners(path: Path, members: Collection[str], table: Path) -> dict[str, str]:
    """Person of each listed image, by the image's whole path."""
    listed = read_text_table(table, required=("image", "person"))
    by_name: dict[str, list[str]] = {}
    for name in members:
        by_name.setdefault(Path(name).name, []).append(name)
    owners: dict[str, str] = {}
    for row, image, person in zip(listed.index, listed["image"], listed["person"], strict=True):
        matches = [image] if image in members else by_name.get(Path(image).name, [])
        if len(matches) != 1 or not person:
            wrong = f"{len(matches)} images of that name" if person else "no person"
            raise InputError(f"{table}, row {row}: {image}: {wrong}; expected one image in {path} and its person")
        owners[matches[0]] = person
    return owners
