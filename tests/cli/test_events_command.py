"""`facs events` on tables of every kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.events import command
from pympi.Elan import Eaf

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.schema import EVENTS

BUMP = [0.0, 0.2, 0.8, 2.0, 3.1, 2.9, 0.7, 0.3, 0.0]


def times(n: int, fps: float = 25) -> np.ndarray:
    return np.arange(n) / fps


def openface(path, series, **columns):
    n = len(series)
    table = pd.DataFrame({"frame": np.arange(1, n + 1), "timestamp": times(n), "success": 1, "AU12_r": series})
    table.assign(**columns).to_csv(path, index=False)
    return path


def run(*arguments):
    result = CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False)
    return result


def test_tables_of_openface_and_py_feat(tmp_path):
    openface(tmp_path / "anna.csv", [0.0] * 20 + BUMP, AU01_r=0.0)
    pd.DataFrame({"frame": np.arange(29), "AU12": np.array([0.0] * 20 + BUMP) / 5}).to_csv(
        tmp_path / "ben.csv", index=False
    )
    result = run(tmp_path, "--fps", 25, "--out", tmp_path / "events.csv", "--elan", tmp_path / "elan")
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "events.csv")
    assert list(table.columns) == list(EVENTS.names)
    assert table["video"].tolist() == ["anna", "ben"]
    assert table["letter"].tolist() == ["C", "C"]
    assert table["onset_frame"].tolist() == [23, 22]
    assert table["apex_frame"].tolist() == [25, 24]
    assert table["apex_intensity"].tolist() == [3.1, 3.1]
    assert "AU12 " in result.output
    assert sorted(path.name for path in (tmp_path / "elan").iterdir()) == ["anna.eaf", "ben.eaf"]
    # A second run does not take its own table for one of action units.
    assert run(tmp_path, "--fps", 25, "--out", tmp_path / "events.csv").exit_code == 0


def test_the_resting_face_is_subtracted(tmp_path):
    path = openface(tmp_path / "anna.csv", np.array([0.0] * 20 + BUMP) + 1.5)
    run(path, "--out", tmp_path / "events.csv")
    assert pd.read_csv(tmp_path / "events.csv")["apex_intensity"].tolist() == [3.1]
    run(path, "--out", tmp_path / "raw.csv", "--baseline", "none")
    raw = pd.read_csv(tmp_path / "raw.csv")
    assert raw["apex_intensity"].tolist() == [4.6]
    assert raw["onset_seen"].tolist() == [0]


def test_faces_that_are_not_sure_can_be_passed_over(tmp_path):
    """A hand comes before the mouth while it smiles."""
    sure = np.ones(29)
    sure[24:26] = 0.3
    path = openface(tmp_path / "anna.csv", [0.0] * 20 + BUMP, confidence=sure)
    run(path, "--out", tmp_path / "all.csv")
    assert pd.read_csv(tmp_path / "all.csv")["apex_frame"].tolist() == [25]
    run(path, "--out", tmp_path / "sure.csv", "--min-confidence", 0.5)
    [event] = pd.read_csv(tmp_path / "sure.csv").to_dict("records")
    assert (event["onset_frame"], event["apex_frame"], event["offset_frame"], event["offset_seen"]) == (23, 24, 24, 0)


def test_a_bad_table_costs_itself_only(tmp_path):
    openface(tmp_path / "anna.csv", [0.0] * 20 + BUMP)
    (tmp_path / "bad.csv").write_text("frame,AU12_r\n1,x\n")
    result = run(tmp_path, "--out", tmp_path / "out" / "events.csv")
    assert result.exit_code == 1
    assert "bad.csv" in result.output
    assert "1 event in 1 video" in result.output
    with pytest.raises(InputError, match="none of the 1 tables"):
        run(tmp_path / "bad.csv", "--out", tmp_path / "no.csv")
    assert not (tmp_path / "no.csv").exists()


def test_a_face_that_is_in_two_tables_is_a_failure(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        openface(tmp_path / folder / "anna.csv", [0.0] * 20 + BUMP)
    result = run(tmp_path, "--out", tmp_path / "events.csv")
    assert result.exit_code == 1
    assert "is already in" in result.output
    assert len(pd.read_csv(tmp_path / "events.csv")) == 1


def test_which_action_units(tmp_path):
    """The seven of the embedded model where the published ones are not there; all; those named."""
    more = {f"AU{au:02d}_r": [0.0] * 20 + BUMP for au in (1, 2, 4, 7, 10, 25, 45)}
    path = openface(tmp_path / "anna.csv", [0.0] * 20 + BUMP, **more)
    for asked, expected in (
        ("default", [1, 2, 4, 7, 10, 12, 25]),
        ("all", [1, 2, 4, 7, 10, 12, 25, 45]),
        ("4,1", [4, 1]),
    ):
        run(path, "--out", tmp_path / "events.csv", "--aus", asked)
        assert pd.read_csv(tmp_path / "events.csv")["action_unit"].tolist() == expected


def test_nothing_moves(tmp_path):
    result = run(openface(tmp_path / "anna.csv", [0.1] * 30), "--out", tmp_path / "events.csv")
    assert result.exit_code == 0
    assert "No movement" in result.output
    assert pd.read_csv(tmp_path / "events.csv").empty


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--offset", "2"], "at most --onset 1"), (["--aus", "smile"], "expected default, all")]
)
def test_wrong_usage(tmp_path, arguments, said):
    result = run(openface(tmp_path / "anna.csv", BUMP), *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_an_action_unit_that_is_not_there(tmp_path):
    path = openface(tmp_path / "anna.csv", BUMP)
    result = CliRunner().invoke(command, [str(path), "--aus", "1,12", "--out", str(tmp_path / "e.csv")])
    assert result.exit_code == 1
    assert "no AU 1, only 12" in str(result.exception or "") + result.output


def test_movements_of_a_video_and_its_annotation(clips, results, tmp_path):
    result = run(results, "--out", tmp_path / "events.csv", "--elan", tmp_path / "elan")
    assert result.exit_code == 0
    events = pd.read_csv(tmp_path / "events.csv")
    units = pd.read_csv(results / "action_units" / "anna.csv").set_index("frame")
    smile = events[(events["video"] == "anna") & (events["action_unit"] == 12)].iloc[0]
    assert units["AU12_r"].loc[smile["onset_frame"] : smile["offset_frame"]].idxmax() == smile["apex_frame"]
    assert units.loc[smile["apex_frame"], "timestamp"] == pytest.approx(smile["apex_s"], abs=1e-3)
    # The face is gone from frame 16 to 20.
    gap = events[events["video"] == "gap"]
    assert not ((gap["onset_frame"] < 16) & (gap["offset_frame"] > 20)).any()
    document = Eaf(str(tmp_path / "elan" / "anna.eaf"))
    assert document.get_linked_files()[0]["MEDIA_URL"] == (clips / "anna.mp4").as_uri()
    assert len(document.get_annotation_data_for_tier("AU12")) == len(
        events[(events["video"] == "anna") & (events["action_unit"] == 12)]
    )
