"""The details of an internal error in a file of their own, for the user to send to those who can mend it."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("facs-pipeline", "numpy", "opencv-python-headless", "av", "pandas", "scikit-learn", "joblib", "click")


def write_crash_report(error: BaseException, doing: Sequence[str]) -> Path | None:
    """Write what happened into the folder for temporary files, readable by this user only.

    Parameters
    ----------
    error : BaseException
        With its traceback.
    doing : sequence of str
        Command and arguments, or the input that was worked on.

    Returns
    -------
    Path or None
        None where no file can be written.
    """
    lines = [
        *(f"{name} {_version(name)}" for name in _PACKAGES),
        f"Python {platform.python_version()} on {platform.platform()}",
        "",
        " ".join(doing),
        "",
        *traceback.format_exception(error),
    ]
    try:
        handle, name = tempfile.mkstemp(prefix="facs-error-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("\n".join(lines))
    except OSError:
        return None
    return Path(name)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
