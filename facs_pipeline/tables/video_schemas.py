"""Schemas of the tables whose rows are videos or pairs of them: descriptors, results of a run, authenticity."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from facs_pipeline.dynamics.descriptors import SIGNALS, SQUARED, STATISTICS
from facs_pipeline.tables.column import Column, TableSchema

_SAXEN = "Saxen et al. 2017"
_LABELLED = "It is how people labelled FER2013's images, not what somebody feels."

_OF_SIGNAL = {
    "value": ("AU<nn>'s smoothed intensity", "intensity", "0 .. 5"),
    "speed": ("AU<nn>'s speed (smoothed first difference at 100 Hz)", "intensity / 0.01 s", "any"),
    "acceleration": ("AU<nn>'s acceleration (smoothed first difference of speed)", "intensity / (0.01 s)^2", "any"),
}
# Statistic -> its meaning, unit and range; None where the signal's own unit or range holds.
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


def _statistics() -> Iterator[Column]:
    """Columns of one action unit."""
    for signal in SIGNALS:
        series, signal_unit, signal_range = _OF_SIGNAL[signal]
        for statistic in STATISTICS:
            words, unit, limits = _OF_STATISTIC[statistic]
            unit = unit or (f"10 s x {signal_unit}" if statistic == "area" else signal_unit)
            yield Column(
                "descriptors", f"AU<nn>_{signal}_{statistic}", "number", f"{words} {series}.", unit,
                limits or signal_range, _SAXEN,
            )  # fmt: skip
    for statistic in SQUARED:
        unit = "s^2" if statistic == "area_normalised" else "unit of the statistic, squared"
        meaning = f"Square of AU<nn>_value_{statistic}."
        yield Column("descriptors", f"AU<nn>_value_{statistic}_squared", "number", meaning, unit, "0 ...", _SAXEN)


METADATA = (
    Column("descriptors", "subject", "text", "Who is shown; empty if unknown.", "-", "text", "--metadata"),
    Column("descriptors", "emotion", "text", "Emotion shown; empty if unknown.", "-", "text", "--metadata"),
    Column("descriptors", "label", "text", "Whether the emotion is felt or posed; empty if unknown.", "-",
           "real, fake", "--metadata"),
)  # fmt: skip
"""What only the user knows of a video."""

DESCRIPTORS = TableSchema(
    "descriptors",
    "`descriptors.csv`: one row per video and face.",
    1,
    (
        Column("descriptors", "video", "text", "Name of the video, as in the action-unit table.", "-", "text",
               "action-unit table"),
        Column("descriptors", "face_id", "text", "The face, as in the action-unit table.", "-",
               "0 ..., or another table's name", "action-unit table"),
        *METADATA,
        *_statistics(),
    ),
)  # fmt: skip

_video = partial(Column, "videos")
VIDEOS = TableSchema(
    "videos",
    "`videos.csv`: one row per video.",
    3,
    (
        _video("video", "text", "Name of the video, unique in the run.", "-", "text", "file name without its ending"),
        _video("status", "text", "Whether the video was used: failed ones could not be decoded or computed.", "-",
               "ok, failed, no_face", "run"),
        _video("reason", "text", "Why it failed, why a face has no descriptors, and what was corrected or is "
               "doubtful; else empty.", "-", "text", "run"),
        _video("frames", "integer", "Decoded frames; the header's count is not trusted.", "count", "0 ...",
               "decoder"),
        _video("frames_with_face", "integer", "Frames in which at least one face was found.", "count", "0 .. frames",
               "face tracker"),
        _video("duration_s", "number", "Frames divided by fps.", "s", "0 ...", "time stamps", 3),
        _video("fps", "number", "Mean frame rate: (frames - 1) / (last - first time stamp), without gaps of more "
               "than 10 s.", "Hz", "0 ...", "time stamps", 3),
        _video("start_s", "number", "Time stamp at which a player begins: it shows timestamp - start_s.", "s",
               "any", "container", 6),
        _video("blinks", "integer", "Blinks counted in AU45 of the face with the most frames; empty if the model has "
               "no AU45.", "count", "0 ...", "AU45 series"),
        _video("blink_rate_hz", "number", "Those blinks per second in which that face was found.", "Hz", "0 ...",
               "AU45 series", 4),
        _video("blink_rate_reliable", "flag", "Whether fps is at least 15; below, blinks fall between frames and the "
               "rate is too low. Empty where it is.", "-", "0, 1", "fps"),
        _video("sha256", "text", "Hash of the video's content.", "-", "64 hexadecimal digits", "file"),
        _video("verdict", "text", "Whether the video is good enough, by the limits of --quality.", "-",
               "use, check, leave out", "quality"),
        _video("verdict_reasons", "text", "Which measures are beyond which limits.", "-", "text", "quality"),
        _video("confidence_mean", "number", "Mean confidence of all faces.", "-", "0 .. 1", "face tracker", 4),
        _video("confidence_low_share", "number", "Share of the faces of a confidence below 0.5.", "-", "0 .. 1",
               "face tracker", 4),
        *(_video(f"confidence_{half}_{measure}", "number", f"The same of the {half} face; empty where it is not "
                 "measured.", "-", "0 .. 1", "face tracker", 4)
          for half in ("upper", "lower") for measure in ("mean", "low_share")),
        _video("face_width_px", "number", "Median width of the faces.", "px", "0 ...", "landmarks", 1),
        _video("turned_share", "number", "Share of the faces turned or nodding by more than 30 degrees.", "-", "0 .. 1",
               "head pose", 4),
        _video("sharpness", "number", "Standard deviation of the Laplacian over that of the grey levels, in the middle "
               "of the registered face, mean over faces; low where they are blurred.", "-", "0 ...",
               "registered face", 4),
        _video("brightness", "number", "Mean grey level there.", "grey level", "0 .. 255",
               "registered face", 1),
        _video("clipped_share", "number", "Mean share of pixels there that are black (8 and less) or white (247 and "
               "more).", "-", "0 .. 1", "registered face", 4),
        _video("faces", "integer", "Faces at once, at most.", "count", "0 ...", "face tracker"),
        _video("longest_gap_s", "number", "Longest time without a face.", "s", "0 ...", "face tracker", 3),
        _video("cuts", "integer", "How often the picture changes altogether.", "count", "0 ...", "face tracker"),
        _video("uneven_share", "number", "Share of the steps between frames that differ from the median step by more "
               "than half of it.", "-", "0 .. 1", "time stamps", 4),
        _video("usable_share", "number", "Share of the frames with a face of a confidence of at least 0.5 that is not "
               "turned by more than 30 degrees.", "-", "0 .. 1", "face tracker", 4),
        _video("worst_s", "number", "Time stamp in the middle of the longest stretch that is not usable, else of the "
               "least confidence.", "s", "any", "face tracker", 3),
        _video("main_emotion", "text", f"The most probable label of most frames with a face. {_LABELLED}", "-",
               "an emotion of the model", "--emotion", optional=True),
        _video("main_emotion_share", "number", "Share of the frames with a face that have it.", "-", "0 .. 1",
               "--emotion", 4, optional=True),
    ),
)  # fmt: skip

_prediction = partial(Column, "predictions")
PREDICTIONS = TableSchema(
    "predictions",
    "`predictions.csv` of `facs rank-authenticity`: one row per video and model.",
    2,
    (
        _prediction("model", "text", "Which model decided.", "-", "rank-svm, lightgbm, svm ...", "--model"),
        _prediction("video", "text", "Name of the video, as in the descriptor table.", "-", "text",
                    "descriptor table"),
        _prediction("partner", "text", "Videos it was compared with, `;` between them; empty without one.", "-",
                    "text", "pairs"),
        _prediction("subject", "text", "Who is shown; empty if unknown.", "-", "text", "descriptor table or pairs"),
        _prediction("emotion", "text", "Emotion shown; empty if unknown.", "-", "text", "descriptor table or pairs"),
        _prediction("emotion_source", "text", "Where the emotion comes from.", "-", "text", "given or predicted"),
        _prediction("label", "text", "What is known to be true; empty if unknown.", "-", "real, fake",
                    "descriptor table or pairs"),
        _prediction("score", "number", "Mean score over all pairs of the video; above 0 speaks for real.", "-", "any",
                    _SAXEN, 6),
        _prediction("decision", "text", "Split of the scores at the median of its group; cannot tell where the score "
                    "is nearer to 0 than --error-rate or --coverage allows.", "-",
                    "real, fake, undecided, cannot tell", _SAXEN),
        _prediction("probability", "number", "Probability that the video is the real one.", "-", "0 .. 1",
                    "calibrated score", 6),
        _prediction("probability_low", "number", "Lower end of its 95 % interval; empty in an evaluation.", "-",
                    "0 .. 1", "calibration on people drawn again", 4),
        _prediction("probability_high", "number", "Upper end of its 95 % interval; empty in an evaluation.", "-",
                    "0 .. 1", "calibration on people drawn again", 4),
        _prediction("note", "text", "Why the video was scored otherwise, or not; else empty.", "-", "text", "run"),
        _prediction("fold", "integer", "Fold in which the video's person was held out; only of an evaluation.", "-",
                    "0 ...", "evaluation", optional=True),
    ),
)  # fmt: skip

_reason = partial(Column, "reasons")
REASONS = TableSchema(
    "reasons",
    "`reasons.csv` of `facs rank-authenticity`: one row per pair and reason, strongest first.",
    1,
    (
        _reason("model", "text", "Which model decided.", "-", "rank-svm, lightgbm, svm ...", "--model"),
        _reason("video_a", "text", "Name of the pair's first video, A.", "-", "text", "pairs"),
        _reason("video_b", "text", "Name of the pair's second video, B.", "-", "text", "pairs"),
        _reason("reason", "text", "The difference between the two in words.", "-", "text", "descriptors"),
        _reason("column", "text", "The descriptor it is of.", "-", "a column of the descriptor table",
                "descriptor table"),
        _reason("value_a", "number", "The descriptor's value for A.", "as in the descriptor table", "any",
                "descriptor table"),
        _reason("value_b", "number", "The descriptor's value for B.", "as in the descriptor table", "any",
                "descriptor table"),
        _reason("contribution", "number", "Its part of the pair's score; above 0 speaks for A being real.", "-",
                "any", "weight x difference, or LightGBM's contributions"),
    ),
)  # fmt: skip

_subject = partial(Column, "subjects")
SUBJECTS = TableSchema(
    "subjects",
    "`subjects.csv` of `facs rank-authenticity`: one row per video, where no subjects were given; to be corrected.",
    1,
    (
        _subject("video", "text", "Name of the video, as in the descriptor table.", "-", "text", "descriptor table"),
        _subject("subject", "text", "Guess of who is shown; empty without a face.", "-", "face1 ...",
                 "clusters of faces"),
        _subject("emotion", "text", "Emotion shown; empty if unknown.", "-", "text", "descriptor table"),
        _subject("label", "text", "What is known to be true; empty if unknown.", "-", "real, fake",
                 "descriptor table"),
        _subject("confidence", "number", "How sure the guess is; 0.5 is no better than chance.", "-", "0 .. 1",
                 "distances between clusters", 3),
        _subject("most_similar", "text", "The video with the most similar face.", "-", "text", "clusters of faces"),
    ),
)  # fmt: skip

_mark = partial(Column, "marks")
MARKS = TableSchema(
    "marks",
    "`marks.csv` of `facs live --record`: one row per mark that was set, in the order in which they were set.",
    1,
    (
        _mark("timestamp", "number", "When, on the clock of the action-unit table's timestamp.", "s", "0 ...",
              "the camera's time stamps, and the time since the last one", 3),
        _mark("frame", "integer", "The frame of the recording that was shown then.", "-", "1 ...", "recording"),
        _mark("label", "text", "What was marked.", "-", "text", "whoever set it"),
    ),
)  # fmt: skip

_control = partial(Column, "controls")
CONTROLS = TableSchema(
    "controls",
    "`controls.csv` of `facs rank-authenticity --evaluate --controls`: one row per ranker and control.",
    1,
    (
        _control("model", "text", "Which ranker is controlled.", "-", "rank-svm, lightgbm, svm ...", "--model"),
        _control("control", "text", "What is given instead of the face, or changed.", "-", "text", "evaluation"),
        _control("kind", "text", "How it is tried.", "-", "alone, or text", "evaluation"),
        _control("n", "integer", "Pairs tried.", "count", "0 ...", "pairs"),
        _control("accuracy", "number", "Share of pairs right.", "-", "0 .. 1", "held-out people", 4),
        _control("low", "number", "Lower end of its 95 % interval.", "-", "0 .. 1", "bootstrap over people", 4),
        _control("high", "number", "Upper end of its 95 % interval.", "-", "0 .. 1", "bootstrap over people", 4),
        _control("compared_with", "number", "What it is to be compared with: chance, or the ranker on the same pairs "
                 "as they are.", "-", "0 .. 1", "evaluation", 4),
        _control("p", "number", "Share of random labellings at least as accurate; only of what is given alone.", "-",
                 "0 .. 1", "permutation", 4),
        _control("matched_accuracy", "number", "The ranker's share of pairs right, where as many count that the "
                 "control gets right as wrong, however sure it is; empty where it is at chance.", "-", "0 .. 1",
                 "stratified pairs", 4),
        _control("matched_low", "number", "Lower end of its 95 % interval.", "-", "0 .. 1", "bootstrap over people", 4),
        _control("matched_high", "number", "Upper end of its 95 % interval.", "-", "0 .. 1", "bootstrap over people",
                 4),
        _control("gain", "number", "What the ranker gains from it: accuracy on these pairs minus matched_accuracy.",
                 "-", "-1 .. 1", "stratified pairs", 4),
        _control("verdict", "text", "The result in words.", "-", "text", "evaluation"),
    ),
)  # fmt: skip
