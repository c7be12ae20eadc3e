"""`facs model`: show a model file's card."""

from __future__ import annotations

import json

import click

from facs_pipeline.model_card import card_text
from facs_pipeline.model_file import load_model


@click.group()
def command() -> None:
    """Model files."""


@command.command(
    epilog="""\b
Examples:
  facs model show my-model.npz
  facs model show my-model.npz --json > card.json
"""
)
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="The whole card as JSON.")
def show(file: str, as_json: bool) -> None:
    """Print what FILE says of itself: training data, action units, metrics, versions, hash.

    The file is verified first; nothing in it is run.
    """
    card = load_model(file).card
    click.echo(json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False) if as_json else card_text(card))
