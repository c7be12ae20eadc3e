"""What has been run: result folders are searched, whatever is there is read, whatever is missing or broken is noted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from facs_pipeline.foundation.errors import InputError, ModelError
from facs_pipeline.foundation.evaluation.accuracy_file import FORMAT
from facs_pipeline.foundation.files.json_file import read_json_object
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.report.series import VideoSeries, read_series

USUAL_FOLDERS = ("facs-output", "facs-authenticity", "facs-demo")
DEEPEST = 4
_NEVER_SEARCHED = frozenset({"cache", "action_units", "overlays", "curves", "truth"})
_METADATA = ("subject", "emotion", "label")


@dataclass
class Video:
    """One video of an extraction.

    Attributes
    ----------
    id : str
        Unique on the page.
    name : str
        As the tables call it.
    status : str
        ``ok``, ``no_face``, ``failed``, or ``unknown`` where `videos.csv` is missing.
    reason : str
        Why, where it failed.
    facts : dict of str to str
        The row of `videos.csv`.
    metadata : dict of str to str
        What the user knows of it, by column.
    table : Path or None
        Of its action units; None where there is none.
    place : str
        Where the video was, ``""`` if unknown.
    """

    id: str
    name: str
    status: str
    reason: str
    facts: dict[str, str]
    metadata: dict[str, str]
    table: Path | None
    place: str

    def series(self) -> VideoSeries | None:
        """Its curves, read anew each time so that thousands of videos need no memory; None without a table.

        Raises
        ------
        InputError
            If the table cannot be read.
        """
        return None if self.table is None else read_series(self.table)


@dataclass
class Run:
    """One folder of an extraction.

    Attributes
    ----------
    folder : Path
        The folder.
    about : dict
        Its run.json, empty where that is missing or broken.
    videos : list of Video
        In the order of videos.csv.
    """

    folder: Path
    about: dict[str, Any]
    videos: list[Video]


@dataclass
class Ranking:
    """One folder of a ranking.

    Attributes
    ----------
    folder : Path
        The folder.
    report : dict or None
        authenticity.json; None without an evaluation.
    predictions, reasons : DataFrame
        The tables of that name, as text; they may be empty.
    """

    folder: Path
    report: dict[str, Any] | None
    predictions: pd.DataFrame
    reasons: pd.DataFrame


@dataclass
class Gathered:
    """All results.

    Attributes
    ----------
    runs : list of Run
        Extractions.
    rankings : list of Ranking
        Rankings of real against fake.
    tasks : list of dict
        Contents of accuracy.json, with the file and folder they are from.
    cards : list of dict
        Models: ``file``, ``card`` and ``size_bytes``.
    notes : list of str
        What is missing or broken, in sentences that name the file.
    """

    runs: list[Run] = field(default_factory=list)
    rankings: list[Ranking] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    cards: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def videos(self) -> list[Video]:
        """All videos, in the order of the folders and tables."""
        return [video for run in self.runs for video in run.videos]


def gather(folders: Sequence[str | os.PathLike] = (), *, metadata: str | os.PathLike | None = None) -> Gathered:
    """Read everything that ``facs`` has written into `folders` or below them.

    Parameters
    ----------
    folders : sequence of str or PathLike
        Result folders; without any, those that the commands write to by default.
    metadata : str or PathLike, optional
        CSV with the column ``video`` and further columns to group results by; by default the one the extraction was
        given, where it is still there.

    Raises
    ------
    InputError
        If a folder does not exist, or none holds any result.
    """
    gathered, read = Gathered(), set()
    for folder in _roots(folders):
        for place in _search(folder):
            if place.resolve() not in read:
                read.add(place.resolve())
                _read_folder(place, gathered)
    if not (gathered.runs or gathered.rankings or gathered.tasks or gathered.cards):
        names = ", ".join(str(folder) for folder in folders) or "here"
        raise InputError(
            f"{names}: no results found; expected what facs extract-features (run.json, videos.csv, action_units/) or "
            "facs rank-authenticity (authenticity.json, predictions.csv) writes. Run one of them first, or facs demo"
            + "".join(f"\n  {note}" for note in gathered.notes)
        )
    _add_metadata(gathered, None if metadata is None else Path(metadata))
    _add_cards(gathered)
    return gathered


def _roots(folders: Sequence[str | os.PathLike]) -> list[Path]:
    roots = [Path(folder) for folder in folders] or [Path(name) for name in USUAL_FOLDERS if Path(name).is_dir()]
    for root in roots:
        if not root.is_dir():
            raise InputError(f"{root}: no such folder; expected one written by facs (--out of the commands)")
    return roots


def _search(folder: Path, depth: int = 0) -> Iterator[Path]:
    yield folder
    if depth < DEEPEST:
        try:
            inner = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
        except OSError:
            return
        for name in inner:
            if name not in _NEVER_SEARCHED and not name.startswith("."):
                yield from _search(folder / name, depth + 1)


def _read_folder(folder: Path, gathered: Gathered) -> None:
    if any((folder / name).exists() for name in ("run.json", "videos.csv", "action_units")):
        gathered.runs.append(_read_run(folder, len(gathered.runs), gathered.notes))
    if any((folder / name).is_file() for name in ("authenticity.json", "predictions.csv")):
        _read_ranking(folder, gathered)
    for path in sorted(folder.glob("*.json")):
        if path.name in ("run.json", "authenticity.json", "videos.json"):
            continue
        content = _read_json(path, gathered.notes if path.name == "accuracy.json" else [])
        if content.get("format") == FORMAT and isinstance(content.get("models"), list):
            gathered.tasks.append({**content, "source": str(path), "folder": str(folder)})
        elif content.get("kind") in ("action-units", "landmarks"):
            model = path.with_suffix(".npz")
            size = model.stat().st_size if model.is_file() else None
            gathered.cards.append({"file": str(path), "card": content, "size_bytes": size})


def _read_json(path: Path, notes: list[str]) -> dict[str, Any]:
    try:
        return read_json_object(path)
    except InputError as error:
        notes.append(f"{error}; what it says is left out. Run the command again to renew it")
        return {}


def _read_table(path: Path, needed: str, notes: list[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The table as text, empty where it is missing or broken (then with a note)."""
    if not os.path.isfile(path):
        return pd.DataFrame(columns=[needed])
    try:
        table = read_text_table(path)
    except InputError as error:
        notes.append(f"{error}; left out")
        return pd.DataFrame(columns=[needed])
    if columns is not None:
        table = table[[name for name in table.columns if name in columns]]
    if needed not in table:
        notes.append(f"{path}: no column {needed!r}, found {', '.join(map(str, table.columns[:5]))}; left out")
        return pd.DataFrame(columns=[needed])
    return table


def _rows(table: pd.DataFrame) -> list[dict[str, str]]:
    """Rows of a table of text, as column -> text."""
    return [{str(column): str(cell) for column, cell in row.items()} for row in table.to_dict("records")]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_run(folder: Path, number: int, notes: list[str]) -> Run:
    again = f"facs extract-features VIDEOS --out {folder} makes it"
    for name in ("run.json", "videos.csv", "descriptors.csv", "action_units"):
        if not (folder / name).exists():
            notes.append(f"{folder / name}: missing; {again}")
    about = _read_json(folder / "run.json", notes) if (folder / "run.json").is_file() else {}
    if about and not isinstance(about.get("videos"), dict):
        notes.append(
            f"{folder / 'run.json'}: does not say where the videos are (an older version?); no pictures of them"
        )
    places = _dict(about.get("videos"))
    rows = _rows(_read_table(folder / "videos.csv", "video", notes))
    tables = {
        path.stem: path
        for suffix in ("parquet", "csv")
        for path in sorted((folder / "action_units").glob(f"**/*.{suffix}"))
    }
    if not rows:
        rows = [{"video": name, "status": "unknown"} for name in sorted(tables)]
    known = _read_table(folder / "descriptors.csv", "video", notes, ["video", *_METADATA])
    metadata = {row["video"]: row for row in _rows(known)}
    videos = []
    for index, row in enumerate(rows):
        name = str(row["video"])
        about_it = {key: str(metadata.get(name, {}).get(key, "")) for key in _METADATA}
        table = _table_of(folder, name, tables)
        videos.append(
            Video(
                f"v{number + 1}-{index + 1}", name, str(row.get("status", "unknown")), str(row.get("reason", "")), row,
                {key: value for key, value in about_it.items() if value}, table,
                _place(folder, str(places.get(name, ""))),
            )
        )  # fmt: skip
        if table is None and row.get("status") == "ok":
            notes.append(f"{folder / 'action_units' / name}.csv: missing although videos.csv says ok; {again}")
    return Run(folder, about, videos)


def _place(folder: Path, named: str) -> str:
    """Where a video is: as run.json has it, or, if that was relative to another current folder, from the results up."""
    if named and not os.path.isabs(named) and not os.path.exists(named):
        full = folder.resolve()
        return next((str(up / named) for up in (full, *full.parents) if os.path.exists(up / named)), named)
    return named


def _table_of(folder: Path, name: str, tables: dict[str, Path]) -> Path | None:
    for suffix in (".csv", ".parquet"):
        path = folder / "action_units" / f"{name}{suffix}"
        # A name that climbs out of the folder comes from somebody else's table and is not followed.
        if ".." not in Path(name).parts and not Path(name).is_absolute() and os.path.isfile(path):
            return path
    return tables.get(name)


def _read_ranking(folder: Path, gathered: Gathered) -> None:
    path = folder / "authenticity.json"
    report = _read_json(path, gathered.notes) if path.is_file() else {}
    if report and not _dict(report.get("models")):
        gathered.notes.append(
            f"{path}: names no models (an older version?); facs rank-authenticity --evaluate renews it"
        )
        report = {}
    predictions = _read_table(folder / "predictions.csv", "video", gathered.notes)
    reasons = _read_table(folder / "reasons.csv", "video_a", gathered.notes)
    for column in ("model", "partner", "subject", "emotion", "label", "score", "decision", "probability", "note"):
        if column not in predictions:
            predictions[column] = ""
    for column in ("model", "video_b", "reason", "column", "value_a", "value_b", "contribution"):
        if column not in reasons:
            reasons[column] = ""
    if report or len(predictions):
        gathered.rankings.append(Ranking(folder, report or None, predictions, reasons))


def _add_metadata(gathered: Gathered, given: Path | None) -> None:
    """Every column of the user's metadata, so that results can be shown by gender or age group as well."""
    if given is not None and not os.path.isfile(given):
        raise InputError(f"{given}: no such file; expected a CSV with the column video")
    for run in gathered.runs:
        named = _dict(run.about.get("options")).get("metadata")
        path = given or (Path(named) if isinstance(named, str) else None)
        if path is None or not os.path.isfile(path):
            continue
        matched = 0
        rows = _rows(_read_table(path, "video", gathered.notes))
        by_name = {Path(str(row["video"])).stem: row for row in rows} | {str(row["video"]): row for row in rows}
        for video in run.videos:
            row = by_name.get(video.name) or by_name.get(Path(video.place).name if video.place else video.name)
            matched += row is not None
            for column, value in (row or {}).items():
                if column != "video" and column not in video.metadata and isinstance(value, str) and value:
                    video.metadata[str(column)] = value
        if given is not None and rows and not matched:
            gathered.notes.append(
                f"{path}: none of its {len(rows)} videos is in {run.folder / 'videos.csv'}; "
                f"expected names such as {run.videos[0].name if run.videos else 'interview'} in the column video"
            )


def _add_cards(gathered: Gathered) -> None:
    """Cards of the package's models where a run was made with them."""
    known = {str(entry["card"].get("content_sha256")) for entry in gathered.cards}
    models = [_dict(run.about.get("models")) for run in gathered.runs]
    used = {str(_dict(model).get("sha256")) for entry in models for model in entry.values()}
    for path, card in _own_models().items():
        if isinstance(card, str):
            gathered.notes.append(card)
            continue
        if card.get("content_sha256") in used - known:
            # What training wrote beside the model knows more: times are not in the model itself.
            beside = path.with_suffix(".json")
            written = _read_json(beside, gathered.notes) if beside.is_file() else {}
            if written.get("content_sha256") == card["content_sha256"]:
                card = written | card
            gathered.cards.append({"file": path.name, "card": card, "size_bytes": path.stat().st_size})


@cache
def _own_models() -> dict[Path, dict[str, Any] | str]:
    """The package's model files -> their cards, or why one cannot be read."""
    from facs_pipeline.foundation.files.model_file import load_model

    cards: dict[Path, dict[str, Any] | str] = {}
    for path in sorted((Path(__file__).resolve().parents[1] / "models").glob("*.npz")):
        try:
            cards[path] = load_model(path).card
        except ModelError as error:
            cards[path] = str(error)
    return cards
