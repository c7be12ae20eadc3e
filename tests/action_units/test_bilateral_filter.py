"""Steady points and intensities: rest keeps still, onsets are not late, nothing is remembered across a gap."""

from __future__ import annotations

import numpy as np
import pytest

from facs_pipeline.action_units.bilateral_filter import INTENSITY_WIDTH_S, BilateralFilter
from facs_pipeline.foundation.one_euro_filter import OneEuroFilter
from facs_pipeline.landmarks.pose import MEAN_HEAD

FACE = (200 * MEAN_HEAD[:, :2] + 300).astype(np.float32)
EYES_OPEN_BY = 20.0  # px that an upper lid travels in a blink at this face size


def run(points: np.ndarray, fps: float) -> np.ndarray:
    steady = OneEuroFilter()
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
    points = FACE + t**2 * np.array([30, 60], np.float32)
    moved = run(points, 30) - FACE
    assert np.abs(moved[..., 1] - 2 * moved[..., 0]).max() < 1e-2


def test_larger_faces_are_filtered_alike():
    rng = np.random.default_rng(0)
    points = FACE + np.cumsum(rng.normal(0, 1, (60, 68, 2)), axis=0).astype(np.float32)
    assert np.allclose(run(4 * points, 30), 4 * run(points, 30), rtol=1e-4)


@pytest.mark.parametrize("time_s", [5.5, 0.9, 1.0])
def test_after_a_gap_or_a_jump_back_points_pass_unchanged(time_s):
    steady = OneEuroFilter()
    steady(FACE, 0.97)
    steady(FACE + 1, 1.0)
    assert np.array_equal(steady(FACE + 50, time_s), FACE + 50)


def test_reset_forgets():
    steady = OneEuroFilter()
    steady(FACE, 0.0)
    assert not np.array_equal(steady(FACE + 50, 0.04), FACE + 50)
    steady.reset()
    assert np.array_equal(steady(FACE + 50, 0.08), FACE + 50)


def test_the_points_given_are_not_changed_and_the_type_stays():
    steady = OneEuroFilter()
    first, second = FACE.copy(), FACE + 3
    steady(first, 0.0)
    answer = steady(second, 0.04)
    assert np.array_equal(first, FACE)
    assert np.array_equal(second, FACE + 3)
    assert answer.dtype == np.float32
    assert answer.shape == (68, 2)


def rows_of(frames, ids=None, fps=30.0, cuts=()):
    """Rows as `FrameChunk` gives them."""
    frames = np.asarray(frames)
    ids = np.zeros(len(frames), int) if ids is None else np.asarray(ids)
    return {"frame": frames, "face_id": ids, "time_s": frames / fps, "cut": np.isin(frames, cuts)}


def steadied(rows, values, sizes=None):
    """`values` [m, k] steadied, in chunks of so many rows."""
    steady, done, seen = BilateralFilter(), [], np.cumsum(rows["face_id"] >= 0)
    start = 0
    for size in sizes or [len(rows["frame"])]:
        part = slice(start, start + size)
        first, last = seen[start - 1] if start else 0, seen[start + size - 1]
        done.append(steady.push({name: column[part] for name, column in rows.items()}, values[first:last]))
        start += size
    return np.concatenate([*(one for one in done if one is not None), steady.finish()])


def test_noise_averages_out_and_a_blink_keeps_its_height():
    rng = np.random.default_rng(2)
    noise = 2 + 0.1 * rng.standard_normal((300, 1))
    assert steadied(rows_of(range(300)), noise).std() < 0.6 * noise.std()
    blink = np.interp(np.arange(30), [10, 12, 15], [0, 4, 0])[:, None]
    found = steadied(rows_of(range(30)), blink)
    assert found.argmax() == 12
    assert found.max() > 3.8
    # A step stays one: frames before it do not rise, and nothing comes late.
    step = np.r_[np.zeros(10), np.full(10, 3.0)][:, None]
    np.testing.assert_allclose(steadied(rows_of(range(20)), step), step, atol=1e-6)


def test_small_changes_are_means_by_time():
    values = np.zeros((9, 1))
    values[4] = 1e-3
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 30 / INTENSITY_WIDTH_S) ** 2)
    assert (kernel >= 0.01).all()
    found = steadied(rows_of(range(9)), values)[:, 0]
    assert found[4] == pytest.approx(1e-3 / kernel.sum(), rel=1e-4)
    np.testing.assert_allclose(steadied(rows_of(range(9)), np.full((9, 2), 3.5)), 3.5)
    # Frames a fifth of a second apart show other expressions.
    np.testing.assert_allclose(steadied(rows_of(range(9), fps=5), values), values, atol=1e-9)


def test_the_same_motion_comes_out_the_same_at_any_frame_rate_and_without_lag():
    def smile(time_s):
        return 3 * np.exp(-0.5 * ((time_s - 0.5) / 0.1) ** 2)

    curves = {}
    for fps in (60, 120, 240):
        rows = rows_of(range(fps + 1), fps=fps)
        curves[fps] = steadied(rows, smile(rows["time_s"])[:, None])[:: fps // 60, 0]
        assert curves[fps].argmax() == 30
    np.testing.assert_allclose(curves[60], curves[240], atol=0.01)
    np.testing.assert_allclose(curves[120], curves[240], atol=0.01)


def test_nothing_reaches_across_a_cut_a_gap_or_to_another_face():
    values = np.r_[np.zeros(5), np.full(5, 0.2)][:, None]
    assert 0.05 < steadied(rows_of(range(10)), values)[4, 0] < 0.1
    np.testing.assert_allclose(steadied(rows_of(range(10), cuts=[5]), values), values, atol=1e-6)
    np.testing.assert_allclose(steadied(rows_of([*range(5), *range(6, 11)]), values), values, atol=1e-6)
    frames, ids = np.repeat(np.arange(5), 2), np.tile([0, 1], 5)
    both = np.where(ids == 1, 0.2, 0.0)[:, None]
    np.testing.assert_allclose(steadied(rows_of(frames, ids), both), both, atol=1e-6)


def test_chunks_change_nothing():
    rng = np.random.default_rng(3)
    ids = np.where(rng.random(200) < 0.1, -1, 0)
    rows = rows_of(range(200), ids, cuts=[77])
    values = rng.uniform(0, 5, (int((ids >= 0).sum()), 3))
    whole = steadied(rows, values)
    for sizes in ([50] * 4, [9] * 22 + [2], [199, 1]):
        np.testing.assert_allclose(steadied(rows, values, sizes), whole, atol=1e-6)
    nobody = rows_of(range(4), [-1] * 4)
    assert steadied(nobody, np.zeros((0, 3)), [2, 2]).shape == (0, 3)


@pytest.mark.parametrize("fps", [10, 30, 240])
def test_frame_by_frame_gives_the_numbers_of_chunks_after_a_stated_delay(fps):
    """With two faces, gaps, a cut, and frames without anybody."""
    rng = np.random.default_rng(4)
    there = {face: rng.random(300) > share for face, share in ((0, 0.1), (1, 0.4))}
    there[0][120:150] = there[1][110:150] = False
    pairs = [(frame, face) for frame in range(300) for face in (0, 1, -1) if face < 0 or there[face][frame]]
    pairs = [(frame, face) for frame, face in pairs if face >= 0 or not (there[0][frame] or there[1][frame])]
    frames, ids = np.array(pairs).T
    rows = rows_of(frames, ids, fps, cuts=[77, 200])
    values = (rng.uniform(0, 5, (int((ids >= 0).sum()), 3)) / 4).astype(np.float32)
    whole = steadied(rows, values)
    bilateral, delays = BilateralFilter(), []
    given: list[np.ndarray] = []
    time_of = rows["time_s"][ids >= 0]
    for frame in range(300):
        mine = (frames == frame) & (ids >= 0)
        faces = ids[mine].tolist()
        before = int((frames[ids >= 0] < frame).sum())
        final = bilateral.push_frame(faces, values[before : before + len(faces)], frame / fps, cut=frame in (77, 200))
        delays += [frame / fps - time_s for time_s in time_of[len(given) : len(given) + len(final)]]
        given += list(final)
    assert min(delays) > bilateral.reach_s - 1e-9
    assert max(delays) < bilateral.reach_s + 1 / fps + 1e-9
    rest = bilateral.finish()
    assert rest is not None
    given += list(rest)
    np.testing.assert_allclose(np.array(given), whole, atol=1e-6)
    # They differ from what went in, and chunks of any length give the same.
    assert np.abs(whole - values).max() > 0.01
    sizes = [60] * (len(ids) // 60) + [len(ids) % 60]
    np.testing.assert_allclose(steadied(rows, values, sizes), whole, atol=1e-6)


def test_no_frame_further_away_than_its_reach_counts():
    values = np.array([[0.0], [0.2], [0.0]])
    reach_s = BilateralFilter().reach_s
    assert reach_s == pytest.approx(0.152, abs=5e-4)
    for factor, moves in ((0.99, True), (1.01, False)):
        rows = rows_of(range(3), fps=1 / (factor * reach_s))
        assert (np.abs(steadied(rows, values) - values).max() > 1e-4) == moves


def test_nothing_pushed_nothing_given():
    assert BilateralFilter().finish() is None
    bilateral = BilateralFilter()
    for frame in range(20):
        assert bilateral.push_frame([], np.zeros((0, 3), np.float32), frame / 30).shape == (0, 3)
    rest = bilateral.finish()
    assert rest is not None
    assert rest.shape == (0, 3)
