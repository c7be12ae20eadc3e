"""dlib trusts every index in a file of its own; a wrong one ends the process that loads it."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import dlib
import numpy as np
import pytest

from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.landmarks.dlib_file import DamagedPredictorError, _Reader, check_shape_predictor
from facs_pipeline.landmarks.loading import load_landmarks


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A very small file that dlib wrote."""
    rng = np.random.default_rng(0)
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.tree_depth, options.num_trees_per_cascade_level = 2, 2, 5
    options.oversampling_amount, options.feature_pool_size, options.num_threads = 2, 100, 1
    image = rng.integers(0, 256, (200, 200), np.uint8)
    box = dlib.rectangle(40, 40, 160, 160)
    faces = [
        [dlib.full_object_detection(box, [dlib.point(int(x), int(y)) for x, y in rng.uniform(50, 150, (68, 2))])]
        for _ in range(3)
    ]
    path = tmp_path_factory.mktemp("dlib") / "small.dat"
    dlib.train_shape_predictor([image] * 3, faces, options).save(str(path))
    return path.read_bytes()


def first_index(data: bytes) -> int:
    """Where the first split's first index stands: behind the mean shape and three counts."""
    read = _Reader(data)
    assert (read.whole(), read.column(), read.count(), read.count(), read.count()) == (1, 136, 2, 5, 3)
    return read.at


def test_a_whole_file_passes(whole):
    assert check_shape_predictor(whole) == 68


def test_every_cut_is_refused(whole):
    for size in (*range(0, 1000, 7), *range(0, len(whole), 997), len(whole) - 1):
        with pytest.raises(DamagedPredictorError):
            check_shape_predictor(whole[:size])
    with pytest.raises(DamagedPredictorError, match="1 bytes too many"):
        check_shape_predictor(whole + b"\0")


@pytest.mark.parametrize(("index", "told"), [(b"\x01\x64", "pixel 100 of 100"), (b"\x08" + b"\xff" * 7 + b"\x1f", "")])
def test_an_index_beyond_the_pixels_is_refused(whole, tmp_path, index, told):
    at = first_index(whole)
    (tmp_path / "index.dat").write_bytes(whole[:at] + index + whole[at + 1 + whole[at] :])
    with pytest.raises(ModelError, match=rf"index\.dat: not a dlib .*damaged \(a tree asks for .*{told}"):
        load_landmarks(tmp_path / "index.dat")


def test_what_passes_after_damage_does_not_crash_dlib(whole, tmp_path):
    rng, passed = np.random.default_rng(3), 0
    for number in range(600):
        damaged = bytearray(whole)
        # Points and offsets of the pixels stand at the end; most of the rest are numbers of leaves.
        for place in rng.integers(len(whole) - 2000 if number % 2 else 0, len(whole), 2):
            damaged[place] ^= 1 << int(rng.integers(8))
        with contextlib.suppress(DamagedPredictorError):
            check_shape_predictor(bytes(damaged))
            (tmp_path / f"{passed}.dat").write_bytes(damaged)
            passed += 1
    assert 20 < passed < 600
    code = """
import sys, pathlib, dlib, numpy
grey = numpy.arange(200 * 200).astype(numpy.uint8).reshape(200, 200)
for path in pathlib.Path(sys.argv[1]).glob("*.dat"):
    predictor = dlib.shape_predictor(str(path))
    for box in ((50, 50, 150, 150), (-900, -900, 900, 900)):
        predictor(grey, dlib.rectangle(*box)).parts()
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=120)
