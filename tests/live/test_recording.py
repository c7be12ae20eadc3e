"""A recording has the source's times and the tables of `extract-features`; a killed one can be played."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_faces import drawn_frames

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.foundation.errors import InputError, VideoError
from facs_pipeline.live.analyser import LiveAnalyser
from facs_pipeline.live.frames import LiveFace, LiveFrame
from facs_pipeline.live.recording import Recorder
from facs_pipeline.live.sources import PushedSource
from facs_pipeline.video.reader import read_frames


def recorded(source: object, folder: Path, *, lossless: bool = True) -> tuple[Recorder, list[LiveFrame], LiveAnalyser]:
    """A session without smoothing, with two marks."""
    recorder = Recorder(folder, lossless=lossless)
    with LiveAnalyser(source, smoothing="off", drop=False) as live:  # type: ignore[arg-type]
        live.on_picture = recorder.write
        frames = []
        for frame in live:
            frames.append(frame)
            if frame.index == 10:
                live.mark("=stimulus")
                live.mark("before", 0.0)
    return recorder, frames, live


def faces_of(frames: list[LiveFrame]) -> list[LiveFace]:
    return [face for frame in frames for face in frame.faces]


def test_the_tables_are_those_of_the_recorded_video(clips: Path, tmp_path: Path, key_file: Path):
    recorder, frames, live = recorded(clips / "anna.mp4", tmp_path / "session")
    result = recorder.finish(live.marks, Options(jobs=1))
    assert not result.failed
    assert recorder.frames == len(frames) == 40
    extract_features(recorder.video, Options(out=tmp_path / "again", jobs=1))
    for name in ("action_units/recording.csv", "videos.csv", "descriptors.csv"):
        assert (tmp_path / "session" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    table = pd.read_csv(tmp_path / "session" / "action_units" / "recording.csv")
    np.testing.assert_allclose(table["timestamp"], [frame.time_s for frame in frames], atol=6e-4)
    # The same pictures, so the same values as live.
    chain = FaceAnalyser(smoothing=False)
    again = [face for frame in read_frames(recorder.video) for face in chain.update(frame.image, frame.time_s)]
    for face, same in zip(faces_of(frames), again, strict=True):
        np.testing.assert_array_equal(face.intensities, same.intensities)
        np.testing.assert_array_equal(face.points, same.ibug_points)
    events = pd.read_csv(tmp_path / "session" / "events.csv")
    assert 12 in events["action_unit"].tolist()
    marks = pd.read_csv(tmp_path / "session" / "marks.csv")
    assert marks["label"].tolist() == ["'=stimulus", "before"]
    assert marks["frame"].tolist() == [11, 1]
    assert marks["timestamp"].tolist() == [0.4, 0.0]


@pytest.mark.parametrize("lossless", [True, False])
def test_pictures_that_come_in_colour_and_change_their_size(tmp_path: Path, lossless: bool):
    drawn = drawn_frames(1, "happiness", 40)[:6]
    source = PushedSource("drawn")
    recorder = Recorder(tmp_path / "session", lossless=lossless)
    with LiveAnalyser(source, drop=False) as live:
        live.on_picture = recorder.write
        frames = iter(live)
        for number, frame in enumerate(drawn):
            source.push(frame[1:, 1:] if number < 3 else frame[:200], 0.1 * number + 7)
            next(frames)
        source.end()
        list(frames)
    recorder.close()
    stored = list(read_frames(recorder.video))
    assert [frame.image.shape for frame in stored] == [(286, 382)] * 6
    assert [frame.time_s for frame in stored] == pytest.approx([7 + 0.1 * number for number in range(6)])
    assert np.abs(stored[0].image.astype(int) - drawn[0][1:-1, 1:-1].mean(axis=2)).mean() < 12


def test_lossy_recordings_are_small(clips: Path, tmp_path: Path):
    sizes = {}
    for lossless in (True, False):
        recorder, _, _ = recorded(clips / "ben.mp4", tmp_path / str(lossless), lossless=lossless)
        recorder.close()
        sizes[lossless] = recorder.video.stat().st_size
    assert sizes[False] < sizes[True] / 3


def test_a_folder_holds_one_recording(clips: Path, tmp_path: Path):
    recorder, _, _ = recorded(clips / "ben.mp4", tmp_path)
    recorder.close()
    before = recorder.video.read_bytes()
    with pytest.raises(InputError, match=r"recording\.mkv: there is a recording already; name another folder"):
        Recorder(tmp_path)
    assert recorder.video.read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Recorder(tmp_path / "file" / "in")


def test_nobody_in_the_recording_is_no_error(tmp_path: Path, key_file: Path):
    source = PushedSource("a wall")
    recorder = Recorder(tmp_path)
    with LiveAnalyser(source, drop=False) as live:
        live.on_picture = recorder.write
        frames = iter(live)
        for number in range(3):
            source.push(np.full((120, 160, 3), 90, np.uint8), number / 25)
            next(frames)
        source.end()
        assert list(frames) == []
    result = recorder.finish()
    assert [video.status for video in result.videos] == ["no_face"]
    assert not (tmp_path / "events.csv").exists()


def test_nothing_recorded_is_said(tmp_path: Path):
    with pytest.raises(InputError, match="no picture came"):
        Recorder(tmp_path).finish()


def test_a_killed_recording_can_be_played(tmp_path: Path):
    program = (
        "import sys\n"
        "from facs_pipeline.live.recording import Recorder\n"
        "from facs_pipeline.live.demo_source import DemoSource\n"
        "recorder = Recorder(sys.argv[1])\n"
        "for picture in DemoSource().pictures():\n"
        "    recorder.write(picture)\n"
        "    print(picture.time_s, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    last_s = float(list(islice(child.stdout, 60))[-1])
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    times = []
    # A player shows what is there; the reader also says that the end is missing.
    with contextlib.suppress(VideoError):
        for frame in read_frames(tmp_path / "recording.mkv"):
            times.append(frame.time_s)
    assert times[0] == 0.0
    assert times[-1] > last_s - 1.2
