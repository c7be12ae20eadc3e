"""Agreement of results with coders, and of coders with each other: frames, intensities and events.

Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960. Byrt, Bishop
and Carlin, "Bias, prevalence and kappa", Journal of Clinical Epidemiology 46, 1993 (PABAK). Shrout and Fleiss,
"Intraclass correlations: uses in assessing rater reliability", Psychological Bulletin 86, 1979 (ICC(2,1)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from facs_pipeline.dynamics.quality import LOW_CONFIDENCE, stretches
from facs_pipeline.extraction.table_events import find_table_events
from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.foundation.tabular import read_number_table
from facs_pipeline.study.codes import Codes
from facs_pipeline.study.coding import UNSCORABLE, Annotation
from facs_pipeline.study.curves import Curves, read_curves
from facs_pipeline.study.results import StudyResults, StudyVideo
from facs_pipeline.study.signals import PRESENT

FACS = "facs"
"""Name of the results among the raters."""
MEASURES = {
    "agreement": "share of frames on which both agree",
    "kappa": "Cohen's kappa of frames",
    "pabak": "prevalence- and bias-adjusted kappa, 2 agreement - 1",
    "f1": "F1 of frames, the second rater against the first",
    "icc": "ICC(2,1) of intensities, 0 where the unit is not there",
    "event_f1": "F1 of movements that meet",
    "onset_difference_s": "mean onset of the second rater less that of the first, of movements that meet (s)",
}
"""Name of each measure -> in words."""
_BOTH, _FIRST, _SECOND, _NONE, _MET, _EVENTS_A, _EVENTS_B, _ONSETS, _N, _X, _Y, _XX, _YY, _XY = range(14)


@dataclass(frozen=True)
class AgreementOptions:
    """How raters are compared; the defaults are those of ``facs agree``.

    Attributes
    ----------
    aus : tuple of int
        Action units; none for all that were coded.
    tolerance_s : float
        Movements meet when they overlap, or are not farther apart than this.
    threshold : float, optional
        Intensity from which on the results count as present; by default their own columns ``AU.._c``, else 1.
    min_confidence : float
        0..1; frames in which the face is less sure are not compared.
    resamples, seed : int
        Of the intervals over videos.
    """

    aus: tuple[int, ...] = ()
    tolerance_s: float = 0.5
    threshold: float | None = None
    min_confidence: float = LOW_CONFIDENCE
    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tolerance_s < 0:
            raise ArgumentError(f"{self.tolerance_s:g} s: expected 0 s or more", "tolerance")


@dataclass(frozen=True)
class Agreement:
    """What came out.

    Attributes
    ----------
    table : DataFrame
        A row for each two raters and action unit: ``videos``, ``frames``, how often each has it, and `MEASURES` with
        the ends of their intervals over videos.
    videos : DataFrame
        The same for each video, without intervals.
    disagreements : DataFrame
        A row for each stretch in which the results and a coder differ, the longest first.
    notes : tuple of str
    """

    table: pd.DataFrame
    videos: pd.DataFrame
    disagreements: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Rating:
    """One rater's word on one action unit of one video.

    Attributes
    ----------
    present, known : ndarray of bool
        Whether it is there `[n]`, and whether the rater could tell.
    intensity : ndarray of float
        `[n]`, 0 where it is not there; NaN where it is and no intensity is given.
    events : list of tuple of float
        Onset and offset of its movements, in time stamps of the video.
    """

    present: np.ndarray
    known: np.ndarray
    intensity: np.ndarray
    events: list[tuple[float, float]]


def compare_with_codes(
    results: StudyResults, codes: Codes, options: AgreementOptions | None = None, progress: Progress = SILENT
) -> Agreement:
    """Compare results with what coders say, frame by frame and movement by movement, and coders with each other.

    Parameters
    ----------
    results : StudyResults
    codes : Codes
    options : AgreementOptions, optional
    progress : Progress
        Told of each video, and of tables that cannot be read.

    Raises
    ------
    InputError
        If nothing can be compared.

    Examples
    --------
    >>> results = read_results("results")  # doctest: +SKIP
    >>> codes = read_codes(["codes/"], [video.name for video in results.videos])  # doctest: +SKIP
    >>> compare_with_codes(results, codes).table[["signal", "kappa", "kappa_low", "kappa_high"]]  # doctest: +SKIP
    """
    options = options or AgreementOptions()
    coded = sorted({video for video, _ in codes.scored})
    rows: list[dict[str, object]] = []
    sums: list[np.ndarray] = []
    stretches_found: list[dict[str, object]] = []
    notes = list(codes.notes)
    with progress.task("videos", len(coded), "videos") as task:
        for name in coded:
            task.advance()
            video = results.video(name)
            try:
                curves = read_curves(video.its_table(), min_confidence=options.min_confidence)
                flags, movements = _flags(video), _movements(video, curves.face_id)
            except InputError as error:
                progress.fail(str(error))
                continue
            for au in _aus(codes, name, options):
                if au not in curves.aus:
                    continue
                ratings = {FACS: _of_results(curves, flags, movements.get(au, []), au, options)}
                for who in sorted(who for video_name, who in codes.scored if video_name == name):
                    if au in codes.scored[name, who]:
                        ratings[who] = coder_rating(codes.annotations, (name, who), au, curves, video.start_s)
                # The coder's word stands first: F1 is that of the results against it.
                for a, b in combinations([who for who in ratings if who != FACS] + [FACS], 2):
                    one = _compared(ratings[a], ratings[b], options.tolerance_s)
                    rows.append({"video": name, "rater_a": a, "rater_b": b, "signal": f"AU{au:02d}"})
                    sums.append(one)
                    if b == FACS:
                        found = _disagreements(ratings[a], ratings[b], curves, video.start_s)
                        stretches_found += [
                            {"video": name, "coder": a, "signal": f"AU{au:02d}", **row} for row in found
                        ]
    if not rows:
        raise InputError(f"{results.folder}: nothing to compare; no action unit that was coded has been measured")
    missing = sorted(
        {au for aus in codes.scored.values() for au in aus} - {int(str(row["signal"])[2:]) for row in rows}
    )
    if missing and not options.aus:
        notes.append(f"coded, but not measured: {', '.join(f'AU{au:02d}' for au in missing)}")
    videos = pd.DataFrame(rows)
    stacked = np.array(sums)
    table = _over_videos(videos, stacked, options)
    if table["videos"].max() < 2:
        notes.append("one video only: no intervals")
    videos = videos.join(pd.DataFrame(_facts(stacked))).join(pd.DataFrame(_measures(stacked)))
    disagreements = pd.DataFrame(stretches_found, columns=["video", "coder", "signal", *_DISAGREEMENT])
    disagreements = disagreements.sort_values("seconds", ascending=False, kind="stable").reset_index(drop=True)
    return Agreement(table, videos, disagreements, tuple(notes))


_DISAGREEMENT = ("begin_s", "end_s", "seconds", "frame", "coder_says", "facs_says", "intensity")


def _aus(codes: Codes, video: str, options: AgreementOptions) -> list[int]:
    scored = {au for (name, _), aus in codes.scored.items() if name == video for au in aus}
    return sorted(scored & set(options.aus) if options.aus else scored)


def _flags(video: StudyVideo) -> pd.DataFrame:
    """The columns ``AU.._c`` of the face that is seen longest, where the table has them."""

    def wanted(name: str) -> bool:
        return name in ("face_id", "frame") or (name[:2] == "AU" and name[4:] == "_c")

    return read_number_table(video.its_table(), wanted)


def _movements(video: StudyVideo, face_id: str) -> dict[int, list[tuple[float, float]]]:
    """Action unit -> onset and offset of each movement, as ``facs events`` finds them."""
    found: dict[int, list[tuple[float, float]]] = {}
    for face in find_table_events([video.its_table()]).faces:
        if face.series.face_id == face_id:
            for au, event in face.events:
                found.setdefault(au, []).append((event.onset_s, event.offset_s))
    return found


def _of_results(
    curves: Curves, flags: pd.DataFrame, events: list[tuple[float, float]], au: int, options: AgreementOptions
) -> Rating:
    k = curves.aus.index(au)
    values = curves.values[:, k]
    known = np.isfinite(values)
    column = f"AU{au:02d}_c"
    if options.threshold is None and column in flags and "frame" in flags:
        own = flags[flags["face_id"] == float(curves.face_id)] if "face_id" in flags else flags
        present = own.set_index("frame")[column].reindex(curves.frames).to_numpy(float) == 1
    else:
        present = np.nan_to_num(values) >= (PRESENT if options.threshold is None else options.threshold)
    return Rating(present & known, known, np.where(known, values, 0.0), events)


def coder_rating(
    annotations: Sequence[Annotation], of: tuple[str, str], au: int, curves: Curves, start_s: float
) -> Rating:
    """What a coder says of one action unit in each frame of a video.

    Parameters
    ----------
    annotations : sequence of Annotation
    of : tuple of str
        Video and coder.
    au : int
    curves : Curves
        The video's frames.
    start_s : float
        Time stamp at which players begin.
    """
    n = len(curves.times_s)
    present, known, graded = np.zeros(n, bool), np.ones(n, bool), np.zeros(n)
    events: list[tuple[float, float]] = []
    for one in annotations:
        if (one.video, one.coder) != of or one.au not in (au, UNSCORABLE):
            continue
        begin, end = (_as_stamp(moment, one.clock, curves, start_s) for moment in (one.begin, one.end))
        # A moment without a length is one frame.
        inside = (curves.times_s >= begin - 1e-6) & (curves.times_s < max(end, begin + curves.step_s) - 1e-6)
        if one.au == UNSCORABLE or not one.known:
            known &= ~inside
            continue
        present |= inside
        graded[inside] = np.fmax(graded[inside], one.intensity)
        events.append((begin, end))
    # Codes that never have an intensity hold no more than that a unit is there.
    grades = any(one.au == au and one.coder == of[1] and np.isfinite(one.intensity) for one in annotations)
    graded = np.where(present | (not grades), np.where(graded > 0, graded, np.nan), 0.0)
    return Rating(present & known, known, graded, _joined(events, curves.step_s))


def _as_stamp(moment: float, clock: str, curves: Curves, start_s: float) -> float:
    if clock == "frame":
        return (
            float(np.interp(moment, curves.frames, curves.times_s))
            + max(0.0, moment - curves.frames[-1]) * curves.step_s
        )
    return moment + (start_s if clock == "start" else 0.0)


def _joined(events: list[tuple[float, float]], step_s: float) -> list[tuple[float, float]]:
    """Movements in their order; those that touch, such as two intensities or two sides of one, are one."""
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(events):
        if joined and begin <= joined[-1][1] + step_s / 2:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def _compared(a: Rating, b: Rating, tolerance_s: float) -> np.ndarray:
    """Sums of two ratings, from which every measure follows; those of several videos are added."""
    both = a.known & b.known
    x, y = a.present[both], b.present[both]
    pairs = _met(a.events, b.events, tolerance_s)
    sums = np.zeros(14)
    sums[[_BOTH, _FIRST, _SECOND, _NONE]] = (x & y).sum(), (x & ~y).sum(), (~x & y).sum(), (~x & ~y).sum()
    sums[[_MET, _EVENTS_A, _EVENTS_B]] = len(pairs), len(a.events), len(b.events)
    sums[_ONSETS] = sum(b.events[j][0] - a.events[i][0] for i, j in pairs)
    graded = both & np.isfinite(a.intensity) & np.isfinite(b.intensity)
    u, v = a.intensity[graded], b.intensity[graded]
    sums[[_N, _X, _Y, _XX, _YY, _XY]] = len(u), u.sum(), v.sum(), (u * u).sum(), (v * v).sum(), (u * v).sum()
    return sums


def _met(
    a: Sequence[tuple[float, float]], b: Sequence[tuple[float, float]], tolerance_s: float
) -> list[tuple[int, int]]:
    """Pairs of movements that overlap or nearly do, each in one pair; the longest overlaps first."""
    near = [
        (min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]), i, j)
        for i in range(len(a))
        for j in range(len(b))
        if min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]) >= -tolerance_s
    ]
    pairs: list[tuple[int, int]] = []
    for _, i, j in sorted(near, key=lambda one: (-one[0], one[1], one[2])):
        if all(i != k and j != m for k, m in pairs):
            pairs.append((i, j))
    return pairs


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full(np.shape(a), np.nan), where=np.abs(b) > 1e-12)


def _facts(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    frames = sums[..., _BOTH] + sums[..., _FIRST] + sums[..., _SECOND] + sums[..., _NONE]
    return {
        "frames": frames.astype(int),
        "share_a": _ratio(sums[..., _BOTH] + sums[..., _FIRST], frames),
        "share_b": _ratio(sums[..., _BOTH] + sums[..., _SECOND], frames),
        "events_a": sums[..., _EVENTS_A].astype(int),
        "events_b": sums[..., _EVENTS_B].astype(int),
    }


def _measures(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    """`MEASURES` of sums `[.., 14]`; NaN where one is not defined, as kappa where neither ever differs from itself."""
    both, first, second, none = (sums[..., k] for k in (_BOTH, _FIRST, _SECOND, _NONE))
    n = both + first + second + none
    agree = _ratio(both + none, n)
    by_chance = _ratio((both + first) * (both + second) + (none + first) * (none + second), n * n)
    return {
        "agreement": agree,
        "kappa": _ratio(agree - by_chance, 1 - by_chance),
        "pabak": 2 * agree - 1,
        "f1": _ratio(2 * both, 2 * both + first + second),
        "icc": _icc_2_1(sums),
        "event_f1": _ratio(2 * sums[..., _MET], sums[..., _EVENTS_A] + sums[..., _EVENTS_B]),
        "onset_difference_s": _ratio(sums[..., _ONSETS], sums[..., _MET]),
    }


def _icc_2_1(sums: np.ndarray) -> np.ndarray:
    """(BMS - EMS) / (BMS + EMS + 2 (JMS - EMS) / n) of two raters, by mean squares between targets and raters."""
    n = sums[..., _N]
    mean_x, mean_y = _ratio(sums[..., _X], n), _ratio(sums[..., _Y], n)
    spread_x, spread_y = sums[..., _XX] - n * mean_x**2, sums[..., _YY] - n * mean_y**2
    together = sums[..., _XY] - n * mean_x * mean_y
    bms = _ratio(spread_x + spread_y + 2 * together, 2 * (n - 1))
    ems = _ratio(spread_x + spread_y - 2 * together, 2 * (n - 1))
    jms = n * (mean_x - mean_y) ** 2 / 2
    return _ratio(np.asarray(bms - ems), np.asarray(bms + ems + 2 * _ratio(np.asarray(jms - ems), n)))


def _over_videos(videos: pd.DataFrame, sums: np.ndarray, options: AgreementOptions) -> pd.DataFrame:
    rows = []
    for key, group in videos.groupby(["rater_a", "rater_b", "signal"], sort=True):
        of_group = sums[group.index]
        total = of_group.sum(axis=0)
        row: dict[str, object] = dict(zip(("rater_a", "rater_b", "signal"), key, strict=True)) | {"videos": len(group)}
        row |= {name: value.item() for name, value in _facts(total).items()}
        whole = _measures(total)
        draws = np.random.default_rng(options.seed).multinomial(
            len(group), np.full(len(group), 1 / len(group)), options.resamples
        )
        drawn = _measures(draws @ of_group)
        for name in MEASURES:
            row[name] = float(whole[name])
            values = drawn[name][np.isfinite(drawn[name])]
            low, high = np.percentile(values, [2.5, 97.5]) if len(group) > 1 and len(values) else (np.nan, np.nan)
            row |= {f"{name}_low": float(low), f"{name}_high": float(high)}
        rows.append(row)
    return pd.DataFrame(rows)


def _disagreements(coder: Rating, ours: Rating, curves: Curves, start_s: float) -> list[dict[str, object]]:
    """Stretches in which one says that the action unit is there, and the other that it is not."""
    both = coder.known & ours.known
    found: list[dict[str, object]] = []
    for there, coder_says in ((coder.present & ~ours.present, True), (ours.present & ~coder.present, False)):
        for first, last in stretches(there & both):
            inside = ours.intensity[first : last + 1]
            worst = first + int(inside.argmin() if coder_says else inside.argmax())
            begin, end = curves.times_s[first] - start_s, curves.times_s[last] + curves.step_s - start_s
            found.append({
                "begin_s": float(begin), "end_s": float(end), "seconds": float(end - begin),
                "frame": int(curves.frames[worst]), "coder_says": "there" if coder_says else "not there",
                "facs_says": "not there" if coder_says else "there", "intensity": float(ours.intensity[worst]),
            })  # fmt: skip
    return found
