"""A run summarised by its metadata: figures of signals, means over videos and persons, differences within persons."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from study_results import FRAMES, write_study

from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.study import differences as differences_module
from facs_pipeline.study import files as files_module
from facs_pipeline.study.differences import sign_flip_p
from facs_pipeline.study.results import read_results
from facs_pipeline.study.signals import video_figures
from facs_pipeline.study.summary import Summary, SummaryOptions, summarize, wide


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study") / "results")


@pytest.fixture(scope="module")
def summary(study) -> Summary:
    return summarize(read_results(study), SummaryOptions(jobs=1))


def of(table: pd.DataFrame, signal: str, **where: str) -> pd.Series:
    rows = table[(table["signal"] == signal) & np.all([table[name] == text for name, text in where.items()], axis=0)]
    assert len(rows) == 1
    return rows.iloc[0]


def figures(path: Path, min_confidence: float = 0.5) -> list[dict[str, Any]]:
    """Rows of a video, whose cells are text, numbers or nothing."""
    return list(video_figures(path, min_confidence=min_confidence))


class TestSignals:
    def test_figures_of_a_video(self, study):
        rows = {row["signal"]: row for row in figures(study / "action_units" / "p0_joke.csv")}
        smile, blink, yaw = rows["AU12"], rows["blink"], rows["yaw"]
        assert list(rows) == ["AU01", "AU06", "AU12", "AU45", "blink", "pitch", "yaw", "roll"]
        assert (smile["frames"], smile["seconds"]) == (FRAMES, pytest.approx(4))
        assert smile["time_share"] == pytest.approx(0.25)
        assert smile["maximum"] == pytest.approx(3, abs=0.5)
        assert smile["events_per_minute"] == pytest.approx(15)
        assert smile["event_duration_s"] == pytest.approx(0.96, abs=0.05)
        assert smile["first_latency_s"] == pytest.approx(1.0, abs=0.05)
        assert (rows["AU01"]["events_per_minute"], rows["AU01"]["first_latency_s"]) == (0, None)
        assert blink["events_per_minute"] == pytest.approx(45)
        assert yaw["mean"] == pytest.approx(np.degrees(0.1))
        assert yaw["events_per_minute"] is None

    def test_what_coders_would_say_comes_before_the_intensity(self, study, tmp_path):
        table = pd.read_csv(study / "action_units" / "p0_joke.csv")
        table["AU12_c"] = (np.arange(FRAMES) < 10).astype(int)
        table["AU12L_r"], table["gaze_angle_x"] = table["AU12_r"] / 2, np.pi / 18
        table["emotion_happy"], table["emotion_sad"] = np.where(np.arange(FRAMES) < 40, 0.9, 0.2), 0.5
        table.to_csv(tmp_path / "a.csv", index=False)
        rows = {(row["signal"], row["side"]): row for row in figures(tmp_path / "a.csv")}
        assert rows["AU12", ""]["time_share"] == pytest.approx(0.1)
        assert rows["AU12", "left"]["mean"] == pytest.approx(rows["AU12", ""]["mean"] / 2)
        assert rows["gaze_angle_x", ""]["median"] == pytest.approx(10)
        assert rows["happy", ""]["time_share"] == pytest.approx(0.4)
        assert rows["sad", ""]["first_latency_s"] == pytest.approx(1.6)

    def test_unsure_frames_are_not_used(self, study, tmp_path):
        table = pd.read_csv(study / "action_units" / "p0_joke.csv")
        table.loc[25:49, "confidence"] = 0.3
        table.loc[90:, "success"] = 0
        table.to_csv(tmp_path / "a.csv", index=False)
        rows = {row["signal"]: row for row in figures(tmp_path / "a.csv")}
        assert rows["AU12"]["frames"] == FRAMES - 25 - 10
        assert rows["AU12"]["maximum"] < 1
        all_of_them = figures(tmp_path / "a.csv", min_confidence=0)
        assert all_of_them[2]["frames"] == FRAMES - 10


class TestSummary:
    def test_all_metadata_are_carried_through(self, summary):
        assert list(summary.videos.columns[:4]) == ["video", "subject", "condition", "age"]
        assert of(summary.videos, "AU12", video="p3_calm")["age"] == "23"

    def test_levels(self, summary):
        assert len(summary.videos) == 16 * 8
        assert len(summary.persons) == 16 * 8
        group = of(summary.groups, "AU12", condition="joke")
        persons = summary.persons[(summary.persons["signal"] == "AU12") & (summary.persons["condition"] == "joke")]
        assert group["persons"] == 8
        assert group["mean"] == pytest.approx(persons["mean"].mean())
        assert group["mean_low"] < group["mean"] < group["mean_high"]

    def test_several_videos_of_a_person_count_once(self, study):
        read = read_results(study)
        summary = summarize(read, SummaryOptions(by=("subject",), jobs=1))
        row = of(summary.persons, "AU12", subject="S00")
        assert row["videos"] == 2
        both = [of(summary.videos, "AU12", video=name)["mean"] for name in ("p0_calm", "p0_joke")]
        assert row["mean"] == pytest.approx(np.mean(both))
        assert summary.notes == ("no differences: no column of conditions in --by",)

    def test_differences_are_paired_and_corrected(self, summary):
        found = of(summary.differences, "AU12", statistic="mean")
        assert (found["level_a"], found["level_b"], found["persons"]) == ("calm", "joke", 8)
        persons = summary.persons[summary.persons["signal"] == "AU12"].pivot_table(
            index="subject", columns="condition", values="mean"
        )
        change = persons["joke"] - persons["calm"]
        assert found["difference"] == pytest.approx(change.mean())
        assert found["effect_dz"] == pytest.approx(change.mean() / change.std())
        assert found["low"] <= change.mean() <= found["high"]
        # All eight persons in one direction: of 256 changes of sign two are as far out.
        assert found["p"] == pytest.approx(2 / 256)
        family = summary.differences.query("statistic == 'mean' and kind == 'au'")
        assert found["p_corrected"] == pytest.approx(4 * 2 / 256)
        assert (family["p_corrected"] >= family["p"]).all()
        assert of(summary.differences, "AU01", statistic="mean")["p"] > 0.05

    def test_a_person_with_one_condition_counts_nowhere(self, study, tmp_path):
        table = pd.read_csv(study / "metadata.csv", dtype=str)
        table[table["video"] != "p7_joke"].to_csv(tmp_path / "meta.csv", index=False)
        summary = summarize(read_results(study, tmp_path / "meta.csv"), SummaryOptions(jobs=1))
        assert of(summary.differences, "AU12", statistic="mean")["persons"] == 7
        assert "1 videos have no condition or no subject" in summary.notes[0]

    def test_two_factors_are_compared_within_the_cells_of_each_other(self, study, tmp_path):
        table = pd.read_csv(study / "metadata.csv", dtype=str)
        table["day"] = np.where(table["subject"] < "S04", "one", "two")
        table.to_csv(tmp_path / "meta.csv", index=False)
        options = SummaryOptions(by=("condition", "day", "subject"), jobs=1)
        summary = summarize(read_results(study, tmp_path / "meta.csv"), options)
        assert set(summary.differences["factor"]) == {"condition"}
        assert of(summary.differences, "AU12", statistic="mean")["persons"] == 8

    def test_wide_tables(self, summary):
        videos = wide(summary.videos, ["video", "subject", "condition", "age"])
        assert len(videos) == 16
        row = videos[videos["video"] == "p1_joke"].iloc[0]
        assert row["AU12_mean"] == of(summary.videos, "AU12", video="p1_joke")["mean"]
        assert "blink_events_per_minute" in videos
        assert "blink_mean" not in videos

    def test_videos_to_leave_out_are_named(self, study, tmp_path):
        folder = write_study(tmp_path / "results", persons=3)
        path = folder / "action_units" / "p0_calm.csv"
        pd.read_csv(path).assign(confidence=0.2).to_csv(path, index=False)
        summary = summarize(read_results(folder), SummaryOptions(jobs=1))
        [told] = summary.left_out
        assert told.startswith("p0_calm: usable frames 0 % (expected at least 50 %)")
        kept = summarize(read_results(folder), SummaryOptions(jobs=1, leave_out=False, min_confidence=0))
        assert kept.videos["video"].nunique() == summary.videos["video"].nunique() + 1


class TestBadInput:
    def test_an_unknown_column(self, study):
        with pytest.raises(ArgumentError, match="no column 'mood' in the metadata; there are subject, condition, age"):
            summarize(read_results(study), SummaryOptions(by=("mood", "subject"), jobs=1))

    def test_no_metadata(self, study, tmp_path):
        (tmp_path / "videos.csv").write_text((study / "videos.csv").read_text())
        with pytest.raises(ArgumentError, match="there are none: run facs extract-features with --metadata"):
            summarize(read_results(tmp_path), SummaryOptions(jobs=1))

    def test_one_person(self, tmp_path):
        summary = summarize(read_results(write_study(tmp_path / "one", persons=1)), SummaryOptions(jobs=1))
        assert summary.notes == ("no differences: one subject only, at least two are needed",)
        assert not len(summary.differences)
        assert len(summary.groups)

    def test_one_condition(self, tmp_path):
        folder = write_study(tmp_path / "one", persons=3, conditions=("calm",))
        summary = summarize(read_results(folder), SummaryOptions(jobs=1))
        assert summary.notes == ("no differences of condition: all videos have the same",)
        assert not len(summary.differences)

    def test_metadata_of_other_videos(self, study, tmp_path):
        (tmp_path / "meta.csv").write_text("video,condition\nother,calm\n")
        with pytest.raises(
            InputError, match=r"none of its 1 videos is in .*videos\.csv; expected names such as p0_calm"
        ):
            read_results(study, tmp_path / "meta.csv")

    def test_a_folder_without_results(self, tmp_path):
        with pytest.raises(InputError, match=r"no videos\.csv there"):
            read_results(tmp_path)


def test_p_values_go_with_those_of_another_program():
    change = np.random.default_rng(0).normal(0.3, 1, 20)
    # Wilcoxon's test asks nearly the same of ranks.
    assert sign_flip_p(change) == pytest.approx(wilcoxon(change).pvalue, abs=0.1)
    assert sign_flip_p(change + 5) == pytest.approx(1 / 10_000)
    assert sign_flip_p(np.zeros(5)) == 1


def test_docstring_examples():
    assert doctest.testmod(differences_module).failed == doctest.testmod(files_module).failed == 0
