"""When the rows of foreign tables are: units that are asked about, equal stamps, order, and what no recording has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.describe import command as describe

from facs_pipeline.dynamics.descriptors import describe_series
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.report.series import read_series
from facs_pipeline.tables.reader import read_au_table, read_aus

N = 60
TIMES = np.round(np.arange(N) / 30, 3)
SMILE = np.round(2.5 + 2 * np.sin(np.arange(N) / 6), 3)


def openface(path: Path, **changes: object) -> Path:
    """A table as OpenFace writes it, spaces before names included."""
    cells = {"frame": np.arange(1, N + 1), "face_id": 0, "timestamp": TIMES, "confidence": 0.98, "success": 1}
    table = pd.DataFrame({**cells, "AU06_r": 1.0, "AU12_r": SMILE} | changes)
    table.columns = [table.columns[0], *(f" {name}" for name in table.columns[1:])]
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("fps", [None, 30.0])
def test_faces_of_a_photo_are_no_frames(tmp_path, fps):
    path = tmp_path / "classroom.csv"
    pd.DataFrame({"face": range(20), " confidence": 0.98, " AU12_r": np.linspace(0, 5, 20)}).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"classroom\.csv: a table of photos: its rows are faces \(column 'face'\)"):
        read_au_table(path, fps=fps)
    stills = tmp_path / "photos.csv"
    pd.DataFrame({"input": ["a.jpg", "b.jpg"], "face_id": 0, "success": 1, "AU12_r": 1.0}).to_csv(stills, index=False)
    with pytest.raises(InputError, match="rows are faces"):
        read_aus(stills)


def test_a_photos_table_costs_itself_only(tmp_path):
    openface(tmp_path / "video.csv")
    pd.DataFrame({"face": range(3), "AU01_r": 1.0}).to_csv(tmp_path / "photo.csv", index=False)
    result = CliRunner().invoke(describe, [str(tmp_path), "--out", str(tmp_path / "out.tsv")])
    assert result.exit_code == 1
    assert "photo.csv: a table of photos" in result.stderr
    assert pd.read_csv(tmp_path / "out.tsv", sep="\t")["video"].tolist() == ["video"]


@pytest.mark.parametrize(("unit", "per_second"), [("ms", 1e3), ("us", 1e6), ("min", 1 / 60)])
def test_other_units_are_asked_about_and_not_believed(tmp_path, unit, per_second):
    path = openface(tmp_path / "anna.csv", timestamp=np.arange(N) / 30 * per_second)
    with pytest.raises(InputError, match=rf"no camera's rate; in .*it would fit\. Say .* --time-unit {unit}"):
        read_au_table(path)
    [one] = read_au_table(path, time_unit=unit)
    np.testing.assert_allclose(one.times_s, np.arange(N) / 30, atol=1e-9)
    np.testing.assert_array_equal(one.intensities[:, 1], SMILE)


def test_slow_tables_are_believed_where_that_is_said_or_they_are_ours(tmp_path):
    slow = np.arange(N) * 10.0
    path = openface(tmp_path / "slow.csv", timestamp=slow)
    with pytest.raises(InputError, match=r"10 s from frame to frame, which is 0\.1 frames a second"):
        read_au_table(path)
    np.testing.assert_array_equal(read_au_table(path, time_unit="s")[0].times_s, slow)
    ours = openface(tmp_path / "ours.csv", timestamp=slow, video="v")
    np.testing.assert_array_equal(read_au_table(ours)[0].times_s, slow)


@pytest.mark.parametrize("rate", [1, 15, 29.97, 240, 1000])
def test_rates_of_cameras_are_believed(tmp_path, rate):
    times = np.arange(N) / rate
    np.testing.assert_allclose(read_au_table(openface(tmp_path / "a.csv", timestamp=times))[0].times_s, times)


def test_the_command_takes_the_unit(tmp_path):
    openface(tmp_path / "s.csv")
    openface(tmp_path / "ms.csv", timestamp=1000 * TIMES)
    out = tmp_path / "o.csv"
    result = CliRunner().invoke(describe, [str(tmp_path / "ms.csv"), "--time-unit", "ms", "--out", str(out)])
    assert result.exit_code == 0, result.output
    milliseconds = pd.read_csv(out).iloc[0, 5:].to_numpy(float)
    CliRunner().invoke(describe, [str(tmp_path / "s.csv"), "--out", str(out)])
    np.testing.assert_allclose(milliseconds, pd.read_csv(out).iloc[0, 5:].to_numpy(float), rtol=1e-9)


def test_two_frames_with_one_stamp_are_two_frames(tmp_path):
    times = TIMES.copy()
    times[1] = 0
    [one] = read_au_table(openface(tmp_path / "a.csv", timestamp=times))
    np.testing.assert_array_equal(one.frames, np.arange(1, N + 1))
    np.testing.assert_array_equal(one.times_s, times)
    np.testing.assert_array_equal(one.intensities[:, 1], SMILE)
    # The descriptor leaves out the frame that is not later than the one before.
    later = np.arange(N) != 1
    expected = describe_series(one.intensities[later], times[later], one.aus)[0]
    np.testing.assert_allclose(describe_series(one.intensities, times, one.aus)[0], expected)


def test_several_faces_with_equal_stamps_go_by_frame(tmp_path):
    times = np.repeat(TIMES, 2)
    times[2:4] = 0
    frames, faces = np.repeat(np.arange(1, N + 1), 2), np.tile([0, 1], N)
    cells = {"frame": frames, "face_id": faces, "timestamp": times, "success": 1, "AU12_r": np.repeat(SMILE, 2) + faces}
    pd.DataFrame(cells).to_csv(tmp_path / "two.csv", index=False)
    first, second = read_au_table(tmp_path / "two.csv")
    np.testing.assert_array_equal(first.intensities[:, 0], SMILE)
    np.testing.assert_array_equal(second.intensities[:, 0], SMILE + 1)
    # Sorted by face instead, the table says the same.
    pd.DataFrame(cells).sort_values(["face_id", "frame"]).to_csv(tmp_path / "sorted.csv", index=False)
    for one, other in zip(read_au_table(tmp_path / "sorted.csv"), (first, second), strict=True):
        np.testing.assert_array_equal(one.intensities, other.intensities)
        np.testing.assert_array_equal(one.times_s, other.times_s)


def test_a_face_whose_own_rows_go_back_is_refused(tmp_path):
    frames = np.arange(1, N + 1)
    frames[[10, 11]] = frames[[11, 10]]
    with pytest.raises(InputError, match=r"row 13, column timestamp: .* comes after .*; sort the rows by frame"):
        read_au_table(openface(tmp_path / "a.csv", frame=frames))


@pytest.mark.parametrize("last", ["1e9", "1e308", "inf", "99999999999999999999999999"])
def test_a_stamp_that_no_recording_has_costs_its_table_only(tmp_path, last):
    openface(tmp_path / "good.csv")
    openface(tmp_path / "bad.csv", timestamp=[*map(str, TIMES[:-1]), last])
    result = CliRunner().invoke(describe, [str(tmp_path), "--out", str(tmp_path / "out.csv")])
    assert result.exit_code == 1, result.output
    assert "bad.csv: row 61, column timestamp" in result.stderr
    assert pd.read_csv(tmp_path / "out.csv")["video"].tolist() == ["good"]
    if last != "inf":
        with pytest.raises(InputError, match="row 61, column timestamp"):
            read_series(openface(tmp_path / "ours.csv", timestamp=[*map(str, TIMES[:-1]), last]))


@pytest.mark.parametrize("frame", ["18446744073709551616", "1.5", "1e300"])
def test_a_frame_that_is_no_number_of_one(tmp_path, frame):
    frames = [*map(str, range(1, N)), frame]
    with pytest.raises(InputError, match=r"row 61, column frame: .*; expected a whole number"):
        read_au_table(openface(tmp_path / "a.csv", frame=frames))


def test_an_intensity_that_would_overflow(tmp_path):
    with pytest.raises(InputError, match=r"row 2, column AU06_r: 1e\+308 is no intensity"):
        read_au_table(openface(tmp_path / "a.csv", AU06_r=1e308))


def test_days_of_pause_split_a_series_and_are_no_error(tmp_path):
    times = np.where(np.arange(N) < 30, TIMES, TIMES + 2e5)
    [one] = read_au_table(openface(tmp_path / "pause.csv", timestamp=times))
    np.testing.assert_array_equal(one.times_s, times)
    assert np.isfinite(describe_series(one.intensities, one.times_s, one.aus)[0]).all()
