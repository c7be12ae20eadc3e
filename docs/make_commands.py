"""Make docs/commands.md, the reference of all commands and options, from the commands themselves.

python docs/make_commands.py
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click
from facs_cli.main import facs

PAGE = Path(__file__).with_name("commands.md")
_HEAD = """# Commands

Every command, with its options and examples; `facs COMMAND --help` prints the same. Made by `docs/make_commands.py`.
"""


def commands(command: click.Command = facs, path: str = "facs") -> Iterator[tuple[str, click.Command]]:
    """All commands below a group that are no groups themselves, as (``facs dataset check metadata``, command)."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from commands(child, f"{path} {name}")


def options(command: click.Command) -> list[click.Option]:
    """Options of a command, in its order; ``--help`` goes without saying."""
    return [param for param in command.params if isinstance(param, click.Option) and not param.hidden]


def commands_page() -> str:
    """The page."""
    return "\n".join([_HEAD, *(_section(path, command) for path, command in commands())])


def _section(path: str, command: click.Command) -> str:
    arguments = [_argument(param) for param in command.params if isinstance(param, click.Argument)]
    lines = [f"## `{path}`", "", f"    {' '.join([path, '[OPTIONS]', *arguments])}", ""]
    lines += [*inspect.cleandoc(command.help or "").splitlines(), ""]
    if options(command):
        lines += ["| option | value | meaning | default |", "|---|---|---|---|"]
        lines += [_row(option) for option in options(command)]
        lines.append("")
    # Lines of \b keep click from filling the paragraphs between them.
    epilog = inspect.cleandoc((command.epilog or "").replace("\b\n", "\n").strip("\n"))
    lines += ["```text", *epilog.splitlines(), "```", ""]
    return "\n".join(lines)


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or argument.name or "").upper()
    name = f"{name}..." if argument.nargs == -1 else name
    return name if argument.required else f"[{name}]"


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    text, _, stated = (option.help or "").partition("[default: ")
    default = stated.rstrip("] ") or (f"`{_default(option)}`" if option.show_default else "")
    return f"| {names} | {_cell(_value(option))} | {_cell(text.strip())} | {_cell(default)} |"


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    if option.metavar:
        return f"`{option.metavar}`"
    if isinstance(option.type, click.Choice):
        return ", ".join(f"`{choice}`" for choice in option.type.choices)
    if isinstance(option.type, click.IntRange | click.FloatRange):
        return _range(option.type)
    names = {"text": "text", "integer": "whole number", "float": "number", "path": "path"}
    return names.get(option.type.name, option.type.name)


def _range(kind: click.IntRange | click.FloatRange) -> str:
    name = "whole number" if isinstance(kind, click.IntRange) else "number"
    low = "" if kind.min is None else f"{'above' if kind.min_open else 'from'} {kind.min:g}"
    high = "" if kind.max is None else f"to {kind.max:g}"
    return " ".join(part for part in (name, low, high) if part)


def _default(option: click.Option) -> str:
    default = option.default
    return ", ".join(map(str, default)) if isinstance(default, tuple | list) else str(default)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8")
