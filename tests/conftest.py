"""Fixtures of all tests. Faces are drawn; only what is marked `shared` needs the real data beside the checkout."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
if WORKERS:
    # Before NumPy is loaded: threads that wait for a core which another worker has take three times their share of it.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FACS_SHARED", ROOT.parent / "shared"))
REAL_DATA = (SHARED / "data").is_dir()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    wrong = []
    for item in items:
        marked = item.get_closest_marker("shared") is not None
        if marked != ("shared_dir" in getattr(item, "fixturenames", ())):
            wrong.append(item.nodeid)
        if marked and not REAL_DATA:
            reason = f"measures on real people, whose data are not at {SHARED}; set FACS_SHARED to their folder"
            item.add_marker(pytest.mark.skip(reason=reason))
    if wrong:
        raise pytest.UsageError(f"`shared` marks tests that use the fixture shared_dir, no others: {', '.join(wrong)}")
    items.sort(key=lambda item: item.get_closest_marker("minutes") is None)


def pytest_configure() -> None:
    # What a shell runs in the background ignores Ctrl-C, and so does all that is started from there.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with `data/videos` and the other real data; set FACS_SHARED where it lies elsewhere."""
    return SHARED


@pytest.fixture(scope="session")
def videos_dir(shared_dir: Path) -> Path:
    """Folder of the ten short real videos."""
    return shared_dir / "data" / "videos"


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of three short drawn clips: anna.mp4, ben.mp4 and gap.mp4, where the face is gone for five frames."""
    from drawn_faces import made_once, write_clips

    return made_once(tmp_path_factory, "clips", write_clips)


@pytest.fixture(scope="session")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 240 labelled images of 12 drawn persons; see `write_stills`."""
    from drawn_faces import made_once, write_stills

    return made_once(tmp_path_factory, "stills", write_stills)


@pytest.fixture(scope="session", autouse=True)
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A secret key of this run's own in place of the user's."""
    root = tmp_path_factory.getbasetemp()
    path = (root.parent if WORKERS else root) / "key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACS_KEY_FILE", str(path))
        yield path


@pytest.fixture(scope="session")
def results(clips: Path, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of `facs extract-features` over the clips; copy it before you change it."""
    from drawn_faces import made_once

    from facs_pipeline.extraction.options import Options
    from facs_pipeline.extraction.run import extract_features

    return made_once(tmp_path_factory, "results", lambda out: extract_features([clips], Options(out=out, jobs=1)))


@pytest.fixture(scope="session")
def results_with_emotions(clips: Path, results: Path, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`results` of a run with `--emotion`."""
    from drawn_faces import made_once

    from facs_pipeline.extraction.options import Options
    from facs_pipeline.extraction.run import extract_features

    def make(out: Path) -> None:
        shutil.copytree(results, out, dirs_exist_ok=True)
        extract_features([clips], Options(out=out, jobs=1, emotion=True))

    return made_once(tmp_path_factory, "results-with-emotions", make)


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
    """Tests skipped although the real data is there.

    scikit-learn's own checks may skip what does not apply, and R, which no wheel brings, may be missing.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if not REAL_DATA:
        return []
    allowed = ("SCIPY_ARRAY_API", "no R here")
    return [report for report in skipped if not any(reason in str(report.longrepr) for reason in allowed)]


def pytest_terminal_summary(terminalreporter, exitstatus, config) -> None:
    """Name what was skipped although the real data is there; under CI that fails the run."""
    for report in _needless_skips(config):
        terminalreporter.write_line(f"skipped although the data is there: {report.nodeid}: {report.longrepr[-1]}")


def pytest_sessionfinish(session, exitstatus) -> None:
    if exitstatus == 0 and os.environ.get("CI") and _needless_skips(session.config):
        session.exitstatus = 1
