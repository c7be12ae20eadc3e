"""Every command and option explains itself, with examples, and stands in the reference of the documentation."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click
import pytest
from facs_cli.main import COMMANDS

DOCS = Path(__file__).parents[2] / "docs"
_SPEC = importlib.util.spec_from_file_location("make_commands", DOCS / "make_commands.py")
assert _SPEC is not None
assert _SPEC.loader is not None
make_commands = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(make_commands)

ALL: list[tuple[str, click.Command]] = list(make_commands.commands())
by_command = pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])


def test_all_commands_are_found() -> None:
    assert {path.split()[1] for path, _ in ALL} == set(COMMANDS)
    assert len(ALL) > len(COMMANDS)


@by_command
def test_every_option_has_a_help_text(path: str, command: click.Command) -> None:
    for option in make_commands.options(command):
        assert option.help, f"{path} {option.opts[0]}"
        assert option.help.rstrip("] ").rstrip(), f"{path} {option.opts[0]}"


@by_command
def test_every_command_has_a_summary_and_examples_of_itself(path: str, command: click.Command) -> None:
    summary = (command.help or "").strip().split("\n\n")[0]
    assert summary.endswith("."), path
    examples = (command.epilog or "").partition("Examples:")[2]
    assert re.search(rf"^  {re.escape(path)}\b", examples, re.MULTILINE), path


@by_command
def test_examples_name_only_commands_and_options_there_are(path: str, command: click.Command) -> None:
    commands = dict(ALL)
    text = (command.epilog or "").replace("\\\n", " ")
    for line in re.findall(r"^  (facs .*)$", text, re.MULTILINE):
        named = max((other for other in commands if line.startswith(f"{other} ") or line == other), key=len)
        names = {name for option in make_commands.options(commands[named]) for name in option.opts}
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", line.partition("#")[0])) <= names, line


@by_command
def test_every_command_and_option_stands_in_the_reference(path: str, command: click.Command) -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    section = page.partition(f"## `{path}`\n")[2].partition("\n## ")[0]
    assert section
    for option in make_commands.options(command):
        for name in option.opts:
            assert f"`{name}`" in section, f"{path} {name}"


def test_the_reference_is_up_to_date() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert page == make_commands.commands_page(), "run `python docs/make_commands.py`"


def test_the_readme_leads_to_the_reference() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert "(docs/commands.md)" in readme
