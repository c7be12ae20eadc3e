"""Events of action units: onset, apex, offset; the command on tables of every kind; ELAN files another reader opens."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.events import command
from hypothesis import given
from hypothesis import strategies as st
from pympi.Elan import Eaf

from facs_pipeline.dynamics.elan import write_eaf
from facs_pipeline.dynamics.events import find_events, letter
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.schema import EVENTS

BUMP = [0.0, 0.2, 0.8, 2.0, 3.1, 2.9, 0.7, 0.3, 0.0]


def times(n: int, fps: float = 25) -> np.ndarray:
    return np.arange(n) / fps


def test_onset_apex_offset():
    [event] = find_events(np.array(BUMP), times(9))
    assert event[:3] == (2, 4, 7)
    assert event[3:6] == pytest.approx((0.08, 0.16, 0.28))
    assert event.apex_intensity == 3.1
    assert event.mean_intensity == pytest.approx(np.mean(BUMP[2:7]))
    assert event.onset_seen
    assert event.offset_seen


def test_two_levels_make_one_event_of_noise_at_one_of_them():
    wave = 1.0 + 0.3 * np.tile([1, -1], 20)
    assert len(find_events(np.concatenate([[0.0] * 5, wave, [0.0] * 5]), times(50))) == 1
    assert find_events(np.minimum(wave, 0.99), times(40)) == []


def test_what_the_face_does_before_and_after_is_unknown():
    [event] = find_events(np.array([2.0, 3.0, 2.0]), times(3))
    assert not event.onset_seen
    assert not event.offset_seen
    assert (event.onset, event.offset) == (0, 2)
    gone = np.array([0.0, 2.0, 3.0, np.nan, 2.0, 2.0, 2.0, 0.0])
    first, second = find_events(gone, times(8))
    assert (first.onset_seen, first.offset_seen) == (True, False)
    assert first.offset == 2
    assert (second.onset_seen, second.offset_seen) == (False, True)
    assert second.offset == 7


def test_short_ones_are_left_out_unless_they_are_cut():
    spike = np.array([0.0, 0.0, 3.0, 0.0, 0.0])
    assert find_events(spike, times(5)) == []
    assert len(find_events(spike, times(5), shortest_s=0.0)) == 1
    assert len(find_events(spike, times(5, fps=5))) == 1
    assert len(find_events(spike[:3], times(3))) == 1


@pytest.mark.parametrize(("onset", "offset"), [(0.5, 1.0), (1.0, 0.0)])
def test_levels_that_make_no_sense(onset, offset):
    with pytest.raises(InputError, match="expected 0 < offset <= onset"):
        find_events(np.zeros(3), times(3), onset=onset, offset=offset)


@given(st.lists(st.one_of(st.floats(0, 5), st.just(float("nan"))), max_size=60))
def test_events_lie_apart_in_order_and_hold_every_strong_frame(values):
    values = np.array(values, float)
    events = find_events(values, times(len(values)), shortest_s=0.0)
    inside = np.zeros(len(values), bool)
    for event in events:
        span = slice(event.onset, event.offset + (not event.offset_seen))
        assert not inside[span].any()
        assert np.nanmin(values[span]) >= 0.5
        assert values[event.apex] == event.apex_intensity == np.nanmax(values[span]) >= 1
        inside[span] = True
    assert [event.onset for event in events] == sorted(event.onset for event in events)
    assert inside[np.nan_to_num(values) >= 1].all()


def test_letters():
    assert [letter(value) for value in (0.0, 1.0, 1.49, 1.5, 2.5, 3.5, 4.49, 4.5, 5.0)] == list("AAABCDDEE")


def test_elan_files_open_in_another_reader(tmp_path):
    [event] = find_events(np.array(BUMP), times(9))
    path, video = tmp_path / "anna.eaf", tmp_path / "anna & ben.mp4"
    video.touch()
    write_eaf(path, {"AU01": [(1, event), (1, event._replace(onset_s=2.0, offset_s=2.0))], "AU12": []}, video)
    document = Eaf(str(path))
    assert set(document.get_tier_names()) == {"AU01", "AU12"}
    assert [one[:3] for one in document.get_annotation_data_for_tier("AU01")] == [(80, 280, "1C"), (2000, 2001, "1C")]
    [media] = document.get_linked_files()
    assert media["MEDIA_URL"] == video.as_uri()
    assert media["MIME_TYPE"] == "video/mp4"
    assert media["RELATIVE_MEDIA_URL"] == "anna & ben.mp4"
    first = path.read_bytes()
    write_eaf(path, {"AU01": [(1, event), (1, event._replace(onset_s=2.0, offset_s=2.0))], "AU12": []}, video)
    assert path.read_bytes() == first


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
    assert "1 events" in result.output
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
