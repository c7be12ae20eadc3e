"""The ``--images`` option that training commands share."""

from __future__ import annotations

import click

from facs_pipeline.datasets.pictures import Pictures, open_pictures

PICTURES_HELP = """
\b
--images takes a folder or an uncompressed tar, and after commas:
  persons=CSV    columns image and person; without it every image is a person of its own
  labels=NPZ     the teacher's scores where they exist already (image, blendshapes, names)
  under=FOLDER   only the images in this folder of the tar
  weight=NUMBER  what an image counts, for ridge (1)
"""

_KEYS = ("persons", "labels", "under", "weight")


class PicturesSpec(click.ParamType):
    """``PATH[,persons=CSV][,labels=NPZ][,under=FOLDER][,weight=NUMBER]`` -> (path, options).

    `may_warp`: also ``[,warp=yes]``.
    """

    name = "path[,key=value...]"

    def __init__(self, *, may_warp: bool = False):
        self._keys = (*_KEYS, "warp") if may_warp else _KEYS

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        path, *pairs = value.split(",")
        options = dict(pair.partition("=")[::2] for pair in pairs)
        wrong = [key for key, text in options.items() if key not in self._keys or not text]
        if wrong or not path:
            self.fail(f"{value!r}: expected PATH, then any of {', '.join(f'{k}=...' for k in self._keys)}", param, ctx)
        try:
            options["weight"] = float(options.get("weight", 1))
        except ValueError:
            self.fail(f"{value!r}: weight must be a number", param, ctx)
        if options.get("warp", "yes") != "yes":
            self.fail(f"{value!r}: warp must be yes, or left out", param, ctx)
        if not options["weight"] > 0:
            self.fail(f"{value!r}: weight must be above 0", param, ctx)
        return path, options


def open_spec(spec: tuple[str, dict]) -> Pictures:
    """The images that a `PicturesSpec` names."""
    path, options = spec
    return open_pictures(path, options.get("persons"), options.get("under"))
