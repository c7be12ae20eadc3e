"""How much room a run will take is said before it begins, and when there is less."""

from __future__ import annotations

import re
import shutil

import pytest
from extraction_runs import Remembering

from facs_pipeline.extraction import room
from facs_pipeline.extraction.inputs import find_videos
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.room import room_needed
from facs_pipeline.extraction.run import extract_features


@pytest.fixture
def every_run(monkeypatch):
    """As if small runs were worth a word."""
    monkeypatch.setattr(room, "_SAID_FROM", 1000)


def gigabytes(line: str, what: str) -> float:
    found = re.search(rf"{what} ([\d.]+) GB", line)
    assert found, line
    return float(found[1])


def test_a_small_run_says_nothing(clips, tmp_path):
    assert list(room_needed(find_videos([clips]), tmp_path, Options(out=tmp_path))) == []


def test_frames_are_counted_and_room_is_estimated(clips, tmp_path, every_run, monkeypatch):
    monkeypatch.setattr(room, "TABLE_BYTES", 10**8)
    monkeypatch.setattr(room, "STORED_BYTES", {"tables": 10**8, "all": 10**9})
    videos = find_videos([clips])
    [(line, short)] = room_needed(videos, tmp_path, Options(out=tmp_path))
    # Three clips of 30 frames, 60 in one of them at most.
    frames = gigabytes(line, "tables") * 10
    assert 80 <= frames <= 130
    assert gigabytes(line, "stored stage results") == gigabytes(line, "tables")
    assert not short or "has only" in line
    [(more, _)] = room_needed(videos, tmp_path, Options(out=tmp_path, keep="all"))
    assert gigabytes(more, "stored stage results") == pytest.approx(10 * gigabytes(line, "tables"), rel=0.01)
    [(less, _)] = room_needed(videos, tmp_path, Options(out=tmp_path, keep_cache=False))
    assert "stored" not in less


def test_less_room_than_that_is_warned_of(clips, tmp_path, every_run, monkeypatch):
    monkeypatch.setattr(room, "TABLE_BYTES", shutil.disk_usage(tmp_path).total)
    [(line, short)] = room_needed(find_videos([clips]), tmp_path / "not" / "yet", Options(keep="all"))
    assert short
    assert "free: name another folder with --out, leave --keep all out" in line


def test_videos_that_cannot_be_looked_at_are_passed_over(clips, tmp_path, every_run):
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 1000)
    assert list(room_needed(find_videos([tmp_path / "broken.mp4"]), tmp_path, Options())) == []
    [(line, _)] = room_needed(find_videos([tmp_path / "broken.mp4", clips]), tmp_path, Options())
    assert "million frames" in line


def test_the_run_says_it(clips, tmp_path, every_run):
    observer = Remembering()
    extract_features([clips / "anna.mp4"], Options(out=tmp_path / "out", jobs=1), observer)
    assert any("million frames; they will take" in line for line in observer.logs)
