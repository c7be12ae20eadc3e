"""What is installed here, whether it works, and what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions, requires, version
from typing import Literal

from packaging.requirements import Requirement

from facs_pipeline.foundation.errors import FacsError
from facs_pipeline.foundation.machine import available_cores, machine_facts, versions_of

State = Literal["ok", "note", "problem"]
DISTRIBUTION = "facs-pipeline"
_EXTRAS = {
    "plot": "figures",
    "live": "the page of facs live",
    "lsl": "Lab Streaming Layer",
    "cluster": "Dask clusters",
    "spss": "SPSS files",
    "teacher": "training from MediaPipe's pseudo-labels",
}
_LEAST_DISK = 2_000_000_000
_TEST_PICTURES = 10


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : str
    state : "ok", "note" or "problem"
        ``note`` is of something that only some need, or should know.
    found : str
    advice : str
        What to do; empty where nothing is.
    """

    what: str
    state: State
    found: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Look at versions, processor, disk, models, extras and cameras, and measure a drawn face.

    Yields
    ------
    Finding
        In the order in which they are worth reading.

    Examples
    --------
    >>> [finding.what for finding in examine()][:2]
    ['facs', 'Python']
    """
    yield Finding("facs", "ok", version(DISTRIBUTION))
    yield Finding("Python", "ok", f"{platform.python_version()} ({sys.executable})")
    facts = machine_facts()
    memory = f", {int(facts['memory_mb']) / 1000:.0f} GB memory" if "memory_mb" in facts else ""
    yield Finding(
        "machine", "ok",
        f"{facts['system']} {facts['architecture']}, {facts['processor']}, {available_cores()} cores{memory}",
    )  # fmt: skip
    yield _libraries()
    yield _opencv()
    yield _disk()
    yield _key()
    for look, what in ((_models, "models"), (_face, "measuring"), (_cameras, "cameras")):
        yield _tried(look, what)
    for name, purpose in _EXTRAS.items():
        yield _extra(name, purpose)


def _tried(look: Callable[[], Finding], what: str) -> Finding:
    """A finding also where something breaks that never should: that is what is looked for."""
    try:
        return look()
    except (FacsError, ImportError, OSError, RuntimeError, ValueError) as error:
        advice = f"install it anew: pip install --force-reinstall {DISTRIBUTION}"
        return Finding(what, "problem", f"{type(error).__name__}: {error}", advice)


def _needed(extra: str = "") -> list[Requirement]:
    """Requirements of the package itself, or those that an extra adds, as far as they are for this machine."""
    found = []
    for one in map(Requirement, requires(DISTRIBUTION) or []):
        always = one.marker is None or one.marker.evaluate({"extra": ""})
        by_extra = one.marker is not None and one.marker.evaluate({"extra": extra})
        if by_extra and not always if extra else always:
            found.append(one)
    return found


def _lacking(needed: list[Requirement]) -> list[str]:
    """What is not installed, or too old."""
    installed = versions_of(*(one.name for one in needed))
    lacking = []
    for one in needed:
        there = installed[one.name]
        if there is None:
            lacking.append(f"{one.name} is not installed")
        elif not one.specifier.contains(there, prereleases=True):
            lacking.append(f"{one.name} {there} is installed, {one.specifier} needed")
    return lacking


def _libraries() -> Finding:
    needed = _needed()
    lacking = _lacking(needed)
    if lacking:
        return Finding("libraries", "problem", "; ".join(lacking), f"pip install --upgrade {DISTRIBUTION}")
    told = versions_of("numpy", "scipy", "opencv", "dlib-bin", "av", "scikit-learn")
    return Finding("libraries", "ok", ", ".join(f"{name} {there}" for name, there in told.items()))


def _opencv() -> Finding:
    """Several packages bring OpenCV into one folder; which one is imported then hangs on the order of installing."""
    found = {
        str(one.metadata["Name"]): one.version
        for one in distributions()
        if str(one.metadata["Name"]).lower().replace("_", "-").startswith("opencv-")
    }
    told = ", ".join(f"{name} {there}" for name, there in sorted(found.items()))
    if len(set(found.values())) < 2:
        return Finding("OpenCV", "ok", told or "as built here")
    import cv2

    advice = "values may differ in the last digits; where that matters, pip uninstall all of them, then install one"
    return Finding("OpenCV", "note", f"{told} lie in one folder; {cv2.__version__} is imported", advice)


def _disk() -> Finding:
    free = {place: shutil.disk_usage(place).free for place in (os.getcwd(), tempfile.gettempdir())}
    told = ", ".join(f"{size / 1e9:.1f} GB free in {place}" for place, size in free.items())
    if min(free.values()) < _LEAST_DISK:
        return Finding("disk", "problem", told, "results of an hour of video take up to 1 GB; make room")
    return Finding("disk", "ok", told)


def _key() -> Finding:
    from facs_pipeline.foundation.files.artifacts import key_path, load_key

    try:
        warning = load_key()[1]
    except FacsError as error:
        warning = str(error)
    if warning:
        return Finding("cache key", "problem", warning)
    return Finding("cache key", "ok", f"{key_path()}")


def _models() -> Finding:
    from facs_pipeline.analysis.analyser import FaceAnalyser

    analyser = FaceAnalyser(emotions="default")
    told = f"{len(analyser.aus)} action units, {len(analyser.emotions)} emotions"
    return Finding("models", "ok", f"{told}, landmarks {analyser.landmarks.sha256[:12]}")


def _face() -> Finding:
    from facs_pipeline.analysis.analyser import FaceAnalyser
    from facs_pipeline.synthesis.face import SyntheticFace

    face = SyntheticFace(size=360)
    pictures = [face.draw({12: 5.0 * number / _TEST_PICTURES})[0] for number in range(_TEST_PICTURES + 1)]
    analyser = FaceAnalyser(smoothing=False, colour="bgr")
    smiles = []
    begun = time.perf_counter()
    for number, picture in enumerate(pictures):
        found = analyser.update(picture, number / 25)
        if found and found[0].intensities is not None:
            smiles.append(float(found[0].intensities[analyser.aus.index(12)]))
    per_picture = 1000 * (time.perf_counter() - begun) / len(pictures)
    if len(smiles) < len(pictures) or smiles[-1] < smiles[0] + 1:
        told = f"a drawn face was found in {len(smiles)} of {len(pictures)} pictures"
        return Finding("measuring", "problem", told, "report it with this text; the tests show more: pytest")
    return Finding(
        "measuring", "ok", f"a drawn smile rises from {smiles[0]:.1f} to {smiles[-1]:.1f}; {per_picture:.0f} ms a frame"
    )


def _cameras() -> Finding:
    from facs_pipeline.live.sources import cameras

    there = cameras()
    if not there:
        return Finding("cameras", "note", "none found", "only facs live needs one; facs live demo runs without")
    return Finding("cameras", "ok", ", ".join(f"{one.number} {one.description}" for one in there))


def _extra(name: str, purpose: str) -> Finding:
    lacking = _lacking(_needed(name))
    if lacking:
        return Finding(f"[{name}]", "note", "; ".join(lacking), f"for {purpose}: pip install '{DISTRIBUTION}[{name}]'")
    return Finding(f"[{name}]", "ok", f"{purpose}")
