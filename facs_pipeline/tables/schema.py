"""The column dictionary: what every column of every output table means, its unit, its range and its source.

One place says it; `facs columns`, `docs/columns.md` and error messages take it from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from facs_pipeline.dynamics.descriptors import SIGNALS, SQUARED, STATISTICS

TABLES: dict[str, str] = {
    "action_units": "`action_units/<video>.csv` (or `.parquet`): one row per frame and face; a frame without a face is "
    "one row with `success` 0 and empty cells.",
    "stills": "The table that `facs extract-stills` writes: one row per face of an image; an image without a face is "
    "one row with `success` 0 and empty cells.",
    "descriptors": "`descriptors.csv`: one row per video and face.",
    "videos": "`videos.csv`: one row per video.",
    "predictions": "`predictions.csv` of `facs rank-authenticity`: one row per video and model.",
    "emotions": "The table that `facs predict-emotion` writes: one row per face of an image, and per frame and face "
    "of a video.",
    "events": "The table that `facs events` writes: one row per movement of an action unit.",
    "explanations": "`explanations.csv` of `facs explain-au`: one row per explained action unit for "
    "each kind of number in each part of the face.",
}
"""Table -> where it is and what its rows are."""

_PLACEHOLDERS = {"<i>": r"\d{1,2}", "<nn>": r"\d{2}", "<emotion>": r"(?!confidence$)\w[\w -]*"}


@dataclass(frozen=True)
class Column:
    """One column, or a family of columns.

    Attributes
    ----------
    table : name of the table, a key of `TABLES`.
    name : the column's name; ``<i>`` stands for a point's number 0..67, ``<nn>`` for an AU's number in two digits,
        ``<emotion>`` for the name of one of the model's emotions.
    meaning : what it says, in one or two sentences.
    unit : unit, ``"-"`` where it has none.
    range : smallest and largest value, or the possible texts.
    source : the step of the method, formula or paper it comes from.
    decimals : digits after the point that are written; None for text and whole numbers.
    """

    table: str
    name: str
    meaning: str
    unit: str
    range: str
    source: str
    decimals: int | None = None

    def matches(self, name: str) -> bool:
        """Whether `name` is this column or one of the family."""
        pattern = re.escape(self.name)
        for placeholder, texts in _PLACEHOLDERS.items():
            pattern = pattern.replace(re.escape(placeholder), texts)
        return re.fullmatch(pattern, name) is not None


def _table(table: str, rows: Iterable[tuple[str, str, str, str, str]]) -> tuple[Column, ...]:
    return tuple(Column(table, *row) for row in rows)


_LABELLED = "It is how people labelled FER2013's images, not what somebody feels."


def _emotions(prefix: str, when: str) -> list[tuple[str, str, str, str, str]]:
    confidence = "emotion_confidence" if prefix == "emotion_" else "confidence"
    return [
        ("emotion", f"The most probable label of the face. {_LABELLED}", "-", "an emotion of the model", when),
        (confidence, "Probability of that label.", "-", "0 .. 1", when),
        (f"{prefix}<emotion>", "Probability of the label <emotion>; all of them sum to 1.", "-", "0 .. 1", when),
    ]


_ACTION_UNITS = _table(
    "action_units",
    [
        ("video", "Name of the video, unique in the run.", "-", "text", "file name without its ending"),
        ("frame", "Number of the frame in the video; each decoded frame has its rows.", "-", "1 ...", "decoder"),
        (
            "face_id",
            "Number of the face, followed through the video; empty without a face.",
            "-",
            "0 ...",
            "face follower",
        ),
        (
            "timestamp",
            "Presentation time of the frame; the first may be above 0.",
            "s",
            "0 ...",
            "the container's time stamps",
        ),
        ("confidence", "How sure the face follower is; 0 without a face.", "-", "0 .. 1", "face follower"),
        ("success", "1 if a face was found and measured in this frame, else 0.", "-", "0, 1", "face follower"),
        (
            "pose_Rx",
            "Head pitch: rotation about the image's horizontal axis.",
            "rad",
            "-pi .. pi",
            "from the landmarks; OpenFace's signs",
        ),
        (
            "pose_Ry",
            "Head yaw: rotation about the image's vertical axis.",
            "rad",
            "-pi .. pi",
            "from the landmarks; OpenFace's signs",
        ),
        (
            "pose_Rz",
            "Head roll: rotation about the axis into the image.",
            "rad",
            "-pi .. pi",
            "from the landmarks; OpenFace's signs",
        ),
        (
            "x_<i>",
            "Landmark <i>, from the left edge of the upright image; iBUG's order of 68 points.",
            "px",
            "may lie outside the image",
            "landmark model",
        ),
        (
            "y_<i>",
            "Landmark <i>, from the top edge of the upright image.",
            "px",
            "may lie outside the image",
            "landmark model",
        ),
        (
            "AU<nn>_r",
            "Intensity of action unit <nn>; empty without a face. Steadied with the frames just before "
            "and after. With --baseline, above the resting face. "
            "AU15, 17, 18, 20 and 28 of the embedded model are experimental: their pseudo-labels are weak.",
            "FACS intensity (0 absent, 1 A ... 5 E)",
            "0 .. 5",
            "regression on LBP, HOG and landmarks (after Werner et al. 2015)",
        ),
        *_emotions("emotion_", "--emotion; empty without a face"),
    ],
)

_OF_STILLS = {
    "AU<nn>_r": "Intensity of action unit <nn>; empty without a face. "
    "AU15, 17, 18, 20 and 28 of the embedded model are experimental: their pseudo-labels are weak.",
}
_STILLS = (
    Column("stills", "input", "The image, as it was named or found in the folder.", "-", "text", "file"),
    Column("stills", "face_id", "Number of the face in the image; empty without a face.", "-", "0 ...", "--faces"),
    Column("stills", "confidence", "That the landmarks lie on an unhidden face; 0 without a face.", "-", "0 .. 1",
           "landmark model"),
    Column("stills", "success", "1 if a face was found and measured in this image, else 0.", "-", "0, 1",
           "face search"),
    *(
        replace(column, table="stills", meaning=_OF_STILLS.get(column.name, column.meaning))
        for column in _ACTION_UNITS
        if column.name.startswith(("pose_", "x_", "y_", "AU"))
    ),
)  # fmt: skip

_ABOUT = [
    ("video", "Name of the video, as in the action-unit table.", "-", "text", "action-unit table"),
    ("face_id", "Number of the face, as in the action-unit table.", "-", "0 ...", "action-unit table"),
    ("subject", "Who is shown; empty if unknown.", "-", "text", "--metadata"),
    ("emotion", "Emotion shown; empty if unknown.", "-", "text", "--metadata"),
    ("label", "Whether the emotion is felt or posed; empty if unknown.", "-", "real, fake", "--metadata"),
]

_OF_SIGNAL = {
    "value": ("AU<nn>'s smoothed intensity", "intensity", "0 .. 5"),
    "speed": ("AU<nn>'s speed (smoothed first difference at 100 Hz)", "intensity / 0.01 s", "any"),
    "acceleration": ("AU<nn>'s acceleration (smoothed first difference of speed)", "intensity / (0.01 s)^2", "any"),
}
# Statistic -> (what, unit, range); None where the signal's own unit or range holds.
_OF_STATISTIC: dict[str, tuple[str, str | None, str | None]] = {
    "mean": ("Mean m of", None, None),
    "median": ("Median of", None, None),
    "min": ("Minimum lo of", None, None),
    "max": ("Maximum hi of", None, None),
    "range": ("hi - lo of", None, "0 ..."),
    "std": ("Standard deviation (n - 1) of", None, "0 ..."),
    "iqr": ("25th to 75th percentile range of", None, "0 ..."),
    "idr": ("10th to 90th percentile range of", None, "0 ..."),
    "mad": ("Mean absolute deviation from m of", None, "0 ..."),
    "time_of_max": ("Time of the first maximum of", "s, the first sample being 0.01", "0.01 ..."),
    "time_above_mean": ("Share of the time above m of", "-", "0 .. 1"),
    "time_above_threshold": ("Share of the time above (lo + m) / 2 of", "-", "0 .. 1"),
    "segments_above_mean": ("Crossings of m, halved and rounded up, of", "count", "0 ..."),
    "segments_above_threshold": ("Crossings of (lo + m) / 2, halved and rounded up, of", "count", "0 ..."),
    "area": ("0.001 x sum(x - lo) of", None, "0 ..."),
    "area_normalised": ("0.01 x sum(x - lo) / (hi - lo); 0 if constant; of", "s", "0 ..."),
    "max_minus_first_mean_crossing": (
        "Time from the first crossing of m to the first maximum; 0 if constant; of",
        "s",
        "any",
    ),
}
_SAXEN = "Saxen et al. 2017"


def _statistics() -> Iterable[tuple[str, str, str, str, str]]:
    for signal in SIGNALS:
        series, signal_unit, signal_range = _OF_SIGNAL[signal]
        for statistic in STATISTICS:
            what, unit, limits = _OF_STATISTIC[statistic]
            unit = unit or (f"10 s x {signal_unit}" if statistic == "area" else signal_unit)
            yield f"AU<nn>_{signal}_{statistic}", f"{what} {series}.", unit, limits or signal_range, _SAXEN
    for statistic in SQUARED:
        unit = "s^2" if statistic == "area_normalised" else "unit of the statistic, squared"
        yield f"AU<nn>_value_{statistic}_squared", f"Square of AU<nn>_value_{statistic}.", unit, "0 ...", _SAXEN


_VIDEOS = _table(
    "videos",
    [
        ("video", "Name of the video, unique in the run.", "-", "text", "file name without its ending"),
        (
            "status",
            "Whether the video was used: failed ones could not be decoded or computed.",
            "-",
            "ok, failed, no_face",
            "run",
        ),
        (
            "reason",
            "Why it failed, why a face has no descriptors, or that the video ends too early; else empty.",
            "-",
            "text",
            "run",
        ),
        ("frames", "Decoded frames; the header's count is not trusted.", "count", "0 ...", "decoder"),
        ("frames_with_face", "Frames in which at least one face was found.", "count", "0 .. frames", "face follower"),
        ("duration_s", "Frames divided by fps.", "s", "0 ...", "time stamps"),
        ("fps", "Mean frame rate: (frames - 1) / (last - first time stamp).", "Hz", "0 ...", "time stamps"),
        (
            "blinks",
            "Blinks counted in AU45 of the face seen longest; empty if the model has no AU45.",
            "count",
            "0 ...",
            "AU45 series",
        ),
        ("blink_rate_hz", "Those blinks per second in which that face was found.", "Hz", "0 ...", "AU45 series"),
        ("sha256", "Hash of the video's content.", "-", "64 hexadecimal digits", "file"),
        (
            "main_emotion",
            f"The most probable label of most frames with a face. {_LABELLED}",
            "-",
            "an emotion of the model",
            "--emotion",
        ),
        ("main_emotion_share", "Share of the frames with a face that have it.", "-", "0 .. 1", "--emotion"),
    ],
)

_PREDICTIONS = _table(
    "predictions",
    [
        ("model", "Which model decided.", "-", "rank-svm, lightgbm, svm ...", "--model"),
        ("video", "Name of the video, as in the descriptor table.", "-", "text", "descriptor table"),
        ("partner", "Videos it was compared with, `;` between them; empty without one.", "-", "text", "pairs"),
        ("subject", "Who is shown; empty if unknown.", "-", "text", "descriptor table or pairs"),
        ("emotion", "Emotion shown; empty if unknown.", "-", "text", "descriptor table or pairs"),
        ("emotion_source", "Where the emotion comes from.", "-", "text", "given or predicted"),
        ("label", "What is known to be true; empty if unknown.", "-", "real, fake", "descriptor table or pairs"),
        ("score", "Mean score over all pairs of the video; above 0 speaks for real.", "-", "any", _SAXEN),
        ("decision", "Split of the scores at the median of its group.", "-", "real, fake, undecided", _SAXEN),
        ("probability", "Probability that the video is the real one.", "-", "0 .. 1", "calibrated score"),
        (
            "fold",
            "Fold in which the video's person was held out; empty outside an evaluation.",
            "-",
            "0 ...",
            "evaluation",
        ),
        ("note", "Why the video was scored otherwise, or not; else empty.", "-", "text", "run"),
    ],
)

_EMOTIONS = _table(
    "emotions",
    [
        ("input", "The image, as it was named or found in the folder; the video.", "-", "text", "file"),
        ("frame", "Number of the frame in the video; empty for an image.", "-", "1 ...", "decoder"),
        (
            "timestamp",
            "Presentation time of the frame; empty for an image.",
            "s",
            "0 ...",
            "the container's time stamps",
        ),
        (
            "face_id",
            "Number of the face in the image or video; empty for a frame without a face.",
            "-",
            "0 ...",
            "--faces",
        ),
        (
            "found",
            "1 if a face was found; 0 in an image: the place where the face of a tight crop usually is was looked at; "
            "0 in a frame: the following cells are empty.",
            "-",
            "0, 1",
            "face search",
        ),
        *_emotions("p_", "emotion model"),
    ],
)

_FACS = "Ekman, Friesen & Hager 2002"
_EVENTS = _table(
    "events",
    [
        ("video", "Name of the video, as in the action-unit table.", "-", "text", "action-unit table"),
        ("face_id", "Number of the face, as in the action-unit table.", "-", "0 ...", "action-unit table"),
        ("action_unit", "FACS number of the action unit.", "-", "1 ...", "action-unit table"),
        ("letter", "FACS's letter for apex_intensity, rounded.", "-", "A trace ... E maximum", _FACS),
        ("onset_s", "Time of the first frame at or above the offset level.", "s", "0 ...", _FACS),
        ("apex_s", "Time of the strongest frame, the first of equals.", "s", "0 ...", _FACS),
        ("offset_s", "Time of the first frame below the offset level again; of the last frame with the face where "
         "offset_seen is 0.", "s", "0 ...", _FACS),
        ("duration_s", "offset_s - onset_s.", "s", "0 ...", _FACS),
        ("apex_intensity", "Intensity at the apex, above the resting face unless --baseline none.", "FACS intensity",
         "0 .. 5", "action-unit table"),
        ("mean_intensity", "Mean intensity from the onset to before the offset.", "FACS intensity", "0 .. 5",
         "action-unit table"),
        ("onset_frame", "Frame number of the onset, as the table counts.", "-", "as in the table", "action-unit table"),
        ("apex_frame", "Frame number of the apex.", "-", "as in the table", "action-unit table"),
        ("offset_frame", "Frame number of the offset.", "-", "as in the table", "action-unit table"),
        ("onset_seen", "1 if the face was there just before; else the movement may have begun earlier.", "-", "0, 1",
         "action-unit table"),
        ("offset_seen", "1 if the face was there just after; else the movement may have gone on.", "-", "0, 1",
         "action-unit table"),
    ],
)  # fmt: skip
EVENT_COLUMNS: tuple[str, ...] = tuple(column.name for column in _EVENTS)

_EXPLANATIONS = _table(
    "explanations",
    [
        ("input", "The image or video.", "-", "text", "file"),
        ("frame", "Number of the frame in the video; empty for an image.", "-", "1 ...", "--frame"),
        ("face_id", "Number of the face in the image or video.", "-", "0 ...", "--faces"),
        ("action_unit", "FACS number of the action unit.", "-", "1 ...", "--au"),
        ("against", "What the face is compared with: another frame or the average face.", "-", "frame, average",
         "--against"),
        ("against_frame", "Number of that frame; empty for the average face.", "-", "1 ...", "--against"),
        ("intensity", "Intensity in this frame by itself, not averaged with its neighbours.",
         "FACS intensity", "0 .. 5", "action-unit model"),
        ("against_intensity", "The same of what it is compared with.", "FACS intensity", "0 .. 5",
         "action-unit model"),
        ("score", "The intensity before it is limited to 0..5.", "FACS intensity", "any", "action-unit model"),
        ("against_score", "The same of what it is compared with.", "FACS intensity", "any", "action-unit model"),
        ("kind", "What was looked at: where the landmarks lie, gradients (HOG) or texture (LBP).", "-",
         "landmarks, gradients, texture", "features"),
        ("region", "Part of the face.", "-", "brows, eyes, nose, mouth, cheeks, chin, forehead, surroundings",
         "landmarks"),
        ("contribution", "What it adds; an explanation's contributions sum to score - against_score.",
         "FACS intensity", "any", "weight x difference (Lundberg & Lee 2017)"),
        ("picture", "File of the picture, beside the table.", "-", "text", "run"),
    ],
)  # fmt: skip
EXPLANATION_COLUMNS: tuple[str, ...] = tuple(column.name for column in _EXPLANATIONS)

COLUMNS: tuple[Column, ...] = (
    *_ACTION_UNITS,
    *_STILLS,
    *_table("descriptors", [*_ABOUT, *_statistics()]),
    *_VIDEOS,
    *_PREDICTIONS,
    *_EMOTIONS,
    *_EVENTS,
    *_EXPLANATIONS,
)
"""Every column of every table, in the tables' order."""


def find_columns(name: str, columns: Sequence[Column] = COLUMNS) -> list[Column]:
    """Columns of a table, or every column called `name`, with its numbers filled in.

    Parameters
    ----------
    name : a table (``"videos"``, ``"videos.csv"``) or a column (``"AU12_r"``, ``"x_5"``, ``"AU12_speed_max"``).

    Returns
    -------
    list of Column
        Empty if there is no such table and no such column.

    Examples
    --------
    >>> find_columns("AU12_speed_max")[0].meaning
    "Maximum hi of AU12's speed (smoothed first difference at 100 Hz)."
    """
    table = name.removesuffix(".csv").removesuffix(".parquet").rstrip("/")
    if table in TABLES:
        return [column for column in columns if column.table == table]
    found = []
    for column in columns:
        if not column.matches(name):
            continue
        meaning = column.meaning
        for placeholder, texts in _PLACEHOLDERS.items():
            if placeholder in column.name:
                before = column.name.index(placeholder)
                text = re.match(texts, name[before:])[0]
                meaning = meaning.replace(placeholder, text)
        found.append(replace(column, name=name, meaning=meaning))
    return found


def as_records(columns: Iterable[Column]) -> list[dict[str, str]]:
    """Columns as dictionaries, for CSV and JSON."""
    return [asdict(column) for column in columns]


def as_markdown(columns: Sequence[Column] = COLUMNS) -> str:
    """Columns as Markdown, one section and one table per output table."""
    parts = [
        "# What the columns mean\n\n`facs columns --format markdown` writes this page. `<nn>` is an action unit's "
        "number, `<i>` a landmark's, `<emotion>` one of the model's; m, lo and hi are a series' mean, minimum and "
        "maximum.\n"
    ]
    for table, where in TABLES.items():
        rows = [column for column in columns if column.table == table]
        if not rows:
            continue
        parts.append(f"## {table}\n\n{where}\n\n| column | meaning | unit | range | source |\n|---|---|---|---|---|")
        for row in rows:
            # Outside code spans Markdown would take <i> and <nn> for HTML.
            cells = [row.meaning, row.unit, row.range, row.source]
            cells = [cell.replace("<", "&lt;").replace("|", "&#124;") for cell in cells]
            parts.append(f"| `{row.name}` | {' | '.join(cells)} |")
        parts[-1] += "\n"
    return "\n".join(parts)


def emotion_columns(emotions: Sequence[str]) -> list[Column]:
    """The columns that a model of these emotions adds to action-unit tables; none for no emotions."""
    if not emotions:
        return []
    by_name = {column.name: column for column in COLUMNS if column.table == "action_units"}
    family = by_name["emotion_<emotion>"]
    of_each = [replace(family, name=f"emotion_{emotion}", decimals=4) for emotion in emotions]
    return [by_name["emotion"], replace(by_name["emotion_confidence"], decimals=4), *of_each]
