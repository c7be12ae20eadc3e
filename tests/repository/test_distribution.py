"""A built wheel holds the whole package, and what it says of itself is what the files say."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = ("facs_pipeline", "cli", "pyproject.toml", "setup.cfg", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


def package_folders() -> set[Path]:
    return {path.parent for folder in ("facs_pipeline", "cli") for path in (ROOT / folder).rglob("*.py")}


def module_name(path: Path) -> str:
    """Name under which a file or folder of the checkout is installed, with slashes."""
    return path.relative_to(ROOT).as_posix().replace("cli", "facs_cli", 1 if path.is_relative_to(ROOT / "cli") else 0)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """A wheel built from a copy, so that nothing built earlier gets into it."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    subprocess.run([sys.executable, "-c", BUILD, out], cwd=copy, check=True, capture_output=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_every_package_is_listed():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = setup["options"]["packages"].split()
    assert sorted(listed) == sorted(module_name(folder).replace("/", ".") for folder in package_folders())


def test_every_package_has_its_init():
    assert [folder for folder in package_folders() if not (folder / "__init__.py").is_file()] == []


def test_the_wheel_holds_every_file(wheel):
    ours = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = [path for folder in ("facs_pipeline", "cli") for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert ours == {module_name(path) for path in files if path.suffix != ".pyc"}
    assert {"facs_pipeline/py.typed", "facs_pipeline/__init__.pyi", "facs_pipeline/models/landmarks.npz"} < ours
    assert any(name.startswith("facs_pipeline/report/templates/") for name in ours)
    assert not any(name.startswith(("cli/", "tests/")) for name in ours)


def test_the_wheel_says_what_the_project_says(wheel, metadata):
    assert metadata["Name"] == PROJECT["name"]
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())


@pytest.mark.parametrize("file", ["CHANGELOG.md", "CITATION.cff"])
def test_the_version_is_named_where_a_release_needs_it(file):
    version = PROJECT["version"]
    expected = f"## {version}" if file == "CHANGELOG.md" else f"version: {version}"
    assert expected in (ROOT / file).read_text().splitlines() or f"{expected} (" in (ROOT / file).read_text()
