"""Descriptors: equal to the published code's values, the same at any frame rate, defined where the original is not."""

from __future__ import annotations

import doctest
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline
from scipy.signal import butter, filtfilt, sosfiltfilt
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from facs_pipeline.action_units import baseline
from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.dynamics import descriptor_transformer, descriptors
from facs_pipeline.dynamics.descriptor_transformer import FacialActivityDescriptor
from facs_pipeline.dynamics.descriptors import (
    N_PER_AU,
    PUBLISHED_AUS,
    STAND_IN_AUS,
    STATISTICS,
    default_aus,
    describe_series,
    descriptor_names,
    why_not_described,
)
from facs_pipeline.dynamics.face_series import describe_faces
from facs_pipeline.dynamics.resampling import LONGEST_GAP_S, LONGEST_S, resample_series, smooth_series
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.synthesis.recordings import expression
from facs_pipeline.tables.reader import read_au_table


@pytest.fixture(scope="module")
def reference(shared_dir):
    with np.load(shared_dir / "data" / "descriptors" / "reference_descriptors.npz") as archive:
        return {name: archive[name] for name in archive.files}


def all_series(reference) -> list[np.ndarray]:
    return [reference[f"series_{i:02d}"] for i in range(len(reference["descriptors"]))]


def synthetic_series() -> np.ndarray:
    """Intensities [600, 7] of the published action units in six seconds of a synthetic smile."""
    smile = expression("happiness", "real", duration_s=6, fps=100, noise=0.1, seed=5)
    return smile.intensities[:, [smile.aus.index(au) for au in PUBLISHED_AUS]]


def at_100(series: np.ndarray) -> np.ndarray:
    return np.arange(len(series)) / 100


@pytest.mark.shared
def test_names_are_the_published_codes(reference):
    assert descriptor_names(reference["aus"]) == list(reference["columns"])
    assert len(descriptor_names(PUBLISHED_AUS)) == 434


@pytest.mark.shared
def test_values_are_the_published_codes_at_100_frames_a_second(reference):
    for series, expected in zip(all_series(reference), reference["descriptors"], strict=True):
        values, names = describe_series(series, at_100(series), reference["aus"])
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9)
        assert names == list(reference["columns"])


@pytest.mark.shared
def test_scipys_own_padding_would_not_do(reference):
    """The comparison notices the edge treatment, the detail that is easiest to get wrong."""
    series = all_series(reference)[0]
    other = filtfilt(*butter(1, 1 / 50), series, axis=0)
    assert np.abs(other - smooth_series(series)).max() > 1e-3


def test_origin_of_time_and_millisecond_stamps_change_nothing():
    series = synthetic_series()
    expected = describe_series(series, at_100(series), PUBLISHED_AUS)[0]
    for times in (at_100(series) + 1234.5, np.round(at_100(series), 3), at_100(series) + 1 / 15360):
        np.testing.assert_array_equal(describe_series(series, times, PUBLISHED_AUS)[0], expected)


def frame_times(name: str, duration: float, seed: int) -> np.ndarray:
    """Time stamps of a clip: ``"25"`` even, ``"uneven 25"`` each frame up to 40 % of the interval early or late."""
    fps = int(name.split()[-1])
    times = np.arange(round(duration * fps)) / fps
    if name.startswith("uneven"):
        times[1:-1] += np.random.default_rng(seed).uniform(-0.4, 0.4, len(times) - 2) / fps
    return times


def differences(motions, durations, rate: str) -> np.ndarray:
    """[434] largest difference over the clips between `rate` and 100 frames/s, as a share of the statistic's range."""
    truth, found = [], []
    for number, (motion, duration) in enumerate(zip(motions, durations, strict=True)):
        times = frame_times("100", duration, 0)
        truth.append(describe_series(motion(times), times, PUBLISHED_AUS)[0])
        times = frame_times(rate, duration, number)
        found.append(describe_series(motion(times), times + 3.7, PUBLISHED_AUS)[0])
    off = np.abs(np.array(found) - np.array(truth))
    spread = np.ptp(truth, axis=0)
    # A count that is the same in all clips has no range to compare with; it must simply be equal.
    return off.max(axis=0) / np.where(spread > 0, spread, 1.0)


RATES = ["25", "30", "50", "60", "120", "uneven 25", "uneven 30"]


def apexes(number: int):
    """Seven AU-like motions with clear apexes, given as formulas, so that any time stamp can be sampled exactly.

    Rises and falls of 0.22 to 0.63 Hz, one stronger than the next, on a slow trend. No stretch is level and no two
    apexes are equally high: where a series grazes a level or has two highest points, one sample more decides a count
    or a time, at any frame rate.
    """
    unit = np.arange(7)
    rate = np.linspace(0.22, 0.5, 7) * (1 + 0.05 * number)
    height = 0.8 + 0.2 * ((unit + number) % 6)
    start, skew = 0.9 * unit + 1.7 * number, 0.7 + 0.5 * unit + 1.05 * number

    def motion(times: np.ndarray) -> np.ndarray:
        times = times[:, None]
        angle = 2 * np.pi * rate * times + start
        swing = height * (np.sin(angle) + 0.3 * np.sin(2 * angle + skew))
        return 2.2 + (1 - 0.11 * times) * swing + 0.05 * (number + 1) * times

    return motion


@pytest.mark.parametrize("rate", RATES)
def test_every_statistic_is_the_same_at_any_frame_rate_where_apexes_are_clear(rate):
    durations = [3.0, 3.6, 4.2, 4.6, 5.0, 5.6]
    worst = differences([apexes(number) for number in range(6)], durations, rate)
    names = descriptor_names(PUBLISHED_AUS)
    assert {name: share for name, share in zip(names, worst, strict=True) if share > 0.02} == {}


def below_2_hz(series: np.ndarray):
    """A real series as a motion that can be sampled at any time, and its length in seconds.

    Whole multiples of 0.2 s are a whole number of frames at 25, 30, 50, 60, 100 and 120 frames/s.
    """
    slow = sosfiltfilt(butter(2, 2 / 50, output="sos"), series, axis=0)[: len(series) // 20 * 20]
    spline = CubicSpline(at_100(slow), slow)
    return (lambda times: spline(np.minimum(times, (len(slow) - 1) / 100))), len(slow) / 100


@pytest.mark.shared
@pytest.mark.parametrize("rate", RATES)
def test_statistics_of_real_faces_are_the_same_at_any_frame_rate(reference, rate):
    """The six reference videos, their motion below 2 Hz: at least 430 of 434 statistics within 2 % of their range.

    What moves faster than half the frame rate is lost to a slow camera, so the series' noise must go first. Of the
    few, all but a median of the acceleration (2.1 %) are durations: a real face rests for a while at the very level
    they count by, and 2 % of a small range is then a sample or two of the 100 Hz base. None is off by more than 5 %.
    """
    motions, durations = zip(*map(below_2_hz, all_series(reference)), strict=True)
    worst = differences(motions, durations, rate)
    names = np.array(descriptor_names(PUBLISHED_AUS))
    lasting = np.char.find(names, "_time_above_") >= 0
    assert worst[~lasting].max() < 0.025
    assert (worst > 0.02).sum() <= 4
    assert worst.max() < 0.05


def test_speed_does_not_depend_on_the_frame_rate():
    """A ramp of 2 units a second is 0.02 units per 0.01 s, whatever the camera."""
    for fps in (25, 100, 240):
        times = np.arange(4 * fps) / fps
        values, names = describe_series((2 * times)[:, None], times, [12])
        assert values[names.index("AU12_speed_median")] == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("level", [0.0, 0.1, 3.7])
def test_a_face_that_does_not_move_has_defined_statistics(level):
    values, names = describe_series(np.full((300, 1), level), np.arange(300) / 100, [4])
    found = dict(zip(names, values, strict=True))
    assert np.isfinite(values).all()
    assert found["AU04_value_mean"] == found["AU04_value_max"] == pytest.approx(level)
    for signal in ("value", "speed", "acceleration"):
        for statistic in ("range", "area", "area_normalised", "max_minus_first_mean_crossing", "segments_above_mean"):
            assert found[f"AU04_{signal}_{statistic}"] == 0
    for statistic in STATISTICS:
        if statistic != "time_of_max":
            assert found[f"AU04_speed_{statistic}"] == 0


def test_frames_without_a_face_are_bridged_inside_and_trimmed_at_the_ends():
    series, aus = synthetic_series(), PUBLISHED_AUS
    slow = sosfiltfilt(butter(2, 2 / 50, output="sos"), series, axis=0)
    times = at_100(slow)
    whole = describe_series(slow, times, aus)[0]
    holes = slow.copy()
    holes[[50, 51, 120, 200, 201, 202]] = np.nan
    gap = describe_series(holes, times, aus)[0]
    area = descriptor_names(aus).index("AU12_value_area")
    assert gap[area] == pytest.approx(whole[area], rel=1e-3)

    late = np.vstack([np.full((80, 7), np.nan), slow, np.full((40, 7), np.nan)])
    np.testing.assert_array_equal(describe_series(late, at_100(late), aus)[0], whole)


def test_the_frame_rate_before_and_after_the_face_says_nothing():
    series = synthetic_series()[:300, [PUBLISHED_AUS.index(12)]]
    times = np.arange(len(series)) / 30
    alone = describe_series(series, times, [12])[0]
    empty = np.full((50, 1), np.nan)
    slower = times[-1] + np.arange(1, 51) / 11
    faster = times[0] - np.arange(50, 0, -1) / 90
    whole = describe_series(np.concatenate([empty, series, empty]), np.concatenate([faster, times, slower]), [12])[0]
    np.testing.assert_allclose(whole, alone, rtol=1e-9)


def test_one_empty_cell_makes_a_row_a_frame_without_a_face():
    series = np.column_stack([np.arange(200.0), np.arange(200.0)])
    series[100, 0] = np.nan
    filled = resample_series(series, np.arange(200) / 100)
    np.testing.assert_allclose(filled[:, 0], np.arange(200.0))


def test_frames_that_go_back_in_time_are_left_out():
    times = np.arange(200) / 100
    series = np.sin(times)[:, None]
    damaged = times.copy()
    damaged[[70, 71]] = [0.2, np.nan]
    np.testing.assert_allclose(resample_series(series, damaged), series, atol=1e-4)


def test_frames_that_almost_coincide_do_not_throw_the_curve():
    rng = np.random.default_rng(0)
    times, series = np.sort(rng.uniform(0, 5, 200)), rng.uniform(0, 5, (200, 2))
    times[50] = times[49] + 1e-9
    samples = resample_series(series, times)
    assert samples.min() > -0.6
    assert samples.max() < 5.6


@pytest.mark.parametrize(
    ("series", "fps", "reason"),
    [
        (np.zeros((0, 2)), 25, "a whole face measured in 0 of 0 frames"),
        (np.full((90, 2), np.nan), 25, "a whole face measured in 0 of 90 frames"),
        (np.vstack([np.zeros((4, 2)), np.full((90, 2), np.nan)]), 25, "a whole face measured in 4 of 94 frames"),
        (np.zeros((12, 2)), 25, "faces span 0.44 s"),
        (
            np.where(np.arange(91)[:, None] % 10 == 0, np.ones((91, 2)), np.nan),
            25,
            "a whole face measured in 11 % of the frames",
        ),
    ],
)
def test_too_little_gives_nan_and_a_reason(series, fps, reason):
    times = np.arange(len(series)) / fps
    assert why_not_described(series, times).startswith(reason)
    assert np.isnan(describe_series(series, times, [1, 2])[0]).all()


def test_enough_is_enough():
    assert why_not_described(np.zeros((51, 1)), np.arange(51) / 100) == ""


def test_half_an_hour_needs_little_memory():
    times = np.arange(30 * 60 * 30) / 30
    series = 2 + np.sin(times[:, None] * np.linspace(1, 2, 7))
    tracemalloc.start()
    values = describe_series(series, times, PUBLISHED_AUS)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(values).all()
    assert peak < 200e6


def test_wrong_input_is_named():
    with pytest.raises(InputError, match="3 columns, but 2 action units"):
        describe_series(np.zeros((90, 3)), np.arange(90), [1, 2])
    with pytest.raises(InputError, match=r"got shapes \[90\] and \[90\]"):
        describe_series(np.zeros(90), np.arange(90), [1])
    with pytest.raises(InputError, match="60 Hz given"):
        smooth_series(np.zeros(90), cutoff_hz=60)
    with pytest.raises(InputError, match="at least 4 samples"):
        smooth_series(np.zeros(3))
    with pytest.raises(InputError, match="cutoff_hz is -1"):
        FacialActivityDescriptor(cutoff_hz=-1).fit([])


@pytest.mark.shared
def test_transformer_in_a_pipeline(reference):
    videos = [(series, at_100(series)) for series in all_series(reference)]
    transformer = FacialActivityDescriptor(aus=reference["aus"])
    np.testing.assert_allclose(transformer.fit_transform(videos), reference["descriptors"], atol=1e-9)
    assert list(transformer.get_feature_names_out()) == list(reference["columns"])
    assert transformer.n_features_out_ == 7 * N_PER_AU
    assert transformer.transform([]).shape == (0, 434)
    scaled = make_pipeline(clone(transformer), StandardScaler()).fit_transform(videos)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
    assert clone(transformer).set_params(cutoff_hz=2.0).get_params()["cutoff_hz"] == 2.0


@pytest.fixture
def tables(tmp_path):
    """OpenFace's table of one face and ours of two, with different action units; 3 s each."""
    times = np.arange(75) / 25
    units = (1, 2, 4, 6, 7, 9, 10, 12, 25, 45)
    smile = {f"AU{au:02d}_r": 2 - 2 * np.cos(2 * np.pi * times / 3) + au / 100 for au in units}
    table = pd.DataFrame({"frame": np.arange(75) + 1, "timestamp": times, "success": 1, **smile})
    table.to_csv(tmp_path / "openface.csv", index=False)
    ours = pd.concat([table.assign(video="ben", face_id=face) for face in (0, 1)]).sort_values("frame", kind="stable")
    ours.drop(columns=["AU06_r", "AU09_r"]).to_csv(tmp_path / "ours.csv", index=False)
    return tmp_path


def test_tables_are_described_as_they_are_read(tables):
    faces = read_au_table(tables / "openface.csv")
    transformer = FacialActivityDescriptor()
    found = transformer.fit_transform(faces)
    assert transformer.aus_ == PUBLISHED_AUS
    columns = [faces[0].aus.index(au) for au in PUBLISHED_AUS]
    expected = describe_series(faces[0].intensities[:, columns], faces[0].times_s, PUBLISHED_AUS)[0]
    np.testing.assert_array_equal(found, [expected])
    # Of tables with different action units those that all have; of two faces each.
    faces += read_au_table(tables / "ours.csv")
    assert FacialActivityDescriptor().fit_transform(faces).shape == (3, 434)
    assert FacialActivityDescriptor().fit(faces).aus_ == STAND_IN_AUS
    chosen = FacialActivityDescriptor(aus=(45, 12)).transform(faces)
    assert chosen.shape == (3, 124)
    with pytest.raises(InputError, match="without AU 6, 9, only 1, 2, 4, 7, 10, 12, 25, 45"):
        transformer.transform(faces)
    other = replace(faces[0], aus=(5,), intensities=np.zeros((75, 1)))
    with pytest.raises(InputError, match="4 series of action units have none in common"):
        FacialActivityDescriptor().fit([*faces, other])


def test_arrays_are_of_the_embedded_models_seven_unless_others_are_named():
    assert default_aus(ActionUnitModel.load_default().aus) == PUBLISHED_AUS
    videos = [(np.random.default_rng(0).uniform(0, 5, (90, 7)), np.arange(90) / 30)]
    transformer = FacialActivityDescriptor()
    with pytest.raises(NotFittedError):
        transformer.get_feature_names_out()
    found = transformer.fit_transform(videos)
    assert list(transformer.get_feature_names_out()) == descriptor_names(PUBLISHED_AUS)
    np.testing.assert_array_equal(found[0], describe_series(*videos[0], PUBLISHED_AUS)[0])
    # What is named needs no fitting.
    assert FacialActivityDescriptor(aus=range(1, 8)).transform(videos).shape == (1, 434)
    with pytest.raises(InputError, match="7 columns, but 1 action units"):
        FacialActivityDescriptor(aus=[12]).transform(videos)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
    ],
    ids=lambda check: check.__name__,
)
def test_scikit_learns_checks_of_parameters(check):
    """The rest of `check_estimator` needs rectangular X, which videos of different lengths are not."""
    check("FacialActivityDescriptor", FacialActivityDescriptor())


def test_resting_face_is_found_under_movement_noise_and_missing_frames():
    rng = np.random.default_rng(0)
    rest = np.array([0.4, 1.5, 0.0])
    activity = np.clip(np.sin(np.arange(600) / 40), 0, None)[:, None] * [3.0, 0.5, 4.0]
    series = np.clip(rest + activity + rng.normal(0, 0.1, activity.shape), 0, 5)
    series[100:130] = np.nan
    found = resting_intensity(series)
    np.testing.assert_allclose(found, rest, atol=0.15)
    above = subtract_resting(series, found)
    assert np.isnan(above[100:130]).all()
    assert np.nanmin(above) == 0
    assert np.nanmax(above) <= 5
    assert np.nanmedian(above[activity.sum(axis=1) == 0]) < 0.1


def test_resting_face_of_nobody_and_of_a_rest_clip():
    nobody = resting_intensity(np.full((5, 2), np.nan))
    assert np.isnan(nobody).all()
    np.testing.assert_array_equal(subtract_resting(np.ones((3, 2)), nobody), np.ones((3, 2)))
    clip = np.array([[1.0], [1.0], [1.2], [9.0], [1.0]])
    assert resting_intensity(clip, share=1) == [1.0]
    with pytest.raises(InputError, match="share of resting frames"):
        resting_intensity(clip, share=0)


@pytest.mark.parametrize("module", [descriptors, descriptor_transformer, baseline])
def test_examples_in_the_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


# ---------------------------------------------------------------------------------------------------- long gaps


def described(series: np.ndarray, times: np.ndarray) -> dict[str, float]:
    """Statistics of AU12 by their names."""
    values, names = describe_series(series, times, [12])
    return {name.removeprefix("AU12_"): value for name, value in zip(names, values, strict=True)}


def test_a_jump_of_days_costs_no_memory():
    times = np.r_[np.arange(50) / 25, 5e6 + np.arange(50) / 25]
    tracemalloc.start()
    values = described(np.random.default_rng(0).random((100, 1)), times)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2e6
    assert np.isfinite(list(values.values())).all()


def test_what_a_gap_leaves_out_has_no_part_in_the_statistics():
    """Rest, a day without frames, then a smile that stays: no speed, no crossing, and half of the time is above."""
    times = np.arange(200) / 100
    series = np.r_[np.zeros(200), np.full(200, 3.0)][:, None]
    values = described(series, np.r_[times, 86_400 + times])
    assert values["speed_max"] == pytest.approx(0, abs=1e-9)
    assert values["value_segments_above_mean"] == 0
    assert values["value_mean"] == pytest.approx(1.5)
    assert values["value_time_above_mean"] == 0.5
    assert values["value_time_of_max"] == pytest.approx(2.01)


def test_gaps_up_to_the_limit_are_bridged_as_ever():
    times = np.arange(100) / 100
    series = np.r_[np.zeros(100), np.full(100, 3.0)][:, None]
    below = resample_series(series, np.r_[times, times[-1] + LONGEST_GAP_S + times])
    above = resample_series(series, np.r_[times, times[-1] + LONGEST_GAP_S + 0.5 + times])
    assert len(below) == 100 + 100 * LONGEST_GAP_S + 99
    assert len(above) == 200


def test_parts_too_short_to_describe_are_left_out():
    times = np.arange(200) / 100
    series = np.random.default_rng(0).random((200, 1))
    lone = described(np.r_[series, [[5.0]]], np.r_[times, 1e6])
    assert lone == described(series, times)


def test_frames_all_far_apart_are_not_described_and_the_reason_says_so():
    reason = why_not_described(np.ones((20, 1)), np.arange(20) * 60.0)
    assert reason == (
        "a whole face measured in 1 of 1 frames, a descriptor needs at least 5 in the longest of 20 parts, "
        "split at gaps of more than 10 s"
    )


def test_longer_than_a_day_is_not_described():
    times = np.arange(0, LONGEST_S + 10, 9.0)
    series = np.ones((len(times), 1))
    assert why_not_described(series, times) == "faces span 24 h, a descriptor is of at most 24 h"
    assert np.isnan(describe_series(series, times, [12])[0]).all()
    with pytest.raises(InputError, match="expected at most 24 h"):
        resample_series(series, times)


def test_describing_a_face_shows_that_it_goes_on():
    ticks = []
    times = np.arange(50) / 25
    described = describe_faces({0: (times, np.ones((50, 3)))}, (1, 2, 12), cutoff_hz=1.0, tick=lambda: ticks.append(1))
    assert len(described["faces"]["0"]) == 3 * N_PER_AU
    assert len(ticks) == 3
