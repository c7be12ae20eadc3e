"""`facs rank-authenticity`: which of two videos shows the felt expression, how sure, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facs_pipeline.foundation.errors import InputError

from .console import ConsoleProgress

if TYPE_CHECKING:
    import numpy as np

    from facs_pipeline.authenticity.confidence import Abstention
    from facs_pipeline.authenticity.model import AuthenticityModel
    from facs_pipeline.authenticity.ranking import Prediction
    from facs_pipeline.authenticity.ranking_input import RankingData
    from facs_pipeline.dynamics.evidence import Evidence
    from facs_pipeline.tables.descriptor_table import DescriptorTable

DEFAULT = Path("default")
MODELS = {
    "rank-svm": "75 linear SVMs on differences within pairs, which vote; as published (the default)",
    "rank-svm-tuned": "the same; penalty, and descriptors as they are or as normal scores, chosen in inner folds",
    "rank-svm-normal": "the same on normal scores (each descriptor's rank), with the published penalty",
    "lightgbm": "boosted trees on differences within pairs",
    "lightgbm-single": "boosted trees on single videos",
    "svm": "one linear SVM on single videos",
    "pooled-logistic": "ridge logistic regression on videos and pairs; emotions share their weights in part",
    "windows-svm": "statistics in 150 ms windows, linear SVM (for comparison; not with --descriptors)",
    "residual-boosting": "surprise of a next-frame predictor, boosted trees (likewise)",
}
_RANKERS = "\n".join(f"  {name:<18} {what}" for name, what in MODELS.items())
EPILOG = f"""\b
Rankers (--model):
{_RANKERS}
\b
Examples:
  facs rank-authenticity --features facs-output --pairs auto --evaluate --model all
  facs rank-authenticity --features facs-output --evaluate --learning-curve
  facs rank-authenticity --features facs-output --evaluate --controls --metadata study.csv
  facs rank-authenticity --features facs-output --pairs pairs.csv --train --save mine.npz
  facs rank-authenticity --features new-videos --pairs pairs.csv --predict mine.npz
  facs rank-authenticity a.mp4 b.mp4
  facs rank-authenticity --features new-videos --predict default --coverage 0.5
  facs rank-authenticity videos/ --pairs study.csv --evaluate
  facs rank-authenticity --descriptors my_features.csv --evaluate
\b
A pairs table has the columns video_a, video_b and, for training and scoring, real (a or b); or video, subject,
emotion, label (real or fake). `--pairs auto` (or nothing) pairs videos of one subject and emotion.
Results in --out: authenticity.json, predictions.csv, reasons.csv, and with --predict curves/.
The model that comes with facs says whom it was trained on and when not to use it: facs model show authenticity.
Exit codes: 0 done, 1 done but some videos have no score (predictions.csv says why), 2 wrong usage.
"""


@click.command("rank-authenticity", epilog=EPILOG)
@click.argument("videos", nargs=-1)
@click.option("--features", type=click.Path(path_type=Path), help="Folder written by facs extract-features.")
@click.option("--descriptors", type=click.Path(path_type=Path), help="Any descriptor table instead (CSV or parquet).")
@click.option(
    "--pairs", metavar="[FILE|auto]", is_flag=False, flag_value="auto", default="auto",
    help="Pairs table, or auto: videos of one subject and emotion.  [default: auto]",
)  # fmt: skip
@click.option("--evaluate", is_flag=True, help="How well does it do on people it has not seen? Needs labels.")
@click.option("--train", is_flag=True, help="Train on all labelled pairs; needs --save.")
@click.option("--data", "data_in_words", default="", help="For the model's card: which data, on what terms.")
@click.option("--save", type=click.Path(path_type=Path), help="Model file to write.")
@click.option(
    "--predict", type=click.Path(path_type=Path), metavar="MODEL|default",
    help="Rank with a model made by --train, or with the one that comes with facs. VIDEOS alone mean the latter.",
)  # fmt: skip
@click.option(
    "--error-rate", type=float,
    help="Say \"cannot tell\" rather than be wrong in a larger share of the answers.  [default: 0.2 for default]",
)  # fmt: skip
@click.option("--coverage", type=float, help="Answer for the surest share only; 0.5: the surer half.")
@click.option(
    "--model", "model_name", type=click.Choice([*MODELS, "all"]), default="rank-svm", show_default=True,
    help="Ranker, see below; all compares them with --evaluate.", metavar="NAME|all",
)  # fmt: skip
@click.option(
    "--evidence", type=click.Choice(["face", "face-and-head", "all"]),
    help="What is learnt from: the face alone, with head movement in step with it, or posture, the cut and the "
    "recording, too.  [default: face for extended descriptors, else all]",
)  # fmt: skip
@click.option(
    "--relative-to-person", is_flag=True,
    help="Take people's habits out: each clip relative to the mean of the person's clips, four or more.",
)  # fmt: skip
@click.option("--folds", type=click.IntRange(min=2), default=10, show_default=True, help="Folds; no subject is in two.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random.")
@click.option(
    "--permutations", type=click.IntRange(min=0), default=0, show_default=True,
    help="Train the ranker itself again on so many random labellings for its p. Costs as many evaluations.",
)  # fmt: skip
@click.option(
    "--learning-curve", is_flag=True,
    help="With --evaluate: also train on 1/8, 1/4 and 1/2 of the training people. Costs up to three evaluations.",
)  # fmt: skip
@click.option(
    "--controls", is_flag=True,
    help="With --evaluate: is it the face? Clips cut at random, what is told from how they were recorded, and more.",
)  # fmt: skip
@click.option(
    "--metadata", type=click.Path(path_type=Path),
    help="Table for --controls: video, and sex and raters_type_right_pct (percent of people who were right).",
)  # fmt: skip
@click.option(
    "--penalty", metavar="NUMBER|auto",
    help="C of the Rank-SVMs, or auto: chosen in inner folds.  [default: 1; auto for rank-svm-tuned]",
)  # fmt: skip
@click.option("--subjects", type=click.IntRange(min=1), help="How many people there are, where subjects are unknown.")
@click.option("--emotion", "emotions", multiple=True, help="A further emotion that may occur; can be repeated.")
@click.option("--out", type=click.Path(path_type=Path), default="facs-authenticity", show_default=True, help="Results.")
@click.option("--jobs", type=click.IntRange(min=1), help="Workers for VIDEOS.  [default: one per core]")
def command(
    videos: tuple[str, ...],
    features: Path | None,
    descriptors: Path | None,
    pairs: str,
    evaluate: bool,
    train: bool,
    save: Path | None,
    predict: Path | None,
    error_rate: float | None,
    coverage: float | None,
    data_in_words: str,
    model_name: str,
    evidence: Evidence | None,
    relative_to_person: bool,
    folds: int,
    seed: int,
    permutations: int,
    learning_curve: bool,
    controls: bool,
    metadata: Path | None,
    penalty: str | None,
    subjects: int | None,
    emotions: tuple[str, ...],
    out: Path,
    jobs: int | None,
) -> int:
    """Rank videos of one person and emotion by how felt the expression is.

    Takes VIDEOS (extraction runs first, cached in OUT/features), a folder of features, or any descriptor table. One of
    --evaluate, --train, --predict says what to do; --evaluate and --train can go together.
    """
    from facs_pipeline.authenticity import ranking, ranking_text
    from facs_pipeline.authenticity.evaluation import EvaluationSettings
    from facs_pipeline.authenticity.model import AuthenticityModel
    from facs_pipeline.authenticity.ranking_input import read_ranking_data

    _check_sources(videos, features, descriptors)
    if videos and not (evaluate or train or predict):
        predict = DEFAULT
    abstention = _abstention(error_rate, coverage, predict)
    _check_tasks(evaluate=evaluate, train=train, save=save, predict=predict, model_name=model_name)
    if learning_curve and not evaluate:
        raise InputError("--learning-curve goes with --evaluate")
    _check_controls(controls, metadata, evaluate=evaluate)
    c = _penalty(penalty)
    # Whatever is wrong with small files should be said before hours of videos are analysed.
    trained = None
    if predict:
        own = predict != DEFAULT or predict.exists()
        trained = AuthenticityModel.load(predict) if own else AuthenticityModel.load_default()
    _check_pairs(pairs, needed=bool(videos) and not predict)
    _check_places(out, save, out_is_used=bool(predict or evaluate or videos))
    if videos:
        _check_named_once(videos)
        features = _extract(videos, out, jobs, trained)
    data = read_ranking_data(
        features=features,
        descriptors=descriptors,
        pairs=pairs,
        out=out,
        more_emotions=emotions,
        n_subjects=subjects,
        relative_to_person=relative_to_person,
    )
    for note in data.notes:
        click.echo(f"Note: {note}", err=True)
    if trained is not None:
        return _print_prediction(ranking.predict(data, trained, out, abstention), out)
    names = ranking.all_rankers(data) if model_name == "all" else [model_name]
    study = ranking.prepare_study(data, folds, need_folds=evaluate, evidence=evidence)
    for warning in study.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if evaluate:
        settings = EvaluationSettings(seed, permutations, learning_curve)
        control_data = None
        if controls:
            control_data = ranking.read_control_data(data, metadata, cut=_cut(data, study.table, seed))
        report = ranking.evaluate(
            data, study, names, out, settings, penalty=c, control_data=control_data, progress=ConsoleProgress()
        )
        click.echo(ranking_text.report_text(report))
        click.echo(f"Results: {out / 'authenticity.json'}, {out / 'predictions.csv'}, {out / 'reasons.csv'}")
    if save is not None:
        model = ranking.train(study, names[0], seed=seed, penalty=c, data_in_words=data_in_words)
        model.save(save)
        click.echo(ranking_text.trained_text(model))
        click.echo(f"Model: {save}")
    return 1 if data.table.unusable else 0


def _check_sources(videos: tuple[str, ...], features: Path | None, descriptors: Path | None) -> None:
    if sum((bool(videos), features is not None, descriptors is not None)) != 1:
        raise InputError("give one of: VIDEOS, --features FOLDER, --descriptors TABLE")


def _check_tasks(*, evaluate: bool, train: bool, save: Path | None, predict: Path | None, model_name: str) -> None:
    if not (evaluate or train or predict):
        raise InputError("nothing to do: give --evaluate, --train --save MODEL, or --predict MODEL")
    if predict and (evaluate or train):
        raise InputError("--predict uses a trained model; run --evaluate or --train apart from it")
    if train and not save:
        raise InputError("--train needs --save MODEL, the file to write")
    if save and not train:
        raise InputError("--save goes with --train")
    if train and model_name == "all":
        raise InputError("--train makes one model: name it with --model")


def _abstention(error_rate: float | None, coverage: float | None, predict: Path | None) -> Abstention | None:
    from facs_pipeline.authenticity.confidence import ERROR_RATE, Abstention, checked_abstention

    abstention = checked_abstention(error_rate, coverage)
    if abstention is not None and predict is None:
        raise InputError("--error-rate and --coverage go with --predict")
    return Abstention(ERROR_RATE) if abstention is None and predict == DEFAULT else abstention


def _check_controls(controls: bool, metadata: Path | None, *, evaluate: bool) -> None:
    from facs_pipeline.foundation.tabular import read_text_table

    if controls and not evaluate:
        raise InputError("--controls goes with --evaluate")
    if metadata is not None:
        if not controls:
            raise InputError("--metadata goes with --controls")
        read_text_table(metadata, required=["video"])


def _cut(data: RankingData, table: DescriptorTable, seed: int) -> np.ndarray | None:
    """Descriptors of the clips cut at random at both ends; None without action-unit tables."""
    from facs_pipeline.authenticity.habits import without_habits
    from facs_pipeline.extraction.cut_descriptors import describe_cut

    if data.features is None:
        return None
    cut = describe_cut(data.features, table, seed=seed, progress=ConsoleProgress())
    if cut is None or not table.relative_to_person:
        return cut
    return without_habits(replace(table, values=cut)).values


def _check_pairs(pairs: str, *, needed: bool) -> None:
    from facs_pipeline.foundation.tabular import read_text_table

    if pairs != "auto":
        read_text_table(pairs)
    elif needed:
        raise InputError(
            "videos alone have no labels: give --pairs FILE (video, subject, emotion, label; or video_a, video_b, real)"
        )


def _penalty(text: str | None) -> float | str | None:
    """A positive number, "auto", or None where nothing was given."""
    if text is None or text == "auto":
        return text
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise click.BadParameter(f"{text!r} is neither a positive number nor auto", param_hint="--penalty")
    return value


def _check_places(out: Path, save: Path | None, *, out_is_used: bool) -> None:
    """Results must have a place before work is done; InputError where they have none."""
    from facs_pipeline.foundation.files.atomic import make_writable

    if out_is_used:
        make_writable(out, "name another folder with --out")
    if save is not None:
        if save.is_dir():
            raise InputError(f"{save}: a folder; --save names the model file to write, e.g. {save / 'model.npz'}")
        make_writable(save.parent, "name another file with --save")


def _check_named_once(videos: tuple[str, ...]) -> None:
    """Extraction would take a video named twice for one; here it was meant as a pair."""
    places: set[Path] = set()
    for video in videos:
        if (place := Path(video).resolve()) in places:
            raise InputError(f"{video}: named twice; a pair is two different videos")
        places.add(place)


def _extract(videos: tuple[str, ...], out: Path, jobs: int | None, model: AuthenticityModel | None) -> Path:
    """Run the extraction into OUT/features, with the descriptors that the model reads; nothing is done twice."""
    from facs_pipeline.extraction.options import Options
    from facs_pipeline.extraction.run import extract_features

    folder = out / "features"
    options = Options(out=folder, jobs=jobs)
    if model is not None and model.is_extended:
        options = replace(options, descriptor_set="extended")
    extract_features(videos, options, ConsoleProgress())
    return folder


def _print_prediction(result: Prediction, out: Path) -> int:
    click.echo(result.text)
    click.echo(f"Results: {out / 'predictions.csv'}")
    return 1 if result.without_score else 0
