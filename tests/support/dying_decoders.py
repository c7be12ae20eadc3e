"""Decoders that end the process in which they meet a marked file, as a fault of their own would."""

from __future__ import annotations

from pathlib import Path

import pytest

MARK = b"ends the decoder"
"""A picture with these bytes behind it ends the process that decodes it."""
NAME = "fatal"
"""A video with this in its name ends the process that opens it."""

_SITE = f"""
import sys

if "facs_pipeline.foundation.worker" in sys.orig_argv:
    import os, signal
    import av, cv2

    decode, container = cv2.imdecode, av.open

    def imdecode(data, *arguments):
        if {MARK!r} in bytes(data):
            os.kill(os.getpid(), signal.SIGSEGV)
        return decode(data, *arguments)

    def opened(file, *arguments, **named):
        if {NAME!r} in str(file):
            os.kill(os.getpid(), signal.SIGSEGV)
        return container(file, *arguments, **named)

    cv2.imdecode, av.open = imdecode, opened
"""


def let_decoders_die(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on workers have such decoders; `folder` is for the module that gives them."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_SITE)
    monkeypatch.syspath_prepend(str(folder))


def mark(path: Path) -> Path:
    """Make a picture one that ends the process."""
    path.write_bytes(path.read_bytes() + MARK)
    return path
