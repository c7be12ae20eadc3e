"""The guides on recordings and licences name all there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from av._core import library_meta

from facs_pipeline.foundation import limits
from facs_pipeline.video.reader import IMAGE_SUFFIXES, UNREADABLE_SUFFIXES, VIDEO_SUFFIXES

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS, LICENCES = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("recordings.md", "licences.md"))


@pytest.mark.parametrize(
    ("begins", "suffixes"),
    [("Videos are files", VIDEO_SUFFIXES), ("Photos are ", IMAGE_SUFFIXES), ("No library here", UNREADABLE_SUFFIXES)],
)
def test_every_suffix_is_named_where_it_belongs(begins, suffixes):
    start = RECORDINGS.index(begins)
    ends = [RECORDINGS.find(end, start + 1) for end in ("Named one by one", "Convert them", "\n\n")]
    named = RECORDINGS[start : min(end for end in ends if end > 0)]
    quoted = " ".join(re.findall(r"`([^`]+)`", named)).split()
    assert set(quoted) == suffixes
    assert len(quoted) == len(suffixes)


def test_the_limits_are_those_that_hold(monkeypatch):
    for variable in (limits.PIXELS_VARIABLE, limits.BYTES_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
        assert f"`{variable}=" in RECORDINGS
    assert f"{limits.largest_picture() // 10**6} million pixels" in RECORDINGS
    assert f"{limits.largest_content() // 10**6} MB" in RECORDINGS
    assert f"{limits.largest_picture() // 10**6} million pixels" in limits.SIZE_LIMIT


def test_every_dependency_has_its_licence():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = dict(re.findall(r"^\| ([\w-]+)[^|]* \| ([^|]+) \|$", LICENCES, re.MULTILINE))
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=!~\[ ]", requirement)[0]
        assert re.search(r"BSD|MIT|Apache|Boost|MPL", listed[name]), name
    for requirement in project["optional-dependencies"]["teacher"]:
        assert re.split(r"[<>=]", requirement)[0] in LICENCES


def test_the_gpl_parts_of_pyavs_wheels_are_named():
    configured = library_meta["libavcodec"]["configuration"]
    for library in re.findall(r"--enable-lib(x26[45])", configured):
        assert re.search(rf"\*\*.*{library}.*GPL", LICENCES), library
