"""Results as a BIDS dataset; the official validator is asked where `.ci/run` has fetched it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.export_bids import command
from study_results import FRAMES, write_study

from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.study.bids import BidsOptions, write_bids
from facs_pipeline.study.results import read_results

VALIDATOR = os.environ.get("FACS_BIDS_VALIDATOR", "")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = write_study(tmp_path_factory.mktemp("study") / "results", persons=3)
    about = pd.read_csv(folder / "metadata.csv")
    about["subject"] = about["subject"].str.replace("S", "S-")
    about.to_csv(folder / "metadata.csv", index=False)
    return folder


def export(study: Path, out: Path, *arguments: str):
    return CliRunner().invoke(command, [str(study), "--out", str(out), *arguments], standalone_mode=False)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def validated(folder: Path) -> None:
    """No error by the validator, where it is there; what it would say of the names is checked by hand in any case."""
    for name in files_of(folder):
        path = Path(name)
        if len(path.parts) > 1:
            assert path.name.startswith(path.parts[0] + "_task-"), name
    if VALIDATOR:
        asked = [VALIDATOR, "--json", str(folder)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        found = json.loads(done.stdout[done.stdout.index("{") :])
        assert [issue["key"] for issue in found["issues"]["errors"]] == []
        assert found["summary"]["subjects"] == sorted(
            {name[4:].split("/")[0] for name in files_of(folder) if "/" in name}
        )


def test_recordings_movements_and_participants(study, tmp_path):
    done = export(study, tmp_path / "bids", "--task", "condition")
    assert done.return_value == 0, done.output
    assert "6 recordings" in done.output
    written = files_of(tmp_path / "bids")
    stem = "sub-S00/beh/sub-S00_task-joke"
    assert {name for name in written if name.startswith(stem)} == {
        f"{stem}_recording-facs_physio.tsv.gz", f"{stem}_recording-facs_physio.json", f"{stem}_events.tsv",
        f"{stem}_events.json",
    }  # fmt: skip
    about = json.loads(written[f"{stem}_recording-facs_physio.json"])
    assert (about["SamplingFrequency"], about["StartTime"]) == (25, 0)
    table = pd.read_csv(tmp_path / "bids" / f"{stem}_recording-facs_physio.tsv.gz", sep="\t", names=about["Columns"])
    original = pd.read_csv(study / "action_units" / "p0_joke.csv")
    assert len(table) == FRAMES
    for name in ("timestamp", "AU12_r", "pose_Ry"):
        assert table[name].to_numpy() == pytest.approx(original[name].to_numpy()), name
        assert about[name]["Description"]
        assert about[name]["Units"]
    events = pd.read_csv(tmp_path / "bids" / f"{stem}_events.tsv", sep="\t")
    smile = events[events["trial_type"] == "AU12"].iloc[0]
    assert (smile["onset"], smile["duration"]) == (pytest.approx(1.0), pytest.approx(1.0, abs=0.05))
    participants = pd.read_csv(tmp_path / "bids" / "participants.tsv", sep="\t")
    assert participants.to_numpy().tolist() == [
        ["sub-S00", "S-00", 20],
        ["sub-S01", "S-01", 21],
        ["sub-S02", "S-02", 22],
    ]
    validated(tmp_path / "bids")
    assert export(study, tmp_path / "again", "--task", "condition").return_value == 0
    assert files_of(tmp_path / "again") == written


def test_runs_and_sessions(study, tmp_path):
    assert export(study, tmp_path / "runs", "--task", "rest").return_value == 0
    names = [name for name in files_of(tmp_path / "runs") if name.endswith("_events.tsv")]
    assert "sub-S00/beh/sub-S00_task-rest_run-02_events.tsv" in names
    validated(tmp_path / "runs")
    assert export(study, tmp_path / "sessions", "--session", "condition").return_value == 0
    names = [name for name in files_of(tmp_path / "sessions") if name.endswith("_events.tsv")]
    assert "sub-S00/ses-joke/beh/sub-S00_ses-joke_task-task_events.tsv" in names


def test_uneven_frames_are_taken_at_even_moments(tmp_path):
    folder = write_study(tmp_path / "results", persons=1)
    path = folder / "action_units" / "p0_calm.csv"
    table = pd.read_csv(path).drop(index=range(40, 60))
    table.to_csv(path, index=False)
    write_bids(read_results(folder), tmp_path / "bids", BidsOptions(task="condition"))
    stem = tmp_path / "bids" / "sub-S00" / "beh" / "sub-S00_task-calm_recording-facs_physio"
    columns = json.loads(stem.with_suffix(".json").read_text())["Columns"]
    found = pd.read_csv(stem.with_suffix(".tsv.gz"), sep="\t", names=columns)
    assert len(found) == FRAMES
    # In the gap the nearest frame stands, and says so by its time stamp.
    assert found["timestamp"].iloc[45] == pytest.approx(39 / 25)
    assert np.diff(found["timestamp"]).max() == pytest.approx(21 / 25)


def test_what_cannot_be_written_is_said(study, tmp_path):
    results = read_results(study)
    with pytest.raises(ArgumentError, match="no column 'who' in the metadata; there are subject, condition, age"):
        write_bids(results, tmp_path / "a", BidsOptions(person="who"))
    table = tmp_path / "people.csv"
    table.write_text("video,subject\np0_calm,A-1\np0_joke,A1\n")
    with pytest.raises(
        InputError, match="subject 'A1': BIDS takes letters and digits only, and sub-A1 is already 'A-1'"
    ):
        write_bids(read_results(study, table), tmp_path / "b")
    table.write_text("video,subject\np0_calm,A1\n")
    left_out = write_bids(read_results(study, table), tmp_path / "c")
    assert "p0_joke: no subject" in left_out
    assert not (tmp_path / "a").exists()
