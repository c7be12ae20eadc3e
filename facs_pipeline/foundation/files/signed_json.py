"""Small JSON files that only their user can have written, such as which content lies under which path."""

from __future__ import annotations

import hmac
import json
from pathlib import Path

from facs_pipeline.foundation.files.artifacts import canonical_json, digest
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.foundation.files.regular import open_regular

_LARGEST_BYTES = 1 << 25


def write_signed(path: Path, value: object, key: bytes) -> None:
    """Write a JSON-able value that `read_signed` gives back under the same file name and key.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "videos.json"
    >>> write_signed(path, {"anna.mp4": "0f3a"}, b"secret")
    >>> read_signed(path, b"secret"), read_signed(path, b"other")
    ({'anna.mp4': '0f3a'}, None)
    """
    content = {"name": path.name, "value": value}
    signed = {"content": content, "digest": digest(key, canonical_json(content))}
    with atomic_write(path) as file:
        json.dump(signed, file, sort_keys=True, indent=0)


def read_signed(path: Path, key: bytes) -> object:
    """The value; None if the file is missing, damaged, of another name, or written by somebody else."""
    try:
        with open_regular(path) as file:
            text = file.read(_LARGEST_BYTES + 1)
        if len(text) > _LARGEST_BYTES:
            return None
        signed = json.loads(text)
        content, claimed = signed["content"], signed["digest"]
        if hmac.compare_digest(str(claimed), digest(key, canonical_json(content))) and content["name"] == path.name:
            return content["value"]
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, MemoryError):
        pass
    return None
