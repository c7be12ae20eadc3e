"""What a run is to compute: the stages that its options ask for, and what its record says of them."""

from __future__ import annotations

from typing import Any

from facs_pipeline.extraction import models
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import Stage, VideoSettings
from facs_pipeline.extraction.stages import STAGES
from facs_pipeline.foundation.errors import InputError


def stages_for(options: Options, video: VideoSettings) -> tuple[Stage, ...]:
    """The stages that the options ask for, for a video of these settings.

    The package's own models are read as files only.

    Raises
    ------
    InputError
        If an option has a value that no stage can use.
    ModelError
        If a model file is missing, damaged, foreign or of a newer version.
    """
    asked = (stage.configured(options, video) for stage in STAGES)
    return tuple(stage for stage in asked if stage is not None)


def check_options(options: Options) -> list[str]:
    """Raise what `stages_for` raises before any work is done; what the user should know of the models."""
    if not options.image_fps > 0:
        raise InputError(f"--image-fps is {options.image_fps:g}, expected more than 0")
    stages_for(options, VideoSettings())
    note = models.other_landmarks(models.landmark_model(options.landmarks), models.action_unit_model(options.au_model))
    return [note] if note else []


def record_of(options: Options) -> dict[str, Any]:
    """Settings, versions and models of the stages, JSON-able, for ``run.json``.

    The settings that differ from video to video are left out.
    """
    stages = stages_for(options, VideoSettings())
    varying = {name for name in VideoSettings.__dataclass_fields__}
    files = {file.name: file for stage in stages for file in stage.models()}
    return {
        "stage_settings": {
            stage.name: {name: value for name, value in stage.settings.key().items() if name not in varying}
            for stage in stages
        },
        "stage_versions": {stage.name: stage.version for stage in stages},
        "models": {name: {"file": file.path.name, "sha256": file.sha256} for name, file in files.items()},
    }
