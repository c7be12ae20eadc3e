"""What `import facs_pipeline` offers: names that type checkers know, quickly imported, and former names that warn."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import assert_type

import numpy as np
import pytest

import facs_pipeline
from facs_pipeline.deprecated import RENAMED
from facs_pipeline.faces.tracker import FaceTracker

STUB = Path(facs_pipeline.__file__).with_suffix(".pyi")
# The public names of version 0.1.0.
# fmt: off
FORMER = [
    "ActionUnitModel", "AU_NAMES", "BatchedRidge", "FaceFollower", "FaceModes",
    "FacialActivityDescriptor", "FacsError", "FollowedFace", "Frame", "InputError",
    "IntensityFilter", "LandmarkModel", "ModelError", "Options", "PointFilter",
    "RankSVM", "SVREnsemble", "SimilarFaces", "VideoError", "count_blinks",
    "default_landmarks", "describe_series", "descriptor_names", "explain_action_unit", "extract_features",
    "features", "find_events", "head_pose", "hog", "lbp_histograms",
    "load_landmarks", "measure_stills", "read_au_table", "read_frames", "registered_landmarks",
    "registered_texture", "resting_intensity", "smooth_series", "subtract_resting",
]
# fmt: on


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@pytest.mark.parametrize("name", dir(facs_pipeline))
def test_a_public_name_is_there(name):
    assert getattr(facs_pipeline, name) is not None


def test_the_stub_names_all_and_nothing_else():
    imports = [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ImportFrom)]
    names = [alias.asname for node in imports for alias in node.names]
    assert sorted(filter(None, names)) == sorted(dir(facs_pipeline))
    assert len(names) == len(set(names))


def test_types_are_those_of_the_classes():
    """That these are right is for mypy to say, which reads this line as well."""
    assert_type(facs_pipeline.FaceTracker, type[FaceTracker])
    assert facs_pipeline.FaceTracker is FaceTracker


def test_the_version_is_that_of_the_distribution():
    assert facs_pipeline.__version__ == importlib.metadata.version("facs-pipeline")


def test_an_import_loads_nothing_heavy():
    code = (
        "import sys, facs_pipeline; print(*sorted({'numpy', 'cv2', 'pandas', 'importlib.metadata'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not run.stdout.split()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'facs_pipeline' has no attribute 'FaceFolower'"):
        _ = facs_pipeline.FaceFolower  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------------ former names


@pytest.mark.parametrize("name", FORMER)
def test_names_of_0_1_work(name):
    assert name in dir(facs_pipeline) or name in RENAMED


@pytest.mark.parametrize("old", [old for old in RENAMED if old != "features"])
def test_a_former_name_warns_and_gives_the_same(old):
    new, removed_in = RENAMED[old]
    message = f"^facs_pipeline.{old} is now facs_pipeline.{new}; version {removed_in} removes the old name$"
    with pytest.warns(FutureWarning, match=message) as warned:
        former = getattr(facs_pipeline, old)
    assert former is getattr(facs_pipeline, new)
    assert warned[0].filename == __file__
    assert old not in dir(facs_pipeline)


@pytest.mark.parametrize(("old", "renamed"), RENAMED.items())
def test_former_names_go_in_time(old, renamed):
    """Two minor versions after the renaming: a version that has reached that point no longer knows the name."""
    assert renamed.new in dir(facs_pipeline)
    assert numbers(facs_pipeline.__version__) < numbers(renamed.removed_in), (
        f"remove {old} from facs_pipeline.deprecated"
    )


def test_parameters_and_methods_of_0_1_work():
    grey = np.zeros((200, 200), np.uint8)
    landmarks = facs_pipeline.default_landmarks()
    with pytest.warns(FutureWarning, match=r"steady is now smoothing; version 0\.4\.0"):
        assert FaceTracker(landmarks, steady=False).update(grey, 0.0) == []  # type: ignore[call-arg]
    model = facs_pipeline.ActionUnitModel.load_default()
    with pytest.warns(FutureWarning, match=r"is now (products|correction)") as warned:
        again = facs_pipeline.ActionUnitModel(
            model.aus, model.weights, model.intercept, settings=model.settings, product_weights=model.product_weights,
            modes=model.products, similar=model.correction,  # type: ignore[call-arg]
        )  # fmt: skip
    assert len(warned) == 2
    assert again.sha256 == model.sha256
    points = landmarks.mean_shape + 50
    with pytest.warns(FutureWarning, match=r"follow is now LandmarkModel\.track"):
        before = landmarks.follow(grey, points)
    assert np.array_equal(before.points, landmarks.track(grey, points).points)
