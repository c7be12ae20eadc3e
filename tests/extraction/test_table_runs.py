"""Descriptors, events and stills of files from Python, and a cache looked after, as the commands do it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from extraction_runs import Remembering
from skimage.data import astronaut

from facs_pipeline.extraction.cache_folder import cache_use, check_cache, clear_cache, open_cache
from facs_pipeline.extraction.stills_run import StillsOptions, extract_stills
from facs_pipeline.extraction.table_descriptors import describe_tables
from facs_pipeline.extraction.table_events import EventLevels, find_table_events, write_elan
from facs_pipeline.extraction.table_series import SeriesOptions
from facs_pipeline.foundation.errors import InputError


def test_descriptors_of_our_own_tables(results: Path) -> None:
    """From the rounded table the same as from the video, but for the rounding."""
    found = describe_tables([results], SeriesOptions(aus=(12,)))
    stored = pd.read_csv(results / "descriptors.csv")
    assert (found.aus, found.tables, found.failed) == ((12,), 3, ())
    assert found.table["video"].tolist() == stored["video"].tolist() == ["anna", "ben", "gap"]
    np.testing.assert_allclose(found.table["AU12_value_mean"], stored["AU12_value_mean"], atol=1e-3)


def test_a_gap_of_days_in_a_table_is_told_and_left_out(results: Path, tmp_path: Path) -> None:
    table = pd.read_csv(results / "action_units" / "anna.csv")
    table.loc[table.index >= len(table) // 2, "timestamp"] += 1e6
    table.to_csv(tmp_path / "anna.csv", index=False)
    told = Remembering()
    found = describe_tables([tmp_path / "anna.csv"], SeriesOptions(aus=(12,)), progress=told)
    assert told.warnings[0].endswith(
        "video 'anna' is described from 2 parts, split at gaps of more than 10 s in its time stamps"
    )
    assert found.table["AU12_value_time_of_max"].item() < 60


def test_a_table_that_cannot_be_used_is_told_and_kept(results: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n")
    told = Remembering()
    found = describe_tables([results, tmp_path / "broken.csv"], SeriesOptions(aus="all"), progress=told)
    assert found.tables == 4
    assert list(found.failed) == told.failures
    assert "broken.csv: no column of intensities" in told.failures[0]
    with pytest.raises(InputError, match="none of the 1 tables could be used"):
        find_table_events([tmp_path / "broken.csv"], progress=told)


def test_events_add_up(results: Path, tmp_path: Path) -> None:
    found = find_table_events([results], SeriesOptions(aus=(12, 45)), EventLevels(onset=0.5, offset=0.25))
    assert found.videos == 3
    assert len(found.table) == sum(len(face.events) for face in found.faces) > 0
    summary = {one.au: one for one in found.summary()}
    assert sum(one.n_events for one in summary.values()) == len(found.table)
    smiles = found.table[found.table["action_unit"] == 12]
    assert summary[12].strongest == smiles["apex_intensity"].max()
    assert summary[12].median_s == smiles["duration_s"].median()
    assert [path.name for path in write_elan(found, tmp_path)] == ["anna.eaf", "ben.eaf", "gap.eaf"]


def test_stills(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "smile.png"), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(tmp_path / "nobody.png"), np.tile(np.arange(250, dtype=np.uint8)[None], (200, 1)))
    (tmp_path / "text.png").write_text("hello")
    result = extract_stills([tmp_path], StillsOptions(out=tmp_path / "stills.csv", jobs=1))
    assert (result.images, result.without_face, len(result.skipped), result.videos) == (2, 1, 1, ())
    assert len(pd.read_csv(tmp_path / "stills.csv")) == len(result.table) == 2
    nothing = extract_stills([tmp_path / "text.png"], StillsOptions(out=tmp_path / "none.csv", jobs=1))
    assert (nothing.images, nothing.without_face) == (0, 0)
    assert not (tmp_path / "none.csv").exists()


def test_a_cache_is_listed_checked_and_cleared(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results / "cache", tmp_path / "cache")
    cache = open_cache(tmp_path)
    used = cache_use(cache)
    assert used.videos == 3
    assert {stage.stage: stage.results for stage in used.stages}["action_units"] == 3
    assert used.size_bytes == sum(stage.size_bytes for stage in used.stages)
    assert check_cache(cache).bad == ()
    broken = next(path for path in cache.artifacts() if path.name.startswith("faces-"))
    broken.write_bytes(broken.read_bytes()[:-1])
    [(path, reason)] = check_cache(cache).bad
    assert path == broken
    assert reason
    assert clear_cache(cache, "faces").results == 3
    assert clear_cache(cache).results == sum(stage.results for stage in used.stages) - 3
    assert not list((tmp_path / "cache").rglob("*.joblib"))
