"""Fixtures shared by all tests. `shared_dir` is the folder of real data beside the checkout; absent, its tests skip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FACS_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with `data/videos` and the other real data; set FACS_SHARED where it lies elsewhere."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"real data not found at {SHARED}; set FACS_SHARED to the folder that holds data/")
    return SHARED


@pytest.fixture(scope="session")
def videos_dir(shared_dir: Path) -> Path:
    """Folder of the ten short real videos."""
    return shared_dir / "data" / "videos"


def pytest_terminal_summary(terminalreporter, exitstatus, config) -> None:
    """Say it where tests were skipped although the real data is there; under CI that fails the run."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and SHARED.is_dir() and os.environ.get("CI"):
        terminalreporter.write_line(f"{len(skipped)} tests were skipped although {SHARED.name}/ is there:", red=True)
        for report in skipped:
            terminalreporter.write_line(f"  {report.nodeid}: {report.longrepr[-1]}", red=True)


def pytest_sessionfinish(session, exitstatus) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and SHARED.is_dir() and os.environ.get("CI") and exitstatus == 0:
        session.exitstatus = 1
