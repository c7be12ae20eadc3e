"""Tables of codes: exports of BORIS and of The Observer, a row for each movement, or for each frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from facs_pipeline.foundation.binary_tables import table_kind
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_text_table, text_rows
from facs_pipeline.foundation.text import file_stem
from facs_pipeline.study.coding import (
    CODER,
    SIDES,
    Annotation,
    Code,
    CodeClock,
    FileCodes,
    code_of,
    parse_code,
)

_FRAME_COLUMN = re.compile(r"au(?P<au>\d{1,2})(?: ?(?P<side>l|r|left|right))?(?: [rc])?")
_UNKNOWN = 9


def read_code_table(path: Path, videos: Sequence[str], coder: str | None) -> FileCodes:
    """Codes of one table; `InputError` where it is of no kind that is known."""
    table = _behind_preamble(path)
    names = {re.sub(r"[^a-z0-9]+", " ", name.lower()).strip(): name for name in map(str, table.columns)}
    for fits, read in _KINDS:
        if fits(names):
            return read(path, table.rename(columns={name: key for key, name in names.items()}), videos, coder)
    raise InputError(
        f"{path}: no table of codes that is known; found the columns {', '.join(map(str, list(table.columns)[:10]))}. "
        "Expected an export of BORIS or The Observer, or video, code, onset, offset, or video, frame, AU01 .."
    )


def _behind_preamble(path: Path) -> pd.DataFrame:
    """A table; older exports of BORIS tell of the observation in some rows before it."""
    if table_kind(path) != "text":
        return read_text_table(path)
    rows = list(text_rows(path))
    for place, (_, cells) in enumerate(rows[:40]):
        if "behavior" in [cell.lower() for cell in cells]:
            width = len(cells)
            body = [(number, (row + [""] * width)[:width]) for number, row in rows[place + 1 :]]
            return pd.DataFrame([row for _, row in body], columns=cells, index=[n for n, _ in body], dtype=object)
    return read_text_table(path)


def _seconds(path: Path, row: object, column: str, text: str) -> float:
    """Seconds, also as hours, minutes and seconds."""
    try:
        parts = [float(part.replace(",", ".")) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not np.isfinite(parts).all():
        raise InputError(f"{path}: row {row}, column {column}: {text!r}; expected seconds")
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


def _of_behaviour(behaviour: str, modifiers: Iterable[str]) -> list[Code]:
    """Codes of a behaviour such as ``AU12 lip corner puller``, with the intensity from a modifier where it has none."""
    codes = parse_code(behaviour.split(" ")[0] if re.match(r"(?i)au\d", behaviour) else behaviour) or parse_code(
        re.sub(r"(?i)^(au\s*\d+).*", r"\1", behaviour)
    )
    letters = [
        one.strip() for text in modifiers for one in re.split(r"[|,]", text) if re.fullmatch("[A-Ea-e1-5]", one.strip())
    ]
    if letters and len(codes) == 1 and np.isnan(codes[0].intensity):
        letter = letters[0] if letters[0].isalpha() else "ABCDE"[int(letters[0]) - 1]
        return [codes[0]._replace(intensity=code_of(0, "", letter).intensity)]
    return codes


class _Event(NamedTuple):
    row: object
    video: str
    behaviour: str
    modifiers: list[str]
    begin: float
    end: float


def _of_events(path: Path, events: Iterable[_Event], videos: Sequence[str], coder: str | None) -> FileCodes:
    stems = {file_stem(video): video for video in videos}
    annotations, passed = [], set()
    for one in events:
        codes = _of_behaviour(one.behaviour, one.modifiers)
        if not codes:
            passed.add(one.behaviour)
        video = stems.get(file_stem(one.video), one.video)
        annotations += [
            Annotation(video, coder or CODER, *code[:2], one.begin, one.end, code.intensity, "start") for code in codes
        ]
    notes = (
        [f"{path}: behaviours that are no action units are passed over: {', '.join(sorted(passed))}"] if passed else []
    )
    return FileCodes(annotations, {}, notes)


def _boris_aggregated(path: Path, table: pd.DataFrame, videos: Sequence[str], coder: str | None) -> FileCodes:
    media = next(name for name in _BORIS_MEDIA if name in table.columns)
    events = [
        _Event(
            row, str(cells[media]), str(cells["behavior"]), _modifiers(cells),
            _seconds(path, row, "Start (s)", str(cells["start s"])),
            _seconds(path, row, "Stop (s)", str(cells["stop s"])),
        )
        for row, cells in zip(table.index, table.to_dict("records"), strict=True)
    ]  # fmt: skip
    return _of_events(path, events, videos, coder)


def _boris_tabular(path: Path, table: pd.DataFrame, videos: Sequence[str], coder: str | None) -> FileCodes:
    status = "status" if "status" in table.columns else "behavior type"
    media = next(name for name in _BORIS_MEDIA if name in table.columns)
    moments = (
        (row, str(cells[media]), str(cells["behavior"]), _modifiers(cells), str(cells[status]),
         _seconds(path, row, "Time", str(cells["time"])))
        for row, cells in zip(table.index, table.to_dict("records"), strict=True)
    )  # fmt: skip
    return _of_events(path, _paired(path, moments), videos, coder)


def _observer(path: Path, table: pd.DataFrame, videos: Sequence[str], coder: str | None) -> FileCodes:
    clock = next(name for name in table.columns if str(name).startswith("time relative"))
    durations = [name for name in table.columns if str(name).startswith("duration")]
    rows = list(zip(table.index, table.to_dict("records"), strict=True))

    def moment(row: object, cells: dict[Any, Any]) -> float:
        return _seconds(path, row, "Time_Relative", str(cells[clock]))

    if durations:
        events = [
            _Event(row, str(cells["observation"]), str(cells["behavior"]), _modifiers(cells), begin, begin + length)
            for row, cells in rows
            if "stop" not in str(cells["event type"]).lower()
            for begin, length in [(moment(row, cells), _seconds(path, row, "Duration", str(cells[durations[0]] or 0)))]
        ]
        return _of_events(path, events, videos, coder)
    moments = (
        (
            row,
            str(cells["observation"]),
            str(cells["behavior"]),
            _modifiers(cells),
            str(cells["event type"]),
            moment(row, cells),
        )
        for row, cells in rows
    )
    return _of_events(path, _paired(path, moments), videos, coder)


def _paired(path: Path, moments: Iterable[tuple[object, str, str, list[str], str, float]]) -> list[_Event]:
    """Starts with the next stop of the same behaviour in the same video."""
    open_ones: dict[tuple[str, str], _Event] = {}
    events = []
    for row, video, behaviour, modifiers, status, time_s in moments:
        kind = status.lower().replace("state", "").strip()
        key = video, behaviour
        if kind == "point":
            events.append(_Event(row, video, behaviour, modifiers, time_s, time_s))
        elif kind == "start":
            if key in open_ones:
                raise InputError(f"{path}: row {row}: {behaviour} starts again before it has stopped; mend it there")
            open_ones[key] = _Event(row, video, behaviour, modifiers, time_s, time_s)
        elif kind == "stop":
            if key not in open_ones:
                raise InputError(f"{path}: row {row}: {behaviour} stops without a start; mend it there")
            events.append(open_ones.pop(key)._replace(end=time_s))
        else:
            raise InputError(f"{path}: row {row}: {status!r}; expected START, STOP or POINT")
    for (video, behaviour), one in open_ones.items():
        raise InputError(f"{path}: row {one.row}: {behaviour} in {video} starts and never stops; mend it there")
    return events


def _modifiers(cells: dict[Any, Any]) -> list[str]:
    return [str(text) for name, text in cells.items() if str(name).startswith("modifier")]


def _movements(path: Path, table: pd.DataFrame, videos: Sequence[str], coder: str | None) -> FileCodes:
    stems = {file_stem(video): video for video in videos}
    begin_name, end_name = (next(name for name in names if name in table.columns) for names in (_BEGINS, _ENDS))
    annotations = []
    for row, cells in zip(table.index, table.to_dict("records"), strict=True):
        text = str(cells.get("code") or cells.get("au") or "")
        codes = parse_code(text)
        if not codes:
            raise InputError(f"{path}: row {row}: {text!r} is no action unit; expected such as 12, AU12 or 6B+12C")
        begin, end = (_seconds(path, row, name, str(cells[name])) for name in (begin_name, end_name))
        if end < begin:
            raise InputError(f"{path}: row {row}: ends at {end:g} s, before it begins at {begin:g} s")
        video, who = str(cells["video"]), coder or str(cells.get("coder") or CODER)
        strength = str(cells.get("intensity") or "").strip()
        given = _of_behaviour("1", [strength])[0].intensity if strength else float("nan")
        if strength and np.isnan(given):
            raise InputError(f"{path}: row {row}, column intensity: {strength!r}; expected A to E or 1 to 5")
        side = SIDES.get(str(cells.get("side") or "").strip().lower(), "")
        annotations += [
            Annotation(stems.get(file_stem(video), video), who, code.au, code.side or side, begin, end,
                       given if strength else code.intensity, "start")
            for code in codes
        ]  # fmt: skip
    return FileCodes(annotations, {}, [])


def _frames(path: Path, table: pd.DataFrame, videos: Sequence[str], coder: str | None) -> FileCodes:
    stems = {file_stem(video): video for video in videos}
    clock: CodeClock = "frame" if "frame" in table.columns else "timestamp"
    columns = {name: match for name in table.columns if (match := _FRAME_COLUMN.fullmatch(str(name)))}
    table = table.assign(video=table["video"] if "video" in table.columns else path.stem)
    annotations: list[Annotation] = []
    scored: dict[tuple[str, str], frozenset[int]] = {}
    for video, rows in table.groupby("video", sort=False):
        moments = np.array([_number(path, row, clock, text) for row, text in rows[clock].items()])
        if np.isnan(moments).any():
            raise InputError(f"{path}: {video}: column {clock} has empty cells")
        step = float(np.median(np.diff(moments))) if len(moments) > 1 else 1.0
        if (np.diff(moments) <= 0).any():
            raise InputError(f"{path}: {video}: column {clock} does not rise from row to row")
        ends = np.append(moments[1:], moments[-1] + step)
        name, who = stems.get(file_stem(str(video)), str(video)), coder or CODER
        scored[name, who] = frozenset(int(match["au"]) for match in columns.values())
        for column, match in columns.items():
            values = np.array([_strength(path, row, str(column), text) for row, text in rows[column].items()])
            graded = bool((values[np.isfinite(values)] > 1).any())
            side = SIDES.get((match["side"] or "").lower(), "")
            for first, last in _runs(np.nan_to_num(values, nan=-1.0)):
                if values[first] == 0:
                    continue
                known = not np.isnan(values[first])
                strength = float(values[first]) if graded else float("nan")
                annotations.append(Annotation(
                    name, who, int(match["au"]), side, float(moments[first]), float(ends[last]), strength, clock, known
                ))  # fmt: skip
    return FileCodes(annotations, scored, [])


def _number(path: Path, row: object, column: str, text: str) -> float:
    try:
        number = float(text) if text != "" else float("nan")
    except ValueError:
        number = float("inf")
    if np.isinf(number):
        raise InputError(f"{path}: row {row}, column {column}: {text!r} is not a number")
    return number


def _strength(path: Path, row: object, column: str, text: str) -> float:
    """0 to 5; NaN where nobody knows, which some databases write as 9."""
    number = _number(path, row, column, text)
    if number == _UNKNOWN:
        return float("nan")
    if number < 0 or number > 5 or 0 < number < 1:
        raise InputError(f"{path}: row {row}, column {column}: {text!r}; expected 0, 1 to 5, or nothing where unknown")
    return number


def _runs(values: np.ndarray) -> list[tuple[int, int]]:
    """First and last position of each run of equal values."""
    edges = np.flatnonzero(np.diff(values)) + 1
    return list(zip([0, *edges], [*(edges - 1), len(values) - 1], strict=True)) if len(values) else []


_BORIS_MEDIA = ("media file name", "media file path", "media file", "observation id")
_BEGINS = ("onset", "onset s", "begin", "begin s", "start", "start s")
_ENDS = ("offset", "offset s", "end", "end s", "stop", "stop s")
_Names = dict[str, str]
_Read = Callable[[Path, pd.DataFrame, Sequence[str], str | None], FileCodes]


def _has(names: _Names, *wanted: Sequence[str] | str) -> bool:
    return all(one in names if isinstance(one, str) else any(each in names for each in one) for one in wanted)


_KINDS: tuple[tuple[Callable[[_Names], bool], _Read], ...] = (
    (lambda names: _has(names, "behavior", "start s", "stop s", _BORIS_MEDIA), _boris_aggregated),
    (lambda names: _has(names, "behavior", "time", ("status", "behavior type"), _BORIS_MEDIA), _boris_tabular),
    (
        lambda names: (
            _has(names, "behavior", "observation", "event type")
            and any(name.startswith("time relative") for name in names)
        ),
        _observer,
    ),
    (lambda names: _has(names, "video", ("code", "au"), _BEGINS, _ENDS), _movements),
    (
        lambda names: _has(names, ("frame", "timestamp")) and any(_FRAME_COLUMN.fullmatch(name) for name in names),
        _frames,
    ),
)
