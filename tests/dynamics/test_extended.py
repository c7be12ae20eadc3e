"""Extended descriptors: the same at any frame rate, place and size; phases as drawn; short clips described."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facs_pipeline.dynamics.evidence import columns_of, kind_of_evidence
from facs_pipeline.dynamics.extended import FaceMotion, describe_motion, extended_names, why_not_extended
from facs_pipeline.dynamics.face_signals import frontal_landmarks
from facs_pipeline.dynamics.phases import PHASES
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.landmarks.pose import MEAN_HEAD

AUS = (1, 2, 4, 6, 12, 25, 45)
# Each part of the face: its points, the axis it moves along and how far, in outer-eye distances per intensity.
PARTS = (
    ([48, 54], 1, -0.02), ([54], 1, -0.004), ([54], 0, 0.02), ([57, 66], 1, 0.03), ([49, 50, 51, 52, 53], 1, -0.012),
    ([31, 35], 1, -0.01), ([31], 0, -0.01), ([6, 7, 8, 9, 10], 1, 0.03), ([20, 21], 0, 0.01),
    ([17, 18, 19, 20, 21, 22, 23, 24, 25, 26], 1, -0.02), ([17, 18, 19, 20, 21], 1, -0.006),
    ([37, 38, 43, 44], 1, 0.01), ([37, 38], 1, 0.004),
)  # fmt: skip


def movement(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """One onset, apex and offset [n], and some slow swaying."""
    begin, up, hold, down = rng.uniform(0.2, 1), rng.uniform(0.25, 0.8), rng.uniform(0.1, 0.8), rng.uniform(0.3, 1)
    rise, fall = np.clip((times - begin) / up, 0, 1), np.clip((times - begin - up - hold) / down, 0, 1)
    shape = (np.cos(np.pi * fall) - np.cos(np.pi * rise)) / 2
    return rng.uniform(1, 4) * shape + 0.2 * np.sin(2 * np.pi * rng.uniform(0.3, 1.2) * times + rng.uniform(0, 6))


def face(seed: int, rate: float = 50, seconds: float = 3.0) -> FaceMotion:
    """A face of which everything moves, turning its head."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    intensities = np.column_stack([movement(rng, times) for _ in AUS])
    head = np.repeat(MEAN_HEAD[None], len(times), axis=0)
    for points, axis, amount in PARTS:
        head[:, points, axis] += amount * movement(rng, times)[:, None]
    yaw = 0.1 * np.sin(times * rng.uniform(0.5, 2))
    x = head[..., 0] * np.cos(yaw)[:, None] + head[..., 2] * np.sin(yaw)[:, None]
    return FaceMotion(times, intensities, AUS, 100 * np.stack([x, head[..., 1]], axis=-1) + 200)


def described(motion: FaceMotion) -> dict[str, float]:
    values, names = describe_motion(motion)
    return dict(zip(names, values.tolist(), strict=True))


@pytest.fixture(scope="module")
def fast() -> np.ndarray:
    return np.array([describe_motion(face(seed, 100))[0] for seed in range(12)])


@pytest.mark.parametrize("rate", [25, 30, 50])
def test_every_statistic_is_the_same_at_any_frame_rate(fast: np.ndarray, rate: float) -> None:
    slow = np.array([describe_motion(face(seed, rate))[0] for seed in range(12)])
    spread = np.ptp(fast, axis=0)
    shares = np.abs(slow - fast) / np.where(spread > 0, spread, np.inf)
    names = np.array(extended_names(AUS))
    ours = np.array([name not in ("recording_frames", "recording_frame_rate_hz") for name in names])
    # A reversal at the edge of nothing makes two onsets of one; calmest frames and blinks are other frames.
    jumping = np.array([name.endswith((*PHASES, "above_rest", "blinks_in_movement")) for name in names])
    worst = shares.max(axis=0)
    too_far = ours & ~jumping & (worst > 0.021)
    assert names[too_far].tolist() == []
    assert np.median(shares[:, jumping], axis=0).max() < 0.02
    assert (shares[:, jumping] > 0.02).mean() < 0.005


def test_place_size_and_roll_are_no_evidence_of_the_face() -> None:
    motion = face(0)
    assert motion.points is not None
    turn = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]])
    moved = replace(motion, points=1.7 * motion.points @ turn.T + [300, -40])
    before, after = described(motion), described(moved)
    for name in before:
        if kind_of_evidence(name) == "face":
            assert after[name] == pytest.approx(before[name], rel=2e-4, abs=2e-4), name
    assert after["recording_face_size_px"] == pytest.approx(1.7 * before["recording_face_size_px"], rel=1e-4)


def test_a_turned_head_hardly_moves_the_face() -> None:
    def at(yaw: float) -> np.ndarray:
        x = MEAN_HEAD[:, 0] * np.cos(yaw) + MEAN_HEAD[:, 2] * np.sin(yaw)
        return frontal_landmarks(90 * np.stack([x, MEAN_HEAD[:, 1]], axis=-1)[None])[0]

    assert np.abs(at(0.4) - at(0.0)).max() < 1e-6


def test_a_still_face_has_no_movement() -> None:
    motion = FaceMotion(
        np.arange(60) / 30, np.full((60, 2), 1.5), (6, 12), np.repeat(100 * MEAN_HEAD[None, :, :2], 60, 0)
    )
    values = described(motion)
    assert values["AU12_mean"] == 1.5
    moving = [name for name in values if "speed" in name or "amplitude" in name or "apexes" in name]
    assert max(abs(values[name]) for name in moving) < 1e-6


def test_phases_are_those_that_were_drawn() -> None:
    times = np.arange(180) / 60
    rise, fall = np.clip((times - 0.5) / 0.5, 0, 1), np.clip((times - 1.5) / 1.0, 0, 1)
    smile = 3 * (np.cos(np.pi * fall) - np.cos(np.pi * rise)) / 2
    later = np.interp(times - 0.1, times, smile)
    values = described(FaceMotion(times, np.column_stack([smile, later]), (6, 12)))
    assert values["AU06_onset_amplitude"] == pytest.approx(3, abs=0.15)
    # Smoothing by 100 ms draws a rise out at both ends, and halves no speed.
    assert 0.5 <= values["AU06_onset_duration_s"] < values["AU06_offset_duration_s"] < 2
    assert values["AU06_onset_peak_speed"] > 1.5 * values["AU06_offset_peak_speed"]
    assert values["AU06_onset_to_offset_duration"] < -0.2
    assert values["AU06_apexes_per_s"] == pytest.approx(1 / 3, abs=0.05)
    assert values["AU06_with_AU12_lead_s"] > 0.02
    assert values["AU06_with_AU12_correlation"] > 0.8


def test_two_apexes_count_twice_and_trembling_is_rough() -> None:
    times = np.arange(300) / 100
    smooth = 1 - np.cos(2 * np.pi * times * 2 / 3)
    rough = smooth + 0.1 * np.sin(2 * np.pi * 5 * times)
    values = described(FaceMotion(times, np.column_stack([smooth, rough]), (6, 12)))
    assert values["AU06_apexes_per_s"] == pytest.approx(2 / 3, abs=0.05)
    assert values["AU12_roughness_50ms"] > 1.5 * values["AU06_roughness_50ms"]


def test_a_one_sided_smile_shows_in_the_sides() -> None:
    times = np.arange(90) / 30
    head = np.repeat(MEAN_HEAD[None, :, :2], 90, axis=0)
    head[:, 54, 1] -= 0.1 * (1 - np.cos(2 * np.pi * times / 3))
    values = described(FaceMotion(times, np.zeros((90, 1)), (12,), 100 * head))
    assert values["lip_corners_height_left_minus_right_p95"] - values["lip_corners_height_left_minus_right_p05"] > 10
    assert values["lip_corners_height_left_with_right_amplitude_ratio"] > 1


def test_short_clips_and_gaps_are_described_from_what_there_is() -> None:
    motion = face(1)
    assert motion.points is not None
    for frames in (2, 5, 10):
        part = FaceMotion(motion.times_s[:frames], motion.intensities[:frames], AUS, motion.points[:frames])
        assert np.isfinite(describe_motion(part)[0]).all()
    hidden = motion.intensities.copy()
    hidden[60:63] = np.nan
    whole, with_gap = describe_motion(motion)[0], describe_motion(replace(motion, intensities=hidden))[0]
    assert np.isfinite(with_gap).all()
    mean = extended_names(AUS).index("AU12_mean")
    assert with_gap[mean] == pytest.approx(whole[mean], abs=0.02)
    alone = np.full_like(motion.intensities, np.nan)
    alone[[0, 100]] = motion.intensities[[0, 100]]
    lonely = replace(motion, intensities=alone)
    assert why_not_extended(lonely).startswith("a face in 2 of 150 frames")
    assert np.isnan(describe_motion(lonely)[0]).all()


def test_a_recording_of_hours_is_refused_in_words() -> None:
    times = np.arange(0, 4000, 0.4)
    long = FaceMotion(times, np.zeros((len(times), 1)), (12,))
    assert why_not_extended(long).endswith("an extended descriptor is of at most 0.5 h; cut the video")
    assert np.isnan(describe_motion(long)[0]).all()


def test_time_without_a_face_says_nothing_about_it() -> None:
    motion = face(2)
    assert motion.points is not None
    times = np.concatenate([motion.times_s, motion.times_s + 60])
    twice = FaceMotion(times, np.tile(motion.intensities, (2, 1)), AUS, np.tile(motion.points, (2, 1, 1)))
    one, two = described(motion), described(twice)
    for name in ("AU12_mean", "AU12_speed_p95_100ms", "AU12_onset_amplitude", "AU12_apexes_per_s", "lip_width_sd_50ms"):
        assert two[name] == pytest.approx(one[name], rel=0.02, abs=1e-3), name


def test_columns_of_the_face_are_told_from_the_rest() -> None:
    names = extended_names(AUS)
    kinds = [kind_of_evidence(name) for name in names]
    assert {kind: kinds.count(kind) for kind in ("head_in_step", "recording")} == {"head_in_step": 9, "recording": 7}
    face_only = {names[i] for i in columns_of(names, "face")}
    assert not [name for name in face_only if name.startswith(("head", "clip", "recording"))]
    assert len(columns_of(names, "face-and-head")) == len(face_only) + 9
    assert columns_of(names, "all") == list(range(len(names)))
    assert kind_of_evidence("AU12_value_max_minus_first_mean_crossing") == "clip"
    assert kind_of_evidence("AU12_speed_max") == kind_of_evidence("somebody_elses") == "face"


def test_columns_and_action_units_must_agree() -> None:
    with pytest.raises(InputError, match="2 columns, but 1 action units"):
        FaceMotion(np.arange(3) / 25, np.zeros((3, 2)), (12,))
