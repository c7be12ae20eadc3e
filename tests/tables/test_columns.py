"""The column dictionary: complete, found by name, and the same in the documentation."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from facs_cli.columns import command

from facs_pipeline.dynamics.descriptors import descriptor_names
from facs_pipeline.extraction.emotions import prediction_columns
from facs_pipeline.extraction.video_result import VIDEO_COLUMNS
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.au_table import au_table_columns
from facs_pipeline.tables.schema import COLUMNS, TABLES, as_markdown, find_columns

DOCS = Path(__file__).resolve().parents[2] / "docs"


def run(*arguments: str):
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


def written(table: str) -> list[str]:
    """Names of the columns that are really written."""
    about = ["video", "face_id", "subject", "emotion", "label"]
    return {
        "action_units": au_table_columns([1, 12, 45], ["happy", "sad"]),
        "descriptors": about + descriptor_names([1, 45]),
        "videos": [*VIDEO_COLUMNS, "main_emotion", "main_emotion_share"],
        "emotions": prediction_columns(["happy", "sad"]),
    }[table]


@pytest.mark.parametrize("table", ["action_units", "descriptors", "videos", "emotions"])
def test_every_written_column_is_in_the_dictionary_once_and_no_other(table):
    of_table = [column for column in COLUMNS if column.table == table]
    matches = [[column.name for column in of_table if column.matches(name)] for name in written(table)]
    assert [len(found) for found in matches] == [1] * len(matches)
    assert {found[0] for found in matches} == {column.name for column in of_table}
    assert list(dict.fromkeys(found[0] for found in matches)) == [column.name for column in of_table]


def test_every_entry_says_everything():
    for column in COLUMNS:
        assert column.table in TABLES
        assert column.meaning.endswith(".")
        assert column.unit
        assert column.range
        assert column.source


def test_documentation_is_the_dictionary():
    page = (DOCS / "columns.md").read_text(encoding="utf-8")
    assert page == as_markdown(), "run `facs columns --format markdown > docs/columns.md`"


def test_a_column_is_found_with_its_number():
    (speed,) = find_columns("AU12_speed_max")
    assert (speed.table, speed.name) == ("descriptors", "AU12_speed_max")
    assert "AU12's speed" in speed.meaning
    assert "<nn>" not in speed.meaning
    point, of_still = find_columns("y_67")
    assert (point.table, of_still.table) == ("action_units", "stills")
    assert point.meaning == of_still.meaning
    assert point.meaning.startswith("Landmark 67,")
    assert {column.table for column in find_columns("video")} == {
        "action_units",
        "descriptors",
        "videos",
        "predictions",
        "events",
    }
    assert find_columns("videos.csv") == find_columns("videos") != []
    assert find_columns("AU12_speed_maximum") == find_columns("x_123") == find_columns("AU1_r") == []


def test_text_names_meaning_unit_and_range():
    result = run("AU04_value_area_normalised")
    assert result.exit_code == 0
    for part in ("descriptors.csv", "AU04's smoothed intensity", "unit: s;", "range: 0 ...;", "Saxen"):
        assert part in result.output
    assert "blink_rate_hz" in run().output


def test_machine_readable_forms_hold_the_same():
    as_json = json.loads(run("--format", "json").output)
    as_csv = list(csv.DictReader(io.StringIO(run("--format", "csv").output)))
    assert as_json == as_csv
    assert [record["name"] for record in as_json] == [column.name for column in COLUMNS]
    assert run("--format", "markdown").output == as_markdown()
    assert run("videos", "--format", "markdown").output.count("\n## ") == 1


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(InputError, match=r"'frames_with_faces'\. Near: frames_with_face.*Tables: action_units"):
        run("frames_with_faces")
