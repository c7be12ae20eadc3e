"""JSON files that anybody may have made."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from facs_pipeline.foundation.errors import InputError

_LARGEST_BYTES = 50_000_000


def read_json_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON object that a file holds.

    Raises
    ------
    InputError
        If it is no file, larger than 50 MB, no JSON, or JSON of another kind.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "run.json")
    >>> _ = path.write_text('{"frames": 12}')
    >>> read_json_object(path)
    {'frames': 12}
    """
    path = Path(path)
    # Pipes and devices may never end.
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file")
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise InputError(f"{path}: {size:,} bytes; JSON of at most {_LARGEST_BYTES:,} is read")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content
