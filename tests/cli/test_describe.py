"""`facs describe`: tables of facs, OpenFace and py-feat, good and broken, become the descriptor table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.describe import command

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.dynamics.descriptors import PUBLISHED_AUS, describe_series, descriptor_names
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.au_table import CsvTable, FaceRows, ParquetTable
from facs_pipeline.tables.reader import choose_aus, read_au_table

AUS = (1, 2, 4, 6, 9, 12, 25)


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


def motion(n: int, fps: float, k: int = 7, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Times [n] and intensities [n, k] with four decimals, as tables hold them."""
    times = np.arange(n) / fps
    series = 2 + 1.5 * np.sin(times[:, None] * np.linspace(1.5, 3, k) + np.arange(k) + shift)
    return times, np.round(series, 4)


def openface(path: Path, n: int = 120, fps: float = 30.0, aus=AUS, **changes) -> tuple[np.ndarray, np.ndarray]:
    """Write a table as OpenFace 2 does, spaces included; changes are further columns or their replacements."""
    times, series = motion(n, fps, len(aus))
    table = {
        "frame": np.arange(1, n + 1),
        "face_id": 0,
        "timestamp": np.round(times, 3),
        "confidence": 0.98,
        "success": 1,
    }
    table |= {f"AU{au:02d}_r": column for au, column in zip(aus, series.T, strict=True)}
    table |= {"AU12_c": 1, "AU28_c": 0, "gaze_0_x": 0.1}
    frame = pd.DataFrame(table | changes)
    frame.columns = [frame.columns[0], *(f" {name}" for name in frame.columns[1:])]
    frame.to_csv(path, index=False)
    return np.round(times, 3), series


def pyfeat(path: Path, n: int = 120, every: int = 1, **changes) -> np.ndarray:
    """Write a table as py-feat does: frames from 0, probabilities, the video under `input`."""
    series = np.round(motion(n, 30)[1] / 5, 4)
    table = {f"AU{au:02d}": column for au, column in zip(AUS, series.T, strict=True)}
    table |= {"FaceScore": 0.99, "anger": 0.1, "input": "C:\\data\\clip one.mp4", "frame": np.arange(n) * every}
    pd.DataFrame(table | {"approx_time": "00:00"} | changes).to_csv(path)
    return series


def ours(
    path: Path, kind=CsvTable, aus=AUS, faces: int = 1, without: slice = slice(0, 0)
) -> tuple[np.ndarray, np.ndarray]:
    """Write a table with the product's own writer."""
    times, series = motion(100, 25, len(aus))
    seen = np.ones(100, dtype=bool)
    seen[without] = False
    ids = np.repeat(np.where(seen, 0, -1)[:, None], faces, axis=1) + np.where(seen[:, None], np.arange(faces), 0)
    keep = np.ones(ids.shape, dtype=bool)
    keep[~seen, 1:] = False
    measured = np.repeat(series, faces, axis=0).reshape(100, faces, -1)[keep & seen[:, None]]
    m = len(measured)
    rows = FaceRows(
        frame=np.repeat(np.arange(1, 101), keep.sum(axis=1)),
        face_id=ids[keep],
        time_s=np.repeat(times + 0.5, keep.sum(axis=1)),
        confidence=np.ones(keep.sum()),
        halves=np.ones((m, 2)),
        occluded=[""] * m,
        pose=np.zeros((m, 6)),
        points=np.zeros((m, 68, 2)),
        intensities=measured,
    )
    with kind(path, path.stem, aus) as table:
        table.write(rows)
    return times, series


def test_openface_gives_the_values_of_the_api(tmp_path):
    times, series = openface(tmp_path / "clip.csv")
    out = tmp_path / "out" / "descriptors.csv"
    result = run(tmp_path / "clip.csv", "--out", out)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out, dtype=str)  # pandas 2 would lose the last digit
    assert list(table.columns) == ["video", "face_id", "subject", "emotion", "label", *descriptor_names(PUBLISHED_AUS)]
    assert list(table.video) == ["clip"]
    expected = describe_series(series, times, AUS)[0]
    np.testing.assert_array_equal(table[descriptor_names(AUS)].to_numpy()[0].astype(float), expected)


def test_openfaces_failed_frames_do_not_count(tmp_path):
    success = np.ones(120, dtype=int)
    success[40:50] = 0
    _times, series = openface(tmp_path / "clip.csv", success=success)
    (one,) = read_au_table(tmp_path / "clip.csv")
    assert (one.origin, one.video, one.face_id, one.aus) == ("OpenFace", "clip", "0", AUS)
    np.testing.assert_array_equal(one.success, success == 1)
    assert np.isnan(one.intensities[40:50]).all()
    np.testing.assert_array_equal(one.intensities[success == 1], series[success == 1])


def test_frames_of_which_openface_is_not_sure_can_be_passed_over(tmp_path):
    sure = np.where(np.arange(120) < 20, 0.3, 0.98)
    _, series = openface(tmp_path / "anna.csv", confidence=sure)
    [all_of_it] = read_au_table(tmp_path / "anna.csv")
    [sure_part] = read_au_table(tmp_path / "anna.csv", min_confidence=0.5)
    assert np.isfinite(all_of_it.intensities).all()
    assert np.isnan(sure_part.intensities[:20]).all()
    np.testing.assert_array_equal(sure_part.intensities[20:], series[20:])
    run(tmp_path / "anna.csv", "--min-confidence", 0.5, "--out", tmp_path / "d.csv")
    expected = describe_series(sure_part.intensities, sure_part.times_s, AUS)[0]
    found = pd.read_csv(tmp_path / "d.csv")[list(descriptor_names(AUS))].to_numpy()[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [CsvTable, ParquetTable])
def test_our_own_tables_csv_and_parquet(tmp_path, kind):
    path = tmp_path / ("d0.csv" if kind is CsvTable else "d0.parquet")
    times, series = ours(path, kind, faces=2, without=slice(30, 33))
    first, second = read_au_table(path)
    assert [one.face_id for one in (first, second)] == ["0", "1"]
    assert (first.origin, first.video) == ("facs", "d0")
    np.testing.assert_allclose(first.times_s, times + 0.5)
    np.testing.assert_array_equal(np.flatnonzero(~second.success), [30, 31, 32])
    np.testing.assert_array_equal(second.intensities[second.success], series[second.success])


def test_a_face_that_comes_later_keeps_the_videos_time(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text(
        "video,frame,face_id,timestamp,success,AU01_r\n"
        "v,1,0,0.0,1,1\nv,2,0,0.04,1,1\nv,2,1,0.04,1,3\nv,3,0,0.08,1,1\nv,3,1,0.08,1,3\n"
    )
    _first, second = read_au_table(path)
    np.testing.assert_array_equal(second.times_s, [0, 0.04, 0.08])
    np.testing.assert_array_equal(second.intensities[:, 0], [np.nan, 3, 3])


def test_pyfeat_needs_the_frame_rate_and_skipped_frames_keep_their_time(tmp_path):
    series = pyfeat(tmp_path / "fex.csv", every=2)
    with pytest.raises(InputError, match=r"no time stamps.*--fps 30"):
        read_au_table(tmp_path / "fex.csv")
    (one,) = read_au_table(tmp_path / "fex.csv", fps=60)
    assert (one.origin, one.video) == ("py-feat", "clip one")
    np.testing.assert_allclose(one.times_s, np.arange(120) / 30)
    np.testing.assert_array_equal(one.intensities, series)


def test_pyfeats_empty_rows_and_people(tmp_path):
    pyfeat(tmp_path / "fex.csv", Identity=np.where(np.arange(120) % 2, "Person_1", "Person_0"))
    a, b = read_au_table(tmp_path / "fex.csv", fps=30)
    assert (a.face_id, b.face_id) == ("Person_0", "Person_1")
    np.testing.assert_array_equal(a.success, ~b.success)

    missing = {f"AU{au:02d}": np.full(120, np.nan) for au in AUS}
    pyfeat(tmp_path / "none.csv", 120, 1, **missing)
    (nobody,) = read_au_table(tmp_path / "none.csv", fps=30)
    assert nobody.face_id == ""
    assert not nobody.success.any()


def test_images_in_py_feat_are_one_series(tmp_path):
    pyfeat(tmp_path / "stills.csv", input=[f"/x/{i:03d}.jpg" for i in range(120)])
    (one,) = read_au_table(tmp_path / "stills.csv", fps=25)
    assert one.video == "stills"
    assert len(one.times_s) == 120


def test_same_motion_same_row_whoever_wrote_the_table(tmp_path):
    openface(tmp_path / "a.csv", 100, 25.0)
    ours(tmp_path / "b.csv")
    ours(tmp_path / "c.parquet", ParquetTable)
    assert run(tmp_path, "--out", tmp_path / "o.csv").exit_code == 0
    table = pd.read_csv(tmp_path / "o.csv")
    assert list(table.video) == ["a", "b", "c"]
    numbers = table[descriptor_names(AUS)].to_numpy()
    np.testing.assert_allclose(numbers - numbers[0], 0, atol=1e-9)


def test_parquet_holds_the_same_as_csv(tmp_path):
    ours(tmp_path / "d0.csv")
    assert run(tmp_path / "d0.csv", "--out", tmp_path / "o.parquet").exit_code == 0
    assert run(tmp_path / "d0.csv", "--out", tmp_path / "o2", "--format", "csv").exit_code == 0
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "o.parquet").astype({"face_id": int}),
        pd.read_csv(tmp_path / "o2", keep_default_na=False),
        check_dtype=False,
    )


def test_folders_globs_and_our_output_folder(tmp_path):
    folder = tmp_path / "facs-output"
    (folder / "action_units").mkdir(parents=True)
    ours(folder / "action_units" / "d0.csv")
    ours(folder / "action_units" / "d 1 ü.csv")
    (folder / "videos.csv").write_text("video,status\nd0,ok\n")
    out = folder / "descriptors.csv"
    for _ in range(2):
        result = run(folder, "--out", out)
        assert result.exit_code == 0, result.output
    assert list(pd.read_csv(out).video) == ["d 1 ü", "d0"]
    first = out.read_bytes()
    assert run(folder / "action_units" / "*.csv", folder / "action_units" / "d0.csv", "--out", out).exit_code == 0
    assert out.read_bytes() == first
    with pytest.raises(InputError, match="no file fits this pattern"):
        run(tmp_path / "*.tsv", "--out", out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no tables"):
        run(tmp_path / "empty", "--out", out)


def test_metadata_and_baseline(tmp_path):
    times, series = ours(tmp_path / "d0.csv")
    metadata = tmp_path / "people.csv"
    metadata.write_text("video,subject,emotion,label\nd0,7,happy,real\n")
    out = tmp_path / "o.csv"
    assert run(tmp_path / "d0.csv", "--out", out, "--metadata", metadata, "--baseline", "video").exit_code == 0
    row = pd.read_csv(out).iloc[0]
    assert (row.subject, row.emotion, row.label) == (7, "happy", "real")
    expected = describe_series(subtract_resting(series, resting_intensity(series)), times + 0.5, AUS)[0]
    np.testing.assert_allclose(row[descriptor_names(AUS)].to_numpy(float), expected, atol=1e-12)


def test_a_broken_table_is_reported_and_the_others_finish(tmp_path):
    ours(tmp_path / "good.csv")
    text = (tmp_path / "good.csv").read_text()
    (tmp_path / "cut.csv").write_text(text[: len(text) // 2])
    (tmp_path / "empty.csv").touch()
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    result = run(tmp_path, tmp_path / "missing.csv", "--out", tmp_path / "out" / "o.csv")
    assert result.exit_code == 1
    assert list(pd.read_csv(tmp_path / "out" / "o.csv").video) == ["good"]
    for said in (
        "cut.csv: row",
        "empty.csv: empty",
        "notes.csv: no column of intensities",
        "missing.csv: no such file",
    ):
        assert f"Failed: {tmp_path}" in result.stderr
        assert said in result.stderr


def test_nothing_usable_writes_nothing(tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    out = tmp_path / "o.csv"
    with pytest.raises(InputError, match="none of the 1 tables could be used"):
        run(tmp_path / "bad.csv", "--out", out)
    openface(tmp_path / "short.csv", 8)
    with pytest.raises(InputError, match="no face in these tables can be described"):
        run(tmp_path / "short.csv", "--out", out)
    assert not out.exists()


def test_a_face_with_too_few_frames_is_left_out_and_said(tmp_path):
    ours(tmp_path / "long.csv")
    openface(tmp_path / "short.csv", 8, 25.0)
    result = run(tmp_path / "long.csv", tmp_path / "short.csv", "--out", tmp_path / "o.csv")
    assert result.exit_code == 0
    assert "'short', face 0 left out: faces span 0.28 s, a descriptor needs at least 0.5 s" in result.stderr
    assert list(pd.read_csv(tmp_path / "o.csv").video) == ["long"]


def test_a_video_twice_is_a_failure(tmp_path):
    ours(tmp_path / "d0.csv")
    (tmp_path / "of").mkdir()
    openface(tmp_path / "of" / "d0.csv")
    result = run(tmp_path / "d0.csv", tmp_path / "of" / "d0.csv", "--out", tmp_path / "o.csv")
    assert result.exit_code == 1
    assert "video 'd0', face '0' is already in" in result.stderr


def test_tables_with_different_action_units_want_a_choice(tmp_path):
    ours(tmp_path / "a.csv", aus=(1, 2, 4, 12))
    ours(tmp_path / "b.csv", aus=(1, 2, 12, 45))
    out = tmp_path / "o.csv"
    for extra in ([], ["--aus", "all"]):
        with pytest.raises(InputError, match=r"AU04, AU45 in one only.*choose with --aus 1,2,12"):
            run(tmp_path / "a.csv", tmp_path / "b.csv", "--out", out, *extra)
    assert run(tmp_path / "a.csv", tmp_path / "b.csv", "--out", out, "--aus", "1,2,12").exit_code == 0
    assert pd.read_csv(out).shape == (2, 5 + 3 * 62)
    result = run(tmp_path / "a.csv", tmp_path / "b.csv", "--out", out, "--aus", "AU12,4")
    assert result.exit_code == 1
    assert "b.csv: no AU 4, only 1, 2, 12, 45" in result.stderr
    assert list(pd.read_csv(out).columns[5:]) == descriptor_names([12, 4])


def test_which_action_units_are_described_by_default():
    everything = (1, 2, 4, 5, 6, 7, 9, 10, 12, 25)
    assert choose_aus({"a": everything}) == (1, 2, 4, 6, 9, 12, 25)
    assert choose_aus({"a": (1, 2, 4, 5, 7, 10, 12, 16, 25, 45)}) == (1, 2, 4, 7, 10, 12, 25)
    assert choose_aus({"a": (6, 12)}) == (6, 12)
    assert choose_aus({"a": everything}, "all") == everything
    with pytest.raises(InputError, match="They share none"):
        choose_aus({"a": (1,), "b": (2,)})


@pytest.mark.parametrize("aus", ["1,x", "1,1", "0", ""])
def test_a_wrong_list_of_action_units_is_wrong_usage(tmp_path, aus):
    result = run(tmp_path, "--out", tmp_path / "o.csv", "--aus", aus)
    assert result.exit_code == 2
    assert "--aus" in result.stderr


def test_mixing_probabilities_and_intensities_is_said(tmp_path):
    ours(tmp_path / "d0.csv")
    pyfeat(tmp_path / "fex.csv")
    result = run(tmp_path, "--out", tmp_path / "o.csv", "--fps", 30)
    assert result.exit_code == 0
    assert "do not compare them" in result.stderr


HEADER = "frame,timestamp,success,AU01_r,AU02_r\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "1,0,1,1,1\n2,0.04,1,2\n", "row 3 has 4 cells, row 1 has 5; is the file cut short"),
        (HEADER + "1,0,1,1,1,9\n2,0.04,1,2,1,9\n", "row 2 has 6 cells, row 1 has 5"),
        (HEADER + "1,0,1,1,1\n2,0.04,1,2,\n", "row 3, column AU02_r: empty although success is 1"),
        (HEADER + "1,0,1,1,1\n2,0.04,1,2,abc\n", "row 3, column AU02_r: 'abc' is not a number"),
        (HEADER + "1,0,1,1,inf\n", "row 2, column AU02_r: 'inf' is not a number"),
        (HEADER + "1,0,1,1,1\n2,,1,2,1\n", "row 3, column timestamp: empty"),
        (HEADER + "1,0,1,1,1\n2,0.04,1,2,1\n3,0.02,1,2,1\n", "row 4, column timestamp: 0.02 comes after 0.04"),
        (HEADER + "1,0,1,1,1\n2,0,1,2,1\n", "all time stamps are the same; .* --fps 30"),
        (HEADER + "1,0,1,1,1\n1,0,1,2,1\n2,0.04,1,1,1\n", "row 3: a second face '0' in the same frame"),
        (HEADER + "1,0,2,1,1\n", "row 2, column success: 2, expected 0 or 1"),
        (HEADER, "no rows below the column names"),
        ("frame,timestamp,AU01_r,AU01_r\n1,0,1,1\n", "row 1 has the column 'AU01_r' more than once"),
        ("frame,timestamp,AU01_r,AU1_r\n1,0,1,1\n", "more than one column for AU01"),
        ("frame|timestamp|AU01_r\n1|0|1\n", "no column of intensities.*separated by commas"),
        ("frame,timestamp,au_1\n1,0,1\n", "no column of intensities"),
        ("frame,timestamp,AU01_c\n1,0,1\n", "no column of intensities"),
        ("video,frame,timestamp,success,AU01_r\n,1,0,1,1\n", "row 2, column video: empty"),
        ("frame,face_id,timestamp,success,AU01_r\n1,0,0,1,1\n2,,0.04,1,1\n", "row 3: a face without an id"),
    ],
)
def test_errors_name_file_row_and_column(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_au_table(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_what_is_no_text_at_all(tmp_path):
    for name, reason in (("x.csv", "row 2 is not UTF-8"), ("x.parquet", "not a readable parquet file")):
        (tmp_path / name).write_bytes(bytes(range(256)) * 10)
        with pytest.raises(InputError, match=rf"{name}: {reason}"):
            read_au_table(tmp_path / name)


def test_half_an_hour_of_openface(tmp_path):
    openface(tmp_path / "long.csv", 30 * 60 * 30)
    assert run(tmp_path / "long.csv", "--out", tmp_path / "o.csv").exit_code == 0
    assert np.isfinite(pd.read_csv(tmp_path / "o.csv")[descriptor_names(AUS)].to_numpy()).all()


def test_an_unwritable_place_is_said(tmp_path):
    ours(tmp_path / "d0.csv")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        run(tmp_path / "d0.csv", "--out", tmp_path / "file" / "o.csv")
