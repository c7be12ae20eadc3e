"""Fitting where people put landmarks: one offset a point, on one half of a set of faces, measured on the other."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.landmarks.places import Places
from facs_pipeline.landmarks.points import MIRROR_68
from facs_pipeline.landmarks.training.recipe import versions

RIGHTS = (
    "68 numbers of fixed offsets, fitted to points that people set (300-W's annotation of LFPW, for research use). No "
    "picture and no face went into them, and no model was trained on 300-W."
)
_REGIONS = {"inner": slice(17, 68), "brows": slice(17, 27), "nose": slice(27, 36), "eyes": slice(36, 48),
            "mouth": slice(48, 68), "outline": slice(0, 17)}  # fmt: skip


def fit_places_file(
    images: str | os.PathLike[str], points: str | os.PathLike[str], out: Path, model: LandmarkModel
) -> dict[str, Any]:
    """Fit the offsets on one half of the faces, measure them on the other, and write them with their card.

    The hash of an image's name decides to which half it belongs.

    Parameters
    ----------
    images : path
        Folder or tar of faces.
    points : path
        ``.npz`` with ``names`` [n] and ``points`` [n, 68, 2], iBUG's places set by people, pixels.
    out : Path
        The file to write.
    model : LandmarkModel
        Whose points are moved.

    Returns
    -------
    dict of str to Any
        The card, with the errors of both halves in % of the outer-eye distance.

    Raises
    ------
    InputError
        If the images or points cannot be used.
    """
    found, truth, names = located(images, points, model)
    fitting = first_half(names)
    offsets = fit_offsets(found[fitting], truth[fitting], model.mean_shape)
    places = Places(model.mean_shape.astype(np.float64), offsets)
    moved = places.ibug(found)
    errors = {
        half: {"faces": int(rows.sum()), "before": region_errors(found[rows], truth[rows]),
               "after": region_errors(moved[rows], truth[rows])}
        for half, rows in (("fitted on", fitting), ("measured on", ~fitting))
    }  # fmt: skip
    card = {
        "title": "offsets from the landmark model's points to iBUG's places",
        "landmark_model": model.sha256,
        "rights": RIGHTS,
        "error_percent_of_outer_eye_distance": errors,
        "versions": versions(),
    }
    Places(places.mean_shape, offsets, card).save(out)
    return dict(Places.load(out).card)


def located(
    images: str | os.PathLike[str], points: str | os.PathLike[str], model: LandmarkModel
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The model's points `[n, 68, 2]`, those set by people, and the names of the images.

    The model starts from the box in which a detector would most likely see the face.
    """
    pictures = open_pictures(images)
    try:
        with np.load(points, allow_pickle=False) as stored:
            names, truth = stored["names"], stored["points"].astype(np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{points}: expected an .npz with names and points ({error})") from None
    number = {Path(name).name: k for k, name in enumerate(pictures.names)}
    missing = [name for name in names if Path(str(name)).name not in number]
    if missing or truth.shape[1:] != (68, 2):
        raise InputError(f"{points}: expected 68 points of images in {images}; {len(missing)} of these are missing")
    found = []
    for name, wanted in zip(names, truth, strict=True):
        grey = pictures.grey(number[Path(str(name)).name])
        box_to_image = geometry.fit_similarity(model.box_shape, wanted)
        side = float(np.hypot(*box_to_image[:, 0]))
        x, y = geometry.apply(box_to_image, np.array([[0.5, 0.5]]))[0]
        once = model.find(grey, (x - side / 2, y - side / 2, side, side)).points
        found.append(model.track(grey, once).points)
    return np.array(found, np.float64), truth, names


def first_half(names: np.ndarray) -> np.ndarray:
    """Which images `[n]` are fitted on: by the parity of the hash of their name."""
    return np.array([hashlib.sha256(Path(str(name)).name.encode()).digest()[-1] % 2 == 0 for name in names])


def fit_offsets(found: np.ndarray, truth: np.ndarray, mean_shape: np.ndarray) -> np.ndarray:
    """Mean offsets `[68, 2]` from `found` to `truth` `[n, 68, 2]` in the frame of the mean shape, made symmetric."""
    registered = geometry.fit_similarity(found, mean_shape)
    offsets = (geometry.apply(registered, truth) - geometry.apply(registered, found)).mean(axis=0)
    return (offsets + offsets[MIRROR_68] * [-1, 1]) / 2


def region_errors(points: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Mean errors in % of the outer-eye distance, of the 51 inner points and by part of the face."""
    eyes = np.linalg.norm(truth[:, 45] - truth[:, 36], axis=1)
    apart = 100 * np.linalg.norm(points - truth, axis=2) / eyes[:, None]
    return {name: round(float(apart[:, part].mean()), 3) for name, part in _REGIONS.items()}
