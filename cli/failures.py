"""How commands end that do not end well: one message, and an exit code that says what kind of end it was."""

from __future__ import annotations

import sys
import traceback

import click

from facs_pipeline.foundation.crash_report import write_crash_report
from facs_pipeline.foundation.errors import BusyError, FacsError
from facs_pipeline.foundation.os_errors import advice_on

UNUSABLE, INTERNAL, BUSY = 2, 70, 75
"""Exit codes, the last two as in sysexits.h: a fault of the program; try again later."""


def end_of(error: Exception, *, debug: bool) -> int:
    """Tell the user of an error that ends the command; its exit code.

    Parameters
    ----------
    error : Exception
    debug : bool
        Print the traceback of an internal error, too.
    """
    if isinstance(error, FacsError):
        click.echo(f"Error: {error}", err=True)
        return BUSY if isinstance(error, BusyError) else UNUSABLE
    if isinstance(error, MemoryError):
        click.echo("Error: not enough memory; give a lower number to --jobs, or fewer inputs at a time", err=True)
        return UNUSABLE
    advice = advice_on(error) if isinstance(error, OSError) else None
    if advice is not None and not debug:
        click.echo(f"Error: {advice}. What was finished is kept", err=True)
        return UNUSABLE
    return _internal(error, debug=debug)


def _internal(error: Exception, *, debug: bool) -> int:
    from importlib.metadata import version

    report = write_crash_report(error, sys.argv)
    where = f"Details are in {report}" if report else "Run it again with facs --debug for the details"
    click.echo(
        f"Internal error: {type(error).__name__}: {' '.join(str(error).split())[:500]}\n"
        f"This is a fault of facs {version('facs-pipeline')}, not of yours. {where}; please report it where you got "
        "facs from.\nWhat was finished is kept; the same command goes on from there.",
        err=True,
    )
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True)
    return INTERNAL
