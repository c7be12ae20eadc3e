"""`facs doctor`: what is installed here, whether it works, and what is missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

EPILOG = """\b
Examples:
  facs doctor
  facs doctor results                # and how large its cache is
  facs doctor --json > doctor.json
\b
Exit codes: 0 all that the main job needs works; 1 something does not, with what to do.
"""


@click.command("doctor", epilog=EPILOG)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(folder: Path | None, as_json: bool) -> int:
    """Say what is installed here, whether it works, and what is missing; with FOLDER also how large its cache is."""
    from facs_pipeline.doctor import Finding, examine

    findings = []
    marks = {"ok": "ok", "note": "note", "problem": "PROBLEM"}
    cache = [Finding("cache", "ok", _cache(folder))] if folder is not None else []
    for finding in (*cache, *examine()):
        findings.append(finding)
        if not as_json:
            click.echo(f"{marks[finding.state]:<8} {finding.what:<10} {finding.found}")
            if finding.advice:
                click.echo(f"{'':<19} -> {finding.advice}")
    bad = sum(finding.state == "problem" for finding in findings)
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "findings": [asdict(one) for one in findings]}, indent=1))
    else:
        click.echo(f"{bad} problem{'s' * (bad != 1)}" if bad else "All that the main job needs works.")
    return 1 if bad else 0


def _cache(folder: Path) -> str:
    from facs_pipeline.extraction.cache_folder import cache_use, open_cache

    from .console import ConsoleProgress

    used = cache_use(open_cache(folder, ConsoleProgress()))
    return f"{used.size_bytes / 1e6:,.1f} MB of {used.videos} videos in {folder}; facs cache clear removes it"
