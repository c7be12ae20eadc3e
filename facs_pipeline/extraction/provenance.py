"""With which libraries, and on what kind of processor, the stored results that serve a run were computed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from facs_pipeline.extraction.video_result import VideoResult

COMPUTED_WITH = "computed_with"
"""Among the facts of a stored result: see `facs_pipeline.foundation.machine.computed_with`."""


def environments_of(results: Sequence[VideoResult]) -> dict[str, Any]:
    """What ``run.json`` says of it.

    Parameters
    ----------
    results : sequence of VideoResult
        Of the run, computed now or earlier.

    Returns
    -------
    dict of str to dict
        ``environments``: libraries and instructions, by numbers from "1". ``computed_with``: of each video the number
        for each of its stages.
    """
    numbers: dict[str, str] = {}
    written = _Written()
    of_videos = {
        result.name: {
            stage: numbers.setdefault(written.text(environment), str(len(numbers) + 1))
            for stage, environment in _environments(result)
        }
        for result in results
        if result.stage_facts
    }
    return {
        "environments": {number: json.loads(environment) for environment, number in numbers.items()},
        COMPUTED_WITH: of_videos,
    }


def mixture_note(results: Sequence[VideoResult]) -> str | None:
    """What to tell the user where results of different libraries serve one run; None where all are of the same.

    Instructions of processors are not counted: with the same libraries they change no more than the last digit.
    """
    videos: dict[str, set[str]] = {}
    written = _Written()
    for result in results:
        for _, environment in _environments(result):
            videos.setdefault(written.text(environment["libraries"]), set()).add(result.name)
    if len(videos) < 2:
        return None
    versions = [json.loads(libraries) for libraries in videos]
    differing = [name for name in versions[0] if len({libraries.get(name) for libraries in versions}) > 1]
    groups = (
        f"{len(names)} with {', '.join(f'{name} {libraries.get(name)}' for name in differing)}"
        for libraries, names in zip(versions, videos.values(), strict=True)
    )
    return (
        f"the results of this run's videos were computed with different libraries ({'; '.join(groups)}); "
        "run.json says which; intensities may differ by up to 0.02. To compute all anew, name another --cache folder"
    )


class _Written:
    """JSON of objects, written once each: the results of a run share them."""

    def __init__(self) -> None:
        # With the object itself, so that no other one gets its number.
        self._known: dict[int, tuple[object, str]] = {}

    def text(self, value: object) -> str:
        """Its JSON, with sorted keys."""
        if id(value) not in self._known:
            self._known[id(value)] = value, json.dumps(value, sort_keys=True)
        return self._known[id(value)][1]


def _environments(result: VideoResult) -> Iterator[tuple[str, dict[str, dict[str, str | None]]]]:
    for stage, facts in result.stage_facts.items():
        if COMPUTED_WITH in facts:
            yield stage, facts[COMPUTED_WITH]
