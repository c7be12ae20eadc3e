"""`facs methods`: the paragraph of a paper that says how results were made."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

EPILOG = """\b
Examples:
  facs methods results
  facs methods results --bibtex facs.bib > methods.txt
\b
Everything in it is what the run wrote down: versions, models, settings, numbers of frames, and what was left out.
"""
_WIDTH = 100


@click.command("methods", epilog=EPILOG)
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--bibtex", type=click.Path(path_type=Path), help="File for the references as BibTeX.")
def command(results: Path, bibtex: Path | None) -> None:
    """Print how RESULTS, a folder that facs extract-features wrote, were made: a paragraph, and its references."""
    from facs_pipeline.foundation.files.atomic import atomic_write, require_place
    from facs_pipeline.study.methods import describe_methods
    from facs_pipeline.study.references import as_bibtex
    from facs_pipeline.study.results import read_results

    if bibtex is not None:
        require_place(bibtex, "name another file with --bibtex")
    methods = describe_methods(read_results(results))
    for paragraph in methods.text.split("\n\n"):
        click.echo(textwrap.fill(paragraph, _WIDTH, break_on_hyphens=False) + "\n")
    click.echo("References")
    for reference in methods.references:
        click.echo(textwrap.fill(reference.as_text(), _WIDTH, subsequent_indent="  ", break_on_hyphens=False))
    if bibtex is not None:
        with atomic_write(bibtex, "w") as file:
            file.write(as_bibtex(methods.references))
        click.echo(f"{bibtex}", err=True)
