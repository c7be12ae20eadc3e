"""`facs train-au`: train an action-unit model from FACS-coded data or from a teacher's pseudo-labels."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.training.recipe import BLOCK_WEIGHTS, Recipe
from facs_pipeline.action_units.training.run import (
    AUTrainingOptions,
    TrainedFile,
    TrainedGaze,
    TrainedSides,
    train_on_coded_pairs,
    train_on_codings,
    train_on_irises,
    train_on_sides,
    train_on_teacher,
)
from facs_pipeline.action_units.training.sources import FeatureSource
from facs_pipeline.datasets.au_manifest import read_au_manifest
from facs_pipeline.datasets.coded_pairs import read_coded_pairs
from facs_pipeline.datasets.disfa import read_disfa
from facs_pipeline.datasets.picture_source import PictureSource
from facs_pipeline.models.card import card_text

from .console import ConsoleProgress, print_skipped
from .pictures import PICTURES_HELP, PicturesType


class Numbers(click.ParamType):
    """``1,2,12`` -> (1, 2, 12)."""

    name = "numbers"

    def __init__(self, expected: str) -> None:
        self.expected = expected

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The text as numbers."""
        try:
            return tuple(int(text) for text in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r}: expected {self.expected}", param, ctx)


class BlockWeights(click.ParamType):
    """``hog=4,landmarks=17`` -> {"hog": 4.0, "landmarks": 17.0}; blocks not named keep their default."""

    name = "block=number,..."

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """The text as weights of all blocks."""
        try:
            given = {name: float(number) for name, number in (pair.split("=") for pair in str(value).split(","))}
        except ValueError:
            self.fail(f"{value!r}: expected pairs such as hog=4,landmarks=17", param, ctx)
        return BLOCK_WEIGHTS | given


@click.command(
    epilog="""\b
Examples:
  facs train-au --disfa DISFA --out disfa.npz
  facs train-au --manifest coded.csv --regressor ridge --out mine.npz
  facs train-au --teacher face_landmarker.task --images photos --out pseudo.npz
  facs train-au --codes ckplus.tar,labels=ckplus_facs.csv --refine pseudo.npz --out mine.npz
  facs train-au --gaze --images frames.tar,persons=frames.csv,labels=teacher.npz --out gaze.npz
  facs train-au --sides --teacher face_landmarker.task --images photos --out sides.npz
"""
    + PICTURES_HELP
    + "  warp=yes       also train on a copy of each image whose mouth, brows and lids are moved,\n"
    "                 labelled anew; the copies are not measured on\n"
)
@click.option("--disfa", type=click.Path(), help="Folder of the DISFA database.")
@click.option("--camera", type=click.Choice(["left", "right"]), default="left", show_default=True, help="DISFA's.")
@click.option("--manifest", type=click.Path(), help="CSV of coded faces: image or video, frame, subject, AU columns.")
@click.option("--teacher", type=click.Path(), help="MediaPipe's face_landmarker.task, for pseudo-labels of --images.")
@click.option(
    "--codes",
    type=PicturesType(),
    help="Images with labels=CSV: pairs of a coded and a neutral face (peak, neutral, subject, AU columns of 0 and 1).",
)
@click.option("--refine", type=click.Path(), help="Model by pseudo-labels that --codes correct.")
@click.option(
    "--images", type=PicturesType(may_warp=True), multiple=True, help="Images for the teacher; repeatable, see below."
)
@click.option(
    "--sides", is_flag=True, help="Train what tells left and right apart, from --teacher's scores of either side."
)
@click.option("--gaze", is_flag=True, help="Train where eyes look, from the irises in the labels of --images.")
@click.option(
    "--emotion-check",
    type=PicturesType(),
    help="Images in folders named for emotions, to check the model.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Model file to write (.npz).")
@click.option(
    "--landmarks", type=click.Path(), help="Landmark model file, .npz or dlib's .dat.  [default: the package's]"
)
@click.option(
    "--aus",
    type=Numbers("FACS numbers such as 1,2,12"),
    help="Action units to train, e.g. 1,2,12.  [default: all coded or usable ones]",
)
@click.option(
    "--regressor",
    type=click.Choice(["svr", "ridge"]),
    help="Ensembles of SVRs on balanced subsamples, as published, or ridge regression on all rows.  "
    "[default: svr; ridge with --codes]",
)
@click.option(
    "--block-weights",
    type=BlockWeights(),
    help="What each block of features counts.  [default: lbp=1,hog=4,landmarks=17,products=10,modes=2]",
)
@click.option(
    "--modes",
    type=Numbers("two numbers such as 50,40"),
    help="Also weigh products of a face's coordinates on N axes of all faces and M within persons: N,M.",
)
@click.option(
    "--similar",
    type=click.IntRange(0),
    metavar="N",
    default=0,
    help="Also correct by what linear models missed on N training faces, the nearer the more; needs --modes.",
)
@click.option("--max-samples", type=click.IntRange(10), default=2000, show_default=True, help="In an SVR's subsample.")
@click.option("--mirror", is_flag=True, help="Also train on mirrored faces.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Of coded videos, each N-th frame.")
@click.option("--folds", type=click.IntRange(3), default=5, show_default=True, help="For the cross-validation.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random.")
@click.option("--rights", default="", help="What the terms of the data ask to be said in the model's card.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="Folder for labels and features between runs.  [default: OUT's .cache]",
)
def command(
    disfa: str | None,
    camera: Literal["left", "right"],
    manifest: str | None,
    teacher: str | None,
    codes: PictureSource | None,
    refine: str | None,
    images: tuple[PictureSource, ...],
    sides: bool,
    gaze: bool,
    emotion_check: PictureSource | None,
    out: Path,
    landmarks: str | None,
    aus: tuple[int, ...] | None,
    regressor: str | None,
    block_weights: dict[str, float] | None,
    modes: tuple[int, ...] | None,
    similar: int,
    max_samples: int,
    mirror: bool,
    every: int,
    folds: int,
    seed: int,
    rights: str,
    jobs: int,
    cache: Path | None,
) -> None:
    """Train an action-unit model; report its agreement on persons it was not trained on.

    Labels come from FACS coders (--disfa, --manifest) or, as pseudo-labels, from a teacher (--teacher, --images).
    Codes of people correct a model by pseudo-labels (--codes, --refine).
    Beside the model OUT its card is written as JSON. Labels and features are cached: a second run is quick.
    """
    sources = {
        "--disfa": disfa, "--manifest": manifest, "--teacher": teacher, "--codes": codes, "--gaze": gaze
    }  # fmt: skip
    given = [name for name, value in sources.items() if value]
    if len(given) != 1:
        raise click.UsageError(f"expected one of {', '.join(sources)}; got {', '.join(given) or 'none'}")
    if bool(codes) != bool(refine) or (codes and not codes.labels):
        raise click.UsageError("--codes IMAGES,labels=CSV and --refine go together: the codes correct that model")
    if bool(images) != bool(teacher or gaze):
        raise click.UsageError("--teacher and --images go together: the teacher labels the images")
    if sides and not teacher:
        raise click.UsageError("--sides needs --teacher and --images: the teacher scores either side")
    if similar and not modes:
        raise click.UsageError("--similar needs --modes: faces are compared by their coordinates on the modes' axes")
    if out.suffix != ".npz":
        raise click.UsageError(f"--out {out}: model files end in .npz")
    features = FeatureSource(cache or out.with_suffix(".cache"), landmarks, mirror, jobs)
    regressor = regressor or ("ridge" if codes else "svr")
    recipe = Recipe(regressor, folds, block_weights or BLOCK_WEIGHTS, modes or (), similar, max_samples, seed=seed)
    options, progress = AUTrainingOptions(out, features, recipe, emotion_check, rights), ConsoleProgress()
    trained: TrainedFile | TrainedSides | TrainedGaze
    if gaze:
        trained = train_on_irises(images, options, progress=progress)
    elif teacher and sides:
        trained = train_on_sides(images, teacher, options, progress=progress)
    elif teacher:
        trained = train_on_teacher(images, teacher, options, aus=aus, progress=progress)
    elif codes and codes.labels and refine:
        pairs = read_coded_pairs(codes.path, codes.labels)
        trained = train_on_coded_pairs(pairs, ActionUnitModel.load(refine), options, progress=progress)
    else:
        coded = read_disfa(disfa, camera) if disfa else read_au_manifest(str(manifest))
        print_skipped(coded.skipped, "Left out")
        trained = train_on_codings(coded.only(aus) if aus else coded, options, every=every, progress=progress)
    click.echo(card_text(trained.card))
    click.echo(f"\nModel: {trained.path}, its card as JSON: {trained.card_path}")
