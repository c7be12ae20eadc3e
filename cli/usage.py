"""What is told of commands, options and arguments that are used wrongly."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager

import click

from facs_pipeline.foundation.errors import ArgumentError


class SuggestingGroup(click.Group):
    """A group of commands that tells of an unknown one which are like it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name."""
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not ctx.resilient_parsing:
            near = [command for command in known if command.startswith(name)]
            near = near or difflib.get_close_matches(name, known, n=2, cutoff=0.5)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"`{ctx.command_path} --help` lists the commands."
            ctx.fail(f"No such command {name!r}. {hint}")
        return super().resolve_command(ctx, args)


@contextmanager
def usage_errors(options: dict[str, str] | None = None) -> Iterator[None]:
    """Turns an `ArgumentError` inside the block into a usage error of the command.

    Parameters
    ----------
    options : dict of str to str, optional
        The package's name of an argument -> the command's option, such as ``{"aus": "--au"}``.
    """
    try:
        yield
    except ArgumentError as error:
        if error.argument:
            raise click.BadParameter(str(error), param_hint=(options or {}).get(error.argument)) from None
        raise click.UsageError(str(error)) from None
