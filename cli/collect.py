"""`facs collect`: the tables of a whole run from the parts that did it."""

from __future__ import annotations

from pathlib import Path

import click

from .console import ConsoleProgress
from .extract_features import print_summary

EPILOG = """\b
Examples:
  for k in 1 2 3; do facs extract-features videos/ --part $k/3 --out results & done; wait
  facs collect results
  sbatch --array=1-20 --wrap 'facs extract-features /data --out /shared/results'   # parts by the array's numbers
\b
The tables are those of one run over all videos, byte for byte. It may be repeated, also while parts run.
Exit codes: 0 all videos done, 1 some failed or are not done yet (named), 2 wrong usage, 75 a run writes into OUT.
"""


@click.command("collect", epilog=EPILOG)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of stored stage results.  [default: OUT/cache]")
@click.option("--quiet", is_flag=True, help="Print warnings only.")
def command(out: Path, cache: Path | None, quiet: bool) -> int:
    """Write videos.csv, descriptors.csv and run.json of all parts of a run into OUT.

    OUT is the folder into which facs extract-features --part wrote. Nothing is computed.
    """
    from facs_pipeline.extraction.collect import collect

    result = collect(out, cache, ConsoleProgress(quiet=quiet))
    if not quiet:
        print_summary(result)
    return 1 if result.failed else 0
