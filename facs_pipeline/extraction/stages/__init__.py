"""The stages of a run, in the order in which the data flow; a new stage is one module here and one line in `STAGES`."""

from __future__ import annotations

from facs_pipeline.extraction.stage import Stage
from facs_pipeline.extraction.stages.action_units import ActionUnits
from facs_pipeline.extraction.stages.confidence import Confidence
from facs_pipeline.extraction.stages.descriptors import Descriptors, ExtendedDescriptors
from facs_pipeline.extraction.stages.emotions import Emotions
from facs_pipeline.extraction.stages.eyes import Eyes
from facs_pipeline.extraction.stages.faces import Faces
from facs_pipeline.extraction.stages.features import Features
from facs_pipeline.extraction.stages.gaze import Gaze
from facs_pipeline.extraction.stages.landmarks import Landmarks
from facs_pipeline.extraction.stages.quality import Quality
from facs_pipeline.extraction.stages.sides import Sides

STAGES: tuple[type[Stage], ...] = (
    Faces,
    Landmarks,
    Features,
    Eyes,
    Confidence,
    Quality,
    ActionUnits,
    Sides,
    Gaze,
    Emotions,
    Descriptors,
    ExtendedDescriptors,
)
"""Each takes results of stages before it, never of those after it. Of two with one name a run has one at most."""
