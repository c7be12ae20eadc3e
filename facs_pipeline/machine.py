"""The machine that a result was computed on, as provenance; nothing that names its owner or its network."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path


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


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
