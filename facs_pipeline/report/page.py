"""The report's files: one HTML page with everything inlined, further pages where there are many videos, and JSON."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.foundation.progress import SILENT, SILENT_TASK, Progress, Task
from facs_pipeline.report import au_models, cards
from facs_pipeline.report.accuracy import PICTURE_FIELDS, accuracy_table, model_view
from facs_pipeline.report.gather import Gathered, Video
from facs_pipeline.report.pairs import Pair, pair_card, pairs_of
from facs_pipeline.report.pictures import Strip, picture_uris, strips
from facs_pipeline.report.provenance import as_data, environment, plain, run_view, time_of_making
from facs_pipeline.report.quality import column_labels, quality_rows
from facs_pipeline.report.ranker_tables import ranker_tables
from facs_pipeline.report.shapes import clean_task, is_number, to_number
from facs_pipeline.video.reader import IMAGE_SUFFIXES

PER_PAGE = 100
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_HERE = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Written:
    """Files of a report.

    Attributes
    ----------
    pages : list of Path
        HTML; the first is the report.
    data : Path
        The same as JSON.
    notes : list of str
        What the report says is missing.
    unread : int
        Action-unit tables that are there and cannot be read; they are among the notes.
    """

    pages: list[Path]
    data: Path
    notes: list[str]
    unread: int = 0


def write_report(
    gathered: Gathered, out: str | os.PathLike, *, pictures: str = "quick", per_page: int = PER_PAGE,
    progress: Progress = SILENT,
) -> Written:  # fmt: skip
    """Write the report of everything gathered.

    Parameters
    ----------
    gathered : Gathered
        By `gather`.
    out : str or PathLike
        The HTML file; pages 2, 3 .. and the JSON stand beside it under names that begin alike.
    pictures : "quick", "all" or "none"
        See `pictures.strips`.
    per_page : int
        Videos per page.
    progress : Progress
        Told of the tables read and the videos of which pictures were taken.

    Raises
    ------
    InputError
        If `out` cannot be written.
    """
    out = Path(out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out}: expected a file name that ends in .html")
    notes = list(gathered.notes)
    tasks = _tasks(gathered, notes)
    try:
        pages, made, unread = _write_pages(gathered, tasks, notes, out, pictures, per_page, progress)
        data = out.with_suffix(".json")
        with atomic_write(data) as file:
            content = as_data(gathered, tasks, notes, made, [page.name for page in pages])
            json.dump(content, file, indent=1, ensure_ascii=True, allow_nan=False)
            file.write("\n")
    except OSError as error:
        raise InputError(f"{error.filename or out}: the report cannot be written ({error.strerror})") from None
    return Written(pages, data, notes, unread)


def _write_pages(
    gathered: Gathered, tasks: list[dict[str, Any]], notes: list[str], out: Path, pictures: str, per_page: int,
    progress: Progress,
) -> tuple[list[Path], str, int]:  # fmt: skip
    """All pages, the first one last: what it says of all videos is known only then."""
    chunks = [gathered.videos[i : i + per_page] for i in range(0, len(gathered.videos), per_page)] or [[]]
    pages = [out if i == 0 else out.with_name(f"{out.stem}-{i + 1}{out.suffix}") for i in range(len(chunks))]
    book = _Book(
        gathered, {str(row.get(field)) for row in _mistakes(tasks) for field in ("video", "partner")}, pictures
    )
    names = [quote(page.name) for page in pages]
    page_of = {video.id: i for i, chunk in enumerate(chunks) for video in chunk}
    places = {name: (page_of[video.id], f"#{video.id}") for name, video in book.by_name.items()}
    made = time_of_making()
    common = {
        "gathered": gathered,
        "made": made,
        "pages": names,
        "environment": environment(),
        "runs": [run_view(run) for run in gathered.runs],
    }
    template = _template()
    first: dict[str, Any] = {}

    def links(here: int) -> dict[str, Any]:
        on = [name if i != here else "" for i, name in enumerate(names)]
        return {
            "page": here + 1,
            "links": {name: on[page] + anchor for name, (page, anchor) in places.items()},
            "provenance": f"{on[-1]}#provenance",
        }

    with progress.task("videos", 2 * len(gathered.videos)) as task:
        for index, chunk in enumerate(chunks):
            content = book.chapter(chunk, notes, task, first=index == 0)
            if index == 0:
                first = content
                continue
            with atomic_write(pages[index]) as file:
                file.write(_render(template, common | content | links(index)))
    main = {
        "quality": quality_rows(gathered, pictures=pictures, progress=progress),
        "quality_labels": column_labels(),
        "tasks": [_task_view(task, number, book.thumbs) for number, task in enumerate(tasks)],
        "intensity_table": au_models.intensity_table(gathered.cards),
        "model_cards": [au_models.model_card(entry, number) for number, entry in enumerate(gathered.cards)],
        "intensities": book.intensities.rows(),
        "notes": notes,
    }
    with atomic_write(out) as file:
        file.write(_render(template, common | first | main | links(0)))
    return pages, made, book.unread


def _tasks(gathered: Gathered, notes: list[str]) -> list[dict[str, Any]]:
    metadata = {video.name: video.metadata for video in gathered.videos}
    tasks = [clean_task(task, notes) for task in gathered.tasks]
    if gathered.rankings:
        # Brings scikit-learn with it, which takes longer to load than a small report to write.
        from facs_pipeline.report.measures import task_of_ranking
    for ranking in gathered.rankings:
        task = task_of_ranking(ranking, metadata)
        if task is not None:
            tasks.append(clean_task(task, notes))
    tasks = [task for task in tasks if task["models"]]
    for run in gathered.runs:
        failed = sum(video.status == "failed" for video in run.videos)
        if failed:
            notes.append(
                f"{run.folder}: {failed} of {len(run.videos)} videos failed, named with the reasons under Provenance; "
                f"once they are mended, facs extract-features VIDEOS --out {run.folder} computes only those"
            )
    evaluated = [ranking.report for ranking in gathered.rankings if ranking.report]
    if gathered.runs and not gathered.rankings:
        notes.append(
            "No ranking of real against fake: facs rank-authenticity --features "
            f"{gathered.runs[0].folder} --evaluate makes one (it needs subjects, emotions and labels)"
        )
    elif gathered.rankings and not evaluated:
        notes.append("How well the ranking does is not known: facs rank-authenticity --features FOLDER --evaluate says")
    elif evaluated and max(len(report["models"]) for report in evaluated) == 1:
        notes.append("One ranker was run; facs rank-authenticity --features FOLDER --evaluate --model all compares all")
    if not gathered.tasks:
        notes.append("No accuracy of emotions: facs evaluate-emotion MODEL DATA --out FOLDER measures it")
    if not gathered.runs:
        notes.append("No extraction among the folders given, so no videos are shown: facs extract-features makes one")
    return tasks


def _mistakes(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for task in tasks for model in task["models"] for row in model.get("mistakes") or []]


def _task_view(task: dict[str, Any], number: int, thumbs: dict[str, str]) -> dict[str, Any]:
    pictures = thumbs | _named_pictures(task)
    models = [model_view(model, f"t{number + 1}-{i + 1}", pictures) for i, model in enumerate(task["models"])]
    for model, view in zip(task["models"], models, strict=True):
        view["tables"] = ranker_tables(model, view["id"])
    return {"task": task, "table": accuracy_table(task), "models": models}


def _named_pictures(task: dict[str, Any]) -> dict[str, str]:
    """Pictures that accuracy.json names for its mistakes: images in its own folder only, by the name it gives."""
    if not task["folder"]:
        return {}
    folder = Path(task["folder"]).resolve()
    names = {str(row[field]) for row in _mistakes([task]) for field in PICTURE_FIELDS if row.get(field)}
    paths: dict[str, Path] = {}
    for name in sorted(names):
        try:
            path = (folder / name).resolve()
            inside = path.is_relative_to(folder) and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
        except (OSError, ValueError):
            continue
        if inside:
            paths[name] = path
    uris = zip(paths, picture_uris([*paths.values()]), strict=True)
    return {name: uri for name, uri in uris if uri}


class _Book:
    """Videos and pairs page by page; keeps only what later pages need of earlier ones.

    Attributes
    ----------
    by_name : dict of str to Video
        Of several videos of a name the first.
    intensities : Intensities
        Distribution over all videos so far.
    thumbs : dict of str to str
        Name -> a picture, of the videos named as `wanted`.
    unread : int
        Tables so far that could not be read.
    """

    def __init__(self, gathered: Gathered, wanted: set[str], pictures: str) -> None:
        self.by_name = {video.name: video for video in reversed(gathered.videos)}
        self.intensities = cards.Intensities()
        self.thumbs: dict[str, str] = {}
        self.unread = 0
        self._wanted, self._mode = wanted, pictures
        self._pairs = [
            pair for number, ranking in enumerate(gathered.rankings) for pair in pairs_of(ranking, number + 1)
        ]

    def chapter(self, videos: Sequence[Video], notes: list[str], task: Task, *, first: bool) -> dict[str, Any]:
        """Cards of the videos of one page, and of the pairs whose first video is on it."""
        # Decoding leaves the interpreter's lock, so tables are read meanwhile.
        with ThreadPoolExecutor(1) as pool:
            pictures = pool.submit(self._strips, videos, task)
            series, unread = cards.load_series(videos, task)
            self.intensities.add(series.values())
            taken = pictures.result()
        notes += unread
        self.unread += len(unread)
        shown = [
            cards.video_card(video, series.get(video.id), strip) for video, strip in zip(videos, taken, strict=True)
        ]
        for video, strip in zip(videos, taken, strict=True):
            if strip.pictures and video.name in self._wanted:
                self.thumbs.setdefault(video.name, strip.pictures[len(strip.pictures) // 2][1])
        here = {video.name for video in videos if self.by_name[video.name] is video}
        pairs = [pair for pair in self._pairs if pair.a in here or (first and pair.a not in self.by_name)]
        elsewhere = self._partners(pairs, here, series)
        return {"videos": shown, "pairs": [pair_card(pair, self.by_name, series, elsewhere) for pair in pairs]}

    def _partners(self, pairs: Sequence[Pair], here: set[str], series: dict[str, Any]) -> dict[str, Strip]:
        """Curves (added to `series`) and pictures of partners whose own card is on another page."""
        names = dict.fromkeys(pair.b for pair in pairs if pair.b not in here and pair.b in self.by_name)
        videos = [self.by_name[name] for name in names]
        series |= cards.load_series(videos)[0]
        taken = self._strips(videos, SILENT_TASK)
        return {video.id: strip for video, strip in zip(videos, taken, strict=True)}

    def _strips(self, videos: Sequence[Video], task: Task) -> list[Strip]:
        durations = [max(0.0, to_number(video.facts.get("duration_s")) or 0.0) for video in videos]
        return strips([video.place for video in videos], durations, mode=self._mode, task=task)


@cache
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
    environment.filters["plain"] = plain
    environment.filters["span"] = lambda stretch: stretch[1] - stretch[0]
    environment.tests["finite"] = is_number
    return environment.get_template("page.html.j2")


def _render(template: jinja2.Template, content: dict[str, Any]) -> str:
    """The page; characters that HTML does not allow (in names from broken files) become replacement characters."""
    text = _FORBIDDEN.sub("\ufffd", template.render(content))
    return text.encode("utf-8", "replace").decode("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
