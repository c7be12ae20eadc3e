"""Stage 1: real time stamps, upright pictures, honest luma, and messages that name the file and the fault."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from drawn_faces import drawn_frames
from video_files import frames_of, turned, write_audio, write_video

from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.video.reader import folder_images, natural_key, probe, read_frames, read_image


def ramp(height: int = 48, width: int = 64) -> np.ndarray:
    """BGR picture, brighter to the right, one bright corner top left."""
    grey = np.tile(np.linspace(40, 180, width).astype(np.uint8), (height, 1))
    grey[: height // 3, : width // 4] = 250
    return np.repeat(grey[..., None], 3, axis=2)


def encode(
    path: Path, pictures, times_ms, codec="libx264", pix_fmt="yuv420p", full_range=False, pixel_aspect=None
) -> Path:
    """Encode pictures (BGR, or planes of `pix_fmt`) at the given times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.pix_fmt = pix_fmt
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        stream.height, stream.width = pictures[0].shape[0], pictures[0].shape[1]
        if codec == "libx264":
            stream.options = {"qp": "0" if full_range else "4", "bf": "2"}
        if full_range:
            stream.codec_context.color_range = 2
        for image, time_ms in zip(pictures, times_ms, strict=True):
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            if full_range:
                # Grey planes as they are: PyAV before 17 does not convert into the full range.
                chroma = np.full((image.shape[0] // 2, image.shape[1]), 128, np.uint8)
                picture = av.VideoFrame.from_ndarray(np.concatenate([image[..., 0], chroma]), format="yuv420p")
            picture.pts, picture.time_base = int(time_ms), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def test_variable_frame_rate_keeps_its_times(tmp_path):
    times_ms = np.array([0, 33, 66, 500, 510, 1400, 1433, 3000])
    path = encode(tmp_path / "vfr.mkv", [ramp()] * 8, times_ms)
    frames = list(read_frames(path))
    assert [f.index for f in frames] == list(range(8))
    assert np.array([f.time_s for f in frames]) == pytest.approx(times_ms / 1000, abs=0.0011)


def test_a_first_frame_that_is_late_stays_late(tmp_path):
    path = encode(tmp_path / "late.mkv", [ramp()] * 3, [1200, 1240, 1280])
    assert [f.time_s for f in read_frames(path)] == pytest.approx([1.2, 1.24, 1.28], abs=0.0011)


def test_constant_rate_is_exact(tmp_path):
    path = write_video(tmp_path / "steady.mp4", [ramp()] * 30, fps=30)
    assert [f.time_s for f in read_frames(path)] == pytest.approx(np.arange(30) / 30, abs=1e-4)


@pytest.mark.shared
def test_times_of_real_videos_always_rise(videos_dir):
    for name in ("d18.mp4", "no_face.mp4", "face_noface.mov"):
        times = np.array([f.time_s for f in read_frames(videos_dir / name)])
        assert (np.diff(times) > 0).all(), name
        info = probe(videos_dir / name)
        assert times[-1] - times[0] == pytest.approx(info.duration_s, abs=3.5 / info.fps), name


@pytest.mark.parametrize(
    ("matrix", "turns"),
    [((1, 0, 0, 1), 0), ((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)],
    ids=["upright", "quarter clockwise", "upside down", "quarter anticlockwise"],
)
@pytest.mark.parametrize("colour", [False, True])
def test_the_display_matrix_is_honoured(tmp_path, matrix, turns, colour):
    source = encode(tmp_path / "source.mp4", [ramp()] * 3, [0, 40, 80])
    path = turned(source, tmp_path / "turned.mp4", *matrix)
    stored = next(read_frames(source, colour=colour)).image
    shown = [f.image for f in read_frames(path, colour=colour)]
    assert len(shown) == 3
    assert np.array_equal(shown[0], np.rot90(stored, turns))
    assert shown[0].flags.c_contiguous


@pytest.mark.parametrize(
    ("matrix", "shown_as"),
    [
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda stored: np.swapaxes(stored, 0, 1)),
        ((0, -1, -1, 0), lambda stored: np.swapaxes(np.rot90(stored, 2), 0, 1)),
    ],
    ids=["left-right", "upside down", "transposed", "transposed the other way"],
)
@pytest.mark.parametrize("colour", [False, True])
def test_mirrors_of_the_display_matrix_are_honoured(tmp_path, matrix, shown_as, colour):
    source = encode(tmp_path / "source.mp4", [ramp()] * 3, [0, 40, 80])
    path = turned(source, tmp_path / "mirrored.mp4", *matrix)
    stored = next(read_frames(source, colour=colour)).image
    assert np.array_equal(next(read_frames(path, colour=colour)).image, shown_as(stored))


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize(
    ("pixel_aspect", "size"),
    [("4/3", (48, 85)), ("10/11", (53, 64)), ("100/101", (48, 64)), ("1000/1", (48, 64))],
    ids=["HDV", "DV", "as good as square", "broken"],
)
def test_pixels_are_made_square(tmp_path, pixel_aspect, size, colour):
    path = encode(tmp_path / "wide.mp4", [ramp()] * 2, [0, 40], pixel_aspect=Fraction(pixel_aspect))
    image = next(read_frames(path, colour=colour)).image
    assert image.shape[:2] == size
    assert np.abs(image.astype(int) - cv2.resize(next_of(tmp_path, colour), size[::-1])).mean() < 2


def next_of(folder: Path, colour: bool) -> np.ndarray:
    """The same picture with square pixels."""
    return next(read_frames(encode(folder / "square.mp4", [ramp()] * 2, [0, 40]), colour=colour)).image


def test_square_pixels_then_upright(tmp_path):
    source = encode(tmp_path / "source.mp4", [ramp()] * 2, [0, 40], pixel_aspect=Fraction(4, 3))
    assert next(read_frames(turned(source, tmp_path / "turned.mp4", 0, 1, -1, 0))).image.shape == (85, 48)


def test_matroska_says_how_long_its_pictures_last(tmp_path):
    assert probe(encode(tmp_path / "x.mkv", [ramp()] * 3, [0, 500, 1000])).duration_s == pytest.approx(1.033, abs=0.04)


def test_tags_that_are_no_text_are_no_hindrance(tmp_path):
    path = tmp_path / "tagged.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "caf\u00e9 noir"
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(ramp(), format="bgr24").reformat(64, 48)))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    assert content.count(b"caf\xc3\xa9 noir") == 1
    path.write_bytes(content.replace(b"caf\xc3\xa9 noir", b"caf\xe9\xff noir"))
    assert sum(1 for _ in read_frames(path)) == 1
    assert probe(path).width == 64


@pytest.mark.shared
def test_the_header_is_not_trusted_on_the_number_of_frames(videos_dir):
    assert probe(videos_dir / "no_face.mp4").frames == 98
    assert sum(1 for _ in read_frames(videos_dir / "no_face.mp4")) == 95


@pytest.mark.shared
def test_luma_of_real_videos_is_what_a_grey_conversion_gives(videos_dir):
    for path in sorted(videos_dir.iterdir()):
        with av.open(str(path)) as container:
            picture = next(container.decode(video=0))
        # Naming one matrix for both sides keeps the conversion from mixing chroma into luma.
        expected = picture.reformat(format="gray", src_colorspace="ITU601", dst_colorspace="ITU601").to_ndarray()
        seen = next(read_frames(path)).image
        assert seen.dtype == np.uint8
        assert seen.shape == expected.shape
        assert np.abs(seen.astype(int) - expected).max() <= 1, path.name


@pytest.mark.parametrize("full_range", [False, True])
def test_luma_levels_come_back_in_either_range(tmp_path, full_range):
    """Black is 0 and white is 255, whether the file stores 16..235 or 0..255."""
    steps = np.repeat(np.linspace(0, 255, 8).astype(np.uint8), 16)
    image = np.repeat(np.tile(steps, (64, 1))[..., None], 3, axis=2)
    path = encode(tmp_path / "range.mp4", [image] * 2, [0, 40], full_range=full_range)
    with av.open(str(path)) as container:
        assert (next(container.decode(video=0)).color_range == 2) is full_range
    grey = next(read_frames(path)).image
    assert np.abs(grey[32, 8::16].astype(int) - image[32, 8::16, 0]).max() <= 3


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [("libx264", "yuv444p", ".mp4"), ("libx264", "yuv420p10le", ".mp4"), ("mjpeg", "yuvj420p", ".avi"),
     ("ffv1", "bgr0", ".mkv"), ("ffv1", "gray", ".mkv"), ("rawvideo", "rgb24", ".avi"), ("gif", "rgb8", ".gif")],
)  # fmt: skip
def test_grey_is_the_same_whatever_the_pixel_format(tmp_path, codec, pix_fmt, suffix):
    path = encode(tmp_path / f"video{suffix}", [ramp()] * 3, [0, 40, 80], codec=codec, pix_fmt=pix_fmt)
    frames = list(read_frames(path))
    assert len(frames) == 3
    # Away from the bright corner's edges, where codecs ring; GIF has few levels and mixes them by dithering.
    seen, expected = (cv2.blur(image[24:], (8, 8)).astype(int) for image in (frames[1].image, ramp()[:, :, 0]))
    assert np.abs(seen - expected).max() <= (10 if suffix == ".gif" else 3)


def test_widths_that_fill_no_whole_line_have_no_margin(tmp_path):
    image = ramp(50, 70)
    frame = next(read_frames(encode(tmp_path / "odd.mp4", [image], [0])))
    assert frame.image.shape == (50, 70)
    assert np.abs(frame.image[25:].astype(int) - image[25:, :, 0]).max() <= 5


def test_colour_is_blue_green_red(tmp_path):
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :32, 0] = image[:, 32:64, 1] = image[:, 64:, 2] = 220
    path = encode(tmp_path / "colour.mp4", [image], [0], pix_fmt="yuv444p")
    seen = next(read_frames(path, colour=True)).image
    assert seen.shape == image.shape
    for column in (16, 48, 80):
        assert np.abs(seen[32, column].astype(int) - image[32, column]).max() < 40


def test_a_folder_of_images_is_read_in_natural_order(tmp_path):
    for number in (10, 9, 1, 100, 2):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), np.full((8, 12), number, np.uint8))
    cv2.imwrite(str(tmp_path / ".hidden.png"), np.zeros((8, 12), np.uint8))
    (tmp_path / "notes.txt").write_text("not an image")
    frames = list(read_frames(tmp_path, image_fps=50))
    assert [int(f.image[0, 0]) for f in frames] == [1, 2, 9, 10, 100]
    assert [f.time_s for f in frames] == pytest.approx([0, 0.02, 0.04, 0.06, 0.08])
    assert next(read_frames(tmp_path, colour=True)).image.shape == (8, 12, 3)
    assert probe(tmp_path, image_fps=50)[:3] == (5, 0.1, 50)


def test_names_with_any_digits_have_one_order(tmp_path):
    names = ["01.png", "1.png", "1²3.png", "A1.png", "a1.png", "a２.png", "b.png"]
    for name in names:
        (tmp_path / name).touch()
    assert natural_key("a２") == natural_key("A2")
    assert [p.name for p in folder_images(tmp_path)] == names


def test_a_folder_of_the_frames_of_a_video_shows_the_same(clips, tmp_path):
    pictures = frames_of(clips / "anna.mp4", 3)
    for number, image in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    for image, frame in zip(pictures, read_frames(tmp_path, colour=True), strict=True):
        assert np.array_equal(frame.image, image)


def test_images_are_found_under_any_name(tmp_path):
    path = tmp_path / "Ünï 名前.png"
    path.write_bytes(cv2.imencode(".png", np.full((4, 5), 7, np.uint8))[1].tobytes())
    image = read_image(path)
    assert image is not None
    assert np.array_equal(image, np.full((4, 5), 7))
    assert read_image(tmp_path / "absent.png") is None
    (tmp_path / "empty.png").touch()
    assert read_image(tmp_path / "empty.png") is None


def message(path: Path) -> str:
    """What reading the whole of a bad video says; it must begin with its name."""
    with pytest.raises(VideoError) as caught:
        for _ in read_frames(path):
            pass
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def test_what_is_no_video_is_said_to_be_none(tmp_path):
    assert "no such file" in message(tmp_path / "absent.mp4")
    (tmp_path / "empty.mp4").touch()
    assert "empty (0 bytes)" in message(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("Not a video.\n" * 50)
    assert "not a video that can be opened" in message(tmp_path / "text.mp4")
    assert "no video stream, only audio" in message(write_audio(tmp_path / "sound.mp4"))
    song = write_audio(tmp_path / "song.mp4", cover=ramp())
    assert "no video stream, only audio and a cover picture" in message(song)
    (tmp_path / "folder").mkdir()
    assert "holds no images" in message(tmp_path / "folder")


def test_probing_bad_files_says_so_too(tmp_path):
    for name, content in (("empty.mp4", b""), ("text.mp4", b"Not a video.\n" * 50)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VideoError, match=name):
            probe(tmp_path / name)


def test_a_damaged_image_in_a_folder_is_named(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((8, 8), np.uint8))
    (tmp_path / "1.png").write_text("no pixels")
    frames = read_frames(tmp_path)
    assert next(frames).index == 0
    with pytest.raises(VideoError, match=r"1\.png: image 2 of 3 cannot be decoded"):
        next(frames)


def frames_read(path: Path) -> tuple[list[int], VideoError | None]:
    """Numbers of the frames that can be read, and why no more."""
    read = []
    try:
        for frame in read_frames(path):
            read.append(frame.index)
    except VideoError as error:
        return read, error
    return read, None


@pytest.mark.parametrize("percent", [5, 40, 80])
def test_cut_files_give_frames_or_a_message_and_never_more_frames(tmp_path, percent):
    whole = write_video(tmp_path / "whole.ts", drawn_frames(1, "happiness", 40)[:30])
    path = tmp_path / "cut.ts"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * percent // 100])
    read, error = frames_read(path)
    assert error is None or str(path) in str(error)
    assert 0 < len(read) < 30


def test_a_video_without_its_index_cannot_be_opened(clips, tmp_path):
    whole = (clips / "anna.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    assert "not a video that can be opened" in message(tmp_path / "cut.mp4")


def test_decoding_that_stops_says_after_how_many_frames(tmp_path):
    rough = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    pictures = [np.roll(rough, 3 * number, axis=1) for number in range(160)]
    path = encode(tmp_path / "damaged.mp4", pictures, range(0, 6400, 40))
    data = bytearray(path.read_bytes())
    media = data.index(b"mdat")
    start = media + (len(data) - media) // 2
    data[start : start + 60_000] = np.random.default_rng(0).bytes(60_000)[: len(data[start : start + 60_000])]
    path.write_bytes(data)
    read, error = frames_read(path)
    assert read == list(range(len(read)))
    assert 37 < len(read) <= 160
    assert error is None or f"{path}: decoding stopped after {len(read)} frames" in str(error)
