"""A table of videos and their pairs, checked and dealt into folds: what training and evaluation start from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facs_pipeline.authenticity.pairs import Pairs, groups_of
from facs_pipeline.authenticity.scoring import FEW_PAIRS, PairedVideos
from facs_pipeline.authenticity.series import Series
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.accuracy import check_folds, subject_folds
from facs_pipeline.tables.descriptor_table import DescriptorTable


@dataclass
class Study:
    """A table of n videos that can be learnt from; see `prepare`.

    Attributes
    ----------
    table : DescriptorTable
        The videos.
    pairs : Pairs
        Their pairs, at least one of them labelled.
    usable : ndarray of bool
        Whether a video has descriptors, and an emotion where others have one `[n]`.
    labels : ndarray of int
        `[n]`: 1 real, -1 fake, 0 not to be learnt from.
    emotions : ndarray of str, or None
        `[n]`; None where no pair has one.
    subjects : ndarray of str
        `[n]`, complete.
    folds : ndarray of int, or None
        Fold `[n]` of each video; None without folds.
    warnings : list of str
        What the user should know.
    """

    table: DescriptorTable
    pairs: Pairs
    usable: np.ndarray
    labels: np.ndarray
    emotions: np.ndarray | None
    subjects: np.ndarray
    folds: np.ndarray | None
    warnings: list[str] = field(default_factory=list)

    def assigned_folds(self) -> np.ndarray:
        """`folds`; `ValueError` where there are none."""
        if self.folds is None:
            raise ValueError(f"{self.table.source}: prepared without folds, which an evaluation needs")
        return self.folds

    def paired_videos(self, series: list[Series] | None = None) -> PairedVideos:
        """The study for a ranker on descriptors, or on the n `series`; `ValueError` without folds."""
        return PairedVideos(
            X=self.table.values if series is None else series,
            pairs=self.pairs,
            folds=self.assigned_folds(),
            emotions=self.emotions,
            labels=self.labels,
            subjects=self.subjects,
            usable=self.usable,
        )


def prepare(table: DescriptorTable, pairs: Pairs, *, n_folds: int = 10, need_folds: bool = True) -> Study:
    """Check that a table and its pairs can be learnt from, and assign folds.

    Parameters
    ----------
    table : DescriptorTable
        The n videos.
    pairs : Pairs
        Their pairs.
    n_folds : int
        Number of folds by subject, where the table does not name its own.
    need_folds : bool
        Whether to assign folds.

    Raises
    ------
    InputError
        Without a labelled pair (one class only, no partners), with emotions for some pairs only, with fewer than two
        subjects where folds are needed, or with a subject in two of the user's folds.
    """
    labels = np.select([table.labels == "real", table.labels == "fake"], [1, -1], 0)
    unusable = table.unusable
    usable = np.ones(len(table), bool)
    usable[list(unusable)] = False
    warnings = [f"{table.videos[i]}: left out, no descriptors ({reason})" for i, reason in unusable.items()]
    if not len(pairs.labelled):
        raise InputError(_no_pairs_message(table, labels, usable))
    warnings += _table_warnings(table, len(pairs.labelled))
    emotions = _emotions_of_pairs(table, pairs)
    if emotions is not None:
        # Learning from a single video needs its emotion: videos whose emotion is missing or in no pair are left out.
        known = np.isin(emotions, np.unique(emotions[pairs.labelled]))
        labels = np.where(known, labels, 0)
        usable = usable & known & (emotions != "")
    subjects = complete_subjects(table.subjects, pairs.candidates)
    if (table.subjects[pairs.labelled.ravel()] == "").any():
        warnings.append(
            "subjects are unknown for some pairs: videos linked by pairs count as one person; "
            "if one person appears in several such groups, the figures are too good"
        )
    folds = _folds(table, pairs, subjects, n_folds) if need_folds else None
    return Study(table, pairs, usable, labels, emotions, subjects, folds, warnings)


def _table_warnings(table: DescriptorTable, n_pairs: int) -> list[str]:
    warnings = []
    constant = table.constant_aus
    if constant:
        warnings.append(f"{', '.join(constant[:8])}: the same in every video, so nothing can be learnt from it")
    if table.ignored:
        warnings.append(f"{table.source}: text columns left out: {', '.join(table.ignored)}")
    if n_pairs < FEW_PAIRS:
        warnings.append(
            f"{n_pairs} labelled pair{'s' if n_pairs > 1 else ''}: fewer than {FEW_PAIRS}, nothing can be concluded"
        )
    return warnings


def _emotions_of_pairs(table: DescriptorTable, pairs: Pairs) -> np.ndarray | None:
    """The table's emotions, or None where no labelled pair has one; `InputError` where only some have."""
    of_pairs = table.emotions[pairs.labelled]
    if (of_pairs == "").all():
        return None
    incomplete = np.flatnonzero((of_pairs == "").any(axis=1))
    if len(incomplete):
        first = incomplete[0]
        i = int(pairs.labelled[first][int(of_pairs[first][1] == "")])
        raise InputError(
            f"{table.source}: row {table.rows[i]}, column 'emotion' is empty while other pairs have one; "
            "give every pair an emotion, or none"
        )
    return table.emotions


def _folds(table: DescriptorTable, pairs: Pairs, subjects: np.ndarray, n_folds: int) -> np.ndarray:
    if (table.folds != "").any():
        folds = check_folds(subjects, table.folds, lambda i: f"{table.source}: row {table.rows[i]}")
    else:
        try:
            folds = subject_folds(subjects, n_folds)
        except InputError as error:
            raise InputError(f"{table.source}: {error}") from None
    first = pairs.labelled[:, 0]
    if len(np.unique(folds[first])) < 2:
        raise InputError(
            f"{table.source}: all labelled pairs ({len(first)}) are in one fold "
            f"(subject {', '.join(sorted(set(subjects[first])))}); "
            "who trains and who is tested must differ, so label pairs of two subjects or more in different folds"
        )
    return folds


def _no_pairs_message(table: DescriptorTable, labels: np.ndarray, usable: np.ndarray) -> str:
    real, fake = int((labels == 1).sum()), int((labels == -1).sum())
    counts = f"{len(table)} videos, {real} labelled real, {fake} fake, {int((~usable).sum())} without descriptors"
    if not real and not fake:
        return (
            f"{table.source}: no video has a label; training and scoring need real and fake, in a column 'label' of "
            "the metadata given to facs extract-features, or in a table given with --pairs (video, subject, emotion, "
            "label; or video_a, video_b, real)"
        )
    if not usable.any():
        first = next(iter(table.unusable.values()))
        return f"{table.source}: none of the {len(table)} videos has all its descriptors (the first: {first})"
    if not real or not fake:
        return f"{table.source}: column 'label' has one class only ({counts}); training and scoring need real and fake"
    return (
        f"{table.source}: no pair of a real and a fake video of one subject and emotion ({counts}); "
        "check the columns 'subject' and 'emotion', or name the pairs with --pairs FILE"
    )


def complete_subjects(subjects: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Subjects without gaps: an unknown one is that of a partner, or a made-up name for its group of linked videos.

    Parameters
    ----------
    subjects : ndarray of str
        `[n]`, ``""`` where unknown.
    candidates : ndarray of int
        Candidate pairs `[q, 2]`.

    Returns
    -------
    ndarray of str
        `[n]`.
    """
    subjects = subjects.copy()
    groups = groups_of(len(subjects), candidates)
    for group in np.unique(groups[subjects == ""]):
        members = np.flatnonzero(groups == group)
        named = [subjects[i] for i in members if subjects[i]]
        subjects[members[subjects[members] == ""]] = named[0] if named else f"unknown {group}"
    return subjects
