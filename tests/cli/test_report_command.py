"""`facs report`: one bad table is named and left out, and the exit code says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.report import command as report


def table(video: str, **changes: object) -> pd.DataFrame:
    times = np.arange(50) / 25
    cells = {"video": video, "frame": np.arange(1, 51), "face_id": 0, "timestamp": times, "confidence": 1, "success": 1}
    return pd.DataFrame({**cells, "AU12_r": 1 + np.sin(times)} | changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"timestamp": [*np.arange(49) / 25, 1e9]}, "row 51, column timestamp: 1e+09 s after 1.92 s"),
        ({"timestamp": ["0"] * 49 + ["inf"]}, "row 51, column timestamp: 'inf' is not a number"),
        ({"AU12_r": 1e308}, "intensities above 1e+06"),
        ({"AU12_r": ["1"] * 49 + ["x"]}, "row 51, column AU12_r: 'x' is not a number"),
    ],
)
def test_one_odd_cell_costs_its_table_only(tmp_path, changes, reason):
    folder = tmp_path / "results" / "action_units"
    folder.mkdir(parents=True)
    long = "b" * 200
    (tmp_path / "results" / "videos.csv").write_text(f"video,status\nanna,ok\n{long},ok\n{'c' * 300},ok\n")
    table("anna", **changes).to_csv(folder / "anna.csv", index=False)
    table(long).to_csv(folder / f"{long}.csv", index=False)
    out = tmp_path / "r.html"
    result = CliRunner().invoke(report, [str(tmp_path / "results"), "--out", str(out)], standalone_mode=False)
    assert result.exception is None, result.output
    assert result.return_value == (1 if reason else 0)
    assert reason in result.stderr
    text = out.read_text(encoding="utf-8")
    assert text.count("<svg") >= 1
    assert long in text
