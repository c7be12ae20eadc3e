"""DISFA's folder: found in any arrangement, checked, and turned into features of its real frames."""

from __future__ import annotations

import shutil

import av
import cv2
import numpy as np
import pytest
from counted_progress import CountedProgress

from facs_pipeline.action_units.training.features import clip_features
from facs_pipeline.datasets.disfa import read_disfa
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.video.reader import read_frames

AUS = (1, 2, 12)
FRAMES = 12


def write_labels(root, subject, intensities):
    folder = root / "ActionUnit_Labels" / subject
    folder.mkdir(parents=True)
    for column, au in enumerate(AUS):
        lines = [f"{frame},{int(row[column])}" for frame, row in enumerate(intensities, start=1)]
        (folder / f"{subject}_au{au}.txt").write_text("\n".join(lines) + "\n")


def write_video(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=20)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())


@pytest.fixture
def disfa(tmp_path):
    """Two persons with tiny, flat pictures: for everything that does not look at them."""
    root = tmp_path / "DISFA"
    intensities = np.arange(FRAMES * 3).reshape(FRAMES, 3) % 6
    for number, subject in enumerate(("SN001", "SN002")):
        write_labels(root, subject, (intensities + number) % 6)
        write_video(
            root / "Video_LeftCamera" / f"LeftVideo{subject}_comp.avi", [np.full((64, 64), 90, np.uint8)] * FRAMES
        )
    return root


def test_the_published_layout(disfa):
    coded = read_disfa(disfa)
    assert coded.aus == AUS
    assert coded.subjects == ("SN001", "SN002")
    assert coded.n_frames == 2 * FRAMES
    clip = coded.clips[1]
    assert clip.source.name == "LeftVideoSN002_comp.avi"
    assert list(clip.frames) == list(range(1, FRAMES + 1))
    assert clip.intensities[2].tolist() == [1, 2, 3]
    assert clip.intensities.dtype == np.float32
    assert list(clip.thinned(5).frames) == [1, 6, 11]
    assert coded.only((12, 1)).clips[0].intensities[1].tolist() == [3, 5]


def test_the_right_camera_and_other_arrangements(disfa, tmp_path):
    for subject in ("SN001", "SN002"):
        left = disfa / "Video_LeftCamera" / f"LeftVideo{subject}_comp.avi"
        right = disfa / "Video_RightCamera" / f"RightVideo{subject}_comp.avi"
        right.parent.mkdir(exist_ok=True)
        shutil.copy(left, right)
    assert [c.source.name[:4] for c in read_disfa(disfa, "right").clips] == ["Righ", "Righ"]
    assert [c.source.name[:4] for c in read_disfa(disfa).clips] == ["Left", "Left"]
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in disfa.rglob("*_au*.txt"):
        shutil.copy(file, flat / file.name.replace("_au", "_AU"))
    for subject in ("SN001", "SN002"):
        shutil.copy(disfa / "Video_RightCamera" / f"RightVideo{subject}_comp.avi", flat / f"{subject}.avi")
    assert read_disfa(flat).n_frames == 2 * FRAMES


def test_folders_of_frames(disfa):
    shutil.rmtree(disfa / "Video_LeftCamera")
    for subject in ("SN001", "SN002"):
        folder = disfa / "Images" / subject
        folder.mkdir(parents=True)
        for frame in range(1, FRAMES + 1):
            cv2.imwrite(str(folder / f"{frame}.png"), np.full((32, 32), frame, np.uint8))
    clip = read_disfa(disfa).clips[0]
    assert clip.source == disfa / "Images" / "SN001"
    assert [int(f.image[0, 0]) for f in read_frames(clip.source)] == list(range(1, FRAMES + 1))
    (disfa / "Images" / "SN002" / "12.png").unlink()
    with pytest.raises(InputError, match="SN002: 11 images, but SN002 is coded up to frame 12"):
        read_disfa(disfa)


def test_labels_separated_by_semicolons(disfa):
    before = read_disfa(disfa).clips[0].intensities
    for file in (disfa / "ActionUnit_Labels" / "SN001").iterdir():
        file.write_text(file.read_text().replace(",", ";"))
    np.testing.assert_array_equal(read_disfa(disfa).clips[0].intensities, before)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("5,x", r"SN001_au2\.txt, line 5: intensity 'x'"),
        ("5,6", r"line 5: intensity '6'; expected a number from 0 to 5"),
        ("4,1", r"line 5: frame 4 a second time"),
        ("0,1", r"line 5: frame 0; frames count from 1"),
        ("5", r"line 5: '5'; expected two numbers"),
        ("²,1", r"line 5: .²,1.; expected two numbers"),
        ("9" * 40 + ",1", r"line 5: .9{40},1.; expected two numbers"),
        ("5,", r"line 5: '5,'; expected two numbers"),
        ("", r"SN001_au2\.txt: no intensity for frame 5,"),
    ],
)
def test_faulty_labels_are_named(disfa, line, message):
    file = disfa / "ActionUnit_Labels" / "SN001" / "SN001_au2.txt"
    lines = file.read_text().splitlines()
    lines[4] = line
    file.write_text("\n".join(lines))
    with pytest.raises(InputError, match=message):
        read_disfa(disfa)


def test_what_is_missing_is_named(disfa, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no such folder"):
        read_disfa(tmp_path / "none")
    with pytest.raises(InputError, match="no label files"):
        read_disfa(tmp_path / "empty")
    (disfa / "Video_LeftCamera" / "LeftVideoSN002_comp.avi").unlink()
    with pytest.raises(InputError, match=r"no recording of SN002; expected LeftVideoSN002_comp\.avi"):
        read_disfa(disfa)
    (disfa / "ActionUnit_Labels" / "SN001" / "SN001_au12.txt").unlink()
    with pytest.raises(InputError, match=r"no label file for AU12 of SN001.*SN001_au12\.txt"):
        read_disfa(disfa)


def test_a_video_shorter_than_its_labels_is_an_error(disfa, tmp_path):
    write_video(disfa / "Video_LeftCamera" / "LeftVideoSN001_comp.avi", [np.full((64, 64), 90, np.uint8)] * 9)
    with pytest.raises(InputError, match=r"LeftVideoSN001_comp\.avi: coded up to frame 12, .* ends with frame 9"):
        clip_features(read_disfa(disfa).clips, tmp_path / "cache")


def test_features_belong_to_the_coded_frames(clips, tmp_path):
    """Faces cut from a video, some coded frames only: the same features as frame by frame, from the cache too."""
    frames = [frame.image for frame, _ in zip(read_frames(clips / "anna.mp4"), range(FRAMES), strict=False)]
    frames[3] = np.zeros_like(frames[3])
    root = tmp_path / "DISFA"
    write_labels(root, "SN001", np.zeros((FRAMES, 3)))
    write_video(root / "LeftVideoSN001_comp.avi", frames)
    clips = [clip.thinned(3) for clip in read_disfa(root).clips]
    told = CountedProgress()
    found = clip_features(clips, tmp_path / "cache", progress=told)
    # Coded frames 1, 4, 7, 10; the black picture is frame 4.
    assert list(found.rows) == [0, 2, 3]
    assert told.counts == [(4, 4)]
    assert len({row.tobytes() for row in found.X}) == 3
    again = clip_features(clips, tmp_path / "cache", jobs=2)
    np.testing.assert_array_equal(found.X, again.X)
    every = clip_features(read_disfa(root).clips, tmp_path / "cache")
    np.testing.assert_array_equal(every.X[np.searchsorted(every.rows, [0, 6, 9])], found.X)
    # Other landmarks give other features, and neither pass for the other's.
    other = LandmarkModel.load()
    other.mean_shape = other.mean_shape * 1.02
    file = other.save(tmp_path / "other.npz")
    moved = clip_features(clips, tmp_path / "cache", landmarks=file)
    assert list(moved.rows) == list(found.rows)
    assert not np.array_equal(moved.X, found.X)
    np.testing.assert_array_equal(clip_features(clips, tmp_path / "cache").X, found.X)
