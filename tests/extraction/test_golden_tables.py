"""Today's tables of a drawn clip beside those in tests/data/golden, and beside those that version 0.1.0 wrote of it.

The golden ones hold with every version of the libraries and on every processor: what decides is computed with whole
numbers, or in double precision. Only intensities and probabilities are sums in single precision, whose last digit
may differ. tests/support/make_golden_tables.py writes them, once a stage has another version.

Version 0.1.0 rounded otherwise, by as much as its own tables differed from processor to processor, and its intensities
were those of another model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from facs_pipeline.dynamics.quality import MEASURES
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.tables.reader import table_points

DATA = Path(__file__).resolve().parents[1] / "data"
OLD, GOLDEN = DATA / "version-0.1.0", DATA / "golden"
LAST_DIGIT = {"AU": 0.0002, "emotion_": 0.0002}
"""Tolerances by how a column's name begins."""
FROM_0_1 = {"x_": 0.5, "y_": 0.5, "pose_": 0.02, "confidence": 0.02, "emotion_": 0.1}
"""px, radians, and probabilities."""


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of this version's run over the clip."""
    out = tmp_path_factory.mktemp("golden")
    extract_features([OLD / "smile.mp4"], Options(out=out, jobs=1, emotion=True))
    return out


def check(today: pd.DataFrame, expected: pd.DataFrame, tolerances: dict[str, float]) -> None:
    """Cells agree: within the tolerance where a column has one, else exactly."""
    assert list(today.columns) == list(expected.columns)
    for name in expected.columns:
        tolerance = next((value for start, value in tolerances.items() if name.startswith(start)), 0.0)
        if tolerance and expected[name].dtype.kind == "f":
            np.testing.assert_allclose(today[name], expected[name], rtol=0, atol=tolerance, err_msg=name)
        else:
            pd.testing.assert_series_equal(today[name], expected[name], check_exact=True)


def check_with_0_1(today: pd.DataFrame, old: pd.DataFrame) -> None:
    """All but the intensities are near those of version 0.1.0, whose landmarks were the model's own points."""
    of_units = old.columns.str.match(r"AU\d+_r")
    assert set(old.columns) < set(today.columns)
    names = [f"{axis}_{number}" for axis in "xy" for number in range(68)]
    today = today.assign(**dict(zip(names, table_points(today).transpose(2, 1, 0).reshape(136, -1), strict=True)))
    check(today[old.columns[~of_units]], old.loc[:, ~of_units], FROM_0_1)


def test_action_units(today):
    new = pd.read_csv(today / "action_units" / "smile.csv")
    check(new, pd.read_csv(GOLDEN / "smile.csv"), LAST_DIGIT)
    check_with_0_1(new, pd.read_csv(OLD / "results" / "action_units" / "smile.csv"))


def test_action_units_in_parquet(today, tmp_path):
    extract_features(
        [OLD / "smile.mp4"],
        Options(out=tmp_path, cache=today / "cache", jobs=1, emotion=True, format="parquet"),
    )
    new, old = (pd.read_parquet(path) for path in (tmp_path / "action_units" / "smile.parquet", OLD / "smile.parquet"))
    assert list(new[list(old.columns)].dtypes) == list(old.dtypes)
    check_with_0_1(new, old)


def test_descriptors(today):
    new, golden = pd.read_csv(today / "descriptors.csv"), pd.read_csv(GOLDEN / "descriptors.csv")
    check(new, golden, {"AU": 0.001})


def test_videos(today):
    new, old = (pd.read_csv(path, dtype=str) for path in (today / "videos.csv", OLD / "results" / "videos.csv"))
    added = {"start_s", "blink_rate_reliable", "verdict", "verdict_reasons", *MEASURES}
    assert set(new.columns) - set(old.columns) == added
    pd.testing.assert_frame_equal(new[list(old.columns)], old)
