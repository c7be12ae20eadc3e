"""Image files: their size is known before they are decoded, and their pixels are what a viewer would show."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from image_files import blank_png, large_gif, png_chunk
from PIL import Image
from skimage.data import astronaut

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.images.decoding import BitDepth, decode, decode_grey, picture_note
from facs_pipeline.foundation.images.headers import jpeg_is_cut, read_header

PICTURE = astronaut()[60:260, 120:360]
TRANSPOSED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: np.rot90,
}
"""How a picture is shown, by EXIF's orientation."""


def encoded(suffix: str, image: np.ndarray = PICTURE) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def saved(kind: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, kind, **options)
    return file.getvalue()


def grey(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)


class TestHeader:
    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".jp2", ".ppm"])
    def test_states_the_size(self, suffix):
        header = read_header(encoded(suffix))
        assert header is not None
        assert (header.width, header.height, header.animated) == (240, 200, False)

    @pytest.mark.parametrize("kind", ["GIF", "AVIF", "JPEG2000"])
    def test_states_the_size_of_more_kinds(self, kind):
        header = read_header(saved(kind))
        assert header is not None
        assert (header.width, header.height) == (240, 200)

    @pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"exif": Image.Exif()}])
    def test_of_every_kind_of_webp(self, options):
        header = read_header(saved("WEBP", **options))
        assert header is not None
        assert (header.kind, header.width, header.height) == ("WebP", 240, 200)

    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".jp2", ".ppm"])
    def test_cut_anywhere_it_is_read_or_not_known(self, suffix):
        data = encoded(suffix)
        for size in range(0, 600, 7):
            header = read_header(data[:size])
            assert header is None or (header.width, header.height) == (240, 200)

    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_tells_an_animation_whose_first_picture_is_decoded(self, kind):
        second = Image.fromarray(PICTURE[:, ::-1])
        data = saved(kind, save_all=True, append_images=[second], lossless=True)
        assert "an animated" in picture_note(data)
        assert "the first picture is measured" in picture_note(data)
        assert np.abs(decode_grey(data).astype(int) - grey(PICTURE)).max() <= 1
        assert picture_note(saved(kind)) == ""


class TestDecoding:
    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".jp2", ".ppm"])
    def test_is_what_opencv_gives(self, suffix):
        data = encoded(suffix)
        content = np.frombuffer(data, np.uint8)
        assert np.array_equal(decode_grey(data), cv2.imdecode(content, cv2.IMREAD_GRAYSCALE))
        assert np.array_equal(decode(data, colour=True), cv2.imdecode(content, cv2.IMREAD_COLOR))

    @pytest.mark.parametrize("orientation", TRANSPOSED)
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
    def test_orientation_is_applied(self, kind, orientation):
        exif = Image.Exif()
        exif[0x112] = orientation
        shown = decode_grey(saved(kind, exif=exif))
        expected = grey(TRANSPOSED[orientation](PICTURE))
        assert shown.shape == expected.shape
        assert np.abs(shown.astype(int) - expected).mean() < 4

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
    @pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
    def test_levels_of_cameras_fill_the_bytes(self, suffix, bits):
        """Twelve bits in a 16-bit file are 16 times too dark where they are taken for sixteen."""
        levels = grey(PICTURE).astype(np.uint16) << (bits - 8) | (grey(PICTURE) >> (16 - bits) if bits < 16 else 0)
        levels[0, 0] = (1 << bits) - 1
        expected = np.rint(levels * (255 / ((1 << bits) - 1)))
        assert np.abs(decode_grey(encoded(suffix, levels)) - expected).max() <= 1

    def test_a_dark_image_of_a_video_keeps_the_depth_of_the_others(self):
        depth = BitDepth()
        bright = decode(encoded(".png", np.full((20, 20), 4000, np.uint16)), depth=depth)
        dark = decode(encoded(".png", np.full((20, 20), 500, np.uint16)), depth=depth)
        assert (bright[0, 0], dark[0, 0]) == (249, 31)

    def test_full_sixteen_bits_are_read_as_before(self):
        levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
        data = encoded(".png", levels)
        as_before = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(decode_grey(data), as_before)


class TestMotionPhoto:
    """Phones put a video behind a JPEG, whose bytes may look like anything."""

    @pytest.fixture
    def photo(self):
        return saved("JPEG", quality=90)

    def test_is_the_photo(self, photo):
        video = b"\0\0\0\x18ftypmp42" + b"\xff\xda\xff\x00" * 1000
        assert np.array_equal(decode_grey(photo + video), decode_grey(photo))

    def test_cut_within_the_photo(self, photo):
        for share in (0.3, 0.6, 0.99):
            with pytest.raises(ValueError, match="a JPEG file that is cut short"):
                decode_grey(photo[: int(share * len(photo))])
        assert jpeg_is_cut(photo[:-2])
        assert not jpeg_is_cut(photo + photo)

    def test_progressive_and_with_restart_markers(self):
        for options in ({"progressive": True}, {"restart_marker_blocks": 4}):
            data = saved("JPEG", **options)
            assert not jpeg_is_cut(data)
            assert jpeg_is_cut(data[: len(data) // 2])


class TestLimits:
    def test_too_large_is_refused_by_its_header(self):
        with pytest.raises(ValueError, match=r"20000 x 20000 pixels, more than 120 million; .*FACS_MAX_MEGAPIXELS=400"):
            decode_grey(blank_png(8, 8)[:16] + struct.pack(">II", 20000, 20000) + blank_png(8, 8)[24:])
        with pytest.raises(ValueError, match="30000 x 30000 pixels"):
            decode_grey(large_gif(30000))

    def test_the_limit_can_be_raised_and_lowered(self, monkeypatch):
        monkeypatch.setenv("FACS_MAX_MEGAPIXELS", "0.04")
        with pytest.raises(ValueError, match="240 x 200 pixels"):
            decode_grey(encoded(".png"))
        monkeypatch.setenv("FACS_MAX_MEGAPIXELS", "0.05")
        assert decode_grey(encoded(".png")).shape == (200, 240)
        monkeypatch.setenv("FACS_MAX_MEGAPIXELS", "many")
        with pytest.raises(InputError, match="FACS_MAX_MEGAPIXELS='many': expected a number above 0"):
            decode_grey(encoded(".png"))

    def test_a_chunk_that_claims_more_than_there_is_takes_no_memory(self):
        whole = blank_png(96, 96)
        claims = whole[:33] + struct.pack(">I", 0x7F1DF349) + whole[37:]
        with pytest.raises(ValueError, match="not an image that can be decoded"):
            decode_grey(claims)
        behind = whole[:33] + png_chunk(b"acTL", struct.pack(">II", 1, 0)) + struct.pack(">I", 1 << 31) + whole[37:]
        with pytest.raises(ValueError, match="not an image that can be decoded"):
            decode_grey(behind)

    def test_the_largest_that_is_read_stays_below_two_gigabytes(self):
        code = (
            "import resource, sys; from facs_pipeline.foundation.images.decoding import decode_grey;"
            "print(decode_grey(sys.stdin.buffer.read()).shape, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], input=blank_png(10900, 10900), capture_output=True, check=True, timeout=120
        )
        shape, kilobytes = done.stdout.decode().rsplit(" ", 1)
        assert shape == "(10900, 10900)"
        assert int(kilobytes) < 2_000_000
