"""`facs explain-au`: why an action unit's intensity is what it is, as pictures and a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .console import ConsoleProgress
from .model_files import au_model
from .usage import usage_errors

if TYPE_CHECKING:
    from facs_pipeline.explanations.run import Against, ExplanationResult

EPILOG = """\b
Examples:
  facs explain-au interview.mp4 --au 12                  # AU12 where it is strongest, against the face at rest
  facs explain-au interview.mp4 --frame 120 --out why/   # every action unit of at least 1 in frame 120
  facs explain-au interview.mp4 --au 1 --au 4 --frame 120 --against 60
  facs explain-au interview.mp4 --cache results/cache    # nothing is computed again that extract-features has done
  facs explain-au photo.jpg                              # a still is compared with the average face
\b
Results in OUT: a picture for each action unit, and explanations.csv, whose contributions add up to the score less
that of the face compared with; `facs columns explanations` explains the columns.
What is explained is the frame by itself: in action-unit tables it is averaged with its neighbours.
\b
Exit codes: 0 all inputs done, 1 some could not be used (the others are done), 2 wrong usage or nothing usable.
"""
# Of many explanations, so many are printed.
_SHOWN = 30


class AgainstType(click.ParamType):
    """``rest``, ``average``, or the number of a frame."""

    name = "rest|average|FRAME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Against:
        """The text as `Against`."""
        text = str(value)
        if text == "rest":
            return "rest"
        if text == "average":
            return "average"
        if text.isdecimal() and int(text) > 0:
            return int(text)
        raise click.BadParameter(
            f"{text!r}; expected rest, average or the number of a frame, from 1", param_hint="--against"
        )


@click.command("explain-au", epilog=EPILOG)
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--au", "aus", type=int, multiple=True, help="Action unit; may be repeated.  [default: all of at least 1]"
)
@click.option(
    "--frame", type=click.IntRange(min=1),
    help="Frame of the videos, from 1.  [default: where the action unit is strongest]",
)  # fmt: skip
@click.option(
    "--against", type=AgainstType(), metavar="rest|average|FRAME",
    help="Compare with the person's calmest frame, with the average of FER2013's training faces, or with a frame.  "
    "[default: rest; average for stills]",
)  # fmt: skip
@click.option(
    "--faces", type=click.Choice(["one", "all"]), default="one", show_default=True,
    help="The main face of each image or video, or all of them.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default="explanations", show_default=True, help="Output folder."
)
@au_model
@click.option("--landmarks", type=click.Path(path_type=Path), help="Landmark model file.  [default: the package's]")
@click.option("--cache", type=click.Path(path_type=Path), help="Cache of an earlier extract-features run to use.")
@click.option("--jobs", type=click.IntRange(min=1), help="Videos processed side by side.  [default: one per core]")
def command(
    inputs: tuple[str, ...],
    aus: tuple[int, ...],
    frame: int | None,
    against: Against | None,
    faces: Literal["one", "all"],
    out: Path,
    au_model: Path | None,
    landmarks: Path | None,
    cache: Path | None,
    jobs: int | None,
) -> int:
    """Why the action units of the faces in INPUTS have their intensities.

    INPUTS are images, videos, folders of them (searched recursively) and globs. The models are linear, so each
    intensity is shared out exactly among what it is computed from: drawn as a heat map over the face, and in words.
    """
    from facs_pipeline.explanations.run import ExplanationOptions, explain_action_units

    options = ExplanationOptions(out, aus, frame, against, faces, au_model, landmarks, cache, jobs)
    with usage_errors({"aus": "--au", "frame": "--frame", "against": "--against"}):
        result = explain_action_units(inputs, options, ConsoleProgress())
    return _print_result(result, out)


def _print_result(result: ExplanationResult, out: Path) -> int:
    from facs_pipeline.explanations.run import STRONG

    for one in result.explained[:_SHOWN]:
        of_frame = f" frame {one.frame}" if one.frame else ""
        of_face = f" face {one.face_id}" if one.face_id else ""
        click.echo(f"{one.source}{of_frame}{of_face}")
        click.echo(f"  {one.title}")
        for line in one.reasons:
            click.echo(f"    {line}")
    for source, reason in result.skipped:
        click.echo(f"Failed: {source}: {reason}", err=True)
    n = len(result.explained)
    if not n and result.skipped:
        click.echo("Error: nothing could be explained; nothing was written", err=True)
        return 2
    if not n:
        click.echo(f"No action unit reaches {STRONG:g} there; name some with --au to see them all the same.")
    more = ", the first of them above" if n > _SHOWN else ""
    click.echo(f"{n} explanation{'s' * (n != 1)}{more}: {out}")
    return 1 if result.skipped else 0
