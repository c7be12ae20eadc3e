"""Figures that others have published, to stand beside one's own; none was measured by this package."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """One published figure: `accuracy` in 0..1 or words, `source`, and how its protocol differs from the one here."""

    system: str
    accuracy: float | str
    source: str
    protocol: str


_SASE = "SASE-FE, ICCV 2017 real versus fake challenge"
_SASE_PROTOCOL = "no: 60 SASE-FE test videos (95 %: 54 % to 77 % for 40 of 60)"
_FER = "FER2013, Goodfellow et al. 2013 and later"

PUBLISHED: dict[str, list[Published]] = {
    "authenticity": [
        Published("Rank-SVM on activity descriptors", 0.6667, "Saxen, Werner & Al-Hamadi, ICCVW 2017", _SASE_PROTOCOL),
        Published("LSTM with parametric bias, gradient boosting", 0.667, _SASE, _SASE_PROTOCOL),
        Published("Relaxed spatio-temporal deep features", 0.65, _SASE, _SASE_PROTOCOL),
        Published("Multi-task CNN", "48 % to 56 %", _SASE, _SASE_PROTOCOL),
    ],
    "emotion": [
        Published(name, value, _FER, "only if tested on FER2013's private test set with 7 classes")
        for name, value in (
            ("Challenge winner (CNN)", 0.7116),
            ("Dense SIFT bag of visual words, local learning", 0.6748),
            ("mini-Xception", 0.66),
            ("Human agreement", "about 65 %"),
            ("Xception", 0.645),
            ("Simple CNN", 0.627),
            ("Inception", 0.595),
            ("SVM on landmarks and HOG", 0.475),
            ("SVM on landmarks", 0.464),
            ("Hybrid of SVMs", 0.458),
            ("SVM on HOG", 0.328),
            ("SVM on HOG in sliding windows", 0.246),
        )
    ],
}  # fmt: skip


def published_for(task: str) -> list[Published]:
    """Published figures of a task by its name, e.g. ``"emotion on FER2013"``; none for others."""
    return next((rows for name, rows in PUBLISHED.items() if name in task.lower()), [])
