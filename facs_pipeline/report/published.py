"""Figures that others have published, to stand beside one's own; none was measured by this package."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """One published figure.

    Attributes
    ----------
    system : str
        What was measured.
    accuracy : float or str
        0..1, or in words; of action units the mean Pearson r.
    source : str
        Who published it, and where.
    protocol : str
        Under which it was measured.
    n : int
        Samples; 0 where that is not known.
    """

    system: str
    accuracy: float | str
    source: str
    protocol: str
    n: int = 0


SASE_FE_TEST = "60 test videos of SASE-FE"
"""Protocol of the authenticity figures; 40 of 60 right has a 95 % interval of 54 to 77 %."""
FER2013_TEST = "FER2013 private test split, 7 classes"
"""Protocol of the emotion figures: `accuracy.json` that was made under it names it in its field ``protocol``."""

DISFA = "DISFA, intensities by FACS coders"
"""Protocol of the figures of action units."""

_SASE = "SASE-FE, ICCV 2017 real versus fake challenge"
_FER = "FER2013, Goodfellow et al. 2013 and later"

PUBLISHED: dict[str, list[Published]] = {
    "authenticity": [
        Published(
            "Rank-SVM on activity descriptors", 0.6667, "Saxen, Werner & Al-Hamadi, ICCVW 2017", SASE_FE_TEST, 60
        ),
        Published("LSTM with parametric bias, gradient boosting", 0.667, _SASE, SASE_FE_TEST, 60),
        Published("Relaxed spatio-temporal deep features", 0.65, _SASE, SASE_FE_TEST, 60),
        Published("Multi-task CNN", "48 % to 56 %", _SASE, SASE_FE_TEST),
    ],
    "emotion": [
        *(
            Published(name, value, _FER, FER2013_TEST, 3589)
            for name, value in (
                ("Challenge winner (CNN)", 0.7116),
                ("Dense SIFT bag of visual words, local learning", 0.6748),
                ("mini-Xception", 0.66),
                ("Xception", 0.645),
                ("Simple CNN", 0.627),
                ("Inception", 0.595),
                ("SVM on landmarks and HOG", 0.475),
                ("SVM on landmarks", 0.464),
                ("Hybrid of SVMs", 0.458),
                ("SVM on HOG", 0.328),
                ("SVM on HOG in sliding windows", 0.246),
            )
        ),
        Published("Human agreement", "about 65 %", _FER, "people's own labels of FER2013 images"),
    ],
    "action-unit intensity": [
        Published("LibreFace", 0.63, "Chang et al., WACV 2024", DISFA),
        Published("OpenFace 2.0", "about 0.59", "LibreFace is said to be 7 % higher: Chang et al., WACV 2024", DISFA),
    ],
}


def published_for(task: str) -> list[Published]:
    """Published figures of a task by its name, e.g. ``"emotion on FER2013"``; none for others."""
    return next((rows for name, rows in PUBLISHED.items() if name in task.lower()), [])


def same_protocol(figure: Published, protocol: str, data: str) -> str:
    """Whether a published figure can be held against one measured here under `protocol` on `data`, in words.

    Examples
    --------
    >>> same_protocol(Published("a", 0.7, "b", "FER2013 test"), "FER2013 test", "")
    'yes: FER2013 test'
    >>> same_protocol(Published("a", 0.7, "b", "FER2013 test"), "", "my images")
    'no: published on FER2013 test, here on my images'
    """
    if protocol == figure.protocol:
        return f"yes: {figure.protocol}"
    return f"no: published on {figure.protocol}, here on {protocol or data or 'data that are not named'}"
