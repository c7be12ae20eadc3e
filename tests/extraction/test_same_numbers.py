"""The same numbers with other instructions of the processor: intensities within 0.02, points to the last digit.

Each run is a process of its own, in which NumPy, its linear algebra or OpenCV is told to do without instructions that
the processor has. That other versions of the libraries give the same is what test_golden_tables.py shows where it is
run with them.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

LARGEST_DIFFERENCE = 0.02
"""Of intensities 0..5."""
OLD_PROCESSORS = {
    "blas": {"OPENBLAS_CORETYPE": "Prescott"},
    "opencv": {"OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,AVX,FMA3,FP16,SSE4.2,SSE4.1", "OPENCV_IPP": "disabled"},
    "numpy": {"NPY_DISABLE_CPU_FEATURES": " ".join(np.show_config(mode="dicts")["SIMD Extensions"]["found"])},
}
RUN = """
import sys
from pathlib import Path
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
extract_features(sys.argv[2:], Options(out=Path(sys.argv[1]), jobs=1, keep_cache=False))
"""

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names instructions of x86-64")


def tables_of(videos: list[Path], out: Path, **environment: str) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Action-unit tables by video, and the instructions that were used."""
    command = [sys.executable, "-c", RUN, str(out), *map(str, videos)]
    subprocess.run(command, check=True, env=os.environ | environment, capture_output=True)
    [used] = json.loads((out / "run.json").read_text(encoding="utf-8"))["environments"].values()
    return {video.stem: pd.read_csv(out / "action_units" / f"{video.stem}.csv") for video in videos}, used[
        "instructions"
    ]


def compare(videos: list[Path], out: Path) -> None:
    expected, usual = tables_of(videos, out / "usual")
    for part, environment in OLD_PROCESSORS.items():
        tables, instructions = tables_of(videos, out / part, **environment)
        assert instructions[part] != usual[part], f"{environment} changed nothing"
        for video, table in tables.items():
            of_units = [name for name in table.columns if name.startswith("AU")]
            others = [name for name in table.columns if name not in of_units]
            intensities = [name for name in of_units if name.endswith("_r")]
            assert len(intensities) == 21 + 2 * 14  # those with two sides have three columns
            assert table["success"].sum() > 10
            pd.testing.assert_frame_equal(table[others], expected[video][others], check_exact=True)
            difference = float(np.abs(table[intensities] - expected[video][intensities]).max(axis=None))
            assert difference <= LARGEST_DIFFERENCE, f"{video}, {part}: {difference}"


def test_of_a_drawn_clip(clips, tmp_path):
    compare([clips / "anna.mp4"], tmp_path)


@pytest.mark.shared
def test_of_real_videos(videos_dir, tmp_path):
    compare([videos_dir / "d0.mp4", videos_dir / "single_face.mp4"], tmp_path)
