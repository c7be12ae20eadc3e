"""The writers of action-unit tables: CSV and Parquet hold the same, also with extra columns."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest

from facs_pipeline.tables import au_table, column
from facs_pipeline.tables.au_table import CsvTable, FaceRows, ParquetTable, au_table_columns
from facs_pipeline.tables.column import Column
from facs_pipeline.tables.schema import emotion_columns

EXTRA = [
    Column("action_units", "mood", "text", "In words.", "-", "text", "test"),
    Column("action_units", "smile", "number", "How wide.", "-", "0 .. 1", "test", decimals=2),
    Column("action_units", "teeth", "integer", "How many.", "count", "0 ..", "test"),
]


def rows(n: int, without: int) -> FaceRows:
    """`n` frames, no face in the frame at position `without`."""
    has_face = np.arange(n) != without
    m = int(has_face.sum())
    return FaceRows(
        frame=np.arange(1, n + 1),
        face_id=np.where(has_face, 0, -1),
        time_s=np.arange(n) / 30,
        confidence=np.full(n, 0.9871),
        halves=np.full((m, 2), 0.75),
        occluded=["mask"] * m,
        pose=np.full((m, 6), -1e-9),
        points=np.arange(m * 136).reshape(m, 68, 2) / 7,
        intensities=np.linspace(0, 5, m)[:, None],
        extra=[[f'so, "{k}"' for k in range(m)], np.linspace(0, 0.999, m), np.arange(m)],
    )


@pytest.mark.parametrize("without", [1, 99])
def test_extra_columns_follow_the_others(tmp_path, without):
    for writer, name in ((CsvTable, "t.csv"), (ParquetTable, "t.parquet")):
        with writer(tmp_path / name, "a, b", [12], EXTRA) as table:
            table.write(rows(3, without))
            table.write(rows(3, 99))
    csv, parquet = pd.read_csv(tmp_path / "t.csv"), pd.read_parquet(tmp_path / "t.parquet")
    assert list(csv.columns) == list(parquet.columns) == au_table_columns([12], EXTRA)
    pd.testing.assert_frame_equal(csv, parquet, check_dtype=False)
    assert list(csv.columns[-4:]) == ["AU12_r", "mood", "smile", "teeth"]
    assert csv["mood"].iloc[-1] == 'so, "2"'
    assert csv["smile"].iloc[-3:].tolist() == [0, 0.5, 1]
    assert csv["success"].tolist()[:3] == [int(k != without) for k in range(3)]
    assert csv.iloc[:, 6:].notna().all(axis=1).tolist()[:3] == [k != without for k in range(3)]
    assert (tmp_path / "t.csv").read_text().splitlines()[-1].endswith(',5.0000,"so, ""2""",1.00,2')
    assert (csv["pose_Rx"].dropna() == 0).all()
    assert "-0.0" not in (tmp_path / "t.csv").read_text()


@pytest.mark.parametrize("writer", [CsvTable, ParquetTable])
def test_cells_for_every_extra_column_are_needed(tmp_path, writer):
    with pytest.raises(ValueError, match="argument 2 is longer"), writer(tmp_path / "t", "a", [12], EXTRA[:1]) as table:
        table.write(rows(3, 1))
    assert not (tmp_path / "t").exists()


def test_emotions_are_extra_columns():
    names = au_table_columns([1, 12], emotion_columns(["happy", "sad"]))
    assert names[-5:] == ["AU12_r", "emotion", "emotion_confidence", "emotion_happy", "emotion_sad"]


def test_examples():
    assert doctest.testmod(au_table).failed == doctest.testmod(column).failed == 0
