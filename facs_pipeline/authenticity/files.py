"""Files of a ranking: a folder of extracted features, series, identity from the videos, results."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.authenticity.curves_plot import plot_curves
from facs_pipeline.authenticity.explanation import COLUMNS, by_unit, reason_rows, units_of
from facs_pipeline.authenticity.face_identity import Clusters, cluster_subjects, identity_vector
from facs_pipeline.authenticity.model import AuthenticityModel
from facs_pipeline.authenticity.series import Series
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_csv, atomic_write
from facs_pipeline.foundation.files.json_file import read_json_object
from facs_pipeline.foundation.tabular import read_number_table, read_text_table
from facs_pipeline.tables.descriptor_table import DescriptorTable, table_from_frame
from facs_pipeline.tables.reader import AUSeries, read_au_table
from facs_pipeline.tables.schema import PREDICTIONS, SUBJECTS
from facs_pipeline.video.reader import read_frames

IDENTITY_FRAMES = 8
_LONGEST_NAME = 200


def read_features(folder: str | os.PathLike, *, more_emotions: Sequence[str] = ()) -> DescriptorTable:
    """Descriptors of a folder written by ``facs extract-features``; videos that failed are rows without values.

    Parameters
    ----------
    folder : path
        The folder.
    more_emotions : sequence of str
        Names beside the usual eight.

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
        # They are rows of the results too, with the reason why they have no score.
        described = pd.concat([described, lost[["video"]]]).fillna("")
    table = table_from_frame(described, source=str(path), more_emotions=more_emotions)
    notes = {
        record["video"]: f"{folder / 'videos.csv'}: {record.get('status', '')}: {record.get('reason', '')}".strip(": ")
        for record in lost.to_dict("records")
    }
    return replace(table, reasons=notes)


def read_series(folder: str | os.PathLike, table: DescriptorTable, *, landmarks: bool = True) -> list[Series]:
    """Action-unit curves and landmarks of every video, in frames with a face.

    Parameters
    ----------
    folder : path
        Written by ``facs extract-features``.
    table : DescriptorTable
        Its n videos.
    landmarks : bool
        Whether landmarks are read, which takes longer than the curves.

    Returns
    -------
    list of Series
        `[n]`, with the action units that all tables share; empty series for videos without descriptors.

    Raises
    ------
    InputError
        If a table of action units is missing.
    """
    of_video = {}
    for video in table.videos[[i not in table.unusable for i in range(len(table))]]:
        path = _au_table(Path(folder), str(video))
        best = max(read_au_table(path), key=lambda face: int(face.success.sum()))
        of_video[video] = (best, _landmarks(path, best.face_id) if landmarks else None)
    shared = sorted(set.intersection(*(set(series.aus) for series, _points in of_video.values())))
    return [_series(*of_video[video], shared) if video in of_video else _no_series(shared) for video in table.videos]


def _au_table(folder: Path, video: str) -> Path:
    for suffix in (".csv", ".parquet"):
        path = folder / "action_units" / f"{video}{suffix}"
        if os.path.isfile(path):
            return path
    raise InputError(f"{folder / 'action_units'}: no table of {video!r}; run facs extract-features into {folder} again")


def _landmarks(path: Path, face_id: str) -> np.ndarray | None:
    """Landmarks [n, 68, 2] of the rows with that face, None where the table has none."""
    columns = [f"{axis}_{number}" for axis in "xy" for number in range(68)]
    table = read_number_table(path, {*columns, "success", "face_id"}.__contains__)
    if not set(columns) <= set(table.columns):
        return None
    rows = table[table["success"] == 1]
    if "face_id" in rows:
        rows = rows[rows["face_id"].astype(int).astype(str) == str(face_id)]
    return rows[columns].to_numpy(float).reshape(-1, 2, 68).transpose(0, 2, 1)


def _series(series: AUSeries, points: np.ndarray | None, shared: Sequence[int]) -> Series:
    success = series.success
    position = {au: k for k, au in enumerate(series.aus)}
    intensities = series.intensities[success][:, [position[au] for au in shared]]
    # Rows in which a half of the face could not be trusted say nothing.
    known = np.isfinite(intensities).all(axis=1)
    complete = points is not None and len(points) == success.sum()
    places = points[known] if points is not None and complete else None
    return Series(series.times_s[success][known], intensities[known], places)


def _no_series(shared: Sequence[int]) -> Series:
    return Series(np.zeros(0), np.zeros((0, len(shared))))


def find_subjects(folder: str | os.PathLike, table: DescriptorTable, n_subjects: int | None = None) -> Clusters:
    """Group videos by person, by the faces in the videos themselves.

    Parameters
    ----------
    folder : path
        Written by ``facs extract-features``.
    table : DescriptorTable
        Its n videos.
    n_subjects : int or None
        Number of people, where known.

    Returns
    -------
    Clusters
        -1 for videos without descriptors.

    Raises
    ------
    InputError
        If the videos are not where they were at the extraction.
    """
    folder = Path(folder)
    run = folder / "run.json"
    if not run.is_file():
        raise InputError(f"{run}: no such file, so the videos cannot be found; give subjects in a table with --pairs")
    named = read_json_object(run).get("videos")
    paths = {name: str(place) for name, place in named.items()} if isinstance(named, dict) else {}
    usable = [i for i in range(len(table)) if i not in table.unusable]
    vectors = []
    for i in usable:
        name = str(table.videos[i])
        if not os.path.exists(paths.get(name, "")):
            raise InputError(
                f"{paths.get(name, name)}: the video is not there any more; faces cannot be compared without it. "
                "Put it back, or give subjects in a table with --pairs (columns video, subject, emotion)"
            )
        vectors.append(_identity_of(paths[name], _au_table(folder, name)))
    clusters = cluster_subjects(np.array(vectors), n_subjects)
    subject, nearest = np.full(len(table), -1), np.full(len(table), -1)
    confidence = np.zeros(len(table))
    subject[usable], confidence[usable] = clusters.subject, clusters.confidence
    nearest[usable] = np.array(usable)[clusters.nearest]
    return Clusters(subject, confidence, nearest)


def _identity_of(video: str, table: Path) -> np.ndarray:
    try:
        points = _calm_points(table)
        last, greys, landmarks = max(points), [], []
    except (ValueError, KeyError) as error:
        raise InputError(f"{table}: not a table that facs extract-features wrote ({error}); run it again") from None
    for frame in read_frames(video):
        if frame.index in points:
            greys.append(frame.image)
            landmarks.append(points[frame.index])
        if frame.index >= last:
            break
    return identity_vector(greys, landmarks)


def _calm_points(table: Path) -> dict[int, np.ndarray]:
    """Landmarks [68, 2] of the frames with the least activity, by their number from 0."""
    rows = read_text_table(table, required=["frame", "success"])
    rows = rows[rows["success"] == "1"].drop_duplicates("frame")
    # The frames with the least activity: expressions would hide the identity.
    units = [name for name in rows.columns if re.fullmatch(r"AU\d+_r", name)]
    activity = rows[units].replace("", "0").astype(float).sum(axis=1)
    chosen = rows.iloc[np.argsort(activity.to_numpy(), kind="stable")[:IDENTITY_FRAMES]]
    return {
        int(record["frame"]) - 1: np.array(
            [[float(record[f"x_{number}"]), float(record[f"y_{number}"])] for number in range(68)]
        )
        for record in chosen.to_dict("records")
    }


def subjects_table(table: DescriptorTable, clusters: Clusters) -> pd.DataFrame:
    """The groups of `find_subjects` as a table to correct and to give back with ``--pairs``."""
    known = clusters.subject >= 0
    return pd.DataFrame(
        {
            "video": table.videos,
            "subject": [f"face{number + 1}" if number >= 0 else "" for number in clusters.subject],
            "emotion": table.emotions,
            "label": table.labels,
            "confidence": np.where(known, SUBJECTS["confidence"].rounded(clusters.confidence), np.nan),
            "most_similar": [table.videos[i] if i >= 0 else "" for i in clusters.nearest],
        },
        columns=list(SUBJECTS.names),
    )


def write_report(out: Path, report: dict[str, Any]) -> Path:
    """`authenticity.json` in `out`, atomically."""
    path = Path(out) / "authenticity.json"
    with atomic_write(path) as file:
        json.dump(report, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
    return path


def write_predictions(out: Path, predictions: pd.DataFrame) -> Path:
    """`predictions.csv` in `out`, atomically."""
    path = Path(out) / "predictions.csv"
    atomic_csv(predictions.round(PREDICTIONS.decimals), path)
    return path


def explain_pairs(
    model: AuthenticityModel, table: DescriptorTable, candidates: np.ndarray, *, top: int = 5
) -> tuple[pd.DataFrame, dict[tuple[int, int], dict[str, float]]]:
    """The strongest reasons for every pair's decision.

    Parameters
    ----------
    model : AuthenticityModel
        Rankers without `margins` (``lightgbm-single``) have no reasons.
    table : DescriptorTable
        Aligned with the model, with emotions.
    candidates : ndarray of int
        Pairs `[q, 2]`.
    top : int
        Reasons per pair, at most.

    Returns
    -------
    reasons : DataFrame
        One row per pair and reason, strongest first.
    units : dict
        Pair -> action unit -> summed contribution of its statistics, positive = first video real.
    """
    if not hasattr(model.ranker, "margins") or not len(candidates):
        return pd.DataFrame(columns=COLUMNS), {}
    emotions = table.emotions if model.ranker.emotions_ else None
    margins = model.ranker.margins(table.values, candidates, emotions=emotions)
    rows = reason_rows(model.name, margins, candidates, table, top=top)
    units = {
        (int(a), int(b)): by_unit(margin, model.columns) for (a, b), margin in zip(candidates, margins, strict=True)
    }
    return pd.DataFrame(rows, columns=COLUMNS), units


def draw_pair(
    folder: str | os.PathLike, out: Path, a: str, b: str, columns: list[str], captions: tuple[str, str] = ("", "")
) -> Path:
    """Action-unit curves of both videos of a pair as an SVG file.

    Parameters
    ----------
    folder : path
        Written by ``facs extract-features``.
    out : path
        The file goes into its subfolder `curves`.
    a, b : str
        The two videos.
    columns : list of str
        Names of descriptors, most important first; at most four of their action units are drawn.
    captions : tuple of str
        After the names of the videos.
    """
    first, second = (
        max(read_au_table(_au_table(Path(folder), name)), key=lambda face: int(face.success.sum())) for name in (a, b)
    )
    shared = [au for au in first.aus if au in second.aus]
    drawn = [int(unit[2:]) for unit in units_of(columns) if int(unit[2:]) in shared] or shared[:4]
    text = plot_curves(
        (f"A {a}", f"B {b}"),
        (first.times_s, second.times_s),
        (_intensities(first, drawn), _intensities(second, drawn)),
        [f"AU{au:02d}" for au in drawn],
        title="Action-unit intensities of both videos",
        captions=captions,
    )
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in f"{a}--{b}")
    if len(safe.encode()) > _LONGEST_NAME:
        # File systems take 255 bytes.
        short = safe.encode()[:_LONGEST_NAME].decode("utf-8", "ignore")
        safe = f"{short}_{hashlib.sha256(safe.encode()).hexdigest()[:8]}"
    path = Path(out) / "curves" / f"{safe}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(text)
    return path


def _intensities(series: AUSeries, aus: Sequence[int]) -> np.ndarray:
    return series.intensities[:, [series.aus.index(au) for au in aus]]
