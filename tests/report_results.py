"""Results that the tests of the report look at: a small demonstration, made once for all of them."""

from __future__ import annotations

from pathlib import Path

from facs_pipeline.authenticity_demo import rank_demo
from facs_pipeline.demo import run_demo

_MADE: list[Path] = []


def demo_results(tmp_path_factory) -> Path:
    """Folder with videos/, results/ and ranking/ of two synthetic people."""
    if not _MADE:
        out = tmp_path_factory.mktemp("report") / "demo"
        demo = run_demo(out, identities=2, jobs=2)
        rank_demo(demo.results, out / "ranking")
        _MADE.append(out)
    return _MADE[0]
