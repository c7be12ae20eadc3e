"""`facs fit-places`: offsets from the landmark model's points to where people put them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from facs_pipeline.landmarks.model import DEFAULT_MODEL, LandmarkModel
from facs_pipeline.landmarks.training.places import fit_places_file


@click.command(
    "fit-places",
    epilog="""\b
Examples:
  facs fit-places --images landmarks68.tar --points landmarks68.npz --out landmark_places.npz
""",
)
@click.option("--images", type=click.Path(path_type=Path), required=True, help="Folder or tar of faces.")
@click.option("--points", type=click.Path(path_type=Path), required=True, help=".npz with names and points.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write (.npz).")
@click.option(
    "--landmarks", type=click.Path(path_type=Path), default=DEFAULT_MODEL,
    help="Landmark model whose points are moved.  [default: the package's]",
)  # fmt: skip
def command(images: Path, points: Path, out: Path, landmarks: Path) -> None:
    """Fit one offset for each landmark, from the model's place to that which people gave it.

    Fitted on one half of the images and measured on the other; errors are printed in % of the outer-eye distance.
    """
    if out.suffix != ".npz":
        raise click.UsageError(f"--out {out}: model files end in .npz")
    card = fit_places_file(images, points, out, LandmarkModel.load(landmarks))
    click.echo(json.dumps(card["error_percent_of_outer_eye_distance"], indent=1))
    click.echo(f"Written: {out}")
