"""`facs status`: how far a run, or each part of one, has come."""

from __future__ import annotations

import json
from pathlib import Path

import click

EPILOG = """\b
Examples:
  facs status results
  facs status results --json
\b
Exit codes: 0 all is done, 1 videos failed or are not done yet, 2 wrong usage or no run there.
"""


@click.command("status", epilog=EPILOG)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of stored stage results.  [default: OUT/cache]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with schema_version instead.")
def command(out: Path, cache: Path | None, as_json: bool) -> int:
    """Say what of the runs into OUT is done, running where, failed, and how long it will take.

    Runs may be of this computer or of others that share the folder.
    """
    from facs_pipeline.extraction.status import runs_into

    runs = runs_into(out, cache)
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "runs": [run.as_json() for run in runs]}, indent=1))
    else:
        for run in runs:
            click.echo(run.line())
            for name, reason in run.failed.items():
                click.echo(f"  {name}: {reason}")
    return 0 if all(run.state == "finished" and not run.failed for run in runs) else 1
