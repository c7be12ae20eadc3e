"""One copy of what many results say alike: a run of thousands of videos holds the names of descriptors once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from facs_pipeline.extraction.provenance import COMPUTED_WITH

if TYPE_CHECKING:
    from facs_pipeline.dynamics.face_series import VideoDescriptors


class SharedValues:
    """Values that were seen, to be used in place of equal ones; nobody may change them.

    Examples
    --------
    >>> shared = SharedValues()
    >>> one, two = ({"faces": {"computed_with": {"libraries": ["numpy"]}}} for _ in range(2))
    >>> shared.facts(one)["faces"]["computed_with"] is shared.facts(two)["faces"]["computed_with"]
    True
    """

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}

    def facts(self, of_stages: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Facts of a video's stages, with the libraries that computed them shared with other videos."""
        return {
            stage: {**facts, COMPUTED_WITH: self._one(facts[COMPUTED_WITH])} if COMPUTED_WITH in facts else facts
            for stage, facts in of_stages.items()
        }

    def descriptors(self, of_video: VideoDescriptors | None) -> VideoDescriptors | None:
        """Descriptors of a video, with their names shared with other videos."""
        return of_video and {**of_video, "columns": self._one(of_video["columns"])}

    def _one(self, value: Any) -> Any:
        # `repr` keeps the order of keys and the types of values apart, as the written tables do.
        return self._seen.setdefault(repr(value), value)
