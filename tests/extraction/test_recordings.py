"""Recordings with faults of their own: what a run makes of them, and what it says."""

from __future__ import annotations

import json
import os
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from drawn_faces import drawn_frames
from extraction_runs import Remembering, videos_csv
from skimage.data import lfw_subset
from video_files import add_video, write_video

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.extraction.table_events import find_table_events, write_elan
from facs_pipeline.video.reader import read_frames

FRAMES = 40


@pytest.fixture(scope="module")
def smile() -> Sequence[np.ndarray]:
    return drawn_frames(1, "happiness", FRAMES)


def stamped(path: Path, frames: Sequence[np.ndarray], times_s: np.ndarray) -> Path:
    """Frames at these times, written in this order whatever the times are."""
    with av.open(str(path), "w") as container:
        stream = add_video(container, "mpeg4", frames[0].shape)
        stream.codec_context.time_base = Fraction(1, 1000)
        for clock, (image, time_s) in enumerate(zip(frames, times_s, strict=True)):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            picture.pts, picture.time_base = clock, Fraction(1, 1000)
            for packet in stream.encode(picture):
                packet.pts, packet.dts, packet.time_base = round(time_s * 1000), clock, Fraction(1, 1000)
                container.mux(packet)
    return path


def extracted(path: Path, out: Path, **options) -> tuple[pd.Series, pd.DataFrame, Remembering]:
    """The row of videos.csv, the table, and what was told, of a run over one video."""
    progress = Remembering()
    result = extract_features([path], Options(out=out, jobs=1, **options), progress)
    [video] = result.videos
    assert video.status == "ok", video.reason
    return videos_csv(out).loc[[video.name]].iloc[0], result.tables[video.name], progress


def test_a_jump_of_days_splits_the_series(tmp_path, smile):
    times = np.arange(FRAMES) / 25
    times[20:] += 200_000
    row, table, _ = extracted(stamped(tmp_path / "jump.mkv", smile, times), tmp_path / "out", overlay=True)
    assert row["reason"] == "a gap of 2.3 days in its time stamps, left out of descriptors, fps and duration"
    assert float(row["fps"]) == pytest.approx(25, abs=0.1)
    assert float(row["duration_s"]) == pytest.approx(FRAMES / 25, abs=0.01)
    assert table["timestamp"].iloc[-1] == pytest.approx(times[-1], abs=1e-3)
    descriptors = pd.read_csv(tmp_path / "out" / "descriptors.csv")
    assert np.isfinite(descriptors.filter(regex="AU..").to_numpy()).all()
    assert descriptors["AU12_value_max"].item() > 1
    assert sum(1 for _ in read_frames(tmp_path / "out" / "overlays" / "jump.mp4")) == FRAMES


def test_frames_hours_apart_are_measured_and_drawn_but_not_described(tmp_path, smile):
    path = stamped(tmp_path / "rare.mkv", smile[:6], np.arange(6) * 33_333.0)
    row, table, _ = extracted(path, tmp_path / "out", overlay=True)
    assert "face 0 has no descriptors: a whole face measured in 1 of 1 frames" in row["reason"]
    assert (row["fps"], row["duration_s"]) == ("", "")
    assert table["success"].all()
    assert sum(1 for _ in read_frames(tmp_path / "out" / "overlays" / "rare.mp4")) == 6


def test_one_frame_stamped_hours_ahead_is_corrected_and_noted(tmp_path, smile):
    times = np.arange(FRAMES) / 25
    wrong = times.copy()
    wrong[12] += 36_000
    row, table, _ = extracted(stamped(tmp_path / "ahead.mkv", smile, wrong), tmp_path / "out")
    assert row["reason"] == "the wrong time stamp of frame 13 (36000.480 s) is set between those around it"
    assert table["timestamp"].to_numpy() == pytest.approx(times, abs=1e-3)


def test_events_for_elan_count_from_where_players_begin(tmp_path, smile):
    path = tmp_path / "camera.ts"
    with av.open(str(path), "w") as container:
        stream = add_video(container, "mpeg2video", smile[0].shape)
        for number, image in enumerate(smile):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            picture.pts, picture.time_base = 36 + number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    row, table, _ = extracted(path, tmp_path / "out")
    assert table["timestamp"].iloc[0] == pytest.approx(1.44)
    assert float(row["start_s"]) == pytest.approx(1.44)
    found = find_table_events([tmp_path / "out"])
    [eaf] = write_elan(found, tmp_path / "elan")
    document = ET.parse(eaf).getroot()
    media = document.find("HEADER/MEDIA_DESCRIPTOR")
    assert media is not None
    assert media.get("TIME_ORIGIN") == "0"
    assert document.findtext("HEADER/PROPERTY[@NAME='container_start_s']") == "1.440000"
    moments = sorted(int(slot.get("TIME_VALUE", "")) for slot in document.iter("TIME_SLOT"))
    first, last = found.table["onset_s"].min(), found.table["offset_s"].max()
    assert first > 1.4
    assert (moments[0], moments[-1]) == (round(1000 * (first - 1.44)), round(1000 * (last - 1.44)))


@pytest.mark.parametrize(("fps", "reliable"), [(10, "0"), (15, "1"), (25, "1")])
def test_blink_rates_below_15_frames_a_second_are_doubtful(tmp_path, smile, fps, reliable):
    row, _, _ = extracted(write_video(tmp_path / "slow.mp4", smile, fps=fps), tmp_path / "out")
    assert row["blink_rate_reliable"] == reliable
    assert ("10 frames/s, fewer than 15: blinks are missed" in row["reason"]) is (reliable == "0")


def test_another_person_after_a_cut_is_noted(tmp_path, smile):
    face = 255 * cv2.resize(lfw_subset()[0], (150, 150), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    other = np.full_like(smile[0], int(face.mean()))
    other[60:210, 120:270] = face[..., None].astype(np.uint8)
    path = write_video(tmp_path / "cut.mp4", [*smile[:20], *[other] * 20])
    row, _, _ = extracted(path, tmp_path / "out")
    assert "after a cut the face seems to be another person's" in row["reason"]


def test_the_same_person_after_a_cut_is_not(tmp_path, smile):
    path = write_video(tmp_path / "cut.mp4", [*smile[:20], *[np.full_like(smile[0], 255)] * 3, *smile[20:]])
    row, _, _ = extracted(path, tmp_path / "out")
    assert row["reason"] == ""
    cuts = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))["cuts"]
    assert cuts["cut"] > 0


def test_a_size_that_changes_in_mid_file_is_noted_and_drawn(tmp_path, smile):
    parts = []
    for number, frames in enumerate([smile[:20], [image[:, 8:-8] for image in smile[20:]]]):
        part = tmp_path / f"part{number}.m2v"
        with av.open(str(part), "w", format="mpeg2video") as container:
            stream = add_video(container, "mpeg2video", frames[0].shape)
            for image in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")))
            container.mux(stream.encode(None))
        parts.append(part.read_bytes())
    path = tmp_path / "sizes.m2v"
    path.write_bytes(b"".join(parts))
    row, table, _ = extracted(path, tmp_path / "out", overlay=True)
    height, width = smile[0].shape[:2]
    # The decoder may drop the frame before the change.
    assert re.search(
        f"size changes from {width} x {height} to {width - 16} x {height} px with frame 2[01];", row["reason"]
    )
    assert table["success"].all()
    assert sum(1 for _ in read_frames(tmp_path / "out" / "overlays" / "sizes.mp4")) == len(table) >= FRAMES - 1


@pytest.mark.parametrize(
    ("end", "told"),
    [("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"), ("raise MemoryError", "MemoryError")],
    ids=["the worker dies", "memory ends"],
)
def test_the_table_is_kept_where_the_descriptors_fail(tmp_path, monkeypatch, smile, end, told):
    # Happens to the worker when it begins with the descriptors.
    (tmp_path / "startup").mkdir()
    (tmp_path / "startup" / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Deadly:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'scipy.interpolate':\n"
        f"            {end}\n"
        "sys.meta_path.insert(0, Deadly())\n"
    )
    path = write_video(tmp_path / "smile.mp4", smile)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path / "startup")
        row, table, progress = extracted(path, tmp_path / "out")
    assert len(table) == FRAMES
    assert "no descriptors: " in row["reason"]
    assert told in row["reason"]
    assert "its table is kept" in progress.warnings[-1]
    assert len(pd.read_csv(tmp_path / "out" / "descriptors.csv")) == 0
    row, again, progress = extracted(path, tmp_path / "out")
    assert row["reason"] == ""
    assert again.equals(table)
    assert len(pd.read_csv(tmp_path / "out" / "descriptors.csv")) == 1
    assert [line.split(" computed")[0] for line in progress.logs] == ["smile: descriptors"]


def test_a_hole_of_terabytes_is_refused_before_it_is_read(tmp_path, smile):
    """Nor does a table of the same name, of an earlier video, make anybody read it."""
    path = write_video(tmp_path / "hole.mp4", smile[:10])
    extracted(path, tmp_path / "out")
    os.truncate(path, 3 * 10**12)
    progress = Remembering()
    start = time.monotonic()
    [video] = extract_features([path], Options(out=tmp_path / "out", jobs=1), progress).videos
    assert time.monotonic() - start < 60
    assert video.status == "failed"
    assert "of its 3000000000000 bytes are stored" in video.reason
    assert not (tmp_path / "out" / "action_units" / "hole.csv").exists()


def test_longer_sound_is_no_sign_of_damage(tmp_path, smile):
    path = tmp_path / "sound.flv"
    with av.open(str(path), "w") as container:
        stream = add_video(container, "flv1", smile[0].shape)
        sound = container.add_stream("aac", rate=44100)
        sound.layout = "mono"
        for image in smile:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")))
        container.mux(stream.encode(None))
        for number in range(12 * 44100 // 1024):
            block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            block.sample_rate, block.pts = 44100, number * 1024
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    row, _, _ = extracted(path, tmp_path / "out")
    assert row["reason"] == ""
