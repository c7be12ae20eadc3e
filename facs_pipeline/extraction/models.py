"""The models of a run: checked and named by their hashes before it, loaded once per process where they are needed.

Naming a model reads its file only. Making a model of it imports what takes longer than a run in which everything is
stored, so that is left to the stages at work.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from facs_pipeline.action_units.presence import presence_levels
from facs_pipeline.extraction.stage import ModelFile
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.model_file import load_model

if TYPE_CHECKING:
    from facs_pipeline.action_units.gaze import GazeModel
    from facs_pipeline.action_units.model import ActionUnitModel
    from facs_pipeline.action_units.sides import SideModel
    from facs_pipeline.emotions.model import EmotionModel
    from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
    from facs_pipeline.landmarks.model import LandmarkModel

_EMBEDDED = Path(str(files("facs_pipeline.models")))
LANDMARK_MODEL = _EMBEDDED / "landmarks.npz"
AU_MODEL = _EMBEDDED / "action_units.npz"
PUBLISHED_AU_MODEL = _EMBEDDED / "action_units_published.npz"
"""Of the published form: ensembles of SVRs on uniform LBP in 10 x 10 cells and 49 registered landmarks."""
SIDE_MODEL = _EMBEDDED / "sides.npz"
GAZE_MODEL = _EMBEDDED / "gaze.npz"
EMOTION_MODEL = _EMBEDDED / "emotions.npz"
PLACES = _EMBEDDED / "landmark_places.npz"
CONFIDENCE_MODEL = _EMBEDDED / "confidence.npz"


@cache
def landmark_model(path: Path | None) -> ModelFile:
    """The landmark model at `path`, ours or dlib's; the embedded one for None.

    Raises
    ------
    ModelError
        If the file is missing, damaged, foreign or of a newer version; likewise below.
    """
    place = Path(os.path.abspath(path or LANDMARK_MODEL))
    if path:
        # Only the model itself can say whether this version can use it.
        return ModelFile("landmarks", place, _landmarks(place).sha256)
    return ModelFile("landmarks", place, load_model(place, "landmarks").card["content_sha256"])


@cache
def confidence_model() -> ModelFile:
    """The embedded model of how far faces can be trusted."""
    card = load_model(CONFIDENCE_MODEL, "confidence").card
    return ModelFile("confidence", CONFIDENCE_MODEL, card["content_sha256"])


@cache
def landmark_places() -> ModelFile:
    """The embedded offsets to iBUG's places."""
    return ModelFile("landmark_places", PLACES, load_model(PLACES, "landmark-places").card["content_sha256"])


@cache
def action_unit_model(path: Path | None) -> ModelFile:
    """The action-unit model at `path`; the embedded one for None."""
    place = Path(os.path.abspath(path or AU_MODEL))
    stored = load_model(place, "action-units")
    if path:
        _action_units(place)
    return ModelFile("action_units", place, stored.card["content_sha256"])


@cache
def measured_aus(path: Path | None) -> tuple[int, ...]:
    """FACS numbers of the action units that the model at `path` (None: the embedded one) measures, in its order."""
    place = Path(os.path.abspath(path or AU_MODEL))
    return tuple(load_model(place, "action-units").arrays["aus"].tolist())


def learnt_presence(path: Path | None) -> dict[int, float]:
    """Action unit -> the intensity from which on it is there, where the model at `path` (None: the embedded) knows."""
    return presence_levels(load_model(Path(os.path.abspath(path or AU_MODEL)), "action-units").arrays)


@cache
def side_model() -> ModelFile:
    """The model of the sides of faces that comes with the package."""
    return ModelFile("sides", SIDE_MODEL, load_model(SIDE_MODEL, "face-sides").card["content_sha256"])


@cache
def gaze_model() -> ModelFile:
    """The gaze model that comes with the package."""
    return ModelFile("gaze", GAZE_MODEL, load_model(GAZE_MODEL, "gaze").card["content_sha256"])


@cache
def sided_aus(path: Path | None) -> tuple[int, ...]:
    """Of the action units that the model at `path` (None: the embedded one) measures, those that have two sides."""
    sided = load_model(SIDE_MODEL, "face-sides").arrays["aus"].tolist()
    return tuple(au for au in measured_aus(path) if au in sided)


@cache
def emotion_model(path: Path | None) -> ModelFile:
    """The emotion model at `path`; the embedded one for None.

    Raises
    ------
    InputError
        If the model takes more of a face than its features.
    """
    from facs_pipeline.emotions.series import obstacle_for_videos

    place = Path(os.path.abspath(path or EMOTION_MODEL))
    card = load_model(place, "emotion").card
    reason = obstacle_for_videos(card)
    if reason:
        raise InputError(
            f"{place}: {reason}; use the package's own with --emotion, train one with `facs train-emotion --model "
            "compact`, or use `facs predict-emotion`, which takes any"
        )
    if path:
        _emotions(place)
    return ModelFile("emotions", place, card["content_sha256"])


def other_landmarks(landmarks: ModelFile, action_units: ModelFile) -> str:
    """A note where an action-unit model was trained on the points of another landmark model; else empty."""
    card = load_model(action_units.path, "action-units").card
    if card.get("landmark_model", landmarks.sha256) == landmarks.sha256:
        return ""
    return (
        f"{action_units.path.name} was trained on the points of another landmark model than {landmarks.path.name}: its "
        "levels may be off; `facs train-au --landmarks` trains one on these points"
    )


def load_landmarks(file: ModelFile) -> LandmarkModel | DlibLandmarks:
    """The landmark model itself; read once per process, likewise below."""
    return _landmarks(file.path)


def load_action_units(file: ModelFile) -> ActionUnitModel:
    """The action-unit model itself."""
    return _action_units(file.path)


def load_sides(file: ModelFile) -> SideModel:
    """The model of the sides itself."""
    return _sides(file.path)


def load_gaze(file: ModelFile) -> GazeModel:
    """The gaze model itself."""
    return _gaze(file.path)


def load_emotions(file: ModelFile) -> EmotionModel:
    """The emotion model itself."""
    return _emotions(file.path)


@cache
def _landmarks(path: Path) -> LandmarkModel | DlibLandmarks:
    from facs_pipeline.landmarks import loading

    return loading.load_landmarks(path)


@cache
def _action_units(path: Path) -> ActionUnitModel:
    from facs_pipeline.action_units.model import ActionUnitModel

    return ActionUnitModel.load(path)


@cache
def _sides(path: Path) -> SideModel:
    from facs_pipeline.action_units.sides import SideModel

    return SideModel.load(path)


@cache
def _gaze(path: Path) -> GazeModel:
    from facs_pipeline.action_units.gaze import GazeModel

    return GazeModel.load(path)


@cache
def _emotions(path: Path) -> EmotionModel:
    from facs_pipeline.emotions.model import EmotionModel

    return EmotionModel.load(path)
