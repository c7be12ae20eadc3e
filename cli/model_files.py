"""Options that name a model file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from facs_pipeline.extraction.models import PUBLISHED_AU_MODEL


class AUModelFile(click.Path):
    """An action-unit model: a file, or ``published`` for the package's model of the published form."""

    name = "path"

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The model's file."""
        if str(value) == "published":
            return PUBLISHED_AU_MODEL
        return Path(os.fsdecode(super().convert(value, param, ctx)))


au_model = click.option(
    "--au-model",
    type=AUModelFile(),
    help="Action-unit model file, or published: SVR ensembles on LBP and landmarks.  [default: the package's]",
)
