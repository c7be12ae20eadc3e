"""What services want of `facs extract-features`: lists from a pipe, results as they finish, logs for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from facs_cli.extract_features import command


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("torn") / "torn.mp4"
    path.write_bytes(b"no video")
    return path


def run(*arguments: object, listed: str = "") -> Result:
    named = [str(argument) for argument in arguments]
    return CliRunner().invoke(command, [*named, "--jobs", "1"], input=listed, standalone_mode=False)


def test_a_list_from_a_pipe_gives_a_line_of_json_for_each_video(clips, torn, tmp_path):
    listed = f"# two videos\n{clips / 'anna.mp4'}\n\n{torn}\n"
    log = tmp_path / "facs.log"
    options = ("--json-lines", "--log-file", log, "--log-format", "json", "--quiet")
    result = run("-", "--out", tmp_path / "out", *options, listed=listed)
    assert result.return_value == 1
    told = {one["video"]: one for one in map(json.loads, result.stdout.splitlines())}
    assert told.keys() == {"anna", "torn"}
    assert {one["schema_version"] for one in told.values()} == {1}
    assert told["anna"]["status"] == "ok"
    assert Path(told["anna"]["table"]).is_file()
    assert (told["torn"]["status"], told["torn"]["table"], told["torn"]["frames"]) == ("failed", None, None)
    assert "torn.mp4" in told["torn"]["reason"]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["level"] for line in lines} == {"info", "failure"}
    assert [line["text"] for line in lines if line["level"] == "failure"] == [told["torn"]["reason"]]
    # Once more: what is done is told, too, and the log goes on.
    again = run("-", "--out", tmp_path / "out", *options, listed=listed)
    assert {json.loads(line)["video"] for line in again.stdout.splitlines()} == told.keys()
    assert len(log.read_text().splitlines()) > len(lines)


def test_a_log_on_standard_error_has_times(clips, tmp_path):
    result = run(clips / "anna.mp4", "--out", tmp_path / "out", "--log-format", "text")
    assert result.return_value == 0
    first = result.stderr.splitlines()[0]
    time, _, text = first.partition(" ")
    assert time.endswith("+00:00")
    assert text == "info: 1 video, 1 to do, 0 done already"


def test_wrong_usage_is_one_line(tmp_path, clips):
    assert "nothing is listed on standard input" in str(run("-", "--out", tmp_path / "out").exception)
    result = run(clips / "anna.mp4", "--out", tmp_path / "out", "--log-file", tmp_path / "no" / "facs.log")
    assert "facs.log: the log cannot be written (No such file or directory)" in str(result.exception)
