"""Runs on a Dask cluster: tables as of one computer, a worker that is killed, workers that differ, interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import distributed
import pytest
from extraction_runs import FACS, tables_in

from facs_pipeline.extraction import cluster as module
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.foundation.errors import InputError


@pytest.fixture(scope="module")
def videos(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six of the drawn clips, no two of the same content, and one that is broken."""
    folder = tmp_path_factory.mktemp("videos")
    for clip in clips.glob("*.mp4"):
        for number in (1, 2):
            # A box that every reader passes over.
            box = (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
            (folder / f"{clip.stem}{number}.mp4").write_bytes(clip.read_bytes() + box)
    (folder / "torn.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def cluster(key_file: Path) -> Iterator[distributed.LocalCluster]:
    """A scheduler with two workers that are started again when they die."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, env={"FACS_KEY_FILE": str(key_file)}
    ) as started:
        yield started


def test_a_killed_workers_videos_are_done_elsewhere_and_once(videos, cluster, tmp_path):
    on_cluster = Options(out=tmp_path / "cluster", scheduler=cluster.scheduler_address)
    victim = next(iter(cluster.workers.values())).pid
    told: Counter[str] = Counter()

    def each(result, _table):
        if not told:
            os.kill(victim, signal.SIGKILL)
        told[result.name] += 1

    result = extract_features([videos], on_cluster, each=each)
    assert [video.name for video in result.failed] == ["torn"]
    assert set(told.values()) == {1}
    assert len(told) == 7
    extract_features([videos], Options(out=tmp_path / "here", jobs=1))
    ours, theirs = tables_in(tmp_path / "cluster"), tables_in(tmp_path / "here")
    assert ours == theirs


def test_workers_that_would_give_other_results_are_refused(videos, key_file, tmp_path):
    (tmp_path / "other.key").write_bytes(bytes(32))
    (tmp_path / "other.key").chmod(0o600)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, env={"FACS_KEY_FILE": str(tmp_path / "other.key")}
    ) as other:
        options = Options(out=tmp_path / "out", scheduler=other.scheduler_address)
        with pytest.raises(InputError, match=r"worker .* would give other results: key \(FACS_KEY_FILE\)"):
            extract_features([videos], options)
    assert not list((tmp_path / "out").rglob("*.csv"))


def test_a_scheduler_that_does_not_answer_is_named(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CONNECT_S", 1)
    options = Options(out=tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        extract_features([videos], options)


def test_interruption_ends_the_workers_that_were_started(videos, key_file, tmp_path):
    for number in range(8):
        box = (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
        (tmp_path / f"clip{number}.mp4").write_bytes((videos / "anna1.mp4").read_bytes() + box)
    run = subprocess.Popen(
        [*FACS, "extract-features", str(tmp_path), "--out", str(tmp_path / "out"), "--scheduler", "local",
         "--jobs", "1", "--json-lines"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert run.stdout is not None
    assert '"ok"' in run.stdout.readline()
    # As a terminal does it: all processes of the group.
    os.killpg(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors
    assert "Traceback" not in errors
    until = time.monotonic() + 10
    while time.monotonic() < until and _alive(run.pid):
        time.sleep(0.1)
    assert not _alive(run.pid)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
