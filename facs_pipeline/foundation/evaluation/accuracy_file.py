"""``accuracy.json``: a classifier's figures on disk, as ``facs report`` finds them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from facs_pipeline.foundation.files.atomic import atomic_write

FORMAT = "facs-accuracy"
"""The field ``format`` of ``accuracy.json``."""


def write_accuracy(document: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write what `classification.accuracy_document` returned; an earlier file stays until the new one is whole.

    Raises
    ------
    ValueError
        If it holds NaN or infinity, which JSON has no word for.
    """
    with atomic_write(path) as file:
        json.dump(document, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
