"""The schema of the tables: what commands write is what it says, it is found by name, and the documentation is it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from click import Command
from click.testing import CliRunner, Result
from facs_cli.columns import command
from facs_cli.describe import command as describe
from facs_cli.events import command as events
from facs_cli.explain_au import command as explain_au
from facs_cli.extract_features import command as extract_features
from facs_cli.extract_stills import command as extract_stills
from facs_cli.predict_emotion import command as predict_emotion
from ranking_data import rank
from skimage.data import astronaut
from video_files import write_video

from facs_pipeline.authenticity.face_identity import Clusters
from facs_pipeline.authenticity.files import subjects_table
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.column import Column, TableSchema
from facs_pipeline.tables.descriptor_table import read_descriptor_table
from facs_pipeline.tables.schema import (
    ACTION_UNITS,
    COLUMNS,
    DESCRIPTORS,
    EMOTION_REASONS,
    EMOTIONS,
    EVENTS,
    EXPLANATIONS,
    EXTENDED_DESCRIPTORS,
    PREDICTIONS,
    REASONS,
    STILLS,
    SUBJECTS,
    TABLES,
    VIDEOS,
    as_markdown,
    find_columns,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMAS = Path(__file__).with_name("schemas.json")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


def called(one: Command, *arguments: object) -> None:
    result = CliRunner().invoke(one, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def check_written(path: Path, table: TableSchema, optional: Sequence[str] = ()) -> None:
    """A written table has the schema's columns in its order, with cells of their type and decimals."""
    header, *rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    columns = [table[name] for name in header]
    assert len(set(header)) == len(header)
    of_schema = [next(one.name for one in table.columns if one.named(name)) for name in header]
    expected = [one.name for one in table.columns if not one.optional or one.name in optional]
    assert list(dict.fromkeys(of_schema)) == expected
    assert rows
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            check_cell(column, cell)


def check_cell(column: Column, cell: str) -> None:
    if not cell or column.type == "text":
        return
    pattern = {"integer": r"-?\d+", "flag": "[01]"}.get(column.type, r"-?\d+(\.\d+)?(e[+-]\d+)?")
    assert re.fullmatch(pattern, cell), (column.name, cell)
    if column.decimals is not None:
        assert len(cell.partition(".")[2]) <= column.decimals, (column.name, cell)
    if limits := re.fullmatch(r"(-?[\d.]+) \.\. (-?[\d.]+)", column.range):
        assert float(limits[1]) <= float(cell) <= float(limits[2]), (column.name, cell)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face, and a wall without one."""
    folder = tmp_path_factory.mktemp("photos")
    cv2.imwrite(str(folder / "face.png"), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(folder / "wall.png"), np.tile(np.arange(250, dtype=np.uint8)[None], (200, 1)))
    return folder


@pytest.fixture(scope="module")
def results(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What extraction writes of a still face of 20 frames, and the wall for four."""
    folder = tmp_path_factory.mktemp("run")
    face, wall = (cv2.imread(str(photos / name)) for name in ("face.png", "wall.png"))
    assert face is not None
    assert wall is not None
    face = face[:400, :400]
    frames = [face] * 20 + [cv2.resize(wall, face.shape[:2])] * 4
    video = write_video(folder / "still.avi", frames)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACS_KEY_FILE", str(folder / "key"))
        called(extract_features, video, "--out", folder / "out", "--emotion", "--jobs", 1, "--quiet")
        again = ("--cache", folder / "out" / "cache", "--descriptor-set", "extended", "--jobs", 1, "--quiet")
        called(extract_features, video, "--out", folder / "extended", *again)
    return folder / "out"


def test_extraction_writes_what_the_schema_says(results: Path) -> None:
    optional = (
        "AU<nn>_c",
        "AU<nn>L_r",
        "AU<nn>R_r",
        "gaze_angle_x",
        "gaze_angle_y",
        "emotion",
        "emotion_confidence",
        "emotion_<emotion>",
    )
    check_written(results / "action_units" / "still.csv", ACTION_UNITS, optional)
    check_written(results / "videos.csv", VIDEOS, ("main_emotion", "main_emotion_share"))
    check_written(results / "descriptors.csv", DESCRIPTORS)


def test_tables_made_from_tables_are_what_the_schema_says(results: Path, tmp_path: Path) -> None:
    called(describe, results, "--out", tmp_path / "d.csv")
    check_written(tmp_path / "d.csv", DESCRIPTORS)
    called(describe, results, "--descriptor-set", "extended", "--out", tmp_path / "x.csv")
    check_written(tmp_path / "x.csv", EXTENDED_DESCRIPTORS)
    check_written(results.parent / "extended" / "descriptors.csv", EXTENDED_DESCRIPTORS)
    ours, theirs = (pd.read_csv(path) for path in (results.parent / "extended" / "descriptors.csv", tmp_path / "x.csv"))
    levels = [name for name in ours if str(name).endswith(("_mean", "_median", "_px"))]
    # The tables that `describe` reads hold rounded numbers.
    np.testing.assert_allclose(theirs[levels], ours[levels], atol=0.02)
    table = pd.read_csv(results / "action_units" / "still.csv")
    table["AU12_r"] = np.where(table.index.isin(range(5, 15)), 2 + table.index / 7, 0)
    table.to_csv(tmp_path / "smile.csv", index=False)
    called(events, tmp_path / "smile.csv", "--out", tmp_path / "e.csv")
    check_written(tmp_path / "e.csv", EVENTS)


def test_tables_of_images_are_what_the_schema_says(photos: Path, tmp_path: Path) -> None:
    called(extract_stills, photos, "--out", tmp_path / "s.csv", "--jobs", 1)
    check_written(tmp_path / "s.csv", STILLS, ["AU<nn>_c", "AU<nn>L_r", "AU<nn>R_r"])
    called(predict_emotion, photos, "--out", tmp_path / "p.csv", "--explain", tmp_path / "why", "--jobs", 1)
    check_written(tmp_path / "p.csv", EMOTIONS)
    check_written(tmp_path / "why" / "reasons.csv", EMOTION_REASONS)
    called(explain_au, photos / "face.png", "--out", tmp_path / "au", "--jobs", 1)
    check_written(tmp_path / "au" / "explanations.csv", EXPLANATIONS)


def test_rankings_tables_are_what_the_schema_says(ranking_table: Path, ranking_model: Path, tmp_path: Path) -> None:
    for arguments, optional in ((("--evaluate", "--folds", "2"), ["fold"]), (("--predict", ranking_model), [])):
        result = rank("--descriptors", ranking_table, *arguments, "--out", tmp_path)
        assert result.exit_code == 0, result.output
        check_written(tmp_path / "predictions.csv", PREDICTIONS, optional)
        check_written(tmp_path / "reasons.csv", REASONS)
    table = read_descriptor_table(ranking_table)
    n = len(table)
    clusters = Clusters(np.arange(n) - 1, np.linspace(0, 1, n), np.arange(n)[::-1])
    subjects_table(table, clusters).to_csv(tmp_path / "subjects.csv", index=False)
    check_written(tmp_path / "subjects.csv", SUBJECTS)


def test_a_version_is_raised_when_columns_change() -> None:
    """Add the new version's hash to the file, and raise `schema_version`, when this fails."""
    recorded = json.loads(SCHEMAS.read_text(encoding="utf-8"))
    for table in TABLES.values():
        content = [(one.name, one.type, one.unit, one.decimals, one.optional) for one in table.columns]
        sha256 = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        assert recorded[table.name][str(table.schema_version)] == sha256, f"columns of {table.name} have changed"


def test_every_entry_says_everything() -> None:
    for name, table in TABLES.items():
        assert table.name == name
        assert table.rows.endswith(".")
        assert {column.table for column in table.columns} == {name}
    for column in COLUMNS:
        assert column.meaning.endswith(".")
        assert column.unit
        assert column.range
        assert column.source
        assert column.decimals is None or column.type == "number"


def test_documentation_is_the_dictionary() -> None:
    page = (DOCS / "columns.md").read_text(encoding="utf-8")
    assert page == as_markdown(), "run `facs columns --format markdown > docs/columns.md`"


def test_a_column_is_found_with_its_number() -> None:
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
        "extended_descriptors",
        "videos",
        "predictions",
        "subjects",
        "events",
    }
    assert find_columns("videos.csv") == find_columns("videos") != []
    assert find_columns("AU12_speed_maximum") == find_columns("x_123") == find_columns("AU1_r") == []
    assert [column.name for column in find_columns("emotion_confidence")] == ["emotion_confidence"]
    with pytest.raises(KeyError, match="the table videos has no column 'AU12_r'"):
        VIDEOS["AU12_r"]


def test_text_names_meaning_type_unit_and_range() -> None:
    result = run("AU04_value_area_normalised")
    assert result.exit_code == 0
    for part in ("descriptors.csv", "AU04's smoothed intensity", "type: number;", "unit: s;", "range: 0 ...;", "Saxen"):
        assert part in result.output
    assert "number, 3 decimals" in run("fps").output
    everything = run().output
    assert "blink_rate_hz" in everything
    for name, table in TABLES.items():
        assert f"\n{name} (version {table.schema_version})\n" in f"\n{everything}"
        assert name in run("--help").output


def test_machine_readable_forms_hold_the_same() -> None:
    as_json = json.loads(run("--format", "json").output)
    as_csv = list(csv.DictReader(io.StringIO(run("--format", "csv").output)))
    assert as_json == as_csv
    assert [record["name"] for record in as_json] == [column.name for column in COLUMNS]
    [fps] = json.loads(run("fps", "--format", "json").output)
    assert (fps["schema_version"], fps["type"], fps["decimals"], fps["optional"]) == ("3", "number", "3", "")
    assert run("--format", "markdown").output == as_markdown()
    assert run("videos", "--format", "markdown").output.count("\n## ") == 1


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'frames_with_faces'\. Near: frames_with_face.*Tables: action_units"):
        run("frames_with_faces")
