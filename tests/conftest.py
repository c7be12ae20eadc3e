"""Fixtures shared by all tests. `shared_dir` is the folder of real data beside the checkout; absent, its tests skip."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from video_files import frames_of, write_video

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FACS_SHARED", ROOT.parent / "shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("minutes") is None)


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


@pytest.fixture(scope="module")
def clips(videos_dir, tmp_path_factory):
    """Short clips of real people; in `gap` the face is gone for five frames."""
    folder = tmp_path_factory.mktemp("clips")
    write_video(folder / "anna.mp4", frames_of(videos_dir / "d0.mp4", 40))
    write_video(folder / "ben.mp4", frames_of(videos_dir / "d18.mp4", 30), fps=30)
    face = frames_of(videos_dir / "d12.mp4", 40)
    write_video(folder / "gap.mp4", [*face[:15], *[np.zeros_like(face[0])] * 5, *face[20:]])
    return folder


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    """A secret key of the module's own in place of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACS_KEY_FILE", str(tmp_path_factory.mktemp("config") / "key"))
        yield


@pytest.fixture(scope="session")
def ranking_table(tmp_path_factory) -> Path:
    """Descriptors of eight synthetic people, as a table for `facs rank-authenticity --descriptors`."""
    from ranking_data import descriptor_frame

    path = tmp_path_factory.mktemp("ranking") / "descriptors.csv"
    descriptor_frame(8).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def ranking_model(ranking_table, tmp_path_factory) -> Path:
    """A model file that the command trained on `ranking_table`."""
    from ranking_data import rank

    path = tmp_path_factory.mktemp("ranking") / "model.npz"
    result = rank("--descriptors", ranking_table, "--train", "--save", path)
    assert result.exit_code == 0, result.output
    return path


def _needless_skips(config) -> list:
    """Tests skipped although the real data is there; scikit-learn's own checks may skip what does not apply."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if not (SHARED / "data").is_dir():
        return []
    return [report for report in skipped if "SCIPY_ARRAY_API" not in str(report.longrepr)]


def pytest_terminal_summary(terminalreporter, exitstatus, config) -> None:
    """Name what was skipped although the real data is there; under CI that fails the run."""
    for report in _needless_skips(config):
        terminalreporter.write_line(f"skipped although the data is there: {report.nodeid}: {report.longrepr[-1]}")


def pytest_sessionfinish(session, exitstatus) -> None:
    if exitstatus == 0 and os.environ.get("CI") and _needless_skips(session.config):
        session.exitstatus = 1
