"""Other programs' action-unit tables, and ours however they were saved, are read into one form."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.reader import read_au_table, read_aus

N = 50
SERIES = np.round(2 + np.sin(np.arange(N)[:, None] / 5 + np.arange(3)), 4)
AUS = (1, 9, 12)


def libreface(path: Path, **changes: object) -> None:
    """A table of a video as LibreFace writes it: frames from 0, milliseconds, detections beside intensities."""
    table = {
        "frame_idx": np.arange(N),
        "frame_time_in_ms": np.round(np.arange(N) * 1000 / 30, 3),
        "path_to_frame": [f"./tmp/clip one/{k:010d}.png" for k in range(N)],
        "facial_expression": "Happiness",
        **{f"au_{au}": 1 for au in (1, 2, 12)},
        **{f"au_{au}_intensity": column for au, column in zip(AUS, SERIES.T, strict=True)},
    }
    pd.DataFrame(table | changes).to_csv(path)


def test_libreface(tmp_path):
    libreface(tmp_path / "video_results.csv")
    [one] = read_au_table(tmp_path / "video_results.csv")
    assert (one.origin, one.video, one.face_id, one.aus) == ("LibreFace", "clip one", "0", AUS)
    np.testing.assert_allclose(one.times_s, np.arange(N) / 30, atol=1e-6)
    np.testing.assert_array_equal(one.intensities, SERIES)
    np.testing.assert_array_equal(one.frames, np.arange(N))
    assert read_aus(tmp_path / "video_results.csv") == AUS


def test_librefaces_frames_without_a_face_are_empty(tmp_path):
    gone = np.arange(N) % 10 == 3
    cells = {f"au_{au}_intensity": np.where(gone, np.nan, 1.5) for au in AUS}
    libreface(tmp_path / "t.csv", **cells)
    [one] = read_au_table(tmp_path / "t.csv")
    np.testing.assert_array_equal(one.success, ~gone)
    libreface(tmp_path / "t.csv", path_to_frame=None)
    assert read_au_table(tmp_path / "t.csv")[0].video == "t"


def openface_text(separator: str, decimal: str) -> str:
    frame = pd.DataFrame({"frame": np.arange(1, N + 1), "timestamp": np.arange(N) / 25, "success": 1})
    for au, column in zip(AUS, SERIES.T, strict=True):
        frame[f"AU{au:02d}_r"] = column
    return frame.to_csv(index=False, sep=separator, decimal=decimal)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ","), (";", ".")])
def test_a_table_that_a_spreadsheet_saved_again(tmp_path, separator, decimal, encoding, zipped):
    path = tmp_path / ("anna.csv.gz" if zipped else "anna.csv")
    data = openface_text(separator, decimal).encode(encoding)
    path.write_bytes(gzip.compress(data) if zipped else data)
    [one] = read_au_table(path)
    assert (one.origin, one.video) == ("OpenFace", "anna")
    np.testing.assert_array_equal(one.intensities, SERIES)
    np.testing.assert_allclose(one.times_s, np.arange(N) / 25)


def test_detections_alone_are_no_intensities(tmp_path):
    (tmp_path / "t.csv").write_text("frame_idx,frame_time_in_ms,au_1,au_2\n0,0,1,0\n")
    with pytest.raises(InputError, match=r"no column of intensities among .*au_1, au_2; expected .*au_1_intensity"):
        read_au_table(tmp_path / "t.csv")
