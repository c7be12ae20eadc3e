"""`facs train-au`: train an action-unit model from FACS-coded data or from a teacher's pseudo-labels."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from facs_pipeline.action_units.model import MODEL_KIND
from facs_pipeline.action_units.training.features import picture_features
from facs_pipeline.action_units.training.measures import emotion_check, prediction_ms
from facs_pipeline.action_units.training.pseudo_labels import USABLE_AUS, label_pictures, read_labels
from facs_pipeline.action_units.training.recipe import BLOCK_WEIGHTS, Recipe, train
from facs_pipeline.action_units.training.sources import (
    FeatureSource,
    Gathered,
    LabelledPictures,
    gather_coded,
    gather_pictures,
    teacher_only,
)
from facs_pipeline.datasets.au_manifest import read_au_manifest
from facs_pipeline.datasets.coded import CodedSet
from facs_pipeline.datasets.disfa import read_disfa
from facs_pipeline.datasets.pictures import Pictures
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.training.warped import warped
from facs_pipeline.models.card import card_text

from .console import ConsoleProgress
from .pictures import PICTURES_HELP, PicturesSpec, open_spec


class Numbers(click.ParamType):
    """``1,2,12`` -> (1, 2, 12)."""

    name = "numbers"

    def __init__(self, expected: str):
        self.expected = expected

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(text) for text in value.split(","))
        except ValueError:
            self.fail(f"{value!r}: expected {self.expected}", param, ctx)


class BlockWeights(click.ParamType):
    """``hog=4,landmarks=17`` -> {"hog": 4.0, "landmarks": 17.0}; blocks not named keep their default."""

    name = "block=number,..."

    def convert(self, value, param, ctx):
        if isinstance(value, dict):
            return value
        try:
            given = {name: float(number) for name, number in (pair.split("=") for pair in value.split(","))}
        except ValueError:
            self.fail(f"{value!r}: expected pairs such as hog=4,landmarks=17", param, ctx)
        return BLOCK_WEIGHTS | given


@click.command(
    epilog="""\b
Examples:
  facs train-au --disfa DISFA --out disfa.npz
  facs train-au --manifest coded.csv --regressor ridge --out mine.npz
  facs train-au --teacher face_landmarker.task --images photos --out pseudo.npz
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
    "--images", type=PicturesSpec(may_warp=True), multiple=True, help="Images for the teacher; repeatable, see below."
)
@click.option(
    "--emotion-check",
    "check_images",
    type=PicturesSpec(),
    help="Images in folders named for emotions, to check the model.",
)
@click.option("--out", type=click.Path(), required=True, help="Model file to write (.npz).")
@click.option(
    "--landmarks", type=click.Path(), help="Landmark model file, .npz or dlib's .dat.  [default: the package's]"
)
@click.option(
    "--aus",
    type=Numbers("FACS numbers such as 1,2,12"),
    help="Action units to train, e.g. 1,2,12. Default: all coded or usable ones.",
)
@click.option("--regressor", type=click.Choice(["svr", "ridge"]), default="svr", show_default=True)
@click.option("--block-weights", type=BlockWeights(), help="Default: lbp=1,hog=4,landmarks=17,products=10,modes=2.")
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
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--cache", type=click.Path(), help="Folder for labels and features between runs. Default: OUT's .cache.")
def command(disfa, camera, manifest, teacher, images, check_images, out, landmarks, aus, cache, **settings) -> None:
    """Train an action-unit model; report its agreement on persons it was not trained on.

    Labels come from FACS coders (--disfa, --manifest) or, as pseudo-labels, from a teacher (--teacher, --images).
    Beside the model OUT its card is written as JSON. Labels and features are cached: a second run is quick.
    """
    out = Path(out)
    given = [name for name, value in (("--disfa", disfa), ("--manifest", manifest), ("--teacher", teacher)) if value]
    if len(given) != 1:
        raise click.UsageError(f"expected one of --disfa, --manifest, --teacher; got {', '.join(given) or 'none'}")
    if bool(images) != bool(teacher):
        raise click.UsageError("--teacher and --images go together: the teacher labels the images")
    if settings["similar"] and not settings["modes"]:
        raise click.UsageError("--similar needs --modes: faces are compared by their coordinates on the modes' axes")
    if out.suffix != ".npz":
        raise click.UsageError(f"--out {out}: model files end in .npz")
    cache = Path(cache) if cache else out.with_suffix(".cache")
    every, jobs = settings.pop("every"), settings.pop("jobs")
    how = FeatureSource(cache, landmarks, settings.pop("mirror"), jobs)
    seen_by = (load_landmarks(landmarks) if landmarks else default_landmarks()).sha256
    recipe = Recipe(
        settings["regressor"],
        settings["folds"],
        settings["block_weights"] or BLOCK_WEIGHTS,
        settings["modes"] or (),
        settings["similar"],
        settings["max_samples"],
        seed=settings["seed"],
    )
    if teacher:
        aus = teacher_only(aus or USABLE_AUS)
        sources = [_labelled(spec, teacher, aus, how) for spec in images]
        title = "Action-unit intensities, trained on pseudo-labels, not by FACS coders"
    else:
        coded = read_disfa(disfa, camera) if disfa else read_au_manifest(manifest)
        coded = _chosen(coded, aus)
        aus = coded.aus
        sources = [gather_coded(coded, how, every=every, progress=ConsoleProgress())]
        title = f"Action-unit intensities, trained on {coded.name}"
    started = time.perf_counter()
    trained = train(sources, aus, recipe, title=title, jobs=jobs, progress=ConsoleProgress())
    seconds = round(time.perf_counter() - started, 1)
    trained.model.card["landmark_model"] = seen_by
    if check_images:
        trained.model.card["emotion_check"] = _check(trained.model, open_spec(check_images), cache, landmarks, jobs)
    each_ms = round(prediction_ms(trained.model, sources[0].X), 4)
    trained.model.save(out)
    card = trained.model.card | {"kind": MODEL_KIND, "content_sha256": trained.model.sha256}
    with atomic_write(out.with_suffix(".json")) as file:
        # Times are not in the model's own card: the same data make the same model file.
        json.dump(
            card | {"train_s": seconds, "predict_ms_per_face": each_ms},
            file,
            indent=1,
            sort_keys=True,
            ensure_ascii=False,
        )
        file.write("\n")
    click.echo(card_text(card))
    click.echo(f"\nModel: {out}, its card as JSON: {out.with_suffix('.json')}")


def _labelled(spec, teacher: str, aus, how: FeatureSource) -> Gathered:
    pictures, options = open_spec(spec), spec[1]

    def look_at(shown: Pictures):
        return label_pictures(shown, teacher, how.cache, jobs=how.jobs, progress=ConsoleProgress())

    labels = read_labels(options["labels"], pictures) if "labels" in options else look_at(pictures)
    copies = None
    if "warp" in options:
        shown = warped(pictures, labels.points)
        copies = shown, look_at(shown)
    source = LabelledPictures(pictures, labels, options["weight"], copies)
    return gather_pictures(source, aus, how, progress=ConsoleProgress())


def _chosen(coded: CodedSet, aus: tuple[int, ...] | None) -> CodedSet:
    return coded.only(aus) if aus else coded


def _check(model, pictures: Pictures, cache: Path, landmarks: str | None, jobs: int) -> dict:
    found = picture_features(pictures, cache, landmarks=landmarks, jobs=jobs, progress=ConsoleProgress())
    emotions = [pictures.folder_of(number) for number in found.rows]
    if len(set(emotions)) < 2:
        raise InputError(f"{pictures.path}: --emotion-check needs images in at least two folders named for emotions")
    return emotion_check(model, found.X, emotions)
