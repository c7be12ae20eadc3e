"""Helpers of the tests that run whole extractions: a progress that remembers, folders as bytes, the command line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

from facs_pipeline.foundation.progress import Progress

FACS = [sys.executable, "-c", "from facs_cli.main import main; main()"]


class Remembering(Progress):
    """Keeps what a run tells: reasons, notes, failures, and how many videos were to be done."""

    def __init__(self):
        self.logs: list[str] = []
        self.warnings: list[str] = []
        self.failures: list[str] = []
        self.to_do: int | None = None

    def log(self, text: str) -> None:
        if planned := re.match(r"\d+ videos?, (\d+) to do, ", text):
            self.to_do = int(planned[1])
        else:
            self.logs.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def fail(self, text: str) -> None:
        self.failures.append(text)


def files_in(folder: Path, but: tuple[str, ...] = ("run.json", "whole.json")) -> dict[str, bytes]:
    """Relative path -> content of every file below `folder`, without those that hold times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }


def tables_in(folder: Path) -> dict[str, bytes]:
    """`files_in` without the cache."""
    return {name: content for name, content in files_in(folder).items() if not name.startswith("cache" + os.sep)}


def videos_csv(out: Path) -> pd.DataFrame:
    """`videos.csv` with empty cells as empty text, by video."""
    return pd.read_csv(out / "videos.csv", dtype=str, keep_default_na=False).set_index("video")


def facs(*arguments: object, **options) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    command = [*FACS, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)


def run_python(code: str) -> str:
    """What a Python process of its own prints."""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    return result.stdout
