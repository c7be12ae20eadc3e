"""Eyes that stay closed are AU43 in tables and events, and no blink."""

from __future__ import annotations

import numpy as np
import pandas as pd
from video_files import write_video

from facs_pipeline.extraction.closed_eyes import ClosedEyes
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.extraction.table_events import find_table_events
from facs_pipeline.synthesis.face import SyntheticFace

TIMES = np.arange(0, 14, 1 / 25)
CLOSED = (TIMES > 4) & (TIMES < 10)
AU45 = np.where(CLOSED, 4.0, 0.1) + 3.5 * (np.abs(TIMES - 2) < 0.1)
"""A blink, and six seconds of closed eyes."""


def test_rows_of_each_face_are_told_apart():
    n = len(TIMES)
    rows = {
        "frame": np.repeat(np.arange(n), 2),
        "face_id": np.tile([0, 1], n),
        "time_s": np.repeat(TIMES, 2),
    }
    intensities = np.column_stack([np.zeros(2 * n), np.repeat(AU45, 2) * np.tile([1, 0], n)])
    half = {name: cells[:n] for name, cells in rows.items()}, {name: cells[n:] for name, cells in rows.items()}
    eyes = ClosedEyes.of(zip(half, np.split(intensities, 2), strict=True), (12, 45), n)
    closed = np.concatenate([eyes.rows(part["face_id"], part["time_s"]) for part in half])
    np.testing.assert_array_equal(closed, (rows["face_id"] == 0) & np.repeat(CLOSED, 2))
    assert not ClosedEyes.of(zip(half, np.split(intensities, 2), strict=True), (12, 25), n).spans


def test_a_drawn_clip(tmp_path):
    face, times = SyntheticFace(1, size=192), np.arange(50) / 25
    shut = (times > 0.4) & (times < 1.6)
    write_video(tmp_path / "shut.mp4", [face.draw({45: 5.0 * closed})[0] for closed in shut])
    extract_features([tmp_path / "shut.mp4"], Options(out=tmp_path / "out", jobs=1))
    table = pd.read_csv(tmp_path / "out" / "action_units" / "shut.csv")
    assert (table["AU43_c"] == shut).mean() > 0.9
    videos = pd.read_csv(tmp_path / "out" / "videos.csv")
    assert videos["blinks"].tolist() == [0]


def test_events_of_a_table(tmp_path):
    table = {"frame": np.arange(1, len(TIMES) + 1), "timestamp": TIMES, "success": 1, "AU45_r": AU45}
    pd.DataFrame(table | {"AU45L_r": AU45, "AU45R_r": AU45 / 3}).to_csv(tmp_path / "anna.csv", index=False)
    events = find_table_events([tmp_path / "anna.csv"]).table
    assert events["action_unit"].tolist() == [45, 43]
    assert events["duration_s"].round(1).tolist() == [0.2, 6.0]
    assert events["asymmetry"].tolist() == [0.5, 0.5]
    pd.DataFrame(table).to_csv(tmp_path / "anna.csv", index=False)
    assert find_table_events([tmp_path / "anna.csv"]).table["asymmetry"].isna().all()
