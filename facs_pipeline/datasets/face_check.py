"""Labelled faces checked before they are used: how many of what, which cannot be used, which are there twice."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from facs_pipeline.datasets.face_images import read_images
from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.datasets.near_duplicates import THRESHOLD, best_partners, same_images
from facs_pipeline.datasets.sase_fe import Problem
from facs_pipeline.foundation.progress import SILENT, Progress

_ORDER = ("train", "validation", "test")
PARTNER_COLUMNS = ("image", "split", "partner", "partner_split", "correlation", "emotion", "partner_emotion")


@dataclass(frozen=True)
class FaceCheck:
    """Result of a check.

    Attributes
    ----------
    counts : DataFrame
        How many usable images; one row per emotion, one column per split (``""`` where the data have none).
    skipped : list of Skipped
        Everything that cannot be used.
    problems : list of Problem
        What should be known before the data are used.
    duplicates : DataFrame
        `PARTNER_COLUMNS`: each image whose best partner in an earlier split (train, validation, test, others)
        correlates above the threshold with it; then each that is the same as an earlier one of its own split.
    """

    counts: pd.DataFrame
    skipped: list[Skipped]
    problems: list[Problem]
    duplicates: pd.DataFrame


def comparisons(faces: LabelledFaces) -> list[tuple[str, str]]:
    """Which splits are compared, (earlier, later): all pairs, in the order train, validation, test, others."""
    return list(combinations(_splits(faces), 2))


def check_faces(
    faces: LabelledFaces,
    *,
    threshold: float = THRESHOLD,
    progress: Progress = SILENT,
) -> FaceCheck:
    """Decode all images, count them, and compare them within and across splits.

    Parameters
    ----------
    faces : LabelledFaces
        The data.
    threshold : float
        Correlation above which images of two splits count as near-duplicates.
    progress : Progress
        Told of the images decoded and compared.
    """
    images, rows, unreadable = read_images(faces, progress=progress)
    usable = faces.take(rows)
    skipped = [*faces.skipped, *unreadable]
    counts = pd.crosstab(usable.emotions, usable.splits).rename_axis(index="emotion", columns="split")
    counts = counts.reindex(columns=_splits(usable))
    groups = same_images(images)
    problems = [*_skipped_problems(skipped), *_class_problems(counts), *_copy_problems(usable, groups)]
    tables = []
    for earlier, later in comparisons(faces):
        mine, others = (np.flatnonzero(usable.splits == split) for split in (later, earlier))
        best = best_partners(images[mine], images[others], progress=progress)
        near = np.flatnonzero(best.near(threshold))
        table = _pairs(usable, mine[near], others[best.partner[near]], best.correlation[near])
        tables.append(table)
        if len(table):
            problems.append(_overlap(table, later, earlier, len(mine), threshold))
    copies = [pair for group in groups for pair in _copies_within(usable.splits, group)]
    again, first = np.array(copies, dtype=np.intp).reshape(-1, 2).T
    tables.append(_pairs(usable, again, first, np.ones(len(copies))))
    return FaceCheck(counts, skipped, problems, pd.concat(tables, ignore_index=True))


def _splits(faces: LabelledFaces) -> list[str]:
    there = set(faces.splits.tolist())
    return [split for split in _ORDER if split in there] + sorted(there - set(_ORDER))


def _skipped_problems(skipped: list[Skipped]) -> list[Problem]:
    if not skipped:
        return []
    return [
        Problem(
            "unusable",
            tuple(f"{source}: {reason}" for source, reason in skipped),
            f"{_count(len(skipped), 'entry', 'entries')} cannot be used",
            "correct or remove what is named; everything else is used without it",
        )
    ]


def _class_problems(counts: pd.DataFrame) -> list[Problem]:
    problems = []
    named = [str(split) for split in counts if split]
    if named and "train" not in named and len(named) > 1:
        problems.append(
            Problem(
                "split",
                (),
                f"splits {', '.join(named)}, but no split train",
                "nothing can be trained on these data as they are; name the split train or training",
            )
        )
    for split in counts:
        where = f"split {split}" if split else "the data"
        lost = tuple(counts.index[counts[split] == 0])
        if lost:
            problems.append(
                Problem(
                    "class",
                    (),
                    f"{where} has no image of {', '.join(lost)}",
                    "other splits have; a model is not trained or not measured for it",
                )
            )
        lone = tuple(counts.index[counts[split] == 1])
        if lone:
            problems.append(
                Problem(
                    "class",
                    (),
                    f"{where} has one image only of {', '.join(lone)}",
                    "too few to train on or to measure; add images or leave the emotion out",
                )
            )
    return problems


def _copy_problems(faces: LabelledFaces, groups: list[np.ndarray]) -> list[Problem]:
    problems = []
    if groups:
        copies = sum(len(group) - 1 for group in groups)
        across = sum(len(set(faces.splits[group])) > 1 for group in groups)
        problems.append(
            Problem(
                "identical",
                (),
                f"{_count(copies, 'copy', 'copies')} of another image, pixel for pixel ("
                f"{_count(len(groups), 'group', 'groups')}, {across:,} of them across splits)",
                "copies within the training data count double there; those across splits are among the "
                "near-duplicates below, unless they are of one grey",
            )
        )
    torn = [group for group in groups if len(set(faces.emotions[group])) > 1]
    if torn:
        problems.append(
            Problem(
                "contradiction",
                tuple(_labels_of(faces, group) for group in torn),
                f"{_count(len(torn), 'group', 'groups')} of identical images with different emotions",
                "at most one can be right; no model can have all of them right",
            )
        )
    return problems


def _count(n: int, one: str, more: str) -> str:
    return f"{n:,} {one if n == 1 else more}"


def _labels_of(faces: LabelledFaces, group: np.ndarray) -> str:
    """For each emotion the first image, and the number of others."""
    labels = []
    for emotion in sorted(set(faces.emotions[group])):
        images = group[faces.emotions[group] == emotion]
        more = f" and {len(images) - 1} more" if len(images) > 1 else ""
        labels.append(f"{emotion or 'unlabelled'} {faces.sources[images[0]]}{more}")
    return "; ".join(labels)


def _copies_within(splits: np.ndarray, group: np.ndarray) -> list[tuple[int, int]]:
    """Of identical images each that is not the first of its split, with that first one."""
    first: dict[str, int] = {}
    pairs = [(int(image), first.setdefault(str(splits[image]), int(image))) for image in group]
    return [(image, earliest) for image, earliest in pairs if image != earliest]


def _pairs(faces: LabelledFaces, rows: np.ndarray, partners: np.ndarray, correlation: np.ndarray) -> pd.DataFrame:
    columns = (
        [faces.sources[row] for row in rows],
        faces.splits[rows],
        [faces.sources[row] for row in partners],
        faces.splits[partners],
        correlation.round(6),
        faces.emotions[rows],
        faces.emotions[partners],
    )
    return pd.DataFrame(dict(zip(PARTNER_COLUMNS, columns, strict=True)))


def _overlap(table: pd.DataFrame, later: str, earlier: str, n: int, threshold: float) -> Problem:
    other = int((table["emotion"] != table["partner_emotion"]).sum())
    return Problem(
        "near-duplicates",
        (),
        f"{len(table):,} of {n:,} images of {later or 'no split'} ({100 * len(table) / n:.1f} %) have an image in "
        f"{earlier or 'no split'} with pixel correlation above {threshold:g}; pairs with different emotions: {other:,}",
        "what is measured on them is memory, not recognition: report accuracy with and without them",
    )
