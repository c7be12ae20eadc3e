"""The report's files: one HTML page with everything inlined, further pages where there are many videos, and JSON."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from facs_pipeline.errors import InputError
from facs_pipeline.report import cards
from facs_pipeline.report.accuracy import accuracy_table, clean_task, is_number, model_view
from facs_pipeline.report.gather import Gathered, Video
from facs_pipeline.report.measures import task_of_ranking
from facs_pipeline.report.pictures import picture_uri, strips
from facs_pipeline.store import atomic_write
from facs_pipeline.video import IMAGE_SUFFIXES

PER_PAGE = 100
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_HERE = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Written:
    """Files of a report: `pages` (the first is the report), `data` (JSON), and what the report says is missing."""

    pages: list[Path]
    data: Path
    notes: list[str]


def write_report(
    found: Gathered, out: str | os.PathLike, *, pictures: str = "quick", per_page: int = PER_PAGE
) -> Written:
    """Write the report of everything gathered.

    Parameters
    ----------
    found : by `gather`.
    out : the HTML file; pages 2, 3 .. and the JSON stand beside it under names that begin alike.
    pictures : ``"quick"``, ``"all"`` or ``"none"``; see `pictures.strips`.
    per_page : videos per page.

    Raises
    ------
    InputError
        If `out` cannot be written.
    """
    out = Path(out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out}: expected a file name that ends in .html")
    notes = list(found.notes)
    tasks = _tasks(found, notes)
    chunks = [found.videos[i : i + per_page] for i in range(0, len(found.videos), per_page)] or [[]]
    pages = [out if i == 0 else out.with_name(f"{out.stem}-{i + 1}{out.suffix}") for i in range(len(chunks))]
    page_of = {video.id: pages[i].name if i else "" for i, chunk in enumerate(chunks) for video in chunk}
    by_name = {video.name: video for video in reversed(found.videos)}
    links = {name: f"{page_of[video.id]}#{video.id}" for name, video in by_name.items()}
    common = {"made": _made(), "pages": [page.name for page in pages], "links": links, "environment": _environment()}
    template = _template()
    intensities = cards.Intensities()
    first: dict[str, Any] = {}
    try:
        for index, chunk in enumerate(chunks):
            content = _chunk(found, chunk, by_name, pictures, intensities, notes, first=index == 0)
            if index == 0:
                first = content
                continue
            with atomic_write(pages[index]) as file:
                file.write(_render(template, common | content | {"page": index + 1}))
        views = [
            {"task": task, "table": accuracy_table(task), "models": _views(task, number)}
            for number, task in enumerate(tasks)
        ]
        first["pictures"] |= _mistaken_pictures(tasks)
        models = [cards.model_card(entry, number) for number, entry in enumerate(found.cards)]
        main = {
            "found": found,
            "tasks": views,
            "model_cards": models,
            "intensities": intensities.rows(),
            "notes": notes,
        }
        with atomic_write(out) as file:
            file.write(_render(template, common | first | main | {"page": 1}))
        data = out.with_suffix(".json")
        with atomic_write(data) as file:
            json.dump(_data(found, tasks, notes, common), file, indent=1, ensure_ascii=True, allow_nan=False)
            file.write("\n")
    except OSError as error:
        raise InputError(f"{error.filename or out}: the report cannot be written ({error.strerror})") from None
    return Written(pages, data, notes)


def _tasks(found: Gathered, notes: list[str]) -> list[dict[str, Any]]:
    metadata = {video.name: video.metadata for video in found.videos}
    tasks = [clean_task(task, notes) for task in found.tasks]
    for ranking in found.rankings:
        task = task_of_ranking(ranking, metadata)
        if task is not None:
            tasks.append(clean_task(task, notes))
    if found.runs and not found.rankings:
        notes.append(
            "No ranking of real against fake: facs rank-authenticity --features "
            f"{found.runs[0].folder} --evaluate makes one (it needs subjects, emotions and labels)"
        )
    elif found.rankings and not any(ranking.report for ranking in found.rankings):
        notes.append("How well the ranking does is not known: facs rank-authenticity --features FOLDER --evaluate says")
    if not found.runs:
        notes.append("No extraction among the folders given, so no videos are shown: facs extract-features makes one")
    return [task for task in tasks if task["models"]]


def _mistaken_pictures(tasks: list[dict[str, Any]]) -> dict[str, str]:
    """Pictures that accuracy.json names for its mistakes: images in its own folder only, by the name it gives."""
    found = {}
    for task in tasks:
        if not task["folder"]:
            continue
        folder = Path(task["folder"]).resolve()
        for mistake in (row for model in task["models"] for row in model.get("mistakes") or []):
            name = str(mistake.get("picture", ""))
            path = (folder / name).resolve()
            if name and path.is_relative_to(folder) and path.suffix.lower() in IMAGE_SUFFIXES:
                uri = picture_uri(path)
                found |= {name: uri} if uri else {}
    return found


def _views(task: dict[str, Any], number: int) -> list[dict[str, Any]]:
    return [model_view(model, f"t{number + 1}-{index + 1}") for index, model in enumerate(task["models"])]


def _chunk(
    found: Gathered, videos: Sequence[Video], by_name: dict[str, Video], pictures: str,
    intensities: cards.Intensities, notes: list[str], *, first: bool,
) -> dict[str, Any]:  # fmt: skip
    """Cards of the videos of one page, and of the pairs whose first video is on it."""
    series, unread = cards.load_series(videos)
    notes += unread
    intensities.add(series.values())
    taken = strips([video.place for video in videos], [_duration(video, series) for video in videos], mode=pictures)
    shown = [cards.video_card(video, series.get(video.id), strip) for video, strip in zip(videos, taken, strict=True)]
    here = {video.name for video in videos if by_name[video.name] is video}
    pairs = [
        card
        for number, ranking in enumerate(found.rankings)
        for card in cards.pair_cards(ranking, by_name, series, number + 1)
        if card["a"] in here or (first and card["a"] not in by_name)
    ]
    middle = {
        video.name: strip.pictures[len(strip.pictures) // 2][1]
        for video, strip in zip(videos, taken, strict=True)
        if strip.pictures
    }
    return {"videos": shown, "pairs": pairs, "pictures": middle}


def _duration(video: Video, series: dict[str, Any]) -> float:
    if video.id in series:
        times = series[video.id].times_s
        return float(times[-1]) if len(times) and np.isfinite(times[-1]) else 0.0
    try:
        return max(0.0, float(video.facts.get("duration_s") or 0))
    except ValueError:
        return 0.0


def _made() -> str:
    """The time of making, the one thing that differs between two reports of the same results."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.datetime.now(datetime.UTC)
    if epoch.isdecimal():
        now = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
    return now.isoformat(timespec="seconds")


def _environment() -> dict[str, str]:
    try:
        ours = version("facs-pipeline")
    except PackageNotFoundError:
        ours = "unknown"
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return {"facs-pipeline": ours, "Python": platform.python_version(), "machine of this report": system}


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    script = (_HERE / "script.js").read_text(encoding="utf-8")
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    environment.globals |= {"style": Markup(style), "script": Markup(script), "policy": policy}
    environment.filters["plain"] = _plain
    environment.tests["finite"] = is_number
    return environment.get_template("page.html.j2")


def _render(template: jinja2.Template, content: dict[str, Any]) -> str:
    """The page; characters that HTML does not allow (in names from broken files) become replacement characters."""
    text = _FORBIDDEN.sub("\ufffd", template.render(content))
    return text.encode("utf-8", "replace").decode("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _plain(value: Any) -> str:
    """A setting as text: dictionaries and lists as JSON, nothing as a dash."""
    if value is None or value == "":
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _data(found: Gathered, tasks: list[dict[str, Any]], notes: list[str], common: dict[str, Any]) -> dict[str, Any]:
    return _finite(
        {
            "format": "facs-report",
            "version": 1,
            "made": common["made"],
            "environment": common["environment"],
            "pages": common["pages"],
            "notes": notes,
            "runs": [
                {
                    "folder": str(run.folder),
                    "about": run.about,
                    "videos": [
                        {**video.facts, "metadata": video.metadata, "reason": video.reason, "status": video.status}
                        for video in run.videos
                    ],
                }
                for run in found.runs
            ],
            "tasks": tasks,
            "rankings": [
                {
                    "folder": str(ranking.folder),
                    "report": ranking.report,
                    "predictions": ranking.predictions.to_dict("records"),
                    "reasons": ranking.reasons.to_dict("records"),
                }
                for ranking in found.rankings
            ],
            "models": [{"file": entry["file"], "card": entry["card"]} for entry in found.cards],
        }
    )


def _finite(value: Any) -> Any:
    """The same with text for keys and None for what JSON has no word for."""
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
