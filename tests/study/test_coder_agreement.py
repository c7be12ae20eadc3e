"""Agreement with coders: the statistics are those of the textbooks, over the frames that both know."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score
from study_results import write_study

from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.study.agreement import Agreement, AgreementOptions, compare_with_codes
from facs_pipeline.study.codes import read_codes
from facs_pipeline.study.results import StudyResults, read_results

PERSONS = 4


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> StudyResults:
    """AU12 of the tables is 1.5 or 3 from 1.00 to 1.96 s, about 0.1 else."""
    return read_results(write_study(tmp_path_factory.mktemp("study") / "results", persons=PERSONS))


def agree(study: StudyResults, folder: Path, text: str, **options: Any) -> Agreement:
    path = folder / "codes.csv"
    path.write_text(text)
    codes = read_codes([path], [video.name for video in study.videos])
    return compare_with_codes(study, codes, AgreementOptions(**options))


def row_of(table: pd.DataFrame, **where: str) -> dict[Hashable, Any]:
    [row] = table[np.all([table[name] == text for name, text in where.items()], axis=0)].to_dict("records")
    return row


def movements(study: StudyResults, begin: float, end: float, intensity: str = "") -> str:
    lines = [f"{video.name},12,{begin},{end},{intensity}" for video in study.videos]
    return "video,code,onset,offset,intensity\n" + "\n".join(lines) + "\n"


def test_the_same_codes_agree_altogether(study, tmp_path):
    found = agree(study, tmp_path, movements(study, 1.0, 2.0))
    row = row_of(found.table, signal="AU12")
    assert (row["rater_a"], row["rater_b"], row["videos"], row["frames"]) == ("coder", "facs", 8, 800)
    for name in ("agreement", "kappa", "pabak", "f1", "event_f1"):
        assert row[name] == row[f"{name}_low"] == row[f"{name}_high"] == pytest.approx(1), name
    assert row["onset_difference_s"] == pytest.approx(0, abs=1e-6)
    # No intensities were coded.
    assert np.isnan(row["icc"])
    assert not len(found.disagreements)


def test_statistics_are_those_of_the_textbooks(study, tmp_path):
    found = agree(study, tmp_path, movements(study, 1.2, 2.4, "C"))
    row = row_of(found.table, signal="AU12")
    coder, ours, intensities = [], [], []
    for video in study.videos:
        table = pd.read_csv(video.its_table())
        coder.append(table["timestamp"].between(1.2 - 1e-6, 2.4 - 1e-3).to_numpy())
        ours.append((table["AU12_r"] >= 1).to_numpy())
        intensities.append(table["AU12_r"].to_numpy())
    x, y, strength = np.concatenate(coder), np.concatenate(ours), np.concatenate(intensities)
    assert row["share_a"] == pytest.approx(x.mean())
    assert row["share_b"] == pytest.approx(y.mean())
    assert row["kappa"] == pytest.approx(cohen_kappa_score(x, y))
    assert row["f1"] == pytest.approx(f1_score(x, y))
    assert row["agreement"] == pytest.approx((x == y).mean())
    assert row["pabak"] == pytest.approx(2 * (x == y).mean() - 1)
    assert row["icc"] == pytest.approx(two_way_icc(np.column_stack([3.0 * x, strength])))
    assert row["onset_difference_s"] == pytest.approx(-0.2, abs=0.001)
    assert row["kappa_low"] <= row["kappa"] <= row["kappa_high"]


def two_way_icc(ratings: np.ndarray) -> float:
    """ICC(2,1) by the mean squares of the two-way layout (Shrout and Fleiss 1979)."""
    n, k = ratings.shape
    grand = ratings.mean()
    between = k * ((ratings.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    raters = n * ((ratings.mean(axis=0) - grand) ** 2).sum() / (k - 1)
    rest = ratings - ratings.mean(axis=1, keepdims=True) - ratings.mean(axis=0, keepdims=True) + grand
    error = (rest**2).sum() / ((n - 1) * (k - 1))
    return float((between - error) / (between + (k - 1) * error + k * (raters - error) / n))


def test_shrout_and_fleiss_own_example():
    """The first two judges of their table 2; by hand: BMS 7.083, JMS 40.333, EMS 1.133."""
    ratings = np.array([[9, 2], [6, 1], [8, 4], [7, 1], [10, 5], [6, 2]], float)
    n = len(ratings)
    between = 2 * ratings.mean(axis=1).var(ddof=1)
    error = (np.diff(ratings, axis=1)[:, 0].var(ddof=1)) / 2
    raters = n * ratings.mean(axis=0).var(ddof=1)
    assert two_way_icc(ratings) == pytest.approx((between - error) / (between + error + 2 * (raters - error) / n))


def test_movements_meet_within_the_tolerance(study, tmp_path):
    late = movements(study, 2.3, 2.8)
    assert row_of(agree(study, tmp_path, late).table, signal="AU12")["event_f1"] == 1
    row = row_of(agree(study, tmp_path, late, tolerance_s=0.2).table, signal="AU12")
    assert (row["event_f1"], row["f1"], row["events_a"], row["events_b"]) == (0, 0, 8, 8)
    assert np.isnan(row["onset_difference_s"])


def test_frames_that_one_does_not_know_are_not_compared(study, tmp_path):
    lines = movements(study, 1.0, 2.0) + "".join(f"{video.name},73,0,0.4,\n" for video in study.videos)
    row = row_of(agree(study, tmp_path, lines).table, signal="AU12")
    assert row["frames"] == 8 * 90
    frames = "video,frame,AU12\n" + "".join(
        f"p0_calm,{n},{'' if n <= 20 else int(26 <= n <= 50)}\n" for n in range(1, 101)
    )
    row = row_of(agree(study, tmp_path, frames).table, signal="AU12")
    assert (row["frames"], row["kappa"]) == (80, 1)


def test_units_that_were_looked_for_and_never_seen_count(study, tmp_path):
    frames = "video,frame,AU01,AU12\n" + "".join(f"p0_calm,{n},0,0\n" for n in range(1, 101))
    found = agree(study, tmp_path, frames)
    assert row_of(found.table, signal="AU01")["agreement"] == 1
    smile = row_of(found.table, signal="AU12")
    assert (smile["share_a"], smile["share_b"], smile["kappa"]) == (0, 0.25, 0)
    [missed] = found.disagreements.to_dict("records")
    assert (missed["coder_says"], missed["facs_says"]) == ("not there", "there")
    assert (missed["begin_s"], missed["end_s"]) == (pytest.approx(1.0), pytest.approx(2.0))
    assert found.notes == ("one video only: no intervals",)
    assert np.isnan(smile["kappa_low"])


def test_coders_are_compared_with_each_other(study, tmp_path):
    lines = ["video,code,onset,offset,coder"]
    for video in study.videos:
        lines += [f"{video.name},12,1.0,2.0,kim", f"{video.name},12,1.4,2.0,lee"]
    found = agree(study, tmp_path, "\n".join(lines) + "\n")
    assert set(zip(found.table["rater_a"], found.table["rater_b"], strict=True)) == {
        ("kim", "lee"), ("kim", "facs"), ("lee", "facs"),
    }  # fmt: skip
    assert row_of(found.table, rater_a="kim", rater_b="facs")["kappa"] == pytest.approx(1)
    both = row_of(found.table, rater_a="kim", rater_b="lee")
    assert both["kappa"] == pytest.approx(row_of(found.table, rater_a="lee", rater_b="facs")["kappa"])
    assert both["onset_difference_s"] == pytest.approx(0.4)
    assert set(found.disagreements["coder"]) == {"lee"}


def test_a_threshold_and_our_own_presence(study, tmp_path):
    codes = movements(study, 1.0, 2.0)
    # Half of the videos have intensities of 1.5 only.
    assert row_of(agree(study, tmp_path, codes, threshold=2.0).table, signal="AU12")["f1"] == pytest.approx(
        2 / 3, abs=0.01
    )
    folder = write_study(tmp_path / "own", persons=2)
    for path in (folder / "action_units").iterdir():
        table = pd.read_csv(path)
        table["AU12_c"] = 0
        table.to_csv(path, index=False)
    own = read_results(folder)
    assert row_of(agree(own, tmp_path, movements(own, 1.0, 2.0)).table, signal="AU12")["share_b"] == 0


def test_a_late_start_is_taken_into_account(tmp_path):
    folder = write_study(tmp_path / "late", persons=2)
    for path in (folder / "action_units").iterdir():
        table = pd.read_csv(path)
        table["timestamp"] += 1.4
        table.to_csv(path, index=False)
    pd.read_csv(folder / "videos.csv").assign(start_s=1.4).to_csv(folder / "videos.csv", index=False)
    study = read_results(folder)
    assert row_of(agree(study, tmp_path, movements(study, 1.0, 2.0)).table, signal="AU12")["kappa"] == pytest.approx(1)


def test_what_cannot_be_compared_is_said(study, tmp_path):
    with pytest.raises(InputError, match="nothing to compare; no action unit that was coded has been measured"):
        agree(study, tmp_path, "video,code,onset,offset\np0_calm,16,1,2\n")
    found = agree(study, tmp_path, movements(study, 1.0, 2.0) + "p0_calm,16,1,2,\n")
    assert "coded, but not measured: AU16" in found.notes
    with pytest.raises(ArgumentError, match="expected 0 s or more"):
        AgreementOptions(tolerance_s=-1)


def test_a_table_that_cannot_be_read_costs_no_other(tmp_path):
    folder = write_study(tmp_path / "broken", persons=2)
    (folder / "action_units" / "p1_joke.csv").write_text("frame,face_id\n1,0\n")
    study = read_results(folder)
    found = agree(study, tmp_path, movements(study, 1.0, 2.0))
    assert row_of(found.table, signal="AU12")["videos"] == 3
