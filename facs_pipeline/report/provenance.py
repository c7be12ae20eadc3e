"""Provenance: what a result was computed with and on, as text for tables, and the whole report as data."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from facs_pipeline.foundation.machine import machine_facts
from facs_pipeline.report.gather import Gathered, Run
from facs_pipeline.report.shapes import is_number

_SHOWN = (
    "facs",
    "python",
    "finished",
    "machine",
    "packages",
    "environments",
    "options",
    "models",
    "stage_settings",
    "stage_versions",
)


def environment() -> dict[str, str]:
    """Versions and machine of the report itself."""
    try:
        ours = version("facs-pipeline")
    except PackageNotFoundError:
        ours = "unknown"
    machine = machine_facts()
    words = f"{machine['system']} {machine['architecture']}, {machine['processor']}, {machine['cores']} cores"
    return {"facs-pipeline": ours, "Python": platform.python_version(), "machine of this report": words}


def time_of_making() -> str:
    """The one thing that differs between two reports of the same results; SOURCE_DATE_EPOCH sets it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.datetime.now(datetime.UTC)
    if epoch.isdecimal():
        now = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
    return now.isoformat(timespec="seconds")


def run_view(run: Run) -> dict[str, Any]:
    """What the template needs of an extraction: settings as text, time per stage, videos without a result."""
    settings = []
    for name in _SHOWN:
        value = run.about.get(name)
        if name == "machine" and run.about and not value:
            value = "not stated (an older version wrote this run.json; facs extract-features writes it anew)"
        if value is not None:
            pairs = value.items() if isinstance(value, dict) else [("", value)]
            settings.append((name.replace("_", " "), [(str(key), plain(inner)) for key, inner in pairs]))
    return {
        "run": run,
        "settings": settings,
        "stages": _stages(run.about),
        "failed": [video for video in run.videos if video.status not in ("ok", "unknown")],
    }


def _stages(about: dict[str, Any]) -> list[tuple[str, float, float | None]]:
    """(stage, seconds, milliseconds a frame); what was done side by side adds up to more than the total."""
    seconds = about.get("seconds")
    if not isinstance(seconds, dict):
        return []
    frames = about.get("frames")
    frames = frames if isinstance(frames, int | float) and is_number(frames) and frames > 0 else None
    return [
        (str(name).replace("_", " "), float(value), 1000 * value / frames if frames else None)
        for name, value in seconds.items()
        if is_number(value)
    ]


def plain(value: Any) -> str:
    """A setting as text: dictionaries and lists as JSON, nothing as a dash."""
    if value is None or value == "":
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def as_data(
    gathered: Gathered, tasks: list[dict[str, Any]], notes: Sequence[str], made: str, pages: Sequence[str]
) -> dict[str, Any]:
    """The report as JSON can hold it."""
    return _finite(
        {
            "format": "facs-report",
            "version": 1,
            "made": made,
            "environment": environment(),
            "pages": list(pages),
            "notes": list(notes),
            "runs": [
                {
                    "folder": str(run.folder),
                    "about": run.about,
                    "videos": [
                        {**video.facts, "metadata": video.metadata, "reason": video.reason, "status": video.status}
                        for video in run.videos
                    ],
                }
                for run in gathered.runs
            ],
            "tasks": tasks,
            "rankings": [
                {
                    "folder": str(ranking.folder),
                    "report": ranking.report,
                    "predictions": ranking.predictions.to_dict("records"),
                    "reasons": ranking.reasons.to_dict("records"),
                }
                for ranking in gathered.rankings
            ],
            "models": [
                {"file": entry["file"], "size_bytes": entry.get("size_bytes"), "card": entry["card"]}
                for entry in gathered.cards
            ],
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
