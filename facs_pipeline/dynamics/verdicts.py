"""Which videos to trust: limits of the measures of quality, all in one place, and the verdict by them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.regular import read_whole

Verdict = Literal["use", "check", "leave out"]
VERDICTS: tuple[Verdict, ...] = ("use", "check", "leave out")


class _Rule(NamedTuple):
    """What a limit is of, and how a value beyond it is told."""

    words: str
    share: bool = False
    unit: str = ""


_RULES = {
    "usable_share": _Rule("usable frames", share=True),
    "confidence_mean": _Rule("mean confidence"),
    "confidence_low_share": _Rule("faces of low confidence", share=True),
    "confidence_upper_low_share": _Rule("faces whose upper half is uncertain", share=True),
    "confidence_lower_low_share": _Rule("faces whose lower half is uncertain", share=True),
    "face_width_px": _Rule("width of the face", unit=" px"),
    "turned_share": _Rule("faces turned beyond 30 degrees", share=True),
    "sharpness": _Rule("sharpness"),
    "brightness": _Rule("brightness of the face"),
    "clipped_share": _Rule("black or white pixels of the face", share=True),
    "faces": _Rule("faces at once"),
    "longest_gap_s": _Rule("longest time without a face", unit=" s"),
    "cuts": _Rule("cuts"),
    "uneven_share": _Rule("uneven steps between frames", share=True),
    "fps": _Rule("frames a second"),
    "duration_s": _Rule("duration", unit=" s"),
}
_CHECK = {
    "usable_share_min": 0.8,
    "confidence_mean_min": 0.7,
    "confidence_low_share_max": 0.2,
    "confidence_upper_low_share_max": 0.3,
    "confidence_lower_low_share_max": 0.3,
    "face_width_px_min": 60.0,
    "turned_share_max": 0.2,
    "sharpness_min": 0.25,
    "brightness_min": 50.0,
    "brightness_max": 215.0,
    "clipped_share_max": 0.15,
    "faces_max": 1.0,
    "longest_gap_s_max": 2.0,
    "cuts_max": 0.0,
    "uneven_share_max": 0.1,
    "fps_min": 15.0,
}
_LEAVE_OUT = {
    "usable_share_min": 0.5,
    "confidence_mean_min": 0.4,
    "face_width_px_min": 30.0,
    "brightness_min": 20.0,
    "clipped_share_max": 0.5,
    "fps_min": 5.0,
}


@dataclass(frozen=True)
class QualityLimits:
    """Limits of the measures; a value beyond one of `leave_out` is worse than one beyond `check`.

    Attributes
    ----------
    check, leave_out : dict of str to float
        A column of ``videos.csv`` with ``_min`` or ``_max`` behind it -> the least or largest value that passes.

    Examples
    --------
    >>> limits = QualityLimits()
    >>> limits.verdict({"usable_share": 0.62, "faces": 1})
    ('check', ['usable frames 62 % (expected at least 80 %)'])
    """

    check: Mapping[str, float] = field(default_factory=lambda: dict(_CHECK))
    leave_out: Mapping[str, float] = field(default_factory=lambda: dict(_LEAVE_OUT))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> QualityLimits:
        """Limits from a TOML file with the tables ``[check]`` and ``[leave_out]``; what it does not name stays.

        Raises
        ------
        InputError
            If it cannot be read, or names another measure, or a limit is no number. ``false`` removes a limit.
        """
        path = Path(path)
        try:
            content = tomllib.loads(read_whole(path).decode())
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: not a TOML file that can be read ({error})") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        unknown = [name for name in content if name not in ("check", "leave_out")]
        if unknown:
            raise InputError(f"{path}: unknown table [{unknown[0]}]; expected [check] and [leave_out]")
        return cls(
            _changed(path, "check", _CHECK, content.get("check", {})),
            _changed(path, "leave_out", _LEAVE_OUT, content.get("leave_out", {})),
        )

    def verdict(self, measured: Mapping[str, float | None], status: str = "ok") -> tuple[Verdict, list[str]]:
        """Verdict and its reasons in words.

        Parameters
        ----------
        measured : mapping of str to float or None
            Columns of ``videos.csv``; what is missing or None passes.
        status : str
            As in ``videos.csv``; a video that failed or shows no face is left out.
        """
        if status in ("failed", "no_face"):
            return "leave out", ["no face was found" if status == "no_face" else "it failed"]
        found: Verdict = "use"
        reasons = []
        beyond = {
            key: verdict
            for verdict, limits in (("check", self.check), ("leave out", self.leave_out))
            for key, limit in limits.items()
            if _beyond(measured, key, limit)
        }
        for key, verdict in beyond.items():
            limit = (self.leave_out if verdict == "leave out" else self.check)[key]
            reasons.append(_in_words(measured, key, limit))
            found = "leave out" if "leave out" in (verdict, found) else "check"
        return found, reasons

    def as_toml(self) -> str:
        """The limits as a file that `read` reads."""
        lines = []
        for name, limits in (("check", self.check), ("leave_out", self.leave_out)):
            lines += [f"[{name}]", *(f"{key} = {value:g}" for key, value in limits.items()), ""]
        return "\n".join(lines)


def _split(key: str) -> tuple[str, str]:
    measure, _, side = key.rpartition("_")
    return measure, side


def _beyond(measured: Mapping[str, float | None], key: str, limit: float) -> bool:
    measure, side = _split(key)
    value = measured.get(measure)
    if value is None:
        return False
    return value < limit if side == "min" else value > limit


def _in_words(measured: Mapping[str, float | None], key: str, limit: float) -> str:
    measure, side = _split(key)
    rule = _RULES[measure]
    value, bound = (
        f"{100 * number:.0f} %" if rule.share else f"{number:.3g}{rule.unit}"
        for number in (measured[measure] or 0.0, limit)
    )
    return f"{rule.words} {value} (expected at {'least' if side == 'min' else 'most'} {bound})"


def _changed(path: Path, name: str, usual: Mapping[str, float], given: object) -> dict[str, float]:
    if not isinstance(given, dict):
        raise InputError(f"{path}: [{name}] is no table of limits")
    limits = dict(usual)
    for key, value in given.items():
        measure, side = _split(str(key))
        if measure not in _RULES or side not in ("min", "max"):
            raise InputError(
                f"{path}: [{name}] has {key}; expected one of {', '.join(_RULES)} with _min or _max behind it"
            )
        if value is False:
            limits.pop(key, None)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{path}: [{name}] {key} = {value!r}; expected a number, or false for no limit")
        else:
            limits[key] = float(value)
    return limits
