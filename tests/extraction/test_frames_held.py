"""Large frames are decoded one by one: memory does not hang on how many are decoded at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest

from facs_pipeline.extraction.decoding import DECODED_AT_ONCE, DECODED_BYTES, _several_at_once
from facs_pipeline.video.reader import Frame


@pytest.mark.parametrize(
    ("height", "width", "most"), [(480, 640, DECODED_AT_ONCE), (1080, 1920, 8), (2160, 3840, 2), (4320, 7680, 1)]
)
def test_frames_decoded_before_the_first_is_taken(height, width, most):
    decoded = 0

    def frames() -> Iterator[Frame]:
        nonlocal decoded
        for index in range(30):
            decoded += 1
            yield Frame(index, index / 25, np.empty((height, width), np.uint8))

    ahead = 0
    for taken, frame in enumerate(_several_at_once(frames(), lambda _: contextlib.nullcontext()), start=1):
        assert frame.index == taken - 1
        ahead = max(ahead, decoded - taken + 1)
    assert (taken, ahead) == (30, most)
    assert most == 1 or most * height * width <= DECODED_BYTES
