"""Times of frames: what their stamps, the order of decoding or the rate say, as a whole, and never backwards."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from video_files import add_video

from facs_pipeline.video.reader import probe, read_frames
from facs_pipeline.video.timestamps import AHEAD, RisingTimes

NAN = float("nan")
STEP = 0.04


def pictures(count: int) -> list[np.ndarray]:
    """Rough pictures, for which encoders do use B-frames."""
    rough = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return [np.roll(rough, 2 * number, axis=1) for number in range(count)]


def encoded(path: Path, count: int, *, codec: str = "mpeg4", rate: int = 30, b_frames: int = 0, times_ms=None) -> Path:
    """A video in the container of its name; raw streams by the codec's name."""
    raw = {".h264": "h264", ".hevc": "hevc", ".mjpeg": "mjpeg"}.get(path.suffix)
    with av.open(str(path), "w", format=raw) as container:
        pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream = add_video(container, codec, (48, 64), rate=rate, pix_fmt=pix_fmt)
        stream.options = {"bf": str(b_frames)}
        if codec == "libx265":
            stream.options = {"x265-params": f"log-level=none:bframes={b_frames}"}
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, image in enumerate(pictures(count)):
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            if times_ms is not None:
                picture.pts, picture.time_base = int(times_ms[number]), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_avi_with_b_frames_has_even_times(tmp_path, codec):
    path = encoded(tmp_path / "b.avi", 30, codec=codec, b_frames=2)
    with av.open(str(path)) as container:
        assert any(picture.pict_type == PictureType.B for picture in container.decode(video=0))
    frames = read_frames(path)
    assert [f.time_s for f in frames] == pytest.approx(np.arange(30) / 30, abs=1e-6)
    assert frames.notes == []


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", ".h264"), ("libx265", ".hevc")])
@pytest.mark.parametrize("rate", [30, 50])
def test_raw_streams_have_the_rate_of_their_own_header(tmp_path, codec, suffix, rate):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no encoder {codec}")
    path = encoded(tmp_path / f"raw{suffix}", 20, codec=codec, rate=rate, b_frames=2)
    frames = read_frames(path)
    assert [f.time_s for f in frames] == pytest.approx(np.arange(20) / rate)
    assert frames.notes == []
    assert probe(path).fps == rate


def test_a_raw_stream_without_a_rate_says_which_one_is_assumed(tmp_path):
    frames = read_frames(encoded(tmp_path / "raw.mjpeg", 5, codec="mjpeg"))
    assert [f.time_s for f in frames] == pytest.approx(np.arange(5) / 25)
    assert frames.notes == ["neither time stamps nor a frame rate in the file; 25 frames/s are assumed"]


def test_one_frame_stamped_hours_ahead_is_set_between_its_neighbours(tmp_path):
    times_ms = np.arange(0, 1200, 40)
    wrong = times_ms.copy()
    wrong[12] += 36_000_000
    # The encoder would put the frames in order: the stamp is changed behind it.
    source = encoded(tmp_path / "source.mkv", 30, times_ms=times_ms)
    path = tmp_path / "ahead.mkv"
    with av.open(str(source)) as origin, av.open(str(path), "w") as copy:
        stream = copy.add_stream_from_template(origin.streams.video[0])
        for number, packet in enumerate(p for p in origin.demux(video=0) if p.size):
            packet.pts = int(wrong[number])
            packet.stream = stream
            copy.mux(packet)
    frames = read_frames(path)
    assert [f.time_s for f in frames] == pytest.approx(times_ms / 1000, abs=0.0011)
    assert frames.corrected == 1
    assert frames.notes == ["the wrong time stamp of frame 13 (36000.480 s) is set between those around it"]


def test_a_true_pause_stays(tmp_path):
    times_ms = np.r_[np.arange(0, 400, 40), 7_200_000 + np.arange(0, 400, 40)]
    frames = read_frames(encoded(tmp_path / "pause.mkv", 20, times_ms=times_ms))
    assert [f.time_s for f in frames] == pytest.approx(times_ms / 1000, abs=0.0011)
    assert frames.notes == []


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 0.04, 9, 0.12, 0.16], [0, 0.04, 0.08, 0.12, 0.16]),
        ([0, 0.04, NAN, 0.12, 0.16], [0, 0.04, 0.08, 0.12, 0.16]),
        ([0, 0.04, 0.01, 0.12, 0.16], [0, 0.04, 0.08, 0.12, 0.16]),
        ([0, 0.04, 0.04, 0.12], [0, 0.04, 0.08, 0.12]),
        ([9, 0.04, 0.08, 0.12], [0, 0.04, 0.08, 0.12]),
        ([0, 0.04, 9, 9.04, 0.16, 0.2], [0, 0.04, 0.08, 0.12, 0.16, 0.2]),
        ([NAN, 0.04, 0.08], [0, 0.04, 0.08]),
        ([NAN] * 3, [0, 0.04, 0.08]),
        ([0.5, 0.54, *(STEP * k for k in range(8))], [0.5 + STEP * k for k in range(10)]),
        ([0, 0.04, 5, 5.04, 5.08], [0, 0.04, 5, 5.04, 5.08]),
        ([1.2, 1.24], [1.2, 1.24]),
        ([0, 0.04, 0.08, 9], [0, 0.04, 0.08, 9]),
        ([3], [3]),
        ([0, 0.04, 1e15, 1e15, 0.16], [0, 0.04, 0.08, 0.12, 0.16]),
        ([1.7e9, 1.7e9 + 0.04], [1.7e9, 1.7e9 + 0.04]),
    ],
    ids=["ahead", "missing", "behind", "twice", "first", "two ahead", "first missing", "none", "restart", "pause",
         "two", "last", "one", "beyond all time", "since 1970"],
)  # fmt: skip
def test_wrong_stamps_are_set_between_those_around_them(stamps, times):
    rising = RisingTimes(enumerate(stamps), STEP)
    result = list(rising)
    assert [number for number, _ in result] == list(range(len(stamps)))
    assert [time_s for _, time_s in result] == pytest.approx(times)
    far = sum(0.5 < abs(stamp - time_s) < 1e10 for stamp, time_s in zip(stamps, times, strict=True))
    assert rising.corrected == (0 if rising.restarts else far)
    assert bool(rising.note()) is bool(far or rising.restarts or np.isnan(stamps).all())


@pytest.mark.parametrize("seed", range(20))
def test_times_rise_and_few_frames_wait_whatever_the_stamps(seed):
    rng = np.random.default_rng(seed)
    stamps = np.cumsum(rng.choice([0.04, 0.04, 0.04, 0.04, 0.04, -1, 1e5, 0, -1e6], 200))
    stamps[rng.random(200) < 0.1] = rng.normal(0, 1e6)
    stamps[rng.random(200) < 0.1] = NAN
    given = 0

    def frames():
        nonlocal given
        for number, stamp in enumerate(stamps):
            given += 1
            yield number, float(stamp)

    times: list[float] = []
    for number, time_s in RisingTimes(frames(), STEP):
        assert number == len(times)
        assert given - number <= AHEAD + 1
        times.append(time_s)
    assert len(times) == 200
    assert (np.diff(times) > 1e-6).all()
