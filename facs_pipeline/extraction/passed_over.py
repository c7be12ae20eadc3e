"""What a search for recordings passes over in folders, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from facs_pipeline.video.reader import UNREADABLE_SUFFIXES

CONVERT = "convert them: photos to JPEG or PNG, videos to MP4"


class PassedOver:
    """Recordings and photos of folders that are not used.

    Attributes
    ----------
    pictures : int
        Photos that lie beside videos, in a search for videos.

    Examples
    --------
    >>> passed = PassedOver()
    >>> passed.add([Path("a.HEIC"), Path("b.heic"), Path("c.dng"), Path("d.mp4")])
    >>> str(passed)
    'files that are not read: 1 .dng, 2 .heic; convert them: photos to JPEG or PNG, videos to MP4'
    """

    def __init__(self) -> None:
        self.pictures = 0
        self._unreadable: Counter[str] = Counter()

    def add(self, files: Iterable[Path]) -> None:
        """Count those of the files that none of the libraries reads."""
        self._unreadable.update(
            suffix for suffix in (file.suffix.lower() for file in files) if suffix in UNREADABLE_SUFFIXES
        )

    def __bool__(self) -> bool:
        return bool(self.pictures or self._unreadable)

    def __str__(self) -> str:
        parts = []
        if self._unreadable:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self._unreadable.items()))
            parts.append(f"files that are not read: {kinds}; {CONVERT}")
        if self.pictures:
            photos = f"{self.pictures} image{'s' * (self.pictures != 1)}"
            parts.append(f"{photos} beside videos passed over; photos are for facs extract-stills")
        return "; ".join(parts)
