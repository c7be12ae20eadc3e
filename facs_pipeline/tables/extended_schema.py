"""Schema of ``descriptors.csv`` with ``--descriptor-set extended``: each family of columns in words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from facs_pipeline.dynamics.coordination import TOGETHER
from facs_pipeline.dynamics.extended import IN_STEP, RECORDING, WHERE
from facs_pipeline.dynamics.phases import PHASES
from facs_pipeline.dynamics.time_scales import LEVELS, MOVEMENTS, SCALES_MS, SHAPES
from facs_pipeline.tables.column import Column, TableSchema
from facs_pipeline.tables.video_schemas import DESCRIPTORS

_column = partial(Column, "extended_descriptors")
_OF_SERIES = "unit of the series"
_PLAIN = "action units, landmarks"
_TIMING = "Schmidt et al. 2006, Dibeklioglu et al. 2015"
_SMOOTH = "Balasubramanian et al. 2012"
_SIDES = "Ekman et al. 1981, Cohn and Schmidt 2004"

# Statistic -> its meaning, unit and range.
_LEVEL = {
    "mean": ("Mean of {}.", _OF_SERIES, "any"),
    "p05": ("5th percentile of {}.", _OF_SERIES, "any"),
    "p25": ("25th percentile of {}.", _OF_SERIES, "any"),
    "median": ("Median of {}.", _OF_SERIES, "any"),
    "p75": ("75th percentile of {}.", _OF_SERIES, "any"),
    "p95": ("95th percentile of {}.", _OF_SERIES, "any"),
    "above_rest": ("Mean of {} minus its mean in the calmest tenth of the clip.", _OF_SERIES, "any"),
    "skewness": ("How much farther the 95th than the 5th percentile lies from the median of {}, over their distance.",
                 "-", "-1 .. 1"),
    "middle_share": ("Distance of the 25th and 75th percentile of {} over that of the 5th and 95th.", "-", "0 .. 1"),
}  # fmt: skip
_MOVEMENT = {
    "sd": ("Standard deviation of {}", _OF_SERIES, "0 ..."),
    "speed_mean": ("Mean amount of the speed of {}", f"{_OF_SERIES} / s", "0 ..."),
    "speed_p05": ("5th percentile of the speed of {}: how fast it falls", f"{_OF_SERIES} / s", "any"),
    "speed_p95": ("95th percentile of the speed of {}: how fast it rises", f"{_OF_SERIES} / s", "any"),
    "speed_balance": ("Logarithm of the rising over the falling speed of {}, 95th and 5th percentile", "-", "any"),
    "acceleration_p95": ("95th percentile of the amount of the acceleration of {}", f"{_OF_SERIES} / s^2", "0 ..."),
    "roughness": ("Standard deviation of the acceleration over that of the speed of {}: high where it is not smooth",
                  "1 / s", "0 ..."),
}  # fmt: skip
_WEIGHTED = "mean weighted by squared amplitude"
_PHASE = {
    "amplitude": ("Amplitude of the largest {} of <signal>.", _OF_SERIES, "0 ..."),
    "duration_s": (f"Duration of the {{}}s of <signal>, {_WEIGHTED}.", "s", "0 ..."),
    "peak_speed": (f"Peak speed of the {{}}s of <signal>, {_WEIGHTED}.", f"{_OF_SERIES} / s", "0 ..."),
    "acceleration": (f"Peak acceleration of the {{}}s of <signal>, {_WEIGHTED}.", f"{_OF_SERIES} / s^2", "0 ..."),
    "evenness": (f"Mean over peak speed of the {{}}s of <signal>, {_WEIGHTED}.", "-", "0 ..."),
}
_OF_BOTH_PHASES = {
    "onset_to_offset_amplitude": ("Logarithm of onset over offset amplitude of <signal>.", "-", "any", _TIMING),
    "onset_to_offset_duration": ("Logarithm of onset over offset duration of <signal>.", "-", "any", _TIMING),
    "onset_to_offset_speed": ("Logarithm of onset over offset peak speed of <signal>.", "-", "any", _TIMING),
    "apexes_per_s": ("Onsets of <signal> per second, small ones counting less.", "1 / s", "0 ...", _TIMING),
    "onset_jerk": ("Logarithm of the dimensionless jerk of <signal>'s largest onset: high where it is not smooth.",
                   "-", "0 ...", _SMOOTH),
    "onset_arc_length": ("Spectral arc length of the speed of <signal>'s largest onset.", "-", "0 ...", _SMOOTH),
}  # fmt: skip
_TOGETHER = {
    "correlation": ("Correlation of <pair>.", "-", "-1 .. 1"),
    "lead_s": ("By how many seconds the first of <pair> is ahead.", "s", "-0.5 .. 0.5"),
    "amplitude_ratio": ("Logarithm of the standard deviations' ratio of <pair>.", "-", "any"),
}
_IN_STEP = {
    "correlation": ("Correlation of the head's <angle> with the mean intensity.", "-", "-1 .. 1"),
    "slope": ("Change of the head's <angle> with the mean intensity.", "degrees / intensity", "any"),
    "speed_correlation": ("Correlation of the <angle>'s amount of speed with that of all action units.", "-",
                          "-1 .. 1"),
}  # fmt: skip
_WHERE = {
    "time_of_max": ("When <signal> is highest, as a share of the clip.", "-", "0 .. 1"),
    "end_minus_start": ("Mean of <signal> in the last third of the clip minus that in the first.", _OF_SERIES, "any"),
}
_RECORDING = {
    "recording_duration_s": ("Duration of the frames from the face's first to its last.", "s", "0 ..."),
    "recording_frames": ("Number of these frames.", "count", "0 ..."),
    "recording_frame_rate_hz": ("Their mean rate.", "Hz", "0 ..."),
    "recording_face_share": ("Share of them that show the face.", "-", "0 .. 1"),
    "recording_face_size_px": ("Size of the face: root mean square distance of its landmarks from their middle.",
                               "px", "0 ..."),
    "recording_face_x_px": ("Middle of the landmarks, from the left.", "px", "any"),
    "recording_face_y_px": ("Middle of the landmarks, from the top.", "px", "any"),
}  # fmt: skip


def _plain(name: str, words: str) -> Iterator[Column]:
    """Statistics of a family of series."""
    for statistic in (*LEVELS, *SHAPES):
        meaning, unit, limits = _LEVEL[statistic]
        yield _column(f"{name}_{statistic}", "number", meaning.format(words), unit, limits, _PLAIN)
    for scale in SCALES_MS:
        for statistic in MOVEMENTS:
            meaning, unit, limits = _MOVEMENT[statistic]
            meaning = f"{meaning.format(words)}; smoothed by {scale} ms."
            yield _column(f"{name}_{statistic}_{scale}ms", "number", meaning, unit, limits, _PLAIN)


def _phases() -> Iterator[Column]:
    for name in PHASES:
        if name in _OF_BOTH_PHASES:
            meaning, unit, limits, source = _OF_BOTH_PHASES[name]
        else:
            phase, _, statistic = name.partition("_")
            meaning, unit, limits = _PHASE[statistic]
            meaning, source = meaning.format(phase), _TIMING
        yield _column(f"<signal>_{name}", "number", meaning, unit, limits, source)


EXTENDED_DESCRIPTORS = TableSchema.of(
    "extended_descriptors",
    "`descriptors.csv` of `--descriptor-set extended`: one row per video and face. `<signal>` is an action unit "
    "(`AU12`) or what landmarks show (`lip_corners_height`), in percent of the outer-eye distance, of both sides' mean "
    "or left minus right; `<pair>` two that are compared. A series' speed is per second.",
    1,
    (
        *DESCRIPTORS.columns[:5],
        *_plain("<signal>", "<signal>"),
        *_phases(),
        *(_column(f"<pair>_{name}", "number", *_TOGETHER[name], _SIDES) for name in TOGETHER),
        _column("face_synchrony", "number", "Mean correlation of any two action units.", "-", "-1 .. 1", _PLAIN),
        _column("face_first_component", "number", "Share of the first principal component of all action units.", "-",
                "0 .. 1", _PLAIN),
        _column("blinks_per_s", "number", "Blinks per second.", "1 / s", "0 ...", "AU45"),
        _column("blinks_in_movement", "number", "How much faster the face moves during blinks than on average.", "-",
                "-1 ...", "AU45"),
        *(_column(f"head_in_step_<angle>_{name}", "number", *_IN_STEP[name], "head pose") for name in IN_STEP),
        *_plain("head_<angle>", "the head's <angle>"),
        *(_column(f"clip_<signal>_{name}", "number", *_WHERE[name], _PLAIN) for name in WHERE),
        *(_column(name, "number", *_RECORDING[name], "frames, landmarks") for name in RECORDING),
    ),
)  # fmt: skip
