"""Where eyes look, learnt from where a teacher sees the irises: ridge regression on the values of single eyes.

The iris' place between the corners of the lids, as a share of their distance, becomes an angle by a ball whose radius
is 0.4 of that distance (12 mm of 30 mm): ``angle = asin(share / 0.4)``. Straight ahead is the median of all faces.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from facs_pipeline.action_units.gaze import GazeModel
from facs_pipeline.action_units.training.cross_validation import make_folds
from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.datasets.pictures import Pictures
from facs_pipeline.features.eye_values import eye_values
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.agreement import pearson
from facs_pipeline.foundation.files.model_file import check_unpacked_size
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.training.teacher import mesh_to_68

_RADIUS = 0.4
_PENALTY = 0.1
_CLOSED = 0.5
"""The teacher's `eyeBlink` from which on an eye shows no iris to learn from."""
# Of the teacher's mesh: corners from left to right in the image, and the middle of the iris; right eye, left eye.
_CORNERS = ((33, 133), (362, 263))
_IRISES = (468, 473)


def iris_angles(mesh: np.ndarray) -> np.ndarray:
    """Angles [n, 2, 2] of right and left eye in the head, across the image and down, from the teacher's mesh.

    Parameters
    ----------
    mesh : ndarray
        ``[n, 478, 2]`` in pixels.
    """
    mesh = np.asarray(mesh, np.float64)
    places = mesh[..., 0] + 1j * mesh[..., 1]
    angles = np.empty((len(mesh), 2, 2))
    for eye, ((first, last), iris) in enumerate(zip(_CORNERS, _IRISES, strict=True)):
        share = (places[:, iris] - (places[:, first] + places[:, last]) / 2) / (places[:, last] - places[:, first])
        angles[:, eye] = np.arcsin(np.clip(np.stack([share.real, share.imag], axis=1) / _RADIUS, -1, 1))
    return angles


def gaze_values(
    pictures: Pictures, labels: str | os.PathLike[str], *, progress: Progress = SILENT
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eyes of all images in which a face is found and the eyes are open, and where the teacher sees them look.

    Parameters
    ----------
    pictures : Pictures
    labels : str or PathLike
        An ``.npz`` with ``image``, ``points`` [m, 478, 2], ``blendshapes`` and ``names``.
    progress : Progress
        Told of the images done.

    Returns
    -------
    values : ndarray of float32
        ``[n, 2, 292]``.
    angles : ndarray of float64
        ``[n, 2, 2]`` of right and left eye, in radians.
    persons : ndarray of str
        ``[n]``.

    Raises
    ------
    InputError
        If the file has no mesh with irises.
    """
    check_unpacked_size(labels)
    with np.load(labels, allow_pickle=False) as stored:
        mesh, names = stored["points"].astype(np.float64), stored["names"].tolist()
        row = {os.path.basename(str(name)): number for number, name in enumerate(stored["image"])}
        blinks = [names.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
        closed = stored["blendshapes"][:, blinks].mean(axis=1) >= _CLOSED
    if mesh.shape[1:] != (478, 2):
        raise InputError(f"{labels}: points {mesh.shape}; expected the teacher's mesh of 478 points, with irises")
    places, angles, analyser = mesh_to_68(mesh), iris_angles(mesh), FaceAnalyser(action_units=None)
    values, chosen, persons = [], [], []
    with progress.task(f"{pictures.path.name}: eyes", len(pictures), "images") as task:
        for number, name in enumerate(pictures.names):
            at = row.get(os.path.basename(name))
            if at is not None and not closed[at]:
                for face in analyser.analyse_image(pictures.grey(number), near=places[at]):
                    values.append(eye_values(face.texture, face.points))
                    chosen.append(angles[at])
                    persons.append(pictures.persons[number])
            task.advance()
    return np.array(values), np.array(chosen), np.array(persons)


def train_gaze(values: np.ndarray, angles: np.ndarray, persons: Sequence[str], *, folds: int = 5) -> GazeModel:
    """Learn where eyes look, and measure it on persons that nothing was learnt from.

    Parameters
    ----------
    values : ndarray of float32
        ``[n, 2, 292]``, see `gaze_values`, likewise the next two.
    angles : ndarray of float64
        ``[n, 2, 2]``.
    persons : sequence of str
        ``[n]``.
    folds : int
        Persons are split into so many.

    Returns
    -------
    GazeModel
        Its card holds ``metrics_of_gaze``: across and down r, the mean absolute error, and that of always saying
        straight ahead, in degrees.
    """
    straight = np.median(angles.mean(axis=1), axis=0)
    # In a mirror, left eyes are right ones that look the other way. Straight ahead is 0, across it is so by symmetry.
    target = angles - [0.0, straight[1]]
    target[:, 1, 0] *= -1
    fold_of, truth = make_folds(persons, folds), (target[:, 0] + target[:, 1] * [-1, 1]) / 2
    predicted = np.empty_like(truth)
    for fold in np.unique(fold_of):
        test = fold_of == fold
        predicted[test] = _fit(values[~test], target[~test]).angles(values[test])
    model = _fit(values, target)
    error, still = np.degrees(np.abs(predicted - truth)), np.degrees(np.abs(truth))
    r = pearson(truth, predicted)
    model.card = {
        "metrics_of_gaze": {
            name: {
                "r": round(float(r[k]), 4),
                "mean_error_deg": round(float(error[:, k].mean()), 3),
                "straight_ahead_error_deg": round(float(still[:, k].mean()), 3),
            }
            for k, name in enumerate(("across", "down"))
        },
        "images": len(values),
        "persons": len(np.unique(persons)),
    }
    return model


def _fit(values: np.ndarray, target: np.ndarray) -> GazeModel:
    X, Y = values.reshape(-1, values.shape[-1]), target.reshape(-1, 2)
    centred = X - X.mean(axis=0, dtype=np.float64)
    gram = centred.T @ centred / len(X) + _PENALTY * np.eye(X.shape[1]) * float((centred**2).mean())
    weights = np.linalg.solve(gram, centred.T @ (Y - Y.mean(axis=0)) / len(X))
    return GazeModel(weights, Y.mean(axis=0) - X.mean(axis=0, dtype=np.float64) @ weights)
