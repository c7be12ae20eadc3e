"""Blinks are counted once each, at any frame rate, over any level of the open eye."""

from __future__ import annotations

import numpy as np
import pytest

from facs_pipeline.action_units.bilateral_filter import BilateralFilter
from facs_pipeline.dynamics.blinks import count_blinks, find_blinks, find_closed_eyes, visible_seconds


def eye(times, blinks, *, level=0.0, depth=3.0, width=0.12):
    """AU45 with smooth blinks at the given times."""
    return level + sum(depth * np.exp(-(((times - at) / width) ** 2)) for at in blinks) + 0 * times


@pytest.mark.parametrize("fps", [15, 25, 30, 60, 100])
@pytest.mark.parametrize("level", [0.0, 1.5])
def test_counts_at_any_rate_and_level(fps, level):
    times = np.arange(0, 20, 1 / fps)
    assert count_blinks(eye(times, [2, 5, 5.6, 11, 18], level=level), times) == 5


@pytest.mark.parametrize("fps", [25, 100])
def test_each_blink_is_where_the_eye_is_shut(fps):
    times = np.arange(0, 20, 1 / fps)
    found = find_blinks(eye(times, [2, 5, 11, 18]), times)
    assert len(found) == 4
    for (first, last), shut in zip(found, [2, 5, 11, 18], strict=True):
        # Above 1 of 3 and back below 0.5 of 3, on a Gaussian of width 0.12 s.
        assert first == pytest.approx(shut - 0.12 * np.sqrt(np.log(3)), abs=1 / fps)
        assert last == pytest.approx(shut + 0.12 * np.sqrt(np.log(6)), abs=1 / fps)


def test_a_blink_cut_by_the_end_lasts_to_the_end():
    times = np.arange(0, 10, 1 / 30)
    assert find_blinks(np.where(times > 9.7, 3.0, 0.0), times) == [(pytest.approx(9.7, abs=0.04), times[-1])]


def test_noise_neither_makes_nor_splits_blinks():
    times = np.arange(0, 30, 1 / 30)
    noise = np.random.default_rng(0).normal(0, 0.15, len(times))
    assert count_blinks(eye(times, [3, 9, 20]) + noise, times) == 3
    assert count_blinks(noise, times) == 0


def test_closed_eyes_are_no_blink():
    times = np.arange(0, 20, 1 / 30)
    closed = np.where((times > 5) & (times < 7), 4.0, 0.0)
    assert count_blinks(closed, times) == 0


def test_six_seconds_are_one_closure_and_no_blink():
    times = np.arange(0, 20, 1 / 30)
    for level in (0.0, 1.0):
        closed = np.where((times > 5) & (times < 11), 4.0, level) + eye(times, [2, 15], depth=4 - level)
        [(first, last)] = find_closed_eyes(closed, times)
        assert (first, last) == (pytest.approx(5, abs=0.05), pytest.approx(11, abs=0.05))
        assert count_blinks(closed, times) == 2


def test_eyes_that_are_closed_throughout_are_closed():
    times = np.arange(0, 8, 1 / 30)
    assert find_closed_eyes(np.full(len(times), 4.0), times) == [(0.0, times[-1])]
    assert find_closed_eyes(np.full(len(times), 1.5), times) == []


def test_a_pause_of_the_recording_is_no_time_with_closed_eyes():
    times = np.concatenate([np.arange(0, 2, 1 / 30), 60 + np.arange(0, 2, 1 / 30)])
    closed = np.where((times > 1) & (times < 61), 4.0, 0.0)
    spans = find_closed_eyes(closed, times)
    assert [round(last - first) for first, last in spans] == [1, 1]


@pytest.mark.parametrize("fps", [30, 60])
def test_the_filter_does_not_smear_fluttering_lids(fps):
    times = np.arange(0, 2, 1 / fps)
    fluttering = np.where((times * 5) % 1 < 0.5, 0.3, 3.5)
    bilateral = BilateralFilter()
    rows = {"frame": np.arange(len(times)), "face_id": np.zeros(len(times), int), "time_s": times}
    bilateral.push({**rows, "cut": np.zeros(len(times), bool)}, fluttering[:, None])
    filtered = bilateral.finish()
    assert filtered is not None
    assert np.abs(filtered[:, 0] - fluttering).max() < 0.05
    assert count_blinks(filtered[:, 0], times) == 10


def test_a_level_that_drifts_is_no_blink():
    times = np.arange(0, 60, 1 / 30)
    assert count_blinks(np.linspace(0, 3, len(times)), times) == 0


def test_frames_without_a_face_are_passed_over():
    times = np.arange(0, 10, 1 / 30)
    series = eye(times, [2, 8])
    series[(times > 4) & (times < 6)] = np.nan
    assert count_blinks(series, times) == 2


def test_the_time_of_a_face_is_that_of_its_frames():
    """Two seconds at 30 frames/s with a face, two at 10 without: two seconds, not half of all frames' mean."""
    times = np.concatenate([np.arange(60) / 30, 2 + np.arange(20) / 10])
    assert visible_seconds(np.arange(80) < 60, times) == pytest.approx(2.0)
    assert visible_seconds(np.arange(80) >= 60, times) == pytest.approx(2.0, abs=0.1)
    assert visible_seconds(np.array([True]), np.array([0.0])) == 0.0


def test_too_short_a_series_has_none():
    assert count_blinks(np.array([5.0]), np.array([0.0])) == 0
    assert count_blinks(np.full(4, np.nan), np.arange(4.0)) == 0


def test_shapes_must_fit():
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        count_blinks(np.zeros(3), np.zeros(2))


def test_a_gap_of_hours_is_no_time_with_a_face():
    times = np.r_[np.arange(50) / 25, 7200 + np.arange(50) / 25]
    assert visible_seconds(np.ones(100, bool), times) == pytest.approx(4.0)
    # A pause of seconds counts as ever.
    assert visible_seconds(np.ones(100, bool), np.where(times > 100, times - 7195, times)) == pytest.approx(
        7.0, abs=0.1
    )
