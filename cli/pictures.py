"""The ``--images`` option that training commands share."""

from __future__ import annotations

import click

from facs_pipeline.datasets.picture_source import PictureSource

PICTURES_HELP = """
\b
--images takes a folder or an uncompressed tar, and after commas:
  persons=CSV    columns image and person; without it every image is a person of its own
  labels=NPZ     the teacher's scores where they exist already (image, blendshapes, names)
  under=FOLDER   only the images in this folder of the tar
  weight=NUMBER  what an image counts, for ridge (1)
"""

_KEYS = ("persons", "labels", "under", "weight")


class PicturesType(click.ParamType):
    """``PATH[,persons=CSV][,labels=NPZ][,under=FOLDER][,weight=NUMBER]``, with `may_warp` also ``[,warp=yes]``."""

    name = "path[,key=value...]"

    def __init__(self, *, may_warp: bool = False) -> None:
        self._keys = (*_KEYS, "warp") if may_warp else _KEYS

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> PictureSource:
        """The text as a `PictureSource`."""
        path, *pairs = str(value).split(",")
        given = dict(pair.partition("=")[::2] for pair in pairs)
        wrong = [key for key, text in given.items() if key not in self._keys or not text]
        if wrong or not path:
            self.fail(f"{value!r}: expected PATH, then any of {', '.join(f'{k}=...' for k in self._keys)}", param, ctx)
        try:
            weight = float(given.get("weight", 1))
        except ValueError:
            self.fail(f"{value!r}: weight must be a number", param, ctx)
        if given.get("warp", "yes") != "yes":
            self.fail(f"{value!r}: warp must be yes, or left out", param, ctx)
        if not weight > 0:
            self.fail(f"{value!r}: weight must be above 0", param, ctx)
        return PictureSource(
            path, given.get("persons"), given.get("labels"), given.get("under"), weight, warp="warp" in given
        )
