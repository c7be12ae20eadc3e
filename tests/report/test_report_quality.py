"""The report begins with which videos to trust, and shades curves where the confidence is low."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from study_results import write_study
from video_files import write_video

from facs_pipeline.report.gather import gather
from facs_pipeline.report.page import write_report
from facs_pipeline.report.pictures import moments
from facs_pipeline.report.series import read_series


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    folder = write_study(tmp_path_factory.mktemp("quality") / "results", persons=2)
    table = folder / "action_units" / "p1_calm.csv"
    unsure = pd.read_csv(table)
    unsure.loc[50:89, "confidence"] = 0.2
    unsure.to_csv(table, index=False)
    videos = pd.read_csv(folder / "videos.csv", dtype=str)
    videos.loc[videos["video"] == "p0_joke", ["verdict", "verdict_reasons"]] = ["leave out", "by limits of the run"]
    videos.to_csv(folder / "videos.csv", index=False)
    out = folder.parent / "report.html"
    write_report(gather([folder]), out, pictures="none")
    return out.read_text(encoding="utf-8")


def rows(page: str) -> list[tuple[str, str]]:
    """Verdict and text of each row of the table of quality."""
    body = page.partition('id="quality-table"')[2].partition("</table>")[0]
    found = re.findall(r'<tr data-verdict="([^"]*)">(.*?)</tr>', body, re.DOTALL)
    return [(verdict, re.sub(r"<[^>]*>", " ", text)) for verdict, text in found]


def test_the_worst_come_first_with_reasons(page):
    found = rows(page)
    assert [verdict for verdict, _ in found] == ["leave out", "check", "use", "use"]
    assert "p0_joke" in found[0][1]
    assert "by limits of the run" in found[0][1]
    assert "p1_calm" in found[1][1]
    assert "usable frames 60 % (expected at least 80 %)" in found[1][1]
    # Before everything else that the report says of the run.
    assert page.index('id="quality"') < page.index('id="videos"')


def test_stretches_of_low_confidence_are_shaded(page):
    card = page.partition("<h3><bdi>p1_calm</bdi></h3>")[2].partition("</article>")[0]
    shaded = re.findall(r'<rect class="uncertain" x="([\d.]+)%" width="([\d.]+)%"', card)
    [(left, width)] = [(float(x), float(w)) for x, w in shaded if w]
    assert (left, width) == (pytest.approx(100 * 49.5 / 99, abs=0.1), pytest.approx(100 * 40 / 99, abs=0.1))
    other = page.partition("<h3><bdi>p0_calm</bdi></h3>")[2].partition("</article>")[0]
    assert 'rect class="uncertain" x=' not in other


def test_tables_without_confidence_have_no_shades(tmp_path):
    folder = write_study(tmp_path / "results", persons=1)
    path = folder / "action_units" / "p0_calm.csv"
    pd.read_csv(path).drop(columns="confidence").to_csv(path, index=False)
    assert read_series(path).uncertain == []


def test_a_picture_of_a_moment_is_that_of_the_moment(tmp_path: Path):
    frames = [np.full((96, 96, 3), 20 + 4 * number, np.uint8) for number in range(50)]
    video = write_video(tmp_path / "clip.mp4", frames, fps=25)
    first, later, none = moments([str(video), str(video), str(tmp_path / "none.mp4")], [0.2, 1.6, 0.0])
    assert first[:22] == later[:22] == "data:image/jpeg;base64"
    assert first != later
    assert none == ""
