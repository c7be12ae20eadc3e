"""Machine and packages that a result was computed with, as provenance; nothing names the machine's owner or network."""

from __future__ import annotations

import contextlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_info

_COMPUTING = ("av", "dlib-bin", "numpy", "opencv", "scipy")


def machine_facts() -> dict[str, str | int]:
    """Operating system, processor and memory of this machine.

    Returns
    -------
    dict of str to str or int
        ``system``, ``architecture``, ``processor``, ``cores``, and ``memory_mb`` where the system tells.

    Examples
    --------
    >>> sorted(machine_facts())[:2]
    ['architecture', 'cores']
    """
    facts: dict[str, str | int] = {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
    }
    with contextlib.suppress(AttributeError, OSError, ValueError):
        facts["memory_mb"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    return facts


def available_cores() -> int:
    """Cores that this process may use, at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores)


def versions_of(*packages: str) -> dict[str, str | None]:
    """Installed versions of packages.

    Parameters
    ----------
    *packages : str
        Names on PyPI. ``opencv`` stands for the OpenCV in use: several packages bring one, the last installed counts.

    Returns
    -------
    dict of str to str or None
        None where a package is not installed.

    Examples
    --------
    >>> list(versions_of("numpy", "opencv", "no-such-package").values())[2] is None
    True
    """
    return {name: cv2.__version__ if name == "opencv" else _version(name) for name in packages}


@cache
def computed_with() -> dict[str, dict[str, str | None]]:
    """The libraries that results come from, and the instructions of the processor that they use here.

    Returns
    -------
    dict of str to dict
        ``libraries``: versions. ``instructions``: of NumPy and OpenCV those found at run time, of NumPy's linear
        algebra (BLAS) the kind of processor that it takes this one for.

    Examples
    --------
    >>> sorted(computed_with()["instructions"])
    ['blas', 'numpy', 'opencv']
    """
    # OpenCV marks what it was built for but does not use here with a question mark.
    of_opencv = [name.lstrip("*") for name in cv2.getCPUFeaturesLine().split() if not name.endswith("?")]
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    kinds = {str(library.get("architecture", "unknown")) for library in threadpool_info() if _is_numpys(library)}
    return {
        "libraries": versions_of(*_COMPUTING),
        "instructions": {
            "numpy": " ".join([*extensions["baseline"], *extensions.get("found", [])]),
            "opencv": " ".join(of_opencv),
            "blas": " ".join(sorted(kinds)),
        },
    }


def _is_numpys(library: dict[str, str]) -> bool:
    return library["user_api"] == "blas" and "numpy" in library["filepath"]


def reset_peak_memory() -> None:
    """From now on `peak_memory_bytes` counts anew; without effect where the system cannot."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_bytes() -> int | None:
    """Most memory that this process has held since `reset_peak_memory`, in bytes; None where the system cannot tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
