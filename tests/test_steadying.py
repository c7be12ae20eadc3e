"""The point filter: still faces keep still, onsets are not late, and nothing is remembered across a gap."""

from __future__ import annotations

import numpy as np
import pytest

from facs_pipeline.pose import MEAN_HEAD
from facs_pipeline.steadying import PointFilter

FACE = (200 * MEAN_HEAD[:, :2] + 300).astype(np.float32)
EYES_OPEN_BY = 20.0  # px that an upper lid travels in a blink at this face size


def run(points: np.ndarray, fps: float) -> np.ndarray:
    steady = PointFilter()
    return np.array([steady(p, i / fps) for i, p in enumerate(points)])


@pytest.mark.parametrize("fps", [25, 30, 60, 100])
def test_jitter_of_a_still_face_falls_to_less_than_half(fps):
    rng = np.random.default_rng(0)
    noisy = FACE + rng.normal(0, 0.5, (10 * fps, 68, 2)).astype(np.float32)
    steadied = run(noisy, fps)[fps:]
    assert np.abs(np.diff(steadied, axis=0)).mean() < 0.5 * np.abs(np.diff(noisy, axis=0)).mean()
    assert np.abs(steadied.mean(axis=0) - FACE).max() < 0.3


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_the_onset_of_a_blink_is_at_most_one_frame_late(fps):
    points = np.repeat(FACE[None], 2 * fps, axis=0)
    closing = np.clip((np.arange(2 * fps) - fps) / (0.1 * fps), 0, 1)
    lids = [37, 38, 43, 44]
    points[:, lids, 1] += (EYES_OPEN_BY * closing[:, None]).astype(np.float32)
    steadied = run(points, fps)

    def half_rise(series: np.ndarray) -> float:
        return float(np.interp(EYES_OPEN_BY / 2, series[:, 37, 1] - FACE[37, 1], np.arange(len(series))))

    assert 0 <= half_rise(steadied) - half_rise(points) <= 1
    assert steadied[-1, 37, 1] == pytest.approx(points[-1, 37, 1], abs=0.02 * EYES_OPEN_BY)
    still = [i for i in range(68) if i not in lids]
    assert np.allclose(steadied[:, still], FACE[still], atol=1e-3)


def test_a_blink_keeps_most_of_its_depth():
    fps = 30
    points = np.repeat(FACE[None], 2 * fps, axis=0)
    blink = np.zeros(2 * fps, np.float32)
    blink[fps : fps + 6] = [0.4, 0.9, 1, 0.8, 0.5, 0.2]
    points[:, 37, 1] += EYES_OPEN_BY * blink
    depth = (run(points, fps)[:, 37, 1] - FACE[37, 1]).max()
    assert 0.75 * EYES_OPEN_BY < depth <= EYES_OPEN_BY


def test_a_point_never_leaves_its_path():
    t = np.linspace(0, 1, 60, dtype=np.float32)[:, None, None]
    points = FACE + t**2 * np.float32([30, 60])
    moved = run(points, 30) - FACE
    assert np.abs(moved[..., 1] - 2 * moved[..., 0]).max() < 1e-2


def test_larger_faces_are_filtered_alike():
    rng = np.random.default_rng(0)
    points = FACE + np.cumsum(rng.normal(0, 1, (60, 68, 2)), axis=0).astype(np.float32)
    assert np.allclose(run(4 * points, 30), 4 * run(points, 30), rtol=1e-4)


@pytest.mark.parametrize("time_s", [5.5, 0.9, 1.0])
def test_after_a_gap_or_a_jump_back_points_pass_unchanged(time_s):
    steady = PointFilter()
    steady(FACE, 0.97)
    steady(FACE + 1, 1.0)
    assert np.array_equal(steady(FACE + 50, time_s), FACE + 50)


def test_reset_forgets():
    steady = PointFilter()
    steady(FACE, 0.0)
    assert not np.array_equal(steady(FACE + 50, 0.04), FACE + 50)
    steady.reset()
    assert np.array_equal(steady(FACE + 50, 0.08), FACE + 50)


def test_the_points_given_are_not_changed_and_the_type_stays():
    steady = PointFilter()
    first, second = FACE.copy(), FACE + 3
    steady(first, 0.0)
    answer = steady(second, 0.04)
    assert np.array_equal(first, FACE) and np.array_equal(second, FACE + 3)
    assert answer.dtype == np.float32 and answer.shape == (68, 2)
