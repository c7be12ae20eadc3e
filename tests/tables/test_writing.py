"""Each name's ending gives its format, or is refused before any work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.dataset import command as dataset
from facs_cli.describe import command as describe
from facs_cli.events import command as events
from facs_cli.extract_stills import command as extract_stills
from facs_cli.predict_emotion import command as predict_emotion

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.tables.writing import write_table

TABLE = pd.DataFrame({
    "video": ["anna", "=HYPERLINK(1)", "-ben\x1b[2J"], "subject": ["007", "", "+1"], "n": [1, 2, 3],
    "x": [0.1, np.nan, -1e-300],
})  # fmt: skip
PLAIN = [
    {"video": "anna", "subject": "007", "n": 1, "x": 0.1},
    {"video": "=HYPERLINK(1)", "subject": "", "n": 2, "x": None},
    {"video": "-ben\x1b[2J", "subject": "+1", "n": 3, "x": -1e-300},
]


def written(path: Path) -> Path:
    write_table(TABLE, path)
    return path


def test_json_is_a_list_and_json_lines_are_lines(tmp_path):
    assert json.loads(written(tmp_path / "t.json").read_text(encoding="utf-8")) == PLAIN
    assert [json.loads(line) for line in written(tmp_path / "t.jsonl").read_text().splitlines()] == PLAIN


def test_a_workbook_holds_texts_and_numbers(tmp_path):
    sheet = openpyxl.load_workbook(written(tmp_path / "t.xlsx")).active
    assert sheet is not None
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]] == ["video", "subject", "n", "x"]
    # Texts stay texts, also those that begin like formulas; what XML cannot hold is replaced.
    assert [(cell.value, cell.data_type) for cell in rows[2][:3]] == [("=HYPERLINK(1)", "s"), (None, "n"), (2, "n")]
    assert (rows[3][0].value, rows[1][1].value, rows[3][3].value) == ("-ben\ufffd[2J", "007", -1e-300)


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "pq", "xlsx"])
def test_every_table_is_read_again(tmp_path, ending):
    table = read_text_table(written(tmp_path / f"t.{ending}"))
    bad = "-ben\ufffd[2J" if ending == "xlsx" else "-ben\x1b[2J"
    assert table.to_numpy().tolist() == [
        ["anna", "007", "1", "0.1"], ["=HYPERLINK(1)", "", "2", ""], [bad, "+1", "3", "-1e-300"],
    ]  # fmt: skip


def test_texts_that_are_formulas_get_an_apostrophe_and_numbers_none(tmp_path):
    lines = written(tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == ["anna,007,1,0.1", "'=HYPERLINK(1),,2,", "'-ben\x1b[2J,+1,3,-1e-300"]


def test_a_table_too_wide_for_a_sheet(tmp_path):
    with pytest.raises(InputError, match=r"more than a sheet holds; choose another format, such as \.csv"):
        write_table(pd.DataFrame(np.zeros((1, 16_385))), tmp_path / "t.xlsx")
    assert not (tmp_path / "t.xlsx").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (describe, "IN", "--out", "OUT"),
        (events, "IN", "--out", "OUT"),
        (extract_stills, "IN", "--out", "OUT"),
        (predict_emotion, "IN", "--out", "OUT"),
        (dataset, "check", "faces", "IN", "--duplicates", "OUT"),
        (dataset, "check", "faces", "IN", "--skipped", "OUT"),
        (dataset, "check", "sase-fe", "IN", "--metadata", "OUT"),
    ],
)
def test_an_unknown_ending_is_refused_before_any_work(tmp_path, arguments):
    command, *rest = arguments
    # The input is not there, which would be said first if it had been looked at.
    places = {"IN": str(tmp_path / "missing"), "OUT": str(tmp_path / "out.ods")}
    with pytest.raises(
        InputError, match=r"out\.ods: no table is written as \.ods; name a file that ends in one of .csv"
    ):
        CliRunner().invoke(command, [places.get(one, one) for one in rest], catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_a_format_against_the_ending(tmp_path):
    with pytest.raises(InputError, match=r"csv was asked for, but the name ends in \.xlsx"):
        write_table(TABLE, tmp_path / "t.xlsx", "csv")
    write_table(TABLE, tmp_path / "t.data", "jsonl")
    assert len((tmp_path / "t.data").read_text().splitlines()) == 3


def test_stills_as_a_workbook(stills, tmp_path):
    image = next(path for path in sorted(stills.rglob("*")) if path.suffix in (".png", ".jpg"))
    out = tmp_path / "stills.xlsx"
    result = CliRunner().invoke(extract_stills, [str(image), "--out", str(out), "--jobs", "1"], standalone_mode=False)
    assert result.return_value == 0, result.output
    assert "1 face in 1 image, 0 without" in result.output or "0 faces in 1 image, 1 without" in result.output
    table = pd.read_excel(out)
    assert table["input"].tolist() == [str(image)]
    assert "AU12_r" in table
