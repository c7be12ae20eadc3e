"""Today's tables of a drawn clip beside those that version 0.1.0 wrote of it.

With the same versions of the packages on the same kind of processor, every cell is the same. Elsewhere sums are
rounded otherwise, and the last of many steps may differ by more than that: then action units agree within 0.02,
points within 0.5 px, and everything that is not a measurement exactly.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from make_version_files import processor

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features

OLD = Path(__file__).resolve().parents[1] / "data" / "version-0.1.0"
TOLERANCES = {"AU": 0.02, "x_": 0.5, "y_": 0.5, "pose_": 0.02, "confidence": 0.02, "emotion_": 0.02}
"""By how a column's name begins: intensities 0..5, px, radians, and probabilities."""


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of this version's run over the clip."""
    out = tmp_path_factory.mktemp("golden")
    extract_features([OLD / "smile.mp4"], Options(out=out, jobs=1, emotion=True))
    return out


@pytest.fixture(scope="module")
def same_arithmetic(today: Path) -> bool:
    """Whether packages and processor are those that the old tables were made with."""
    packages = json.loads((today / "run.json").read_text(encoding="utf-8"))["packages"]
    return {"packages": packages, "processor": processor()} == json.loads((OLD / "made-with.json").read_text())


def check(today: pd.DataFrame, old: pd.DataFrame, exact: bool) -> None:
    """Cells agree: all exactly, or measurements within `TOLERANCES`."""
    assert list(today.columns) == list(old.columns)
    for name in old.columns:
        tolerance = next((value for start, value in TOLERANCES.items() if name.startswith(start)), 0.0)
        if exact or not tolerance or old[name].dtype.kind != "f":
            pd.testing.assert_series_equal(today[name], old[name], check_exact=True)
        else:
            np.testing.assert_allclose(today[name], old[name], rtol=0, atol=tolerance, err_msg=name)


def test_action_units(today, same_arithmetic):
    new, old = today / "action_units" / "smile.csv", OLD / "results" / "action_units" / "smile.csv"
    check(pd.read_csv(new), pd.read_csv(old), same_arithmetic)
    if same_arithmetic:
        assert new.read_bytes() == old.read_bytes()


def test_action_units_in_parquet(today, same_arithmetic, tmp_path):
    extract_features(
        [OLD / "smile.mp4"],
        Options(out=tmp_path, cache=today / "cache", jobs=1, emotion=True, format="parquet"),
    )
    new, old = (pd.read_parquet(path) for path in (tmp_path / "action_units" / "smile.parquet", OLD / "smile.parquet"))
    assert list(new.dtypes) == list(old.dtypes)
    check(new, old, same_arithmetic)


def test_descriptors(today, same_arithmetic):
    """Elsewhere the means only: times and counts may change by a whole step when an intensity crosses a level."""
    new, old = pd.read_csv(today / "descriptors.csv"), pd.read_csv(OLD / "results" / "descriptors.csv")
    assert list(new.columns) == list(old.columns)
    if same_arithmetic:
        pd.testing.assert_frame_equal(new, old, check_exact=True)
    else:
        means = [name for name in old.columns if name.endswith("_value_mean")]
        assert len(means) >= 7
        np.testing.assert_allclose(new[means], old[means], rtol=0, atol=TOLERANCES["AU"])


def test_videos(today):
    new, old = (pd.read_csv(path, dtype=str) for path in (today / "videos.csv", OLD / "results" / "videos.csv"))
    assert set(new.columns) - set(old.columns) == {"start_s", "blink_rate_reliable"}
    pd.testing.assert_frame_equal(new[list(old.columns)], old)
