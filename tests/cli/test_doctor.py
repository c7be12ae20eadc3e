"""`facs doctor` finds what works here, and what does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version

import cv2
import pytest
from extraction_runs import FACS, facs
from packaging.requirements import Requirement

from facs_pipeline.doctor import _lacking


def findings(*arguments: object, code: int = 0, **environment: str) -> dict[str, dict[str, str]]:
    done = facs("doctor", "--json", *arguments, env={**os.environ, **environment})
    assert done.returncode == code, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["schema_version"] == 1
    return {one["what"]: one for one in told["findings"]}


@pytest.fixture(scope="module")
def here():
    return findings()


def test_what_works(here):
    assert here["facs"]["found"] == version("facs-pipeline")
    assert f"opencv {cv2.__version__}" in here["libraries"]["found"]
    for what in ("libraries", "disk", "cache key", "models", "measuring"):
        assert here[what]["state"] == "ok", here[what]
    assert "21 action units, 7 emotions" in here["models"]["found"]
    assert "a drawn smile rises from" in here["measuring"]["found"]
    assert here["[plot]"]["state"] == "ok"
    assert {"[live]", "[lsl]", "[cluster]", "[spss]", "[teacher]", "cameras", "OpenCV"} <= set(here)


def test_as_text(clips, tmp_path):
    results = tmp_path / "results"
    assert facs("extract-features", clips / "anna.mp4", "--out", results, "--jobs", 1).returncode == 0
    done = facs("doctor", results)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok       cache ")
    assert "MB of 1 videos in" in lines[0]
    assert lines[-1] == "All that the main job needs works."


def test_a_broken_key_is_a_problem(tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"short")
    found = findings(code=1, FACS_KEY_FILE=str(key))
    assert found["cache key"]["state"] == "problem"
    assert "expected a key of 32 bytes, found 5" in found["cache key"]["found"]


def test_two_versions_of_opencv_in_one_folder_are_told(tmp_path):
    # Names that are not installed here by chance.
    for name, number in (("opencv_python", "4.9.0"), ("opencv_contrib_python_headless", "4.8.1")):
        folder = tmp_path / f"{name}-{number}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {number}\n")
    found = findings(PYTHONPATH=str(tmp_path))["OpenCV"]
    assert found["state"] == "note"
    assert "opencv-contrib-python-headless 4.8.1" in found["found"]
    assert f"{cv2.__version__} is imported" in found["found"]


def test_what_is_lacking_or_too_old_is_named():
    needed = [Requirement("numpy>=1"), Requirement("numpy>=99"), Requirement("no-such-package-here>=1")]
    numpy = version("numpy")
    assert _lacking(needed) == [
        f"numpy {numpy} is installed, >=99 needed",
        "no-such-package-here is not installed",
    ]


def test_the_shell_completes_commands_and_options():
    def completions(words: str, place: int) -> list[str]:
        environment = {**os.environ, "_FACS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        code = "import sys; sys.argv = ['facs']; from facs_cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completions("facs sy", 1) == ["synchrony"]
    assert completions("facs epochs results --base", 3) == ["--baseline"]


def test_help_groups_the_commands():
    done = subprocess.run([*FACS, "--help"], capture_output=True, text=True, check=True)
    headings = [line for line in done.stdout.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings[-4:] == ["Measure:", "Study:", "Train and evaluate:", "Run and look after:"]
