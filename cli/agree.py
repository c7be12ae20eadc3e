"""`facs agree`: how far results and coders agree, and where they do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import click

from .aus import AUNumbers
from .console import CountedFailures

EPILOG = """\b
Examples:
  facs events results --out events.csv --elan elan      # to correct in ELAN
  facs agree results elan/                              # what was corrected
  facs agree results anna_kim.eaf anna_lee.eaf          # two coders, with the results and with each other
  facs agree results boris.csv --aus 6,12 --tolerance 0.2
  facs agree results codes.csv --pictures 40
  facs agree results elan/ --manifest coded.csv         # then: facs train-au --manifest coded.csv --out mine.npz
\b
CODES are ELAN documents, exports of BORIS (tabular or aggregated events) or The Observer, or tables: a row for each
movement (video, code, onset, offset; intensity, side, coder) or for each frame (video, frame or timestamp, AU01 ..).
Results in OUT: agreement, agreement_videos, disagreements, variables.csv, pictures.
Exit codes: 0 compared, 1 some tables cannot be read (named), 2 wrong usage or nothing to compare.
"""


@click.command("agree", epilog=EPILOG)
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("codes", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--coder", help="Who coded, where the files do not say.")
@click.option("--aus", type=AUNumbers(), help="Action units, such as 6,12.  [default: all that were coded]")
@click.option(
    "--tolerance", type=click.FloatRange(min=0), default=0.5, show_default=True,
    help="Movements that are so many seconds apart still meet.",
)  # fmt: skip
@click.option(
    "--threshold", type=click.FloatRange(0, 5), help="Intensity that counts as there.  [default: the columns AU.._c]"
)
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the frames compared."
)
@click.option("--pictures", type=click.IntRange(0), default=0, show_default=True, help="Of so many disagreements.")
@click.option(
    "--manifest", type=click.Path(path_type=Path),
    help="Also write the coders' intensities of each frame, to learn from with facs train-au --manifest.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default="facs-agreement", show_default=True, help="Folder.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "xlsx", "parquet", "sav"]), default="csv", show_default=True,
    help="Of the tables.",
)  # fmt: skip
def command(
    results: Path,
    codes: tuple[Path, ...],
    coder: str | None,
    aus: tuple[int, ...] | None,
    tolerance: float,
    threshold: float | None,
    min_confidence: float,
    pictures: int,
    manifest: Path | None,
    out: Path,
    form: Literal["csv", "xlsx", "parquet", "sav"],
) -> int:
    """Compare RESULTS, a folder that facs extract-features wrote, with CODES of people."""
    from facs_pipeline.foundation.files.atomic import make_writable, require_place
    from facs_pipeline.foundation.text import counted
    from facs_pipeline.study.agreement import AgreementOptions, compare_with_codes
    from facs_pipeline.study.agreement_files import clearest, draw_disagreements, write_agreement
    from facs_pipeline.study.coded_frames import coded_frames
    from facs_pipeline.study.codes import read_codes
    from facs_pipeline.study.files import require_format
    from facs_pipeline.study.results import read_results
    from facs_pipeline.tables.writing import write_table

    require_format(form)
    if manifest is not None:
        require_place(manifest, "name another file with --manifest")
    read = read_results(results)
    said = read_codes(codes, [video.name for video in read.videos], coder=coder)
    make_writable(out, "name another folder with --out")
    progress = CountedFailures()
    found = compare_with_codes(read, said, AgreementOptions(aus or (), tolerance, threshold, min_confidence), progress)
    if pictures:
        table = draw_disagreements(read, found, out / "pictures", most=pictures, progress=progress)
        found = replace(found, disagreements=table)
    written = write_agreement(found, out, form)
    notes = list(found.notes)
    if manifest is not None:
        frames, more = coded_frames(read, said, progress=progress)
        write_table(frames, manifest, "csv")
        written.append(manifest)
        notes += more
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    for line in clearest(found):
        click.echo(line)
    told = counted(len(found.disagreements), "stretch", "stretches")
    click.echo(f"{counted(found.videos['video'].nunique(), 'video')}, {told} of disagreement: {out} "
               f"({', '.join(path.name for path in written)})")  # fmt: skip
    return 1 if progress.failed else 0
