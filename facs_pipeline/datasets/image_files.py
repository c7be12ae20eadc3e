"""Image files of a folder, an uncompressed tar or a zip, each read by number where it lies; nothing is extracted."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from facs_pipeline.datasets.file_kinds import is_image, is_zip
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.images.decoding import LARGEST_BYTES, decode_grey
from facs_pipeline.video.reader import IMAGE_SUFFIXES

_ENCRYPTED = 0x1


@dataclass(frozen=True)
class ImageFiles:
    """Image files of a folder or archive.

    Attributes
    ----------
    path : Path
        The folder or archive.
    names : tuple of str
        Path of each image inside it, with ``/``, sorted.
    empty : tuple of str
        Folders inside it without an image in or below them, as far as the archive lists folders.
    skipped : tuple of Skipped
        Images that cannot be read, as far as names and headers tell.
    data : function
        Number -> the file's bytes.
    """

    path: Path
    names: tuple[str, ...]
    empty: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    data: Callable[[int], bytes]

    def grey(self, number: int) -> np.ndarray:
        """Image `number` as grey [h, w] uint8, whatever its colours and size.

        Raises
        ------
        InputError
            Naming the image, if it cannot be decoded.
        """
        try:
            return decode_grey(self.data(number))
        except (ValueError, OSError, zlib.error, struct.error) as error:
            raise InputError(f"{self.path}: {self.names[number]}: {error}") from None


def open_image_files(path: str | os.PathLike) -> ImageFiles:
    """Find the images of a folder (searched recursively), an uncompressed tar or a zip.

    Raises
    ------
    InputError
        If nothing is there, or the archive is damaged or of a kind in which single files cannot be reached.
    """
    path = Path(path)
    if path.is_file() and is_zip(path):
        return _zip(path)
    pictures = open_pictures(path)
    return ImageFiles(path, pictures.names, _empty_folders(path, pictures.names), (), pictures.data)


def _empty_folders(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    folders = (Path(folder).relative_to(path).as_posix() for folder, _, _ in os.walk(path))
    return _without_images(folders, names)


def _without_images(folders: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    with_images = {parent.as_posix() for name in names for parent in PurePosixPath(name).parents}
    return tuple(sorted(set(folders) - with_images))


def _zip(path: Path) -> ImageFiles:
    names, places, folders, skipped = [], [], [], []
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.filename)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path}: not a readable zip file ({error}); is it cut short? Download it again") from None
    for member in members:
        name = member.filename.replace("\\", "/")
        if member.is_dir():
            folders.append(name.strip("/"))
        elif is_image(name):
            reason = _why_not(name, member)
            if reason:
                skipped.append(Skipped(name, reason))
            else:
                names.append(name.removeprefix("./"))
                places.append((member.header_offset, member.compress_size, member.file_size, member.compress_type))
    if not names and not skipped:
        raise InputError(f"{path}: no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    empty = _without_images(folders, names)
    return ImageFiles(path, tuple(names), empty, tuple(skipped), partial(_zip_member, path, places))


def _why_not(name: str, member: zipfile.ZipInfo) -> str:
    if leads_outside(name):
        return "its path leads outside the archive; left out"
    if member.flag_bits & _ENCRYPTED:
        return "encrypted; extract the archive and name the folder"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"compressed by method {member.compress_type}; extract the archive and name the folder"
    if member.file_size > LARGEST_BYTES:
        return f"{member.file_size / 1e6:,.0f} MB; expected at most {LARGEST_BYTES / 1e6:,.0f}"
    return ""


def leads_outside(name: str) -> bool:
    """Whether a path of an archive is absolute or climbs out of it.

    Examples
    --------
    >>> leads_outside("train/../../x.jpg"), leads_outside("C:/x.jpg"), leads_outside("train/x.jpg")
    (True, True, False)
    """
    return name.startswith("/") or name[1:2] == ":" or ".." in name.split("/")


def _zip_member(path: Path, places: list[tuple[int, int, int, int]], number: int) -> bytes:
    # zipfile.ZipFile reads the whole list of members at each opening, and an open one cannot be shared by processes.
    offset, packed, size, method = places[number]
    with open(path, "rb") as file:
        file.seek(offset)
        header = file.read(30)
        name_length, extra_length = struct.unpack_from("<HH", header, 26)
        file.seek(offset + 30 + name_length + extra_length)
        data = file.read(packed)
    if method == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
    if len(data) != size:
        raise ValueError("damaged in the archive; its length is not what the archive says")
    return data
