"""`facs quality`: which videos of a run to trust, and why not the others."""

from __future__ import annotations

from pathlib import Path

import click

from .console import CountedFailures

EPILOG = """\b
Examples:
  facs quality results
  facs quality results --out quality.csv
  facs quality --limits > limits.toml      # the usual limits, to be changed
  facs quality results --quality limits.toml
\b
Results of older versions are judged by what their tables tell: all but sharpness and light.
Exit codes: 0 judged, 1 some tables cannot be read (named), 2 wrong usage.
"""


@click.command("quality", epilog=EPILOG)
@click.argument("results", type=click.Path(path_type=Path), required=False)
@click.option("--quality", type=click.Path(path_type=Path), help="TOML file of limits.  [default: the usual ones]")
@click.option("--out", type=click.Path(path_type=Path), help="Also write verdicts and measures as a table.")
@click.option("--limits", is_flag=True, help="Print the limits as TOML and end.")
@click.option("--all", "show_all", is_flag=True, help="Also name the videos that are good enough.")
def command(results: Path | None, quality: Path | None, out: Path | None, limits: bool, show_all: bool) -> int:
    """Judge the videos of RESULTS: use, check, or leave out, with the reasons.

    RESULTS is a folder that facs extract-features wrote. Limits can be changed without computing anything again.
    """
    from facs_pipeline.foundation.files.atomic import require_place
    from facs_pipeline.foundation.text import counted
    from facs_pipeline.study.quality import by_verdict, judge_videos, limits_of, quality_table
    from facs_pipeline.study.results import read_results
    from facs_pipeline.tables.writing import table_form, write_table

    of_file = limits_of(quality)
    if limits:
        click.echo(of_file.as_toml(), nl=False)
        return 0
    if results is None:
        raise click.UsageError("name the folder of RESULTS, or give --limits")
    if out is not None:
        table_form(out)
        require_place(out, "name another file with --out")
    progress = CountedFailures()
    judged = judge_videos(read_results(results), of_file, progress)
    if out is not None:
        write_table(quality_table(judged), out)
    for one in by_verdict(judged):
        if show_all or one.verdict != "use":
            click.echo(f"{one.verdict:<9}  {one.name}: {'; '.join(one.reasons) or 'good enough'}")
    counts = {verdict: sum(one.verdict == verdict for one in judged) for verdict in ("use", "check", "leave out")}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    click.echo(f"{counted(len(judged), 'video')}: {told}")
    return 1 if progress.failed else 0
