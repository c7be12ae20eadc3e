"""The estimate of a run's frames: sums that are kept up to date are those of all that was told."""

from __future__ import annotations

import random

from facs_pipeline.extraction.progress import FrameEstimate


def test_sums_are_those_of_all_events():
    chance = random.Random(7)
    sizes = [chance.randrange(1, 1000) for _ in range(20)]
    estimate, claimed, decoded = FrameEstimate(sizes), {}, dict.fromkeys(range(20), 0)
    assert (estimate.done, estimate.expected) == (0, 0)
    for _ in range(400):
        job, kind, frames = chance.randrange(20), chance.choice(["expect", "progress", "finish"]), chance.randrange(90)
        if kind == "finish":
            estimate.finish(job)
            claimed[job] = decoded[job]
        else:
            estimate.update(job, kind, frames)
            if kind == "expect":
                claimed[job] = frames
            elif frames:
                decoded[job] = frames
        begun = sum(max(frames, decoded[job]) for job, frames in claimed.items())
        size = sum(sizes[job] for job in claimed)
        left = round(begun * (sum(sizes) - size) / size) if size else 0
        assert (estimate.done, estimate.expected) == (sum(decoded.values()), begun + left)
