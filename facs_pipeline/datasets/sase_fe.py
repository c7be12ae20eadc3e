"""SASE-FE (ChaLearn ICCV 2017, "real versus fake expressed emotions"): find its videos and name their faults.

Two layouts. Training: one folder per subject with names such as ``N2H.MP4`` (real: from neutral to what is felt) or
``H2N2S.MP4`` (fake: H is induced, sadness shown). Validation and test: flat files ``<digits>_<EMOTION>.MP4`` without
subjects and labels. Letter case varies, and files are known to be misnamed or to be copies under another label.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.emotion_names import canonical_emotion

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv")

REAL = {"N2H": "happy", "N2S": "sad", "N2D": "disgust", "N2A": "angry", "N2C": "contempt", "N2SUR": "surprise"}
FAKE = {
    "S2N2H": "happy",
    "H2N2S": "sad",
    "H2N2D": "disgust",
    "H2N2A": "angry",
    "H2N2C": "contempt",
    "D2N2SUR": "surprise",
}
NAMES = {name: (emotion, "real") for name, emotion in REAL.items()} | {
    name: (emotion, "fake") for name, emotion in FAKE.items()
}
_FLAT = re.compile(r"(?P<number>\d+)_(?P<emotion>[A-Za-z]+)$")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the dataset.

    Attributes
    ----------
    kind : str
        ``"misnamed"``, ``"missing"``, ``"identical"``, ``"twice"``, ``"empty"``, or what another check names.
    files : tuple of str
        Those that it is in.
    text : str
        The problem in words.
    advice : str
        What to do.
    """

    kind: str
    files: tuple[str, ...]
    text: str
    advice: str


@dataclass(frozen=True)
class SaseFe:
    """The videos of a folder.

    Attributes
    ----------
    videos : DataFrame
        `video` (path), `subject`, `emotion`, `label`, `split` (``"training"`` or ``"flat"``); ``""`` where the dataset
        tells none. Files with a problem of kind ``"misnamed"``, ``"empty"`` or ``"identical"`` are not in it.
    problems : list of Problem
        What is wrong with the dataset.
    """

    videos: pd.DataFrame
    problems: list[Problem] = field(default_factory=list)


def scan_sase_fe(path: str | os.PathLike) -> SaseFe:
    """Find the videos of a SASE-FE folder in either layout, whatever the letter case.

    Parameters
    ----------
    path : str or PathLike
        The folder that holds `FakeTrue_DB`, that folder itself, one subject's folder, or a folder of flat files.

    Raises
    ------
    InputError
        If the folder does not exist or holds no video.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; expected SASE-FE's FakeTrue_DB/<subject>/N2H.MP4 or 0001_HAPPY.MP4")
    files = sorted(
        (file for file in root.rglob("*") if file.suffix.lower() in VIDEO_SUFFIXES and file.is_file()), key=_natural
    )
    if not files:
        raise InputError(f"{root}: no video found ({', '.join(VIDEO_SUFFIXES)} in any letter case)")
    records, misnamed, problems = [], [], []
    for file in files:
        record = _training_record(file) or _flat_record(file)
        if file.stat().st_size == 0:
            problems.append(
                Problem("empty", (str(file),), "the file is empty", "copy it again from the original; left out")
            )
        elif record is None:
            problems.append(_misnamed(file))
            misnamed.append({"video": str(file), "subject": "", "emotion": "", "label": "", "split": ""})
        else:
            records.append(record)
    # A misnamed file may be a copy too, which tells more than its name does.
    records, identical = _without_identical(records, misnamed)
    problems += identical
    problems += _twice(records)
    problems += _missing(records, problems)
    columns = ["video", "subject", "emotion", "label", "split"]
    return SaseFe(pd.DataFrame(records, columns=columns), problems)


def _natural(file: Path) -> list:
    """Sort key that puts subject 2 before subject 10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", str(file)) if part]


def _training_record(file: Path) -> dict | None:
    known = NAMES.get(file.stem.upper())
    if known is None:
        return None
    number = re.search(r"\d+", file.parent.name)
    subject = str(int(number.group())) if number else file.parent.name
    return {"video": str(file), "subject": subject, "emotion": known[0], "label": known[1], "split": "training"}


def _flat_record(file: Path) -> dict | None:
    match = _FLAT.match(file.stem)
    emotion = canonical_emotion(match["emotion"]) if match else None
    if emotion is None:
        return None
    return {"video": str(file), "subject": "", "emotion": emotion, "label": "", "split": "flat"}


def _misnamed(file: Path) -> Problem:
    # H2NA for H2N2A: the name with one or all of its "2" lost.
    squeezed = file.stem.upper().replace("2", "")
    meant = [name for name in NAMES if name.replace("2", "") == squeezed]
    if meant:
        advice = f"if it shows what it seems to, rename it to {meant[0]}{file.suffix}; left out until then"
    else:
        advice = (
            f"expected one of {', '.join(NAMES)} in a subject's folder, or <digits>_<EMOTION> such as 0001_HAPPY; "
            "rename or remove it; left out until then"
        )
    return Problem("misnamed", (str(file),), f"the name {file.name!r} says no emotion and label", advice)


def _without_identical(records: list[dict], misnamed: list[dict]) -> tuple[list[dict], list[Problem]]:
    """Records without the videos whose bytes appear under different subjects, emotions or labels."""
    by_size = defaultdict(list)
    for record in records + misnamed:
        by_size[os.path.getsize(record["video"])].append(record)
    by_content = defaultdict(list)
    for same_size in by_size.values():
        if len(same_size) > 1:
            for record in same_size:
                by_content[_sha256(record["video"])].append(record)
    problems, bad = [], set()
    for same in by_content.values():
        meanings = {(r["subject"], r["emotion"], r["label"]) for r in same}
        if len(same) > 1 and (len(meanings) > 1 or same[0]["split"] == "flat"):
            files = tuple(r["video"] for r in same)
            names = "; ".join(f"{Path(r['video']).name} = {_meaning(r)}" for r in same)
            problems.append(
                Problem(
                    "identical",
                    files,
                    f"the same bytes under different names ({names})",
                    "at most one name can be right: look at the video, keep the file under the name that fits, "
                    "remove the others; all of them are left out until then",
                )
            )
            bad |= set(files)
    return [record for record in records if record["video"] not in bad], problems


def _meaning(record: dict) -> str:
    return f"{record['label'] or 'unlabelled'} {record['emotion']}" if record["emotion"] else "misnamed"


def _sha256(path: str) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _twice(records: list[dict]) -> list[Problem]:
    groups = defaultdict(list)
    for record in records:
        if record["split"] == "training":
            groups[record["subject"], record["emotion"], record["label"]].append(record["video"])
    return [
        Problem(
            "twice",
            tuple(files),
            f"subject {subject} has {len(files)} videos of {label} {emotion}",
            "names may differ in letter case only; keep one, or keep all on purpose: each then pairs with each",
        )
        for (subject, emotion, label), files in groups.items()
        if len(files) > 1
    ]


def _missing(records: list[dict], earlier: list[Problem]) -> list[Problem]:
    usable = defaultdict(set)
    for record in records:
        if record["split"] == "training":
            usable[record["subject"]].add((record["emotion"], record["label"]))
    held_back = defaultdict(list)
    for problem in earlier:
        for file in problem.files:
            held_back[Path(file).parent.name].append(Path(file).name)
    problems = []
    for subject, have in usable.items():
        lost = [name for name, meaning in NAMES.items() if meaning not in have]
        if lost:
            aside = sorted(
                {name for folder, names in held_back.items() if _number(folder) == subject for name in names}
            )
            hint = f" (files of this subject set aside above: {', '.join(aside)})" if aside else ""
            problems.append(
                Problem(
                    "missing",
                    tuple(lost),
                    f"subject {subject} has no usable {', '.join(lost)}{hint}",
                    "their pairs are left out; get the files, or go on without",
                )
            )
    return problems


def _number(folder: str) -> str:
    number = re.search(r"\d+", folder)
    return str(int(number.group())) if number else folder
