"""Arguments that the package refuses, as click tells of options that are used wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from facs_pipeline.foundation.errors import ArgumentError


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
