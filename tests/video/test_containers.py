"""What containers hold beside the pictures: several streams, longer sound, other files, holes, and missing ends."""

from __future__ import annotations

import os
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from video_files import add_video, write_video

from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.video.container import cut_short
from facs_pipeline.video.reader import probe, read_frames


def plain(value: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def two_streams(path: Path, default: int | None) -> Path:
    """A dark video of 64 x 48 and a bright one of 96 x 64."""
    with av.open(str(path), "w") as container:
        streams = []
        for number, (width, height) in enumerate([(64, 48), (96, 64)]):
            stream = add_video(container, "mpeg4", (height, width))
            stream.disposition = Disposition.default.value if number == default else 0  # type: ignore[assignment]  # as PyAV 16 takes it
            streams.append(stream)
        for _ in range(5):
            for number, stream in enumerate(streams):
                image = plain(60 + 120 * number, stream.height, stream.width)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def test_of_several_streams_the_default_one_is_read_and_that_is_noted(tmp_path):
    frames = read_frames(two_streams(tmp_path / "two.mp4", default=1))
    assert {frame.image.shape for frame in frames} == {(64, 96)}
    assert frames.notes == ["2 video streams, the default one is read (number 2, 96 x 64 px)"]
    assert probe(tmp_path / "two.mp4").width == 96


def test_without_a_default_the_first_stream_is_read(tmp_path):
    frames = read_frames(two_streams(tmp_path / "two.ts", default=None))
    assert {frame.image.shape for frame in frames} == {(48, 64)}
    assert "the first one is read" in frames.notes[0]


def with_sound(path: Path, sound_s: float) -> Path:
    """Ten frames in 0.4 s, and sound that lasts longer."""
    with av.open(str(path), "w") as container:
        stream = add_video(container, "flv1" if path.suffix == ".flv" else "mpeg4", (48, 64))
        sound = container.add_stream("aac", rate=44100)
        sound.layout = "mono"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(plain(90), format="bgr24")))
        container.mux(stream.encode(None))
        for number in range(int(sound_s * 44100 / 1024)):
            block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            block.sample_rate, block.pts = 44100, number * 1024
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path


def test_the_length_of_the_sound_is_not_that_of_the_pictures(tmp_path):
    info = probe(with_sound(tmp_path / "sound.flv", 8))
    assert info.duration_s == pytest.approx(8, abs=0.2)
    assert info.pictures_s == 0


def test_where_pictures_have_a_length_of_their_own_it_is_known(tmp_path):
    assert probe(with_sound(tmp_path / "sound.mp4", 8)).pictures_s == pytest.approx(0.4)


def test_the_time_at_which_players_begin_is_known(tmp_path):
    path = tmp_path / "camera.ts"
    with av.open(str(path), "w") as container:
        stream = add_video(container, "mpeg2video", (48, 64))
        for number in range(10):
            picture = av.VideoFrame.from_ndarray(plain(90), format="bgr24")
            picture.pts, picture.time_base = 36 + number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert next(read_frames(path)).time_s == pytest.approx(1.44)
    assert probe(path).start_s == pytest.approx(1.44)
    assert probe(write_video(tmp_path / "camera.mp4", [plain(90)] * 10)).start_s == 0


def shape_changes(path: Path) -> Path:
    """MPEG-2 whose pixels become 4/3 as wide after ten frames."""
    parts = []
    for number, aspect in enumerate([Fraction(1), Fraction(4, 3)]):
        part = path.with_name(f"part{number}.m2v")
        with av.open(str(part), "w", format="mpeg2video") as container:
            stream = add_video(container, "mpeg2video", (96, 128))
            stream.codec_context.sample_aspect_ratio = aspect
            for _ in range(10):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(plain(90, 96, 128), format="bgr24")))
            container.mux(stream.encode(None))
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    return path


def test_pixels_that_change_their_shape_are_square_in_each_frame(tmp_path):
    frames = read_frames(shape_changes(tmp_path / "broadcast.m2v"))
    assert [frame.image.shape for frame in frames] == [(96, 128)] * 10 + [(96, 171)] * 10
    [note] = frames.notes
    assert note.startswith("the picture's size changes from 128 x 96 to 171 x 96 px with frame 11;")


# ----------------------------------------------------------------------------------------------- other files


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile neighbour.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nneighbour.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
    ids=["ffconcat", "HLS", "SDP"],
)
@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
def test_a_video_never_opens_another_file_or_the_network(tmp_path, text, suffix):
    write_video(tmp_path / "neighbour.mp4", [plain(90)] * 5)
    path = tmp_path / f"list{suffix}"
    path.write_text(text)
    with pytest.raises(VideoError, match="not a video that can be opened"):
        next(read_frames(path))


def test_devices_and_pipes_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in ("/dev/zero", tmp_path / "pipe.mp4"):
        with pytest.raises(VideoError, match="a device, pipe or folder, expected a file"):
            next(read_frames(path))


@pytest.mark.parametrize("name", ["hole.mp4", "hole.ts", "hole.h264"])
def test_files_that_are_mostly_holes_are_refused_at_once(tmp_path, name):
    path = write_video(tmp_path / "start.mp4", [plain(90)] * 5)
    path = path.rename(tmp_path / name)
    os.truncate(path, 3 * 10**12)
    start = time.monotonic()
    with pytest.raises(VideoError, match=r"only \d+ of its 3000000000000 bytes are stored"):
        next(read_frames(path))
    assert time.monotonic() - start < 5


# ----------------------------------------------------------------------------------------------- missing ends


def rough(count: int) -> list[np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    return [np.roll(noise, 3 * number, axis=1) for number in range(count)]


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".wmv"])
def test_a_file_that_was_cut_in_copying_says_how_much_is_there(tmp_path, suffix):
    whole = write_video(tmp_path / f"whole{suffix}", rough(40))
    size = whole.stat().st_size
    assert cut_short(whole) == ""
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole.read_bytes()[: size * 6 // 10])
    words = cut_short(path)
    assert words.startswith(f"cut short at {size * 6 // 10} of ")
    stated = int(words.split()[5])
    assert 0.9 * size < stated <= size
    frames = read_frames(path)
    try:
        assert len(list(frames)) < 40
        told = "; ".join(frames.notes)
    except VideoError as error:
        told = str(error)
    assert words in told
