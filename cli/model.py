"""`facs model`: show a model file's card."""

from __future__ import annotations

import json
import os
from importlib.resources import files

import click

from facs_pipeline.foundation.files.model_file import load_model
from facs_pipeline.models.card import card_of_file

from .usage import SuggestingGroup

OF_THE_PACKAGE = (
    "action_units",
    "action_units_published",
    "sides",
    "gaze",
    "landmarks",
    "landmark_places",
    "shape_modes",
    "confidence",
    "emotions",
    "authenticity",
)


@click.group(cls=SuggestingGroup)
def command() -> None:
    """Model files."""


@command.command(
    epilog="""\b
Examples:
  facs model show
  facs model show landmarks
  facs model show my-model.npz
  facs model show my-model.npz --json > card.json
"""
)
@click.argument("file", type=click.Path(), default="action_units")
@click.option("--json", "as_json", is_flag=True, help="The whole card as JSON.")
def show(file: str, as_json: bool) -> None:
    """Print what FILE says of itself: training data, action units, metrics, versions, hash.

    FILE may also be a model of the package: action_units (the default), action_units_published, sides, gaze, landmarks,
    landmark_places, shape_modes, confidence, emotions or authenticity. The file is verified first; nothing in it is
    run.
    """
    if file in OF_THE_PACKAGE and not os.path.exists(file):
        file = str(files("facs_pipeline.models").joinpath(f"{file}.npz"))
    if as_json:
        click.echo(json.dumps(load_model(file).card, indent=1, sort_keys=True, ensure_ascii=False))
    else:
        click.echo(card_of_file(file))
