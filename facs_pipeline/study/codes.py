"""What coders say of videos: action units with their times, from ELAN, BORIS, The Observer, or tables of one's own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facs_pipeline.dynamics.elan_reading import read_eaf
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import TABLE_ENDINGS
from facs_pipeline.foundation.text import few_of, file_stem
from facs_pipeline.study.code_tables import read_code_table
from facs_pipeline.study.coding import (
    CODER,
    SIDES,
    UNSCORABLE,
    UNSEEN,
    Annotation,
    Code,
    FileCodes,
    code_of,
    parse_code,
)

_TIER = re.compile(r"(?:AU\s*)?0*(?P<au>\d{1,2})(?:[\s_-]*(?P<side>L|R|left|right))?", re.IGNORECASE)
_ONE_FACE = re.compile(r" face \S+$")


@dataclass(frozen=True)
class Codes:
    """What some coders say.

    Attributes
    ----------
    annotations : tuple of Annotation
    scored : dict of tuple of str to frozenset of int
        Video and coder -> the action units that were looked for: those of its annotations, and empty tiers or columns.
    notes : tuple of str
        What was passed over.
    """

    annotations: tuple[Annotation, ...]
    scored: dict[tuple[str, str], frozenset[int]]
    notes: tuple[str, ...]


def read_codes(paths: Sequence[str | os.PathLike[str]], videos: Sequence[str], *, coder: str | None = None) -> Codes:
    """Read codes of some videos.

    Parameters
    ----------
    paths : sequence of path
        ELAN ``.eaf`` files; exports of BORIS (tabular or aggregated events) and of The Observer; tables with a row for
        each movement (``video``, ``code`` or ``au``, ``onset``, ``offset``, perhaps ``intensity``, ``side`` and
        ``coder``), or for each frame (``video``, ``frame`` or ``timestamp``, ``AU01 ..``); or folders of these.
    videos : sequence of str
        Names of those that there are.
    coder : str, optional
        Who coded, where the files do not say.

    Raises
    ------
    InputError
        If a file cannot be read, is of no kind that is known, holds no code, or is of no video.

    Examples
    --------
    >>> read_codes(["anna.eaf"], ["anna"])  # doctest: +SKIP
    """
    parts: list[FileCodes] = []
    for path in _files(paths):
        parts.append(
            _elan(path, videos, coder) if path.suffix.lower() == ".eaf" else read_code_table(path, videos, coder)
        )
    known = set(videos)
    notes = [note for part in parts for note in part.notes]
    scored: dict[tuple[str, str], frozenset[int]] = {}
    for part in parts:
        for key, aus in part.scored.items():
            scored[key] = scored.get(key, frozenset()) | aus
    annotations = tuple(one for part in parts for one in part.annotations)
    for one in annotations:
        if one.au != UNSCORABLE:
            key = one.video, one.coder
            scored[key] = scored.get(key, frozenset()) | {one.au}
    others = sorted({video for video, _ in scored} - known)
    scored = {key: aus for key, aus in scored.items() if key[0] in known and aus}
    if not scored:
        where = ", ".join(os.fspath(path) for path in paths)
        about = f"they are about {few_of(others)}" if others else "they hold none"
        raise InputError(f"{where}: no code of an action unit in any of the {len(videos)} videos; {about}")
    if others:
        notes.append(f"codes of videos that are not there are passed over: {few_of(others)}")
    return Codes(tuple(one for one in annotations if one.video in known), scored, tuple(notes))


def _files(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    endings = (".eaf", ".xlsx", *TABLE_ENDINGS)
    files: list[Path] = []
    for path in map(Path, paths):
        inside = (
            sorted(one for one in path.rglob("*") if one.name.lower().endswith(endings)) if path.is_dir() else [path]
        )
        inside = [one for one in inside if not one.name.startswith((".", "~"))]
        if not inside:
            raise InputError(f"{path}: no .eaf file and no table in this folder")
        files += inside
    return files


def _elan(path: Path, videos: Sequence[str], coder: str | None) -> FileCodes:
    document = read_eaf(path)
    video, who = _video_of(path, document.media, videos)
    who = coder or who
    annotations, passed = [], []
    looked_for: set[int] = set()
    for tier in document.tiers:
        if tier == "low confidence" or tier.endswith(" apex"):
            continue
        if _ONE_FACE.search(tier):
            passed.append(tier)
            continue
        rows = document.annotations[document.annotations["tier"] == tier]
        named = _TIER.fullmatch(tier.strip())
        codes = [(row, _of_tier(str(row.value), named)) for row in rows.itertuples()]
        if named is not None:
            looked_for.add(int(named["au"]))
        elif UNSEEN.fullmatch(tier.strip()):
            codes = [(row, [Code(UNSCORABLE, "", float("nan"))]) for row, _ in codes]
        elif len(rows) and not all(found for _, found in codes):
            passed.append(tier)
            continue
        for row, found in codes:
            begin, end = float(str(row.begin_s)), float(str(row.end_s))
            annotations += [Annotation(video, who, *code[:2], begin, end, code.intensity, "start") for code in found]
    notes = [f"{path}: tiers that hold no codes are passed over: {', '.join(passed)}"] if passed else []
    return FileCodes(annotations, {(video, who): frozenset(looked_for)}, notes)


def _of_tier(value: str, tier: re.Match[str] | None) -> list[Code]:
    """Codes of an annotation; in a tier of one action unit a letter, a digit or any word will do."""
    codes = parse_code(value)
    if tier is None:
        return codes
    au, side = int(tier["au"]), tier["side"] or ""
    same = [code for code in codes if code.au == au]
    if same:
        return [code._replace(side=code.side or SIDES.get(side.lower(), "")) for code in same]
    text = value.strip()
    if re.fullmatch("[1-5]", text):
        return [code_of(au, side, "ABCDE"[int(text) - 1])]
    return [code_of(au, side, text if re.fullmatch("[A-Ea-e]", text) else "")]


def _video_of(path: Path, media: Sequence[str], videos: Sequence[str]) -> tuple[str, str]:
    """The video that a document is about, and the coder, as far as its name says: ``anna_kim.eaf`` is Kim's of anna."""
    stems = {file_stem(video): video for video in videos}
    if path.stem in stems:
        return stems[path.stem], CODER
    named = [stem for stem in stems if path.stem.startswith((f"{stem}_", f"{stem}-"))]
    if named:
        longest = max(named, key=len)
        return stems[longest], path.stem[len(longest) + 1 :]
    for one in media:
        if file_stem(one) in stems:
            return stems[file_stem(one)], path.stem
    return path.stem, CODER
