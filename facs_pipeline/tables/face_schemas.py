"""Schemas of the tables whose rows are faces or what faces do: action units, emotions, events, explanations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from facs_pipeline.tables.column import Column, TableSchema, expand

N_POINTS = 68
_LABELLED = "It is how people labelled FER2013's images, not what somebody feels."
_NOT_CODED = "AU18, 26, 28 and 45 of the embedded model follow pseudo-labels, not codes by people."
_POSE = "from the landmarks; OpenFace's signs"

_JUDGED = "confidence model"
_CONFIDENT = (
    "Probability that the landmarks' mean error is below 5 % of the distance of the outer eye corners; 0 without a "
    "face."
)
_EMPTY = "empty without a face, and where its half of the face is trusted less than --least-confidence says"

_au = partial(Column, "action_units")
_TRUST = (
    _au("confidence_upper", "number", "The same probability of brows and eyes alone, and that they can be seen. Lower "
        "than --least-confidence, and action units 1, 2, 4, 5, 6, 7 and 45 are empty.", "-", "0 .. 1", _JUDGED, 4),
    _au("confidence_lower", "number", "The same probability of the mouth alone, and that it can be seen. Lower than "
        "--least-confidence, and all other action units are empty.", "-", "0 .. 1", _JUDGED, 4),
    _au("occluded", "text", "What hides the face: sunglasses, a mask, or something else over its upper or lower half; "
        "empty without a face.", "-", "no, sunglasses, upper, mask, lower; two with a space between", _JUDGED),
)  # fmt: skip
_PLACED = "from the landmarks, for a focal length of 500 px at 640 x 480 and eyes 90 mm wide; OpenFace's signs"
_MEASURED = (
    _au("pose_Tx", "number", "Where the head is: to the right of the camera's axis.", "mm", "any", _PLACED, 1),
    _au("pose_Ty", "number", "Where the head is: below the camera's axis.", "mm", "any", _PLACED, 1),
    _au("pose_Tz", "number", "Where the head is: away from the camera. A guess as long as the camera is unknown; it "
        "can be compared between frames.", "mm", "0 ..", _PLACED, 1),
    _au("pose_Rx", "number", "Head pitch: rotation about the image's horizontal axis.", "rad", "-pi .. pi", _POSE, 5),
    _au("pose_Ry", "number", "Head yaw: rotation about the image's vertical axis.", "rad", "-pi .. pi", _POSE, 5),
    _au("pose_Rz", "number", "Head roll: rotation about the axis into the image.", "rad", "-pi .. pi", _POSE, 5),
    _au("x_<i>", "number", "Landmark <i>, from the left edge of the upright image; iBUG's order of 68 points.", "px",
        "may lie outside the image", "landmark model", 3),
    _au("y_<i>", "number", "Landmark <i>, from the top edge of the upright image.", "px", "may lie outside the image",
        "landmark model", 3),
)  # fmt: skip
# Decimals: below a microsecond, a hundredth of a pixel and a thousandth of a degree there is noise only.
_intensity = partial(
    _au, "AU<nn>_r", "number", unit="FACS intensity (0 absent, 1 A ... 5 E)", range="0 .. 5",
    source="regression on LBP, HOG and landmarks (after Werner et al. 2015)", decimals=4,
)  # fmt: skip

_presence = partial(
    _au, "AU<nn>_c", "flag", unit="-", range="0, 1", optional=True,
    source="from which AU<nn>_r on coders say it is there; only where the model learnt from codes",
)  # fmt: skip

_SIDES = tuple(
    _au(
        f"AU<nn>{letter}_r", "number",
        f"Intensity of action unit <nn> on the person's own {side}; empty without a face. The mean of left and right "
        "is AU<nn>_r, unless one of them was limited.",
        "FACS intensity", "0 .. 5", "half the difference of both sides, learnt from a teacher, beside AU<nn>_r", 4,
        optional=True,
    )
    for letter, side in (("L", "left"), ("R", "right"))
)  # fmt: skip

_gaze = partial(
    _au, type="number", unit="rad", range="-pi .. pi", decimals=4, optional=True,
    source="head pose, and regression on small pictures of the eyes, learnt from a teacher; OpenFace's signs",
)  # fmt: skip
_GAZE = (
    _gaze("gaze_angle_x", meaning="Where the eyes look, across: 0 into the camera, above 0 to the right of the image. "
          "Coarse, off by some degrees; empty where the eyes are closed or hidden."),
    _gaze("gaze_angle_y", meaning="Where the eyes look, down: 0 into the camera, above 0 down. Likewise."),
)  # fmt: skip


def _label(names: tuple[str, str, str], source: str, *, optional: bool) -> tuple[Column, ...]:
    """The most probable emotion, its probability and each emotion's."""
    label, confidence, probability = names
    _emotion = partial(_au, source=source, optional=optional)
    return (
        _emotion(label, "text", f"The most probable label of the face. {_LABELLED}", "-", "an emotion of the model"),
        _emotion(confidence, "number", "Probability of that label.", "-", "0 .. 1", decimals=4),
        _emotion(probability, "number", "Probability of the label <emotion>; all of them sum to 1.", "-", "0 .. 1",
                 decimals=4),
    )  # fmt: skip


ACTION_UNITS = TableSchema(
    "action_units",
    "`action_units/<video>.csv` (or `.parquet`): one row per frame and face; a frame without a face is one row with "
    "`success` 0 and empty cells.",
    5,
    (
        _au("video", "text", "Name of the video, unique in the run.", "-", "text", "file name without its ending"),
        _au("frame", "integer", "Number of the frame in the video; each decoded frame has its rows.", "-", "1 ...",
            "decoder"),
        _au("face_id", "integer", "Number of the face, the same throughout the video; empty without a face.", "-",
            "0 ...", "face tracker"),
        _au("timestamp", "number", "Presentation time of the frame as the container has it; the first may be above 0: "
            "players show it less start_s of videos.csv.", "s", "0 ...",
            "the container's time stamps", 6),
        _au("confidence", "number", _CONFIDENT, "-", "0 .. 1", _JUDGED, 4),
        _au("success", "flag", "1 if a face was found and measured in this frame, else 0.", "-", "0, 1",
            "face tracker"),
        *_TRUST,
        *_MEASURED,
        _intensity(meaning=f"Intensity of action unit <nn>; {_EMPTY}. Smoothed over the frames just before "
                   f"and after. With --baseline, above the resting face. {_NOT_CODED}"),
        _presence(meaning="1 if action unit <nn> is there, else 0; empty where its intensity is. AU43 is eyes that "
                  "stay closed, by AU45, for more than half a second; up to that it is a blink. AU61 to 64 are eyes "
                  "turned in the head to the person's left, right, up and down: 12 degrees across, 6 up or down."),
        *_SIDES,
        *_GAZE,
        *_label(("emotion", "emotion_confidence", "emotion_<emotion>"), "--emotion; empty without a face",
                optional=True),
    ),
)  # fmt: skip

STILLS = TableSchema.of(
    "stills",
    "The table that `facs extract-stills` writes: one row per face of an image; an image without a face is one row "
    "with `success` 0 and empty cells.",
    5,
    (
        _au("input", "text", "The image, as it was named or found in the folder.", "-", "text", "file"),
        _au("face_id", "integer", "Number of the face in the image; empty without a face.", "-", "0 ...", "--faces"),
        _au("confidence", "number", _CONFIDENT, "-", "0 .. 1", _JUDGED, 4),
        _au("success", "flag", "1 if a face was found and measured in this image, else 0.", "-", "0, 1",
            "face search"),
        *_TRUST,
        *_MEASURED,
        _intensity(meaning=f"Intensity of action unit <nn>; {_EMPTY}. {_NOT_CODED}"),
        _presence(meaning="1 if action unit <nn> is there, else 0; empty where its intensity is."),
        *_SIDES,
    ),
)  # fmt: skip

EMOTIONS = TableSchema.of(
    "emotions",
    "The table that `facs predict-emotion` writes: one row per face of an image, and per frame and face of a video.",
    2,
    (
        _au("input", "text", "The image, as it was named or found in the folder; the video.", "-", "text", "file"),
        _au("frame", "integer", "Number of the frame in the video; empty for an image.", "-", "1 ...", "decoder"),
        _au("timestamp", "number", "Presentation time of the frame; empty for an image.", "s", "0 ...",
            "the container's time stamps", 6),
        _au("face_id", "integer", "Number of the face in the image or video; empty for a frame without a face.", "-",
            "0 ...", "--faces"),
        _au("found", "flag", "1 if a face was found. 0: emotion and confidence are empty; an image's probabilities "
            "are how frequent the emotions are in the model's training, a frame's are empty.", "-", "0, 1",
            "face search"),
        *_label(("emotion", "confidence", "p_<emotion>"), "emotion model", optional=False),
    ),
)  # fmt: skip

EMOTION_REASONS = TableSchema.of(
    "emotion_reasons",
    "`reasons.csv` of `facs predict-emotion --explain`: one row per explained face.",
    1,
    (
        _au("input", "text", "The image or video.", "-", "text", "file"),
        _au("frame", "integer", "Number of the frame in the video; empty for an image.", "-", "1 ...", "decoder"),
        _au("face_id", "integer", "Number of the face in the image or video.", "-", "0 ...", "--faces"),
        _au("picture", "text", "File of the picture, beside the table.", "-", "text", "run"),
        _au("method", "text", "How contributions were measured.", "-", "text", "emotion model"),
        _au("emotion", "text", "The most probable label of the face.", "-", "an emotion of the model",
            "emotion model"),
        _au("runner_up", "text", "The second most probable label, against which the first is explained.", "-",
            "an emotion of the model", "emotion model"),
        _au("reasons", "text", "What speaks for the label or against it, strongest first, `;` between.", "-", "text",
            "emotion model"),
    ),
)  # fmt: skip

_FACS = "Ekman, Friesen & Hager 2002"
_TABLE = "action-unit table"
EVENTS = TableSchema.of(
    "events",
    "The table that `facs events` writes: one row per movement of an action unit.",
    2,
    (
        _au("video", "text", "Name of the video, as in the action-unit table.", "-", "text", _TABLE),
        _au("face_id", "text", "The face, as in the action-unit table.", "-", "0 ..., or another table's name", _TABLE),
        _au("action_unit", "integer", "FACS number of the action unit.", "-", "1 ...", _TABLE),
        _au("letter", "text", "FACS's letter for apex_intensity, rounded.", "-", "A trace ... E maximum", _FACS),
        _au("onset_s", "number", "Time of the first frame at or above the offset level.", "s", "0 ...", _FACS, 4),
        _au("apex_s", "number", "Time of the strongest frame, the first of equals.", "s", "0 ...", _FACS, 4),
        _au("offset_s", "number", "Time of the first frame below the offset level again; of the last frame with the "
            "face where offset_seen is 0.", "s", "0 ...", _FACS, 4),
        _au("duration_s", "number", "offset_s - onset_s.", "s", "0 ...", _FACS, 4),
        _au("apex_intensity", "number", "Intensity at the apex, above the resting face unless --baseline none.",
            "FACS intensity", "0 .. 5", _TABLE, 3),
        _au("mean_intensity", "number", "Mean intensity from the onset to before the offset.", "FACS intensity",
            "0 .. 5", _TABLE, 3),
        _au("asymmetry", "number", "(left - right) / (left + right) of the intensities of both sides, summed from the "
            "onset to before the offset: 1 left only, -1 right only; empty without AU<nn>L_r and AU<nn>R_r.", "-",
            "-1 .. 1", _TABLE, 3),
        _au("onset_frame", "integer", "Frame number of the onset, as the table counts.", "-", "as in the table",
            _TABLE),
        _au("apex_frame", "integer", "Frame number of the apex.", "-", "as in the table", _TABLE),
        _au("offset_frame", "integer", "Frame number of the offset.", "-", "as in the table", _TABLE),
        _au("onset_seen", "flag", "1 if the face was there just before; else the movement may have begun earlier.",
            "-", "0, 1", _TABLE),
        _au("offset_seen", "flag", "1 if the face was there just after; else the movement may have gone on.", "-",
            "0, 1", _TABLE),
    ),
)  # fmt: skip

_MODEL = "action-unit model"
EXPLANATIONS = TableSchema.of(
    "explanations",
    "`explanations.csv` of `facs explain-au`: one row per explained action unit for each kind of number in each part "
    "of the face.",
    1,
    (
        _au("input", "text", "The image or video.", "-", "text", "file"),
        _au("frame", "integer", "Number of the frame in the video; empty for an image.", "-", "1 ...", "--frame"),
        _au("face_id", "integer", "Number of the face in the image or video.", "-", "0 ...", "--faces"),
        _au("action_unit", "integer", "FACS number of the action unit.", "-", "1 ...", "--au"),
        _au("against", "text", "What the face is compared with: another frame or the average face.", "-",
            "frame, average", "--against"),
        _au("against_frame", "integer", "Number of that frame; empty for the average face.", "-", "1 ...",
            "--against"),
        _au("intensity", "number", "Intensity in this frame by itself, not averaged with its neighbours.",
            "FACS intensity", "0 .. 5", _MODEL),
        _au("against_intensity", "number", "The same of what it is compared with.", "FACS intensity", "0 .. 5",
            _MODEL),
        _au("score", "number", "The intensity before it is limited to 0..5.", "FACS intensity", "any", _MODEL),
        _au("against_score", "number", "The same of what it is compared with.", "FACS intensity", "any", _MODEL),
        _au("kind", "text", "Kind of number: where the landmarks lie, gradients (HOG) or texture (LBP).", "-",
            "landmarks, gradients, texture", "features"),
        _au("region", "text", "Part of the face.", "-",
            "brows, eyes, nose, mouth, cheeks, chin, forehead, surroundings", "landmarks"),
        _au("contribution", "number", "What it adds; an explanation's contributions sum to score - against_score.",
            "FACS intensity", "any", "weight x difference (Lundberg & Lee 2017)"),
        _au("picture", "text", "File of the picture, beside the table.", "-", "text", "run"),
    ),
)  # fmt: skip


def face_columns(table: TableSchema, aus: Iterable[int]) -> list[Column]:
    """Columns of the table of action units, or of stills, for a model of these action units.

    >>> [column.name for column in face_columns(STILLS, [1, 12])][-2:]
    ['AU01_r', 'AU12_r']
    """
    always = (column for column in table.columns if not column.optional)
    return expand(always, {"<i>": range(N_POINTS), "<nn>": [f"{au:02d}" for au in aus]})


def presence_columns(table: TableSchema, aus: Iterable[int]) -> list[Column]:
    """Columns of whether an action unit is there, for those of which a model knows.

    >>> [column.name for column in presence_columns(STILLS, [1, 12])]
    ['AU01_c', 'AU12_c']
    """
    of_units = (column for column in table.extra if column.name.endswith("_c"))
    return expand(of_units, {"<nn>": [f"{au:02d}" for au in aus]})


def side_columns(table: TableSchema, aus: Iterable[int]) -> list[Column]:
    """Columns of both sides of action units that have two.

    >>> [column.name for column in side_columns(STILLS, [1, 12])]
    ['AU01L_r', 'AU01R_r', 'AU12L_r', 'AU12R_r']
    """
    left_and_right = [column for column in table.extra if column.name in {side.name for side in _SIDES}]
    return [column for au in aus for column in expand(left_and_right, {"<nn>": [f"{au:02d}"]})]


def emotion_columns(emotions: Sequence[str]) -> list[Column]:
    """Columns that a model of these emotions adds to the table of action units; none for no emotions.

    >>> [column.name for column in emotion_columns(["happy", "sad"])]
    ['emotion', 'emotion_confidence', 'emotion_happy', 'emotion_sad']
    """
    of_emotions = (column for column in ACTION_UNITS.extra if column.name.startswith("emotion"))
    return expand(of_emotions, {"<emotion>": emotions}) if emotions else []
