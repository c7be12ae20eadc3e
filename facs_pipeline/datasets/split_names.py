"""The names under which datasets write their splits."""

from __future__ import annotations

import re

_SPELLINGS = {
    "train": "train",
    "training": "train",
    "trainingset": "train",
    "trainset": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "validationset": "validation",
    "dev": "validation",
    "publictest": "validation",
    "test": "test",
    "testing": "test",
    "testset": "test",
    "privatetest": "test",
}


def known_split(text: str) -> str | None:
    """``"train"``, ``"validation"`` or ``"test"`` however it is spelled, or None for any other name.

    Examples
    --------
    >>> known_split("Private_Test"), known_split("Validation"), known_split("angry")
    ('test', 'validation', None)
    """
    return _SPELLINGS.get(re.sub(r"[\s_-]", "", text).lower())


def canonical_split(text: str) -> str:
    """The same, with other names as they are.

    Examples
    --------
    >>> canonical_split("PublicTest"), canonical_split(" Extra ")
    ('validation', 'Extra')
    """
    return known_split(text) or text.strip()
