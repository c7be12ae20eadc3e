"""Images that a training takes, as a user names them: where they lie, whose they are, what they count."""

from __future__ import annotations

import os
from dataclasses import dataclass

from facs_pipeline.datasets.pictures import Pictures, open_pictures


@dataclass(frozen=True)
class PictureSource:
    """Images of faces, and how a training uses them.

    Attributes
    ----------
    path : str or PathLike
        A folder or an uncompressed tar.
    persons : str or PathLike, optional
        CSV with the columns image and person; without it every image is a person of its own.
    labels : str or PathLike, optional
        The teacher's scores where they exist already (``.npz`` with image, blendshapes, names).
    under : str, optional
        Only the images in this folder of the tar.
    weight : float
        What an image counts, for ridge; above 0.
    warp : bool
        Also train on a copy of each image whose mouth, brows and lids are moved.

    Examples
    --------
    >>> PictureSource("faces.tar", persons="faces.csv", weight=0.5).weight
    0.5
    """

    path: str | os.PathLike[str]
    persons: str | os.PathLike[str] | None = None
    labels: str | os.PathLike[str] | None = None
    under: str | None = None
    weight: float = 1.0
    warp: bool = False

    def open(self) -> Pictures:
        """The images; see `facs_pipeline.datasets.pictures.open_pictures`."""
        return open_pictures(self.path, self.persons, self.under)
