"""Epochs around onsets: where their times come from, what is measured in each, and means over persons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pympi import Elan
from study_results import write_study

from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.study.epochs import EpochOptions, Epochs, cut_epochs
from facs_pipeline.study.onsets import read_onsets
from facs_pipeline.study.results import StudyResults, read_results

PERSONS = 6
WINDOW = (-0.5, 1.5)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> StudyResults:
    return read_results(write_study(tmp_path_factory.mktemp("study") / "results", persons=PERSONS))


def names(study: StudyResults) -> list[str]:
    return [video.name for video in study.videos]


def onset_file(path, study, **columns):
    """Each video has one onset, 0.8 s after its start: 0.2 s before AU12 rises."""
    table = {"video": [f"{name}.mp4" for name in names(study)], "onset": 0.8, **columns}
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def cut(study: StudyResults, *files, tier: str | None = None, **options) -> Epochs:
    onsets = read_onsets(files, names(study), tier=tier)
    return cut_epochs(study, onsets, EpochOptions(**{"window_s": WINDOW, "jobs": 1, **options}))


@pytest.fixture(scope="module")
def epochs(study, tmp_path_factory) -> Epochs:
    return cut(study, onset_file(tmp_path_factory.mktemp("onsets") / "trials.csv", study), by=("condition",))


class TestTrials:
    def test_of_a_movement(self, epochs):
        smile = epochs.trials.query("signal == 'AU12' and condition == 'joke'")
        assert len(smile) == PERSONS
        assert smile["baseline"].to_numpy() == pytest.approx(0.1, abs=0.06)
        assert smile["peak"].to_numpy() == pytest.approx(2.9, abs=0.4)
        assert smile["response_latency_s"].to_numpy() == pytest.approx(0.2, abs=1e-6)
        assert (smile["response"] == 1).all()
        # A second of the one and a half after the onset.
        assert smile["mean"].to_numpy() == pytest.approx(2.9 * 25 / 38, abs=0.3)
        assert (smile["usable_share"] == 1).all()

    def test_of_none(self, epochs):
        brow = epochs.trials.query("signal == 'AU01'")
        assert (brow["response"] == 0).all()
        assert brow["response_latency_s"].isna().all()
        assert brow["mean"].to_numpy() == pytest.approx(0, abs=0.05)

    def test_what_is_known_is_carried(self, epochs, study):
        of_one = epochs.trials.query("video == 'p1_joke' and signal == 'AU06'").iloc[0]
        assert (of_one["subject"], of_one["condition"], of_one["age"]) == ("S01", "joke", "21")
        assert list(epochs.samples.columns) == [
            "epoch", "video", "subject", "condition", "age", "time_s", "AU01", "AU06", "AU12", "AU45",
        ]  # fmt: skip
        assert len(epochs.samples) == len(study.videos) * 50
        times = epochs.samples["time_s"].head(50)
        assert (times.min(), times.max()) == (pytest.approx(-0.48), pytest.approx(1.48))

    def test_without_a_baseline_levels_stay(self, study, tmp_path):
        found = cut(study, onset_file(tmp_path / "a.csv", study), baseline_s=None, aus=(12,))
        assert set(found.trials["signal"]) == {"AU12"}
        assert found.trials["baseline"].isna().all()
        before = found.samples.query("time_s < 0")["AU12"]
        assert before.mean() == pytest.approx(0.1, abs=0.02)


class TestMeans:
    def test_curves_are_means_over_persons(self, epochs):
        joke = epochs.curves.query("signal == 'AU12' and condition == 'joke'").set_index("time_s")
        at = joke.loc[joke.index[np.abs(joke.index - 0.6).argmin()]]
        of_persons = epochs.samples[
            (epochs.samples["condition"] == "joke") & (abs(epochs.samples["time_s"] - 0.6) < 1e-6)
        ]
        assert at["mean"] == pytest.approx(of_persons["AU12"].mean())
        assert at["low"] < at["mean"] < at["high"]
        assert (at["persons"], at["epochs"]) == (PERSONS, PERSONS)

    def test_a_person_counts_once_however_many_epochs(self, study, tmp_path):
        """S00's five further onsets, at the height of the movement, leave the mean over persons near the others'."""
        path = onset_file(tmp_path / "a.csv", study)
        more = pd.DataFrame({"video": ["p0_calm"] * 5, "onset": [1.4] * 5})
        pd.concat([pd.read_csv(path), more]).to_csv(path, index=False)
        curves = cut(study, path, by=("condition",), baseline_s=None).curves.query(
            "signal == 'AU12' and condition == 'calm'"
        )
        at = curves.iloc[(curves["time_s"] - 1.0).abs().argmin()]
        # Five of six persons are at 1.5; S00's mean over its six epochs is near 0.3.
        assert at["mean"] == pytest.approx((5 * 1.5 + (1.5 + 5 * 0.1) / 6) / 6, abs=0.1)
        assert at["epochs"] == PERSONS + 5

    def test_differences_are_within_persons(self, epochs):
        smile = epochs.differences.query("signal == 'AU12' and statistic == 'peak'").iloc[0]
        assert (smile["level_a"], smile["level_b"], smile["persons"]) == ("calm", "joke", PERSONS)
        assert smile["difference"] == pytest.approx(1.5, abs=0.3)
        assert smile["low"] > 1
        assert smile["p"] == 2 / 2**PERSONS

    def test_without_persons_videos_count(self, study, tmp_path):
        onsets = onset_file(tmp_path / "a.csv", study)
        found = cut(study, onsets, person="participant")
        assert found.unit == "video"
        assert any("no column 'participant'" in note for note in found.notes)
        assert (found.curves["persons"] == 2 * PERSONS).all()

    def test_one_person_has_no_interval(self, study, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("video,onset\np0_calm,0.8\np0_joke,0.8\n")
        found = cut(study, path, by=("condition",))
        assert found.curves[["low", "high"]].isna().all(axis=None)
        assert not len(found.differences)
        assert "no differences within persons: 1 subjects" in found.notes


class TestTimes:
    def test_seconds_time_stamps_and_frames_are_the_same_moment(self, tmp_path):
        folder = write_study(tmp_path / "late", persons=2)
        for path in (folder / "action_units").iterdir():
            table = pd.read_csv(path)
            table["timestamp"] += 1.4
            table.to_csv(path, index=False)
        videos = pd.read_csv(folder / "videos.csv").assign(start_s=1.4)
        videos.to_csv(folder / "videos.csv", index=False)
        study = read_results(folder)
        found = []
        for column, moment in (("onset", 0.8), ("timestamp", 2.2), ("frame", 21)):
            path = tmp_path / f"{column}.csv"
            pd.DataFrame({"video": names(study), column: moment}).to_csv(path, index=False)
            found.append(cut(study, path).trials)
        assert found[0]["onset_s"].to_numpy() == pytest.approx(2.2)
        for other in found[1:]:
            pd.testing.assert_frame_equal(found[0], other, atol=1e-6)

    def test_gaps_are_empty_and_too_many_leave_an_epoch_out(self, tmp_path):
        folder = write_study(tmp_path / "gap", persons=2)
        path = folder / "action_units" / "p0_calm.csv"
        table = pd.read_csv(path)
        table.loc[30:44, "confidence"] = 0.2
        table.loc[60:, "confidence"] = 0.2
        table.to_csv(path, index=False)
        study = read_results(folder)
        onsets = tmp_path / "a.csv"
        onsets.write_text("video,onset\np0_calm,0.8\np0_calm,2.8\np0_joke,0.8\n")
        found = cut(study, onsets)
        of_first = found.trials.query("video == 'p0_calm' and signal == 'AU12'")
        assert of_first["usable_share"].tolist() == [pytest.approx(35 / 50)]
        assert found.left_out == (
            f"{onsets}, row 3: p0_calm: 4% of the moments around 2.8 s are usable, less than 50%",
        )

    def test_onsets_outside_of_the_video_are_named(self, study, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("video,onset\np0_calm,0.8\np1_calm,77\np1_joke,-3\n")
        found = cut(study, path)
        assert found.left_out == (
            f"{path}, row 3: p1_calm: the onset, 77 s, is outside of the video, 0 to 3.96 s",
            f"{path}, row 4: p1_joke: the onset, -3 s, is outside of the video, 0 to 3.96 s",
        )
        path.write_text("video,frame\np0_calm,900\n")
        with pytest.raises(
            InputError, match=r"no onset can be used \(1 left out.*p0_calm: no frame 900; there are 100"
        ):
            cut(study, path)


class TestFiles:
    def test_bids_events_are_of_the_video_of_their_name(self, study, tmp_path):
        (tmp_path / "p0_calm_events.tsv").write_text("onset\tduration\ttrial_type\n0.8\t1\tface\n2.0\tn/a\tn/a\n")
        (tmp_path / "p1_events.tsv").write_text("onset\tduration\ttrial_type\n0.8\t1\tface\n")
        found = read_onsets([tmp_path], names(study))
        assert found.table[["video", "moment"]].join(found.about[["trial_type", "duration"]]).to_numpy().tolist() == [
            ["p0_calm", 0.8, "face", "1"], ["p0_calm", 2.0, "", ""], ["p1_calm", 0.8, "face", "1"],
            ["p1_joke", 0.8, "face", "1"],
        ]  # fmt: skip
        (tmp_path / "other_events.tsv").write_text("onset\tduration\n1\t1\n")
        with pytest.raises(InputError, match=r"other_events\.tsv: named after none of the videos"):
            read_onsets([tmp_path], names(study))

    def test_elan_tiers_give_the_begin_of_their_annotations(self, study, tmp_path):
        path = tmp_path / "p0_calm.eaf"
        document = Elan.Eaf()
        document.add_tier("stimulus")
        document.add_tier("notes")
        document.add_annotation("stimulus", 800, 1200, "face")
        document.add_annotation("stimulus", 2000, 2300, "house")
        document.to_file(str(path))
        found = read_onsets([path], names(study))
        assert found.table[["video", "moment", "clock"]].join(found.about).to_numpy().tolist() == [
            ["p0_calm", 0.8, "start", "face", "0.4"], ["p0_calm", 2.0, "start", "house", "0.3"],
        ]  # fmt: skip
        document.add_annotation("notes", 0, 100, "?")
        document.to_file(str(path))
        with pytest.raises(InputError, match="2 tiers with annotations; name one with --tier"):
            read_onsets([path], names(study))
        with pytest.raises(InputError, match="no tier 'sound'; there are default, stimulus, notes"):
            read_onsets([path], names(study), tier="sound")
        assert read_onsets([path], names(study), tier="notes").about["condition"].tolist() == ["?"]
        path = path.rename(tmp_path / "coded.eaf")
        with pytest.raises(
            InputError, match=r"coded\.eaf: about no file, which is none of the videos, such as p0_calm"
        ):
            read_onsets([path], names(study), tier="notes")

    def test_a_table_without_videos_is_of_all(self, study, tmp_path):
        path = tmp_path / "film.csv"
        path.write_text("onset;scene\n0,8;a\n2,0;b\n")
        found = read_onsets([path], names(study))
        assert len(found.table) == 2 * len(study.videos)
        assert found.notes == (f"{path}: no column video; its onsets count in each of the {2 * PERSONS} videos",)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("video,start\np0_calm,1\n", "row 1 lacks the time of an onset; expected one of the columns onset, "),
            ("video,onset\np0_calm,soon\n", "row 2, column onset: 'soon'; expected seconds"),
            ("video,frame\np0_calm,\n", "row 2, column frame: ''; expected a frame's number"),
            ("video,onset\n", "no onsets, only a header"),
            ("video,onset\nzoe,1\n", "no onset in any of the 12 videos; they name zoe"),
        ],
    )
    def test_what_is_wrong_is_said(self, study, tmp_path, text, message):
        path = tmp_path / "a.csv"
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_onsets([path], names(study))

    def test_videos_that_are_not_there_are_noted(self, study, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("video,onset\nzoe,1\np0_calm,1\n")
        assert read_onsets([path], names(study)).notes == ("1 onsets are of videos that are not there: zoe",)

    def test_columns_that_the_results_have_are_refused(self, study, tmp_path):
        with pytest.raises(InputError, match="a column of the onsets or the metadata is called 'peak'"):
            cut(study, onset_file(tmp_path / "a.csv", study, peak=1))
        # Others are the user's own.
        found = cut(study, onset_file(tmp_path / "a.csv", study, source="x", clock="y"))
        assert set(found.trials["clock"]) == {"y"}

    def test_conditions_that_are_not_known(self, study, tmp_path):
        path = onset_file(tmp_path / "a.csv", study, block=["1", ""] * PERSONS)
        with pytest.raises(
            ArgumentError, match="no column 'colour' in the onsets or the metadata; there are video, subj"
        ):
            cut(study, path, by=("colour",))
        found = cut(study, path, by=("block",))
        assert set(found.curves["block"]) == {"1"}
        assert f"{PERSONS} epochs have no block or no subject; they are in no curve" in found.notes


@pytest.mark.parametrize("window", [(1.0, -1.0), (-3.0, -1.0)])
def test_a_window_that_is_none(window):
    with pytest.raises(ArgumentError, match="expected a window that ends after the onset"):
        EpochOptions(window_s=window)


def test_a_baseline_outside_of_the_window():
    with pytest.raises(ArgumentError, match="expected a stretch of -1 to 4 s"):
        EpochOptions(baseline_s=(-2.0, 0.0))


def test_a_table_that_cannot_be_read_costs_no_other(tmp_path):
    folder = write_study(tmp_path / "broken", persons=2)
    (folder / "action_units" / "p1_joke.csv").write_text("frame,face_id\n1,0\n")
    study = read_results(folder)
    found = cut(study, onset_file(tmp_path / "a.csv", study))
    assert set(found.trials["video"]) == {"p0_calm", "p0_joke", "p1_calm"}
