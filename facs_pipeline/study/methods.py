"""The paragraph of a paper that says how a run was made: versions, models, settings, numbers and exclusions."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.action_units.model import DEFAULT_MODEL
from facs_pipeline.foundation.errors import FacsError, InputError
from facs_pipeline.foundation.files.json_file import read_json_object
from facs_pipeline.foundation.files.model_file import load_model
from facs_pipeline.foundation.text import counted
from facs_pipeline.study.references import REFERENCES, Reference, software
from facs_pipeline.study.results import StudyResults

_LIBRARIES = {"numpy": "NumPy", "scipy": "SciPy", "opencv": "OpenCV", "dlib-bin": "dlib", "av": "PyAV"}
_REASONS = 5
"""Named at most, the commonest first."""


@dataclass(frozen=True)
class Methods:
    """What a paper says.

    Attributes
    ----------
    text : str
        Paragraphs, a blank line between them.
    references : tuple of Reference
        What they cite, in their order.
    """

    text: str
    references: tuple[Reference, ...]


def describe_methods(results: StudyResults) -> Methods:
    """Describe how results were made, from what the run wrote down; nothing is computed.

    Parameters
    ----------
    results : StudyResults

    Raises
    ------
    InputError
        If the folder has no ``run.json``, or none of this kind.

    Examples
    --------
    >>> print(describe_methods(read_results("results")).text)  # doctest: +SKIP
    """
    path = results.folder / "run.json"
    if not path.is_file():
        raise InputError(f"{path}: not there; it says with what and how the results were made")
    run = read_json_object(path)
    settings, options = run.get("stage_settings"), run.get("options")
    if not isinstance(settings, dict) or not isinstance(options, dict) or not isinstance(run.get("models"), dict):
        raise InputError(f"{path}: lacks the settings of the run; was it written by facs extract-features?")
    cited: list[Reference] = [software(str(run.get("facs", "?")))]

    def cite(*keys: str) -> str:
        cited.extend(REFERENCES[key] for key in keys)
        return f"({'; '.join(REFERENCES[key].cited for key in keys)})"

    parts = [
        _software(run),
        _videos(results),
        f"Faces were found by a linear classifier on histograms of oriented gradients {cite('king2009dlib')}, and 68 "
        f"landmarks placed by a cascade of regressions {cite('xiong2013sdm')}. "
        + ("Every face was followed." if options.get("faces") == "all" else "The main face was followed."),
        _action_units(run, options, cite),
        *_further(options, settings, cite),
    ]
    exclusions = _exclusions(results)
    text = " ".join(part for part in parts if part)
    return Methods(f"{text}\n\n{exclusions}", tuple(dict((one.key, one) for one in cited).values()))


def _software(run: Mapping[str, Any]) -> str:
    told_machine = run.get("machine")
    machine = told_machine if isinstance(told_machine, dict) else {}
    versions = _versions(run)
    system = " ".join(str(machine[name]) for name in ("system", "architecture") if name in machine)
    told = ", ".join(f"{label} {versions[name]}" for name, label in _LIBRARIES.items() if name in versions)
    return (
        f"Facial action units were measured with facs {run.get('facs', '?')} (Python {run.get('python', '?')}"
        f"{f'; {told}' if told else ''}{f'; {system}' if system else ''})."
    )


def _versions(run: Mapping[str, Any]) -> dict[str, str]:
    """Of the libraries with which the results were computed; several versions of one stand beside each other."""
    environments = run.get("environments")
    found: dict[str, list[str]] = {}
    for one in environments.values() if isinstance(environments, dict) else ():
        libraries = one.get("libraries") if isinstance(one, dict) else None
        for name, version in libraries.items() if isinstance(libraries, dict) else ():
            if str(version) not in found.setdefault(str(name), []):
                found[str(name)].append(str(version))
    if not found and isinstance(run.get("packages"), dict):
        return {str(name): str(version) for name, version in run["packages"].items()}
    return {name: " and ".join(versions) for name, versions in found.items()}


def _numbers(results: StudyResults, column: str) -> np.ndarray:
    values = pd.to_numeric(pd.Series([video.facts.get(column, "") for video in results.videos]), errors="coerce")
    return values[np.isfinite(values)].to_numpy(float)


def _videos(results: StudyResults) -> str:
    frames, seconds, rates = (_numbers(results, name) for name in ("frames", "duration_s", "fps"))
    with_face = _numbers(results, "frames_with_face")
    told = f"{counted(len(results.videos), 'video')}"
    if frames.sum() > 0:
        told += f" with {int(frames.sum()):,} frames ({seconds.sum() / 60:.1f} min"
        told += f", median {np.median(rates):.4g} frames/s)" if len(rates) else ")"
    text = f"{told} {'was' if len(results.videos) == 1 else 'were'} analysed"
    if frames.sum() > 0 and len(with_face) == len(frames):
        text += f"; a face was found in {100 * with_face.sum() / frames.sum():.1f} % of the frames"
    return f"{text}."


def _action_units(run: Mapping[str, Any], options: Mapping[str, Any], cite: Any) -> str:
    stage = run["stage_settings"].get("descriptors") or run["stage_settings"].get("action_units") or {}
    aus = stage.get("aus") or []
    units = f"{len(aus)} action units ({', '.join(f'AU{au}' for au in aus)}; " if aus else "action units ("
    text = (
        f"From local binary patterns and histograms of oriented gradients of the registered face "
        f"{cite('ojala2002lbp', 'dalal2005hog')} and the places of the landmarks, the intensities (0 to 5) of {units}"
        f"{REFERENCES['ekman2002facs'].cited}) were estimated"
    )
    cite("ekman2002facs")
    model = run["models"].get("action_units")
    if isinstance(model, dict):
        sha256 = str(model.get("sha256", ""))
        text += f" by the model {Path(str(model.get('file', ''))).name} (SHA-256 {sha256[:12]}"
        card = _card(Path(options["au_model"]) if options.get("au_model") else DEFAULT_MODEL, sha256)
        if card.get("labels"):
            text += f"; its labels: {card['labels']}"
        text += ")"
        if "CK+" in str(card.get("rights", "")):
            text += f", in part from the Extended Cohn-Kanade set {cite('lucey2010ckplus')}, which is for research only"
    text += "."
    least = run["stage_settings"].get("action_units", {}).get("least_confidence")
    if isinstance(least, int | float):
        text += f" Where the confidence in the part of the face was below {least:g}, intensities were left empty."
    return text


def _card(path: Path, sha256: str) -> Mapping[str, Any]:
    """The card of the model that was used, if it is still where it was; else nothing."""
    try:
        card = load_model(path).card if os.path.isfile(path) else {}
    except FacsError:
        return {}
    return card if card.get("content_sha256") == sha256 else {}


def _further(options: Mapping[str, Any], settings: Mapping[str, Any], cite: Any) -> Sequence[str]:
    baseline = options.get("baseline")
    texts = {
        "none": "No resting face was subtracted.",
        "video": "The resting face of each video was subtracted.",
        "subject": "Each person's resting face, from all of the person's videos, was subtracted.",
    }
    parts = [texts.get(str(baseline), f"The resting face of {Path(str(baseline)).name} was subtracted.")]
    descriptors = settings.get("descriptors")
    if isinstance(descriptors, dict):
        parts.append(
            f"Descriptors are statistics of each action unit's curve, of its speed and its acceleration, after a "
            f"Butterworth low-pass of {descriptors.get('cutoff_hz', '?')} Hz {cite('kulkarni2021sasefe')}."
        )
    if options.get("emotion"):
        parts.append(
            f"Probabilities of emotions say how people would label a picture of the face "
            f"{cite('goodfellow2013challenges')}, not what somebody feels."
        )
    return parts


def _exclusions(results: StudyResults) -> str:
    facts = [video.facts for video in results.videos]
    status = Counter(one.get("status", "") for one in facts)
    lost = [
        f"{counted(status[name], 'video')} {words}"
        for name, words in (("failed", "could not be read"), ("no_face", "showed no face"))
        if status[name]
    ]
    verdicts = Counter(one["verdict"] for one in facts if one.get("verdict"))
    text = f"Of {counted(len(facts), 'video')}, {' and '.join(lost) if lost else 'none failed'}."
    if verdicts:
        told = ", ".join(f"{name}: {verdicts[name]}" for name in ("use", "check", "leave out"))
        text += f" By limits of confidence, size, turn, sharpness and gaps they were judged ({told})."
        reasons = Counter(
            reason.split(" (")[0].rstrip(" 0123456789.,%:<>")
            for one in facts
            if one.get("verdict") not in ("", "use", None)
            for reason in one.get("verdict_reasons", "").split("; ")
            if reason
        )
        if reasons:
            commonest = "; ".join(f"{reason} ({n})" for reason, n in reasons.most_common(_REASONS))
            text += f" Reasons, with how many videos: {commonest}."
    return text
