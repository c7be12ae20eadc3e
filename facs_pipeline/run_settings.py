"""The settings of a run's stages, with the models' hashes in place of the models: what cache keys are made of."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facs_pipeline.appearance import SETTINGS as APPEARANCE_SETTINGS
from facs_pipeline.errors import InputError
from facs_pipeline.landmarks import DEFAULT_MODEL as LANDMARK_MODEL
from facs_pipeline.landmarks import KIND as LANDMARK_KIND
from facs_pipeline.model_file import load_model

if TYPE_CHECKING:
    from facs_pipeline.extraction import Options

AU_MODEL_KIND = "action-units"


def run_settings(options: Options) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of all stages but `baseline` and `image_fps`, which differ from video to video; and the models' names.

    The models are read as files only: making models of them imports scikit-learn, which takes longer than a run in
    which everything is cached.

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
    au_path = options.au_model or Path(str(files("facs_pipeline.models").joinpath("action_units.npz")))
    au_card = load_model(au_path, AU_MODEL_KIND).card
    if options.au_model:
        # Only the model itself can say whether this version computes the features it was trained on.
        from facs_pipeline.action_units import ActionUnitModel

        ActionUnitModel.load(options.au_model)
    landmark_path = options.landmarks or LANDMARK_MODEL
    landmark_card = load_model(landmark_path, LANDMARK_KIND).card
    settings = {
        "faces": options.faces,
        "landmark_model": landmark_card["content_sha256"],
        "appearance": APPEARANCE_SETTINGS,
        "au_model": au_card["content_sha256"],
        "cutoff_hz": options.cutoff_hz,
    }
    models = {
        "action_units": {"file": os.path.basename(au_path), "sha256": au_card["content_sha256"]},
        "landmarks": {"file": os.path.basename(landmark_path), "sha256": landmark_card["content_sha256"]},
    }
    return settings, models
