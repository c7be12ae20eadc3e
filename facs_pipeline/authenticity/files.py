"""Files in and out of ranking: a folder of extracted features, series, identity from the videos, results."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.authenticity.curves_plot import plot_curves
from facs_pipeline.authenticity.explanation import COLUMNS, by_unit, reason_rows, units_of
from facs_pipeline.authenticity.face_identity import Clusters, cluster_subjects, identity_vector
from facs_pipeline.authenticity.model import AuthenticityModel
from facs_pipeline.authenticity.series import Series
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_csv, atomic_write
from facs_pipeline.tables.descriptor_table import DescriptorTable, read_text_table, table_from_frame
from facs_pipeline.tables.reader import read_au_table
from facs_pipeline.video.reader import read_frames

IDENTITY_FRAMES = 8


def read_features(folder: str | os.PathLike, *, more_emotions=()) -> DescriptorTable:
    """Descriptors of a folder written by ``facs extract-features``; videos that failed are rows without values.

    Raises
    ------
    InputError
        If the folder has no `descriptors.csv`, or the table cannot be used.
    """
    folder = Path(folder)
    path = folder / "descriptors.csv"
    if folder.is_file():
        raise InputError(
            f"{folder}: a file; expected a folder written by facs extract-features (a table: --descriptors)"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a folder written by facs extract-features (--out)")
    described = read_text_table(path, required=["video"])
    if not (folder / "videos.csv").is_file():
        return table_from_frame(described, source=str(path), more_emotions=more_emotions)
    videos = read_text_table(folder / "videos.csv", required=["video"])
    if not len(described):
        first = [f"{r['video']}: {r.get('reason') or r.get('status', '')}" for r in videos.head(5).to_dict("records")]
        raise InputError(f"{path}: none of the {len(videos)} videos has descriptors ({'; '.join(first)})")
    lost = videos[~videos["video"].isin(described["video"])]
    if len(lost):
        # They keep their place in the results, with the reason why they have no score.
        described = pd.concat([described, lost[["video"]]]).fillna("")
    table = table_from_frame(described, source=str(path), more_emotions=more_emotions)
    notes = {
        record["video"]: f"{folder / 'videos.csv'}: {record.get('status', '')}: {record.get('reason', '')}".strip(": ")
        for record in lost.to_dict("records")
    }
    return replace(table, reasons=notes)


def read_series(folder: str | os.PathLike, table: DescriptorTable) -> list[Series]:
    """Every video's action-unit curves and landmarks, frames with a face only; [n] like the table.

    A video without descriptors has an empty series. All series have the action units that all tables share.
    """
    found = {}
    for video in table.videos[[i not in table.unusable for i in range(len(table))]]:
        path = _au_table(Path(folder), str(video))
        best = max(read_au_table(path), key=lambda one: int(one.success.sum()))
        found[video] = (best, _landmarks(path, best.face_id))
    shared = sorted(set.intersection(*(set(series.aus) for series, _points in found.values())))
    return [_series(*found[video], shared) if video in found else _no_series(shared) for video in table.videos]


def _au_table(folder: Path, video: str) -> Path:
    for suffix in (".csv", ".parquet"):
        path = folder / "action_units" / f"{video}{suffix}"
        if path.is_file():
            return path
    raise InputError(f"{folder / 'action_units'}: no table of {video!r}; run facs extract-features into {folder} again")


def _landmarks(path: Path, face_id: str) -> np.ndarray | None:
    """[n, 68, 2] landmarks of the rows with that face, None where the table has none."""
    columns = [f"{axis}_{number}" for axis in "xy" for number in range(68)]
    read = pd.read_parquet if path.suffix == ".parquet" else pd.read_csv
    table = read(path)
    if not set(columns) <= set(table.columns):
        return None
    seen = table[table["success"] == 1]
    if "face_id" in seen:
        seen = seen[seen["face_id"].astype(float).astype(int).astype(str) == str(face_id)]
    return seen[columns].to_numpy(float).reshape(-1, 2, 68).transpose(0, 2, 1)


def _series(series, points, shared) -> Series:
    seen = series.success
    position = {au: k for k, au in enumerate(series.aus)}
    intensities = series.intensities[seen][:, [position[au] for au in shared]]
    return Series(
        series.times_s[seen], intensities, points if points is not None and len(points) == seen.sum() else None
    )


def _no_series(shared) -> Series:
    return Series(np.zeros(0), np.zeros((0, len(shared))))


def find_subjects(folder: str | os.PathLike, table: DescriptorTable, n_subjects: int | None = None) -> Clusters:
    """Guess who is who from the videos themselves; entries of videos without descriptors are -1.

    Raises
    ------
    InputError
        If the videos are not where the extraction found them.
    """
    folder = Path(folder)
    run = folder / "run.json"
    if not run.is_file():
        raise InputError(f"{run}: no such file, so the videos cannot be found; give subjects in a table with --pairs")
    places = json.loads(run.read_text(encoding="utf-8")).get("videos", {})
    usable = [i for i in range(len(table)) if i not in table.unusable]
    vectors = []
    for i in usable:
        name = str(table.videos[i])
        if not os.path.exists(places.get(name, "")):
            raise InputError(
                f"{places.get(name, name)}: the video is not there any more; faces cannot be compared without it. "
                "Put it back, or give subjects in a table with --pairs (columns video, subject, emotion)"
            )
        vectors.append(_identity_of(places[name], _au_table(folder, name)))
    found = cluster_subjects(np.array(vectors), n_subjects)
    subject, nearest = np.full(len(table), -1), np.full(len(table), -1)
    confidence = np.zeros(len(table))
    subject[usable], confidence[usable] = found.subject, found.confidence
    nearest[usable] = np.array(usable)[found.nearest]
    return Clusters(subject, confidence, nearest)


def _identity_of(video: str, table: Path) -> np.ndarray:
    rows = read_text_table(table, required=["frame", "success"])
    rows = rows[rows["success"] == "1"].drop_duplicates("frame")
    # The calmest frames: a face at rest says who it is, a moving one what is felt.
    units = [name for name in rows.columns if name.startswith("AU") and name.endswith("_r")]
    activity = rows[units].replace("", "0").astype(float).sum(axis=1)
    chosen = rows.iloc[np.argsort(activity.to_numpy(), kind="stable")[:IDENTITY_FRAMES]]
    points = {
        int(record["frame"]) - 1: np.array(
            [[float(record[f"x_{number}"]), float(record[f"y_{number}"])] for number in range(68)]
        )
        for record in chosen.to_dict("records")
    }
    last, greys, kept = max(points), [], []
    for frame in read_frames(video):
        if frame.index in points:
            greys.append(frame.image)
            kept.append(points[frame.index])
        if frame.index >= last:
            break
    return identity_vector(greys, kept)


def subjects_table(table: DescriptorTable, clusters: Clusters) -> pd.DataFrame:
    """The guess as a table to correct and to give back with --pairs."""
    known = clusters.subject >= 0
    return pd.DataFrame(
        {
            "video": table.videos,
            "subject": [f"face{number + 1}" if number >= 0 else "" for number in clusters.subject],
            "emotion": table.emotions,
            "label": table.labels,
            "confidence": np.where(known, clusters.confidence.round(3), np.nan),
            "most_similar": [table.videos[i] if i >= 0 else "" for i in clusters.nearest],
        }
    )


def write_report(out: Path, report: dict) -> Path:
    """`authenticity.json` in `out`, atomically."""
    path = Path(out) / "authenticity.json"
    with atomic_write(path) as file:
        json.dump(report, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
    return path


def write_predictions(out: Path, predictions: pd.DataFrame) -> Path:
    """`predictions.csv` in `out`, atomically."""
    path = Path(out) / "predictions.csv"
    atomic_csv(predictions.round({"score": 6, "probability": 6}), path)
    return path


def explain_pairs(
    model: AuthenticityModel, table: DescriptorTable, candidates: np.ndarray, *, top: int = 5
) -> tuple[pd.DataFrame, dict[tuple[int, int], dict[str, float]]]:
    """The strongest reasons for every pair's decision.

    Parameters
    ----------
    model : its ranker must have `margins` (all that can be saved but `lightgbm-single`), else there are none.
    table : aligned with the model, with emotions; candidates : [q, 2].

    Returns
    -------
    reasons : one row per pair and reason, strongest first.
    units : pair -> action unit -> summed contribution of its statistics, positive = first video real.
    """
    if not hasattr(model.ranker, "margins") or not len(candidates):
        return pd.DataFrame(columns=COLUMNS), {}
    emotions = table.emotions if model.ranker.emotions_ else None
    margins = model.ranker.margins(table.values, candidates, emotions=emotions)
    rows = reason_rows(model.name, margins, candidates, table.videos, table.values, model.columns, top=top)
    units = {
        (int(a), int(b)): by_unit(margin, model.columns) for (a, b), margin in zip(candidates, margins, strict=True)
    }
    return pd.DataFrame(rows, columns=COLUMNS), units


def draw_pair(
    folder: str | os.PathLike, out: Path, a: str, b: str, columns: list[str], captions: tuple[str, str] = ("", "")
) -> Path:
    """Both videos' curves of the action units named in `columns` (descriptor names) as an SVG file in `out`.

    Parameters
    ----------
    folder : written by ``facs extract-features``. columns : most important first; at most four units are drawn.
    """
    best = [
        max(read_au_table(_au_table(Path(folder), name)), key=lambda one: int(one.success.sum())) for name in (a, b)
    ]
    shared = [au for au in best[0].aus if au in best[1].aus]
    wanted = [int(unit[2:]) for unit in units_of(columns) if int(unit[2:]) in shared] or shared[:4]
    curves = tuple(one.intensities[:, [one.aus.index(au) for au in wanted]] for one in best)
    text = plot_curves(
        (f"A {a}", f"B {b}"),
        tuple(one.times_s for one in best),
        curves,
        [f"AU{au:02d}" for au in wanted],
        title="Action-unit intensities of both videos",
        captions=captions,
    )
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in f"{a}--{b}")
    path = Path(out) / "curves" / f"{safe}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(text)
    return path
