"""The settings of a run's stages, with the models' hashes in place of the models: what cache keys are made of."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facs_pipeline.emotions.series import why_not_for_videos
from facs_pipeline.faces.settings import SETTINGS as TRACKER_SETTINGS
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.model_file import load_model
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import DEFAULT_MODEL as LANDMARK_MODEL
from facs_pipeline.landmarks.model import KIND as LANDMARK_KIND

if TYPE_CHECKING:
    from facs_pipeline.extraction.options import Options

# As in facs_pipeline.action_units.model, which is not imported here because it imports scikit-learn.
AU_MODEL = Path(str(files("facs_pipeline.models").joinpath("action_units.npz")))
AU_MODEL_KIND = "action-units"
# As in facs_pipeline.emotions.model.
EMOTION_MODEL = Path(str(files("facs_pipeline.models").joinpath("emotions.npz")))
EMOTION_MODEL_KIND = "emotion"


@dataclass(frozen=True)
class RunSettings:
    """What all videos of a run have in common.

    Attributes
    ----------
    stages : settings of all stages but `baseline` and `image_fps`, which differ from video to video.
    au_model, landmarks : the model files.
    emotion_model : likewise; None where emotions are not asked for.
    models : their names and hashes, for ``run.json``.
    notes : what the user should know of these models.
    """

    stages: dict[str, Any]
    au_model: Path
    landmarks: Path
    models: dict[str, Any]
    emotion_model: Path | None = None
    notes: tuple[str, ...] = ()


def run_settings(options: Options) -> RunSettings:
    """Check the options and the model files, and make the stages' settings of them.

    The package's own models are read as files only: making models of them imports scikit-learn, which takes longer
    than a run in which everything is cached.

    Raises
    ------
    InputError
        If an option has a value that no stage can use.
    ModelError
        If a model file is missing, damaged, foreign or of a newer version.
    """
    if not 0 < options.cutoff_hz < 50:
        raise InputError(f"--cutoff-hz is {options.cutoff_hz:g}, expected more than 0 and less than 50 Hz")
    if not options.image_fps > 0:
        raise InputError(f"--image-fps is {options.image_fps:g}, expected more than 0")
    au_path = Path(os.path.abspath(options.au_model or AU_MODEL))
    landmark_path = Path(os.path.abspath(options.landmarks or LANDMARK_MODEL))
    au_card = load_model(au_path, AU_MODEL_KIND).card
    au_hash = au_card["content_sha256"]
    if landmark_path.suffix == ".dat":
        landmark_hash = load_landmarks(landmark_path).sha256
    else:
        landmark_hash = load_model(landmark_path, LANDMARK_KIND).card["content_sha256"]
    # Only the models themselves can say whether this version computes the features they were trained on.
    if options.au_model:
        from facs_pipeline.action_units.model import ActionUnitModel

        ActionUnitModel.load(au_path)
    if options.landmarks:
        load_landmarks(landmark_path)
    stages = {
        "faces": options.faces,
        "face_search": TRACKER_SETTINGS.as_json(),
        "landmark_model": landmark_hash,
        "appearance": vector.made_by(),
        "au_model": au_hash,
        "cutoff_hz": options.cutoff_hz,
    }
    models = {
        "action_units": {"file": au_path.name, "sha256": au_hash},
        "landmarks": {"file": landmark_path.name, "sha256": landmark_hash},
    }
    emotion_path = None
    if options.emotion or options.emotion_model:
        emotion_path = Path(os.path.abspath(options.emotion_model or EMOTION_MODEL))
        stages["emotion_model"] = _emotion_model_hash(emotion_path, own=options.emotion_model is None)
        models["emotions"] = {"file": emotion_path.name, "sha256": stages["emotion_model"]}
    notes = ()
    if au_card.get("landmark_model", landmark_hash) != landmark_hash:
        notes = (
            f"{au_path.name} was trained on the points of another landmark model than {landmark_path.name}: its levels "
            "may be off; `facs train-au --landmarks` trains one on these points",
        )
    return RunSettings(stages, au_path, landmark_path, models, emotion_path, notes)


def _emotion_model_hash(path: Path, *, own: bool) -> str:
    card = load_model(path, EMOTION_MODEL_KIND).card
    reason = why_not_for_videos(card)
    if reason:
        raise InputError(
            f"{path}: {reason}; use the package's own with --emotion, train one with `facs train-emotion --model "
            "compact`, or use `facs predict-emotion`, which takes any"
        )
    if not own:
        from facs_pipeline.emotions.model import EmotionModel

        EmotionModel.load(path)
    return card["content_sha256"]
