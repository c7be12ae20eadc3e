"""What kind of file a path names: an image, a tar, a zip."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from facs_pipeline.video.reader import IMAGE_SUFFIXES

_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_image(name: str) -> bool:
    """Whether a path names an image file that is not hidden."""
    parts = PurePosixPath(name)
    return parts.suffix.lower() in IMAGE_SUFFIXES and not parts.name.startswith(".")


def is_tar(path: Path) -> bool:
    """Whether a file is named as a tar, compressed or not."""
    return path.name.lower().endswith(_TAR_SUFFIXES)


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip does; one that is cut short has lost its end."""
    with open(path, "rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
