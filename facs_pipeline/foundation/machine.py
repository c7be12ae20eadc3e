"""What a result was computed on and with, as provenance; nothing that names the machine's owner or its network."""

from __future__ import annotations

import contextlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2


def about_machine() -> dict[str, str | int]:
    """Operating system, processor, its cores, and memory in MB where the system tells.

    Examples
    --------
    >>> sorted(about_machine())[:2]
    ['architecture', 'cores']
    """
    about: dict[str, str | int] = {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
    }
    with contextlib.suppress(AttributeError, OSError, ValueError):
        about["memory_mb"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    return about


def versions_of(*packages: str) -> dict[str, str | None]:
    """Installed versions of packages by their names on PyPI; None where one is not installed.

    ``opencv`` is the OpenCV that is in use: several packages bring one, and the last one installed is what counts.

    Examples
    --------
    >>> list(versions_of("numpy", "opencv", "no-such-package").values())[2] is None
    True
    """
    return {name: cv2.__version__ if name == "opencv" else _version(name) for name in packages}


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


def reset_peak_memory() -> None:
    """From now on `peak_memory_bytes` counts anew; without effect where the system cannot."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_bytes() -> int | None:
    """The most memory this process held since `reset_peak_memory`, in bytes; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
