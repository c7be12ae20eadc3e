"""Measures of how good a recording is, and the verdict by them."""

from __future__ import annotations

import doctest
from dataclasses import replace

import cv2
import numpy as np
import pytest

from facs_pipeline.dynamics import quality, verdicts
from facs_pipeline.dynamics.quality import MEASURES, FaceRows, measure_quality, picture_measures
from facs_pipeline.dynamics.verdicts import QualityLimits
from facs_pipeline.foundation.errors import InputError

N = 100


def rows() -> FaceRows:
    """Four seconds of one sure, straight face of 120 pixels."""
    n = np.arange(N)
    return FaceRows(n / 25, n + 1, np.zeros(N, int), np.full(N, 0.95), np.zeros((N, 3)), np.full(N, 120.0), cuts=0)


def test_a_good_recording_is_to_be_used():
    measured = measure_quality(rows())
    assert tuple(measured) == MEASURES
    assert measured["usable_share"] == 1
    assert measured["confidence_mean"] == pytest.approx(0.95)
    assert (measured["faces"], measured["longest_gap_s"], measured["uneven_share"]) == (1, 0, 0)
    assert measured["sharpness"] is None
    assert QualityLimits().verdict(measured) == ("use", [])


def test_low_confidence_turning_and_gaps_make_frames_unusable():
    one = rows()
    one.confidence[10:20] = 0.3
    one.pose_deg[40:45, 1] = -42
    one.face_id[60:85], one.confidence[60:85], one.width_px[60:85] = -1, 0, np.nan
    measured = measure_quality(one)
    assert measured["usable_share"] == pytest.approx(0.60)
    assert measured["confidence_low_share"] == pytest.approx(10 / 75)
    assert measured["turned_share"] == pytest.approx(5 / 75)
    assert measured["longest_gap_s"] == pytest.approx(26 / 25)
    assert measured["worst_s"] == pytest.approx(72 / 25)
    assert measured["face_width_px"] == 120
    verdict, reasons = QualityLimits().verdict(measured)
    assert (verdict, reasons) == ("check", ["usable frames 60 % (expected at least 80 %)"])


def test_the_worst_moment_of_a_good_recording_is_the_least_sure_one():
    one = rows()
    one.confidence[33] = 0.7
    assert measure_quality(one)["worst_s"] == pytest.approx(33 / 25)


def test_several_faces_uneven_steps_and_cuts():
    one = rows()
    one.frame[1::2] = one.frame[::2]
    one.face_id[1::2] = 1
    measured = measure_quality(replace(one, cuts=3))
    assert (measured["faces"], measured["cuts"]) == (2, 3)
    uneven = rows()
    uneven.times_s[50:] += 0.5
    assert measure_quality(uneven)["uneven_share"] == pytest.approx(1 / 99)
    reasons = QualityLimits().verdict(measured)[1]
    assert reasons == ["faces at once 2 (expected at most 1)", "cuts 3 (expected at most 0)"]


def test_halves_of_the_face_are_told_where_they_are_measured():
    halves = np.column_stack([np.full(N, 0.9), np.r_[np.full(40, 0.2), np.full(60, 0.8)]])
    measured = measure_quality(replace(rows(), halves=halves))
    assert measured["confidence_upper_low_share"] == 0
    assert measured["confidence_lower_low_share"] == pytest.approx(0.4)
    assert QualityLimits().verdict(measured)[1] == ["faces whose lower half is uncertain 40 % (expected at most 30 %)"]


def test_blur_light_and_clipping_of_a_face():
    rng = np.random.default_rng(0)
    sharp = cv2.GaussianBlur(rng.integers(60, 200, (120, 120), np.uint8), (3, 3), 0)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 4)
    assert picture_measures(blurred)[0] < 0.3 * picture_measures(sharp)[0]
    # Contrast and light alone change nothing about how sharp it is.
    fainter = (sharp * 0.5 + 20).astype(np.uint8)
    assert picture_measures(fainter)[0] == pytest.approx(picture_measures(sharp)[0], rel=0.05)
    assert picture_measures(fainter)[1] < picture_measures(sharp)[1]
    # Of the middle, 72 rows, a quarter; what lies round it does not count.
    sharp[24:42], sharp[:, :30] = 255, 0
    assert picture_measures(sharp)[2] == pytest.approx(0.25)


def test_videos_that_failed_or_show_no_face_are_left_out():
    limits = QualityLimits()
    assert limits.verdict({}, "failed") == ("leave out", ["it failed"])
    assert limits.verdict({}, "no_face") == ("leave out", ["no face was found"])
    assert limits.verdict({"usable_share": 0.2}) == ("leave out", ["usable frames 20 % (expected at least 50 %)"])


def test_limits_come_from_a_file_and_go_into_one(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text("[check]\nfaces_max = false\nusable_share_min = 0.95\n[leave_out]\ncuts_max = 5\n")
    limits = QualityLimits.read(path)
    assert "faces_max" not in limits.check
    assert limits.verdict({"usable_share": 0.9, "faces": 3})[0] == "check"
    assert limits.verdict({"usable_share": 1, "cuts": 6})[0] == "leave out"
    path.write_text(limits.as_toml())
    again = QualityLimits.read(path)
    assert (again.leave_out, again.check["usable_share_min"]) == (limits.leave_out, 0.95)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[check", "not a TOML file"),
        ("[tidy]\n", r"unknown table \[tidy\]; expected \[check\] and \[leave_out\]"),
        ("[check]\nbeauty_min = 1\n", "beauty_min; expected one of usable_share, .* with _min or _max"),
        ("[check]\nfps_min = 'many'\n", "fps_min = 'many'; expected a number"),
        ("check = 3\n", r"\[check\] is no table"),
    ],
)
def test_a_bad_file_of_limits_is_one_message(tmp_path, text, told):
    path = tmp_path / "limits.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        QualityLimits.read(path)
    with pytest.raises(InputError, match=r"none\.toml"):
        QualityLimits.read(tmp_path / "none.toml")


def test_docstring_examples():
    assert doctest.testmod(quality).failed == doctest.testmod(verdicts).failed == 0
