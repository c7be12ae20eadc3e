"""Names of emotions and of the two labels, and the spellings under which datasets write them."""

from __future__ import annotations

from collections.abc import Sequence

EMOTIONS = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")

_SPELLINGS = {
    **{name: name for name in EMOTIONS},
    "anger": "angry",
    "contemptuous": "contempt",
    "contentment": "contempt",  # SASE-FE's spelling of contempt in its flat validation and test files
    "disgusted": "disgust",
    "disgusting": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}

_LABELS = {
    "real": "real",
    "genuine": "real",
    "felt": "real",
    "true": "real",
    "fake": "fake",
    "posed": "fake",
    "acted": "fake",
    "false": "fake",
}


def canonical_emotion(text: str, more: Sequence[str] = ()) -> str | None:
    """The one name used here for an emotion however it is spelled, or None where it is unknown.

    Parameters
    ----------
    text : str
        E.g. ``"Happiness"`` or ``"CONTENTMENT"``; letter case and outer spaces do not matter.
    more : sequence of str
        Further names to accept as they are (in lower case), for data with other emotions.

    Returns
    -------
    str or None
        One of `EMOTIONS` or `more`.

    Examples
    --------
    >>> canonical_emotion("CONTENTMENT"), canonical_emotion("pain"), canonical_emotion("Pain", more=["pain"])
    ('contempt', None, 'pain')
    """
    name = text.strip().lower()
    if name in {extra.strip().lower() for extra in more}:
        return name
    return _SPELLINGS.get(name)


def canonical_label(text: str) -> str | None:
    """``"real"`` or ``"fake"`` for any accepted spelling (genuine, posed, ...), or None where it is unknown.

    Examples
    --------
    >>> canonical_label("Posed"), canonical_label("maybe")
    ('fake', None)
    """
    return _LABELS.get(text.strip().lower())
