"""What README, CHANGELOG and CONTRIBUTING say of modules, names and code is so."""

from __future__ import annotations

import re
import textwrap
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from facs_pipeline.deprecated import RENAMED
from facs_pipeline.synthesis.recordings import RecordingSettings, write_recordings

ROOT = Path(__file__).resolve().parents[2]
README, CHANGELOG, CONTRIBUTING = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
)


def rows(text: str, header: str) -> list[list[str]]:
    """Cells of the rows of a Markdown table that begins with `header`."""
    lines = text[text.index(header) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code_block(text: str, first: str) -> str:
    """An indented block of code that begins with the line `first`, without the indent."""
    start = text.index(first)
    indent = start - text.rindex("\n", 0, start) - 1
    lines = []
    for line in text[start - indent :].splitlines():
        if line.strip() and not line.startswith(" " * indent):
            break
        lines.append(line)
    return textwrap.dedent("\n".join(lines)).strip()


def test_modules_have_moved_where_the_changes_say():
    moved = rows(CHANGELOG, "| module of `facs_pipeline` in 0.1.0 | now |")
    assert len(moved) >= 40
    for _, now in moved:
        for name in re.findall(r"`([\w.]+)`", now):
            assert find_spec(f"facs_pipeline.{name}"), name


def test_the_changes_name_every_former_name():
    named = {
        re.findall(r"`(\w+)`", before)[0]: re.findall(r"`(\w+)`", now)[0]
        for before, now in rows(CHANGELOG, "| name in `facs_pipeline` | now |")
    }
    assert named == {old: renamed.new for old, renamed in RENAMED.items()}


@pytest.mark.parametrize("header", ["| stage | folder | |", "| round the method | folder | |"])
def test_the_readme_names_folders_that_are_there(header):
    folders = re.findall(r"`(\w+)/`", " ".join(row[1] for row in rows(README, header)))
    assert len(folders) >= 8
    for folder in folders:
        assert (ROOT / "facs_pipeline" / folder / "__init__.py").is_file()


def test_the_readme_names_every_folder():
    packages = {path.parent.name for path in (ROOT / "facs_pipeline").glob("*/__init__.py")}
    assert {package for package in packages if f"`{package}/`" not in README} == set()


def test_the_readmes_example_runs(tmp_path, monkeypatch, capsys):
    settings = RecordingSettings(size=240, fps=10)
    write_recordings(tmp_path, settings, identities=1, emotions=["happiness"])
    (tmp_path / "s01_happiness_real.mp4").rename(tmp_path / "interview.mp4")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code_block(README, "from facs_pipeline import FaceAnalyser"), names)
    table = names["table"]
    assert len(capsys.readouterr().out.splitlines()) > 0.8 * len(table)  # type: ignore[arg-type]


def test_the_stage_in_contributing_is_the_one_that_is_tested():
    block = code_block(CONTRIBUTING, "@dataclass(frozen=True)\n       class MouthSettings")
    assert block in (ROOT / "tests/extraction/test_stages.py").read_text(encoding="utf-8")
    assert "class MouthOpening(Stage)" in block


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.stem)
def test_the_guides_name_modules_and_names_that_are_there(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"`((?:facs_pipeline|benchmarks|cli|docs)/[\w./-]+)`", text):
        assert (ROOT / target).exists(), target
    for module, names in re.findall(r"^ *from (facs_pipeline[\w.]*) import ([\w, ]+)$", text, re.MULTILINE):
        for name in names.split(","):
            assert hasattr(import_module(module), name.strip()), f"{module}.{name}"


@pytest.mark.parametrize("text", [README, CONTRIBUTING, CHANGELOG], ids=["README", "CONTRIBUTING", "CHANGELOG"])
def test_links_within_the_repository_lead_somewhere(text):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text) + re.findall(r'src="([^"]+)"', text):
        assert (ROOT / target).exists(), target
