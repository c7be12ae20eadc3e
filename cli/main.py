"""`facs`: the group of commands. A command's module is imported only when that command is called."""

from __future__ import annotations

import importlib
import os
import signal
import sys

import click

from .console import guard_streams
from .usage import SuggestingGroup

# What people come for -> command -> module in this package (attribute `command`), and what `facs --help` says of it
GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Measure": {
        "extract-features": ("extract_features", "Videos -> action-unit time series and descriptors."),
        "extract-stills": ("extract_stills", "Photos -> action units, landmarks and head pose of each face."),
        "live": ("live", "A camera or video in real time: action units, gaze, blinks; recorded or streamed."),
        "describe": ("describe", "Action-unit tables (ours, OpenFace's, py-feat's) -> descriptors."),
        "events": ("events", "Action-unit tables -> onset, apex and offset of each movement; ELAN files."),
        "predict-emotion": ("predict_emotion", "Images or videos -> probabilities of emotion labels, and why."),
        "rank-authenticity": ("rank_authenticity", "Which of two videos shows the felt expression?"),
        "explain-au": ("explain_au", "Why an action unit's intensity is what it is: pictures and a table."),
    },
    "Study": {
        "quality": ("quality", "Which videos of a run to trust: use, check or leave out, and why."),
        "summarize": ("summarize", "A study by its conditions: per video, person and group, and what differs."),
        "epochs": ("epochs", "What the face does around stimuli: per trial, and on average over persons."),
        "synchrony": ("synchrony", "Do two faces move together, and do the viewers of a film?"),
        "agree": ("agree", "How far results and coders agree, and where they do not."),
        "plot": ("plot", "The curves of a video's action units as a figure to print."),
        "methods": ("methods", "How results were made, as a paragraph of a paper, with references."),
        "export-bids": ("export_bids", "Results as a BIDS dataset: recordings, movements, participants."),
        "report": ("report", "Everything that was run as one HTML file to read."),
    },
    "Train and evaluate": {
        "train-au": ("train_au", "Train action-unit intensity models."),
        "train-landmarks": ("train_landmarks", "Train the 68-point landmark model."),
        "fit-places": ("fit_places", "Fit where people put landmarks."),
        "train-confidence": ("train_confidence", "Train how far landmarks can be trusted."),
        "train-emotion": ("train_emotion", "Train models of seven emotions on labelled faces."),
        "evaluate-emotion": ("evaluate_emotion", "Measure an emotion model on labelled faces."),
        "dataset": ("dataset", "Check a dataset's folder before using it."),
        "model": ("model", "Show a model file's card."),
    },
    "Run and look after": {
        "demo": ("demo", "Make synthetic videos and run the whole pipeline on them."),
        "doctor": ("doctor", "What is installed here, whether it works, and what is missing."),
        "collect": ("collect", "The tables of a whole run from the parts that did it."),
        "status": ("status", "How far a run, or each part of one, has come."),
        "cache": ("cache", "List, check or clear cached stage results."),
        "columns": ("columns", "Say what every output column means."),
    },
}
COMMANDS: dict[str, tuple[str, str]] = {name: entry for group in GROUPS.values() for name, entry in group.items()}


class LazyGroup(SuggestingGroup):
    """A group whose commands are imported on first use, so that `facs --help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order of the data."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name, imported now."""
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"{__package__}.{COMMANDS[name][0]}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what `facs --help` says of each command, without importing it."""
        longest = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(longest), text) for name, (_module, text) in group.items()])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all ok, 1 some inputs failed, 2 wrong usage or a place that cannot be used, "
    "70 internal error, 75 another run is busy there, 130 interrupted.",
)
@click.option("--debug", is_flag=True, help="Print the details of internal errors.")
@click.version_option(package_name="facs-pipeline", prog_name="facs")
def facs(debug: bool) -> None:
    """Facial action units from videos, on an ordinary CPU, every number explainable."""


def main() -> None:
    """Entry point: errors as one message, Ctrl-C as 130, a closed pipe in silence; see `failures` for exit codes."""
    guard_streams()
    # Being asked to stop (by a scheduler, say) ends a command like Ctrl-C: workers end, what is finished stays.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = facs.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. What was finished is kept; the same command goes on from there.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        from .failures import end_of

        sys.exit(end_of(error, debug="--debug" in sys.argv[1:2]))
    sys.exit(code if isinstance(code, int) else 0)
