"""Training of the confidence on drawn persons: what it learns, how it is measured, and what its command says."""

from __future__ import annotations

import doctest
import json

import numpy as np
import pytest
from click.testing import CliRunner
from facs_cli.train_confidence import command

from facs_pipeline.action_units.training.pseudo_labels import read_labels
from facs_pipeline.datasets.picture_source import PictureSource
from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.features.confidence import ConfidenceModel
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.landmarks.model import DEFAULT_MODEL, default_landmarks
from facs_pipeline.landmarks.training import damaged
from facs_pipeline.landmarks.training.confidence import (
    ConfidenceTraining,
    calibration_curve,
    calibration_error,
    judged_faces,
)
from facs_pipeline.landmarks.training.confidence_run import ConfidenceOptions, train_confidence_file
from facs_pipeline.landmarks.training.damaged import COVERS, LOWER, UPPER


@pytest.fixture(scope="module")
def drawn(stills):
    """Sixty images of drawn persons and their points."""
    pictures = open_pictures(stills / "frames.tar", stills / "frames.csv")
    rows = range(0, len(pictures), 4)
    points = read_labels(stills / "labels.npz", pictures).points[rows]
    return [pictures.grey(row) for row in rows], points.astype(np.float64)


def test_damage_is_known(drawn):
    images, points = drawn
    rng = np.random.default_rng(0)
    for kind in (*COVERS, "blur", "dark", "small", "jpeg"):
        face = damaged.damaged(images[0], points[0], images, rng, only=kind)
        assert face.kinds == (kind,)
        assert (face.cover == kind) is (kind in COVERS)
        assert not (face.hidden.any() and kind not in COVERS)
        assert face.points.shape == (68, 2)
    mask = damaged.damaged(images[0], points[0], images, rng, only="mask").hidden
    assert mask[LOWER].all()
    assert not mask[UPPER].any()


def test_plain_faces_are_right_and_what_is_hidden_is_not_seen(drawn):
    images, points = drawn
    plain = judged_faces(default_landmarks(), images, points, np.random.default_rng(0), only="none")
    assert np.median(plain.errors[:, 0]) < 0.05
    assert plain.truth()[:, 0].mean() > 0.8
    hidden = judged_faces(default_landmarks(), images, points, np.random.default_rng(0), only="sunglasses").truth()
    assert not hidden[:, 1].any()
    assert hidden[:, 3].all()
    assert hidden[:, 5].all()


def test_calibration_error_is_the_mean_distance_of_the_curve():
    said = np.array([0.05, 0.05, 0.95, 0.95])
    assert calibration_error(said, np.array([0, 0, 1, 1])) == pytest.approx(0.05)
    assert calibration_error(said, np.array([1, 1, 0, 0])) == pytest.approx(0.95)
    assert calibration_curve(said, np.array([0, 1, 1, 1]))[0] == {"faces": 2, "probability": 0.05, "right": 0.5}


def test_the_command_trains_a_model_that_loads(stills, tmp_path):
    images = f"{stills / 'stills'},labels={stills / 'labels.npz'}"
    out = tmp_path / "confidence.npz"
    result = CliRunner().invoke(
        command, ["--teacher", "unused.task", "--images", images, "--out", str(out), "--repeats", "2"],
        standalone_mode=False,
    )  # fmt: skip
    assert result.exception is None, result.output
    card = json.loads(out.with_suffix(".json").read_text())
    assert ConfidenceModel.load(out).card["landmark_model"] == default_landmarks().sha256
    assert {"whole", "upper", "lower", "mask"} <= set(card["measured_on_persons_held_out"])
    assert card["measured_on_persons_held_out"]["mask"]["auc"] > 0.7
    assert "new to the landmark model" in result.output


def test_persons_new_to_the_landmark_model_are_needed(stills, tmp_path):
    source = PictureSource(stills / "frames.tar", persons=tmp_path / "one.csv", labels=stills / "labels.npz")
    (tmp_path / "one.csv").write_text("image,person\n00-0.png,p00\n")
    options = ConfidenceOptions(tmp_path / "c.npz", DEFAULT_MODEL, "unused.task", ConfidenceTraining())
    with pytest.raises(InputError, match="give images of both"):
        train_confidence_file([source], options)


def test_examples():
    assert doctest.testmod(damaged).failed == 0
