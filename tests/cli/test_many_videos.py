"""What the terminal shows of a run over many videos: no line for each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from facs_cli.extract_features import SHOWN_VIDEOS, print_summary

from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.extraction.outputs import Outputs
from facs_pipeline.extraction.result import RunResult
from facs_pipeline.extraction.video_result import VideoResult

OUTPUTS = Outputs(Path("out"), "csv", False, Path("out") / "cache" / "outputs", b"")


def results(number: int, status: str) -> list[VideoResult]:
    made = [VideoResult.failed(VideoInput(Path(f"{status}{i}.mp4"), f"{status}{i}"), "torn") for i in range(number)]
    return [replace(result, status=status) for result in made]


@pytest.mark.parametrize(("failed", "others", "ok"), [(2000, 1000, 3000), (0, 5000, 0), (0, 0, 9000)])
def test_no_more_than_some_lines_are_shown(failed, others, ok, capsys):
    videos = [*results(ok, "ok"), *results(others, "no_face"), *results(failed, "failed")]
    print_summary(RunResult(videos, Path("out"), OUTPUTS, {}))
    text = capsys.readouterr().out
    assert text.count("\n") < 3 * SHOWN_VIDEOS
    counts = {f"{failed} failed": failed, f"{others} no_face": others, f"{ok} ok": ok}
    assert all(count in text for count, number in counts.items() if number)
    assert (f"{failed - SHOWN_VIDEOS} more that failed, see videos.csv" in text) == bool(failed)


def test_all_are_shown_where_that_is_asked_for(capsys):
    print_summary(RunResult(results(200, "failed"), Path("out"), OUTPUTS, {}), verbose=True)
    assert capsys.readouterr().out.count("torn") == 200
