"""`facs report`: what has been run, as one HTML file to read."""

from __future__ import annotations

from pathlib import Path

import click

from facs_pipeline.foundation.text import counted

from .console import ConsoleProgress

EPILOG = """\b
Examples:
  facs report
  facs report results ranking --out reports/study.html --open
  facs report results --metadata people.csv --pictures all
\b
Results: the HTML file with everything in it, further pages beside it for every 100 videos, and the same as JSON.
Exit codes: 0 written, 1 written without tables that cannot be read (named), 2 wrong usage or nothing to report on.
"""


@click.command("report", epilog=EPILOG)
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default="reports/report.html", show_default=True, help="HTML file."
)
@click.option(
    "--metadata", type=click.Path(path_type=Path),
    help="Table with the column video and further ones (gender, age group) to show results by.",
)  # fmt: skip
@click.option(
    "--pictures", type=click.Choice(["quick", "all", "none"]), default="quick", show_default=True,
    help="Pictures of videos: of long ones key frames only, of all evenly spread, or no faces at all.",
)  # fmt: skip
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
def command(folders: tuple[Path, ...], out: Path, metadata: Path | None, pictures: str, open_it: bool) -> int:
    """Gather what has been run in FOLDERS into one HTML file that needs no network.

    FOLDERS are what other commands wrote (--out), searched with everything below them. Without any: facs-output,
    facs-authenticity and facs-demo, where they exist.
    """
    from facs_pipeline.foundation.files.atomic import require_place
    from facs_pipeline.report.gather import gather
    from facs_pipeline.report.page import write_report

    require_place(out, "name another file with --out")
    gathered = gather(folders, metadata=metadata)
    written = write_report(gathered, out, pictures=pictures, progress=ConsoleProgress())
    for note in written.notes[:10]:
        click.echo(f"Note: {note}", err=True)
    if len(written.notes) > 10:
        click.echo(f"Note: and {len(written.notes) - 10} more, in the report", err=True)
    more = f" and {len(written.pages) - 1} further pages" if len(written.pages) > 1 else ""
    size = sum(page.stat().st_size for page in written.pages) / 1e6
    click.echo(f"Report: {out}{more} ({size:.1f} MB, {counted(len(gathered.videos), 'video')}), data: {written.data}")
    if open_it:
        import webbrowser

        if not webbrowser.open(out.resolve().as_uri()):
            click.echo(f"Note: no browser could be opened; open {out} yourself", err=True)
    return 1 if written.unread else 0
