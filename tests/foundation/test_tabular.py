"""Tables of any make read alike, and what is wrong with one is named with its row."""

from __future__ import annotations

import doctest
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facs_pipeline.foundation import tabular
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import (
    column_names,
    number_table_pieces,
    read_number_table,
    read_text_table,
    text_rows,
)

ROWS = [["video", "age", "note, or remark"], ["änna", "0.5", "a"], ["ben", "", "-1,5 m; or so"], ["3", "12", ""]]
"""A table with separators in its cells, an empty cell and text that begins like a number."""


def as_csv(separator: str, decimal: str = ".") -> str:
    cells = [[cell.replace(".", decimal) for cell in row] for row in ROWS]
    return "\r\n".join(
        separator.join(f'"{cell}"' if set(cell) & set(",;\t") else cell for cell in row) for row in cells
    )


def save(path: Path, text: str, encoding: str = "utf-8", zipped: bool = False) -> Path:
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if zipped else data)
    return path


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", "."), ("\t", "."), (";", ","), ("\t", ",")])
def test_separator_decimals_encoding_and_compression_do_not_matter(tmp_path, separator, decimal, encoding, zipped):
    path = save(tmp_path / "table.any", as_csv(separator, decimal), encoding, zipped)
    table = read_text_table(path, required=["video", "age"])
    assert [list(table.columns), *table.to_numpy().tolist()] == ROWS
    assert list(table.index) == [2, 3, 4]
    assert column_names(path) == ROWS[0]
    numbers = read_number_table(path, lambda name: name != "note, or remark", text=("video",))
    assert numbers["video"].tolist() == ["änna", "ben", "3"]
    np.testing.assert_array_equal(numbers["age"], [0.5, np.nan, 12])
    assert list(numbers.index) == [2, 3, 4]


@pytest.mark.parametrize("name", ["table.parquet", "table.pq", "table"])
def test_parquet_is_known_by_its_content_or_name(tmp_path, name):
    path = tmp_path / name
    pd.DataFrame({"video": ["a", "b"], "subject": [3.0, None], "x": [0.25, 1e300]}).to_parquet(path)
    assert read_text_table(path).to_numpy().tolist() == [["a", "3", "0.25"], ["b", "", "1e+300"]]
    assert column_names(path) == ["video", "subject", "x"]
    numbers = read_number_table(path, {"x", "subject"}.__contains__)
    np.testing.assert_array_equal(numbers, [[3, 0.25], [np.nan, 1e300]])


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_pieces_are_the_whole(tmp_path, name):
    path = tmp_path / name
    table = pd.DataFrame({"a": np.arange(7) / 4, "b": np.arange(7)})
    _ = (
        table.to_parquet(path)
        if name.endswith("t")
        else path.write_text(table.to_csv(sep=";", decimal=",", index=False))
    )
    pieces = list(number_table_pieces(path, lambda _: True, rows=3))
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    whole = pd.concat(pieces)
    np.testing.assert_array_equal(whole, table)
    assert list(whole.index) == list(range(2, 9))
    [nothing] = number_table_pieces(save(tmp_path / "e.csv", "a,b\n"), lambda _: True, rows=3)
    assert list(nothing.columns) == ["a", "b"]
    assert nothing.empty


def test_columns_of_nothing_and_blank_rows_are_left_out(tmp_path):
    path = save(tmp_path / "t.csv", "video;x;;\n\na;1;;\n;;;\nb;2;;\n")
    table = read_text_table(path)
    assert table.to_dict("list") == {"video": ["a", "b"], "x": ["1", "2"]}
    assert list(table.index) == [3, 5]


def test_rows_without_a_header(tmp_path):
    path = save(tmp_path / "t.txt", "1;0\n\n 2 ; 3 \n")
    assert list(text_rows(path)) == [(1, ["1", "0"]), (3, ["2", "3"])]


def test_text_is_left_alone_where_a_column_is_no_column_of_numbers(tmp_path):
    path = save(tmp_path / "t.csv", "place;x\nroom 1,5;1,5\n2,5;2\nhall;3\n")
    assert read_text_table(path).to_dict("list") == {"place": ["room 1,5", "2,5", "hall"], "x": ["1.5", "2", "3"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; expected a first row with column names"),
        ("\n1\n", "empty; expected a first row with column names"),
        ("a,b,a\n", "row 1 has the column 'a' more than once; keep one"),
        ("a,b\n1,2\n\n1,2,3\n", "row 4 has 3 cells"),
        ("a;b\n1;0.5\n2,5;1\n", r"row 3, column a: '2,5' with a comma, but row 2, column b: '0.5' with a point"),
        ("a;b\n1,5;2\n2.5;1\n", r"row 2, column a: '1,5' with a comma, but row 3, column a: '2.5' with a point"),
    ],
)
@pytest.mark.parametrize("read", [read_text_table, lambda path: read_number_table(path, lambda _: True)])
def test_what_is_wrong_is_named(tmp_path, read, text, message):
    path = save(tmp_path / "t.csv", text)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("cell", "message"), [("x", "'x' is not a number"), ("inf", "'inf' is not"), ('"0,5"', "'0,5' is not a number")]
)
def test_a_cell_that_is_no_number_is_named(tmp_path, cell, message):
    path = save(tmp_path / "t.csv", f"a,b\n1,2\n3,{cell}\n")
    with pytest.raises(InputError, match=f"row 3, column b: {message}"):
        read_number_table(path, lambda _: True)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("video,x\na,1\nä,2\n".encode("latin-1"))
    for read in (read_text_table, column_names, lambda path: read_number_table(path, lambda _: True)):
        with pytest.raises(InputError, match=r"row 3 is not UTF-8 \(byte 0xe4\); save the file as 'CSV UTF-8'"):
            read(path)
    cut = gzip.compress(b"a,b\n" + b"1,2\n" * 5000)[:-20]
    path.write_bytes(cut)
    with pytest.raises(InputError, match="damaged or cut short"):
        read_text_table(path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match="not a readable parquet file"):
        column_names(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="a folder; expected a table"):
        read_text_table(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_text_table(tmp_path / "none.csv")


def test_a_quote_that_is_not_closed(tmp_path):
    with pytest.raises(InputError, match="not a CSV table"):
        read_text_table(save(tmp_path / "t.csv", 'a,b\n"1,2\n'))


def test_required_columns(tmp_path):
    with pytest.raises(
        InputError, match=r"row 1 lacks the columns video, x; found 'a'.*separated by commas, semicolons"
    ):
        read_text_table(save(tmp_path / "t.csv", "a\n1\n"), required=["video", "x"])


def test_examples():
    assert doctest.testmod(tabular).failed == 0


def test_a_workbook_is_a_table(tmp_path):
    frame = pd.DataFrame({"video": ["änna", "007", None], " x ": [0.1, 3, None], "when": pd.Timestamp("2020-02-01")})
    frame.to_excel(tmp_path / "t.xlsx", index=False, startrow=0)
    assert column_names(tmp_path / "t.xlsx") == ["video", "x", "when"]
    table = read_text_table(tmp_path / "t.xlsx", required=["video"])
    assert table.to_numpy()[:, :2].tolist() == [["änna", "0.1"], ["007", "3"], ["", ""]]
    numbers = read_number_table(tmp_path / "t.xlsx", {"video", "x"}.__contains__, text=("video",))
    assert list(numbers.index) == [2, 3, 4]
    np.testing.assert_array_equal(numbers["x"], [0.1, 3, np.nan])
    assert pd.isna(numbers["video"].iloc[2])
    pieces = list(number_table_pieces(tmp_path / "t.xlsx", "x".__eq__, rows=2))
    assert [piece["x"].tolist()[0] for piece in pieces[:1]] == [0.1]
    assert [list(piece.index) for piece in pieces] == [[2, 3], [4]]


def test_workbooks_that_are_none(tmp_path):
    (tmp_path / "t.xlsx").write_text("a,b\n")
    with pytest.raises(InputError, match=r"t\.xlsx: not a readable workbook"):
        read_text_table(tmp_path / "t.xlsx")
    (tmp_path / "t.csv").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1")
    with pytest.raises(InputError, match=r"old kind \(\.xls\); save it as \.xlsx"):
        column_names(tmp_path / "t.csv")


def test_parquet_columns_that_are_no_numbers(tmp_path):
    path = tmp_path / "t.parquet"
    for cells, message in (
        ([[1], [2, 3]], r"row 2, column x: .\[1\]. is not a number"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), "column x: dates or durations"),
    ):
        pd.DataFrame({"x": cells}).to_parquet(path)
        with pytest.raises(InputError, match=message):
            read_number_table(path, "x".__eq__)
    table = pa.table([pa.array([1.0]), pa.array([2.0])], names=["x", "x"])
    pq.write_table(table, path)
    with pytest.raises(InputError, match="has the column 'x' more than once"):
        read_text_table(path)


def test_parquet_with_damaged_metadata(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"x": [1.0]}).to_parquet(path)
    whole = path.read_bytes()
    table = pq.read_table(path).replace_schema_metadata({b"pandas": b"{no json"})
    pq.write_table(table, path)
    with pytest.raises(InputError, match=r"t\.parquet: not a readable parquet file"):
        read_number_table(path, "x".__eq__)
    path.write_bytes(whole[:-12] + b"\xff" * 4 + whole[-8:])
    for read in (column_names, read_text_table):
        with pytest.raises(InputError, match=r"t\.parquet: not a readable parquet file"):
            read(path)


def test_a_cell_that_is_too_long(tmp_path):
    path = save(tmp_path / "t.csv", "video,x\n" + "B" * 140_000 + ",1\n")
    with pytest.raises(InputError, match=r"not a CSV table \(field larger than field limit"):
        read_text_table(path)
    path = save(tmp_path / "t.csv", "x" * (1 << 24) + "x")
    with pytest.raises(InputError, match="a line of more than 16,777,216 characters"):
        read_text_table(path)


def test_apostrophes_before_formulas_are_taken_off(tmp_path):
    path = save(tmp_path / "t.csv", "video,x\n'=a,1\n''+b,2\n'tis,3\n'-5,4\n")
    assert read_text_table(path)["video"].tolist() == ["=a", "'+b", "'tis", "-5"]
    numbers = read_number_table(path, lambda _: True, text=("video",))
    assert numbers["video"].tolist() == ["=a", "'+b", "'tis", "-5"]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_what_is_no_ordinary_file():
    with pytest.raises(InputError, match="/dev/zero: no ordinary file"):
        read_text_table("/dev/zero")
