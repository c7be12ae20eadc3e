"""Write tests/data/golden: today's tables of the clip in tests/data/version-0.1.0.

To be run after a stage has got another version, since its values differ: python tests/support/make_golden_tables.py
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features

DATA = Path(__file__).resolve().parents[1] / "data"

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as out:
        extract_features([DATA / "version-0.1.0" / "smile.mp4"], Options(out=Path(out), jobs=1, emotion=True))
        shutil.copy(Path(out) / "action_units" / "smile.csv", DATA / "golden")
        shutil.copy(Path(out) / "descriptors.csv", DATA / "golden")
