"""A live analysis measures what the tables hold, drops what it cannot manage, and says what is wrong with a source."""

from __future__ import annotations

import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_faces import drawn_frames

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.dynamics.blinks import find_blinks
from facs_pipeline.foundation.errors import InputError, VideoError
from facs_pipeline.live import analyser as live_analyser
from facs_pipeline.live.analyser import LiveAnalyser
from facs_pipeline.live.blinks import BlinkCounter
from facs_pipeline.live.frames import LiveFrame
from facs_pipeline.live.sources import PushedSource, VideoSource
from facs_pipeline.live.values import face_values, groups
from facs_pipeline.video.reader import read_frames


class Pushed(PushedSource):
    """Drawn frames, all at once or as they are taken."""

    def __init__(self, frames: list[np.ndarray], fps: float = 25.0) -> None:
        super().__init__("drawn frames")
        self.frames, self.fps = frames, fps

    def pictures(self):
        pictures = PushedSource.pictures(self)
        for number, frame in enumerate(self.frames):
            self.push(frame, number / self.fps)
            yield next(pictures)
        self.end()
        yield from pictures


def test_centred_values_are_those_of_the_tables(clips: Path, results: Path):
    table = pd.read_csv(results / "action_units" / "gap.csv")
    with LiveAnalyser(clips / "gap.mp4", smoothing="centred", drop=False) as live:
        frames = list(live)
    assert [frame.index for frame in frames] == list(range(len(table)))
    np.testing.assert_allclose([frame.time_s for frame in frames], table["timestamp"], atol=1e-6)
    assert [len(frame.faces) for frame in frames] == table["success"].tolist()
    rows, of = table[table["success"] == 1], groups(live.analyser)
    values = pd.DataFrame([face_values(face, of) for frame in frames for face in frame.faces])
    columns = [str(column) for column in values if column in rows]
    assert {"AU12_r", "AU12L_r", "AU12_c", "AU43_c", "AU61_c", "gaze_angle_x", "pose_Rx", "confidence"} < set(columns)
    measured = ("AU", "gaze", "pose")
    assert {str(name) for name in rows if str(name).startswith(measured)} <= set(columns)
    places = [name for name in columns if name.startswith("pose_T")]
    others = [name for name in columns if name not in places]
    np.testing.assert_allclose(values[others], rows[others].astype(float), atol=2.1e-4)
    np.testing.assert_allclose(values[places], rows[places], atol=0.06)


def test_off_is_the_chain_without_smoothing(clips: Path):
    chain = FaceAnalyser(smoothing=False)
    expected = [face for frame in read_frames(clips / "anna.mp4") for face in chain.update(frame.image, frame.time_s)]
    with LiveAnalyser(clips / "anna.mp4", smoothing="off", drop=False) as live:
        faces = [face for frame in live for face in frame.faces]
    assert len(faces) == len(expected)
    for face, same in zip(faces, expected, strict=True):
        np.testing.assert_array_equal(face.intensities, same.intensities)
        np.testing.assert_array_equal(face.points, same.ibug_points)


def test_what_cannot_be_managed_is_dropped_and_counted(clips: Path):
    all_times = [frame.time_s for frame in read_frames(clips / "anna.mp4")]
    with LiveAnalyser(clips / "anna.mp4") as live:
        begun, frames = time.perf_counter(), []
        for frame in live:
            frames.append(frame)
            assert frame.picture.shape == (288, 384, 3)
            time.sleep(0.1)
        took = time.perf_counter() - begun
    times = [frame.time_s for frame in frames]
    assert set(times) <= set(all_times)
    assert times == sorted(times)
    assert live.frames + live.dropped == len(all_times)
    assert live.dropped > 5
    assert frames[-1].dropped == live.dropped
    # It keeps up with the clip's 1.6 s instead of queueing 40 pictures of 0.1 s.
    assert took < 3.5
    assert frames[-1].time_s == all_times[-1]
    assert all(0 < frame.delay_ms < 600 for frame in frames)
    assert 0 < frames[-1].frames_per_s < 11
    assert frames[-1].share_of_core > 0


def test_a_file_is_played_in_its_own_time(clips: Path):
    begun = time.perf_counter()
    assert len(list(VideoSource(clips / "ben.mp4").pictures())) == 30
    assert 0.9 < time.perf_counter() - begun < 2.0


def test_neutral_takes_the_resting_face_of_the_next_second():
    still = drawn_frames(1, "happiness", 40)[20]
    with LiveAnalyser(Pushed([still] * 40), smoothing="off", drop=False) as live:
        notices = []
        for frame in live:
            if frame.index == 5:
                live.set_neutral(0.5)
            notices.append(frame.notice)
            [face] = frame.faces
            assert face.neutral == (frame.index >= 19)
            if frame.index == 5:
                before = face
    assert before.intensities[before.aus.index(12)] > 1.5
    assert before.present[12] == 1
    assert face.intensities.max() < 0.2
    assert face.present[12] == 0
    assert any("rest for 0.5 s" in notice for notice in notices)
    assert any("neutral face taken" in notice for notice in notices)
    assert np.array(face.analysed.intensities).max() > 1.5
    live.clear_neutral()


def test_marks_come_with_the_next_frame_and_its_clock():
    frames = list(drawn_frames(1, "happiness", 40)[:8])
    with LiveAnalyser(Pushed(frames), drop=False) as live:
        marked = []
        for frame in live:
            if frame.index == 3:
                live.mark("stimulus")
                live.mark("earlier", 0.04)
            marked += [(frame.index, mark.time_s, mark.label) for mark in frame.marks]
    assert marked == [(4, 0.12, "stimulus"), (4, 0.04, "earlier")]
    assert [mark.label for mark in live.marks] == ["stimulus", "earlier"]


def test_another_size_is_said_and_measured():
    frames = drawn_frames(1, "happiness", 40)[:8]
    changed = [frame[:, 40:-40] if number >= 4 else frame for number, frame in enumerate(frames)]
    with LiveAnalyser(Pushed(changed), drop=False) as live:
        given = list(live)
    assert given[3].notice == ""
    assert "size changed from 384 x 288 to 304 x 288 px" in given[4].notice
    assert len(given[-1].faces) == 1


def test_a_source_without_pictures_is_given_up(monkeypatch):
    monkeypatch.setattr(live_analyser, "PATIENCE_S", 2.0)
    source = PushedSource("the browser's camera")
    with LiveAnalyser(source) as live, pytest.raises(VideoError, match="the browser's camera: no picture for 2 s"):
        list(live)
    assert "no picture for 2 s" in live.notice


def test_a_source_that_vanishes_says_why_after_its_last_picture():
    source = PushedSource("the browser's camera")
    source.push(np.zeros((120, 160, 3), np.uint8), 0.0)
    source.end("the page was closed")
    given: list[LiveFrame] = []
    with LiveAnalyser(source) as live, pytest.raises(VideoError, match="browser's camera: the page was closed"):
        given.extend(live)
    assert [frame.faces for frame in given] == [[]]


def test_leaving_lets_go_of_the_source():
    with LiveAnalyser("demo") as live:
        frames = list(islice(live, 3))
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert frames[2].faces[0].confidence > 0.5
    names = [thread.name for thread in threading.enumerate()]
    assert "facs live source" not in names
    live.close()
    with pytest.raises(ValueError, match="once"):
        next(iter(live))


def test_closing_from_another_thread_ends_the_loop():
    with LiveAnalyser("demo") as live:
        threading.Timer(1.0, live.close).start()
        assert len(list(live)) > 3


def test_everybody_has_their_own_blinks_and_emotions(clips: Path):
    one = drawn_frames(1, "happiness", 40)[:6]
    pictures = [np.hstack([frame[:, 48:-48]] * 2) for frame in one]
    with LiveAnalyser(Pushed(pictures), faces="all", emotions="default", drop=False) as live:
        last = list(live)[-1]
    assert [face.face_id for face in last.faces] == [0, 1]
    for face in last.faces:
        assert face.emotion in live.analyser.emotions
        assert face.emotions is not None
        assert face.emotions.sum() == pytest.approx(1, abs=1e-3)
        assert face.occluded == "no"
    assert set(live.blinks) == {0, 1}


def test_an_unknown_smoothing_is_refused():
    with pytest.raises(InputError, match="'median': expected one of off, causal, centred"):
        LiveAnalyser("demo", smoothing="median")  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_blinks_are_counted_as_over_the_whole_series(seed: int):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.03, 0.037, 1500))
    au45 = 0.4 + rng.normal(0, 0.1, len(times))
    for start in np.cumsum(rng.uniform(0.6, 5.0, 14)):
        au45[(times > start) & (times < start + rng.choice([0.12, 0.2, 0.3, 1.5]))] += 3
    au45[700:720] = np.nan
    counter, closed = BlinkCounter(), []
    for time_s, value in zip(times, au45, strict=True):
        counter.add(time_s, value)
        closed.append(counter.closed_s)
    counter.finish()
    assert counter.blinks == len(find_blinks(au45, times)) > 3
    assert max(closed) > 1.0
    assert np.mean(np.array(closed) == 0) > 0.5
    since = times[-1] - 60
    of_minute = sum(first > since for first, _ in find_blinks(au45, times))
    assert counter.per_minute == pytest.approx(60 * of_minute / min(60.0, times[-1] - times[0]), rel=0.03)
