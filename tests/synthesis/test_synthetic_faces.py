"""Synthetic faces and recordings: repeatable, plausible in shape, and different only where they are meant to be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from facs_pipeline.foundation.errors import InputError, VideoError
from facs_pipeline.synthesis.face import DRIVEN_AUS, SyntheticFace
from facs_pipeline.synthesis.recordings import EMOTION_AUS, RecordingSettings, expression, render, write_recordings
from facs_pipeline.video.reader import read_frames
from facs_pipeline.video.writer import VideoWriter


@pytest.fixture(scope="module")
def face() -> SyntheticFace:
    return SyntheticFace(identity=1, size=192)


def onset_speed(label: str, difference: float, seed: int) -> float:
    """Largest rise per second of the smile, as a share of its height."""
    smile = expression("happiness", label, fps=50, difference=difference, noise=0, seed=seed)
    curve = smile.intensities[:, DRIVEN_AUS.index(12)]
    return np.diff(curve).max() * 50 / curve.max()


def test_same_bytes_for_any_number_of_jobs(tmp_path):
    settings = RecordingSettings(duration_s=1.0, fps=15, size=128)
    for jobs in (1, 2):
        write_recordings(tmp_path / str(jobs), settings, identities=2, emotions=["surprise"], jobs=jobs)
    first, second = (sorted((tmp_path / str(jobs)).rglob("*.*")) for jobs in (1, 2))
    assert [p.name for p in first] == [p.name for p in second]
    assert len(first) == 2 * 2 + 2 * 2 + 1
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_another_seed_moves_otherwise():
    assert not np.array_equal(
        expression("anger", "real", seed=0).intensities, expression("anger", "real", seed=1).intensities
    )


def test_written_set_is_complete_and_its_truth_fits(tmp_path):
    metadata = write_recordings(
        tmp_path,
        RecordingSettings(duration_s=1, fps=20, size=128),
        identities=1,
        emotions=["happiness", "anger"],
        takes=2,
    )
    assert pd.read_csv(tmp_path / "metadata.csv").equals(metadata)
    assert len(metadata) == 2 * 2 * 2
    assert set(metadata["label"]) == {"real", "fake"}
    for name in metadata["video"]:
        frames = list(read_frames(tmp_path / name))
        truth = pd.read_csv(tmp_path / "truth" / name.replace(".mp4", ".csv"))
        assert np.allclose(truth["timestamp"], [f.time_s for f in frames], atol=1e-4)
        assert frames[0].image.shape == (128, 128)
        assert truth.filter(regex="^[xy]_").to_numpy().min() > 0


def test_eyes_close_and_mouth_opens(face):
    def eye_gap(points):
        return (points[[41, 40, 47, 46], 1] - points[[37, 38, 43, 44], 1]).mean()

    rest, rest_points = face.draw({})
    closed, closed_points = face.draw({45: 5})
    _, wide_points = face.draw({5: 5})
    assert abs(eye_gap(closed_points)) < 0.5 < 3 < eye_gap(rest_points) < eye_gap(wide_points)
    for eye in (slice(36, 42), slice(42, 48)):
        # The middle of an open eye is the dark pupil, of a closed one the lid's skin.
        x, y = rest_points[eye].mean(axis=0).astype(int)
        assert closed[y - 1 : y + 1, x - 1 : x + 2].mean() > 1.5 * rest[y - 1 : y + 1, x - 1 : x + 2].mean()

    opened, points = face.draw({25: 5, 26: 5})
    x, y = points[[62, 66]].mean(axis=0).astype(int)
    assert points[66, 1] - points[62, 1] > 10
    assert opened[y + 2, x - 2 : x + 3].mean() < 0.6 * rest[int(rest_points[57, 1]), x - 2 : x + 3].mean()


@pytest.mark.parametrize("au", DRIVEN_AUS)
def test_each_action_unit_moves_its_own_region_in_proportion(face, au):
    upper = au in (1, 2, 4, 5, 6, 7, 45)
    rest, half, full = (face.draw({au: v})[1] for v in (0, 2.5, 5))
    # Eyelids stay apart below 4 / 5 of a blink only in part; everything else is linear.
    assert np.allclose(half - rest, (full - rest) / 2, atol=0.02)
    moved = np.linalg.norm(full - rest, axis=1)
    assert moved.max() > 0.5
    elsewhere = slice(48, 68) if upper else slice(36, 48)
    assert moved[elsewhere].max() < 0.3 * moved.max()


@pytest.mark.parametrize("identity", range(4))
def test_no_identity_or_emotion_folds_the_face(identity):
    person = SyntheticFace(identity, size=96)
    for emotion, aus in {**EMOTION_AUS, "rest": {}}.items():
        weights, closing = person._weights({au: min(5, 1.2 * peak) for au, peak in aus.items()}, turn=0.35, nod=0.25)
        back = person._pull_back({**weights, "lids": closing}, steps=5) * person._half / person._canvas + person._grid
        (xy, xx), (yy, yx) = (np.gradient(back[..., axis]) for axis in (0, 1))
        # The area of portrait behind each pixel: negative where the picture is folded.
        assert (xx * yy - xy * yx).min() > 0.2, emotion


def test_identities_differ_and_repeat():
    again = [SyntheticFace(i, size=96).draw({})[0] for i in (0, 1, 2, 1)]
    assert np.array_equal(again[1], again[3])
    differences = [np.abs(again[i].astype(int) - again[j]).mean() for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(differences) > 3


def test_posed_is_abrupt_genuine_is_slow_and_no_difference_means_none():
    far = [[onset_speed(label, 1.0, seed) for seed in range(12)] for label in ("real", "fake")]
    assert max(far[0]) < min(far[1])
    near = [[onset_speed(label, 0.0, seed) for seed in range(12)] for label in ("real", "fake")]
    assert near[0] == near[1]


def test_noise_is_in_intensity_units():
    calm, rough = (expression("happiness", "real", duration_s=20, noise=n, seed=1).intensities for n in (0, 0.3))
    column = DRIVEN_AUS.index(12)
    on = calm[:, column] > 1
    assert np.std((rough - calm)[on, column]) == pytest.approx(0.3, rel=0.3)


def test_grain_leaves_the_face_where_it_is(face):
    smile = expression("happiness", "real", duration_s=1, fps=5)
    clean, grainy = (list(render(face, smile, grain=g)) for g in (0, 4))
    for (picture, points), (noisy, same) in zip(clean, grainy, strict=True):
        assert np.array_equal(points, same)
        assert 2 < np.std(noisy.astype(float) - picture) < 5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(emotion="joy", label="real"), "joy.*expected one of happiness"),
        (dict(emotion="anger", label="posed"), "posed.*real, fake"),
        (dict(emotion="anger", label="real", difference=2), "difference 2"),
        (dict(emotion="anger", label="real", duration_s=0.1), "at least 1 s"),
    ],
)
def test_wrong_arguments_are_named(options, says):
    with pytest.raises(InputError, match=says):
        expression(**options)


def test_nothing_to_write_is_an_error(tmp_path):
    with pytest.raises(InputError, match="at least one"):
        write_recordings(tmp_path, identities=0)
    with pytest.raises(ValueError, match=r"no movement for AU \[99\]"):
        SyntheticFace(0, 96).draw({99: 1})


def test_video_writer_keeps_uneven_times_and_leaves_nothing_on_failure(tmp_path):
    times = [0.0, 0.04, 0.1, 0.11, 0.35]
    with VideoWriter(tmp_path / "uneven.mp4") as video:
        for k, time_s in enumerate(times):
            video.write(np.full((65, 67, 3), 40 * k, np.uint8), time_s)
    frames = list(read_frames(tmp_path / "uneven.mp4"))
    assert np.allclose([f.time_s for f in frames], times, atol=1e-4)
    assert frames[0].image.shape == (64, 66)

    def fail_while_writing():
        with VideoWriter(tmp_path / "broken.mp4") as video:
            video.write(np.zeros((64, 64, 3), np.uint8), 0)
            raise ZeroDivisionError

    def write_two_sizes():
        with VideoWriter(tmp_path / "sizes.mp4") as video:
            video.write(np.zeros((64, 64, 3), np.uint8), 0)
            video.write(np.zeros((32, 64, 3), np.uint8), 1)

    with pytest.raises(ZeroDivisionError):
        fail_while_writing()
    with pytest.raises(VideoError, match="no frame was written"), VideoWriter(tmp_path / "empty.mp4"):
        pass
    with pytest.raises(ValueError, match="expected 64 x 64"):
        write_two_sizes()
    assert [p.name for p in tmp_path.iterdir()] == ["uneven.mp4"]
