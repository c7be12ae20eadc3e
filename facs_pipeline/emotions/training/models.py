"""The named emotion models: what each takes of a face, how it decides, and which published system it stands beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facs_pipeline.emotions.dense_encoding import DenseEncoder


@dataclass(frozen=True)
class Row:
    """One row of the accuracy table.

    Attributes
    ----------
    title : str
        In words.
    head : ``"svm"``, ``"logistic"``, ``"lightgbm"`` or ``"ridge"``.
    inputs : tuple of str
        What the head takes, see `facs_pipeline.emotions.model.face_numbers`.
    components : int or None
        Of a PCA between the inputs and the head.
    families : tuple of dict
        Settings of the encoder (`facs_pipeline.emotions.dense_encoding.DenseEncoder`) of each family that a mirror
        kernel scores beside the head; empty: none does.
    small : bool
        Whether a small mirror kernel scores the face's HOG beside the head.
    published : str
        The published system it is a counterpart of, by its name in `facs_pipeline.report.published`, or ``""``.
    """

    title: str
    head: str
    inputs: tuple[str, ...]
    components: int | None = None
    families: tuple[dict[str, Any], ...] = ()
    small: bool = False
    published: str = ""


def _family(kind: str, window: int) -> dict[str, Any]:
    return DenseEncoder(kind, window, atoms=1600).settings()


_FACE = ("lbp", "hog", "landmarks", "products")

ROWS: dict[str, Row] = {
    "lightgbm": Row("LightGBM on HOG, LBP and landmarks", "lightgbm", ("lbp", "hog", "landmarks")),
    "lightgbm-pixels": Row("LightGBM on pixels", "lightgbm", ("pixels",)),
    "lightgbm-pca": Row("LightGBM on pixels encoded by a PCA", "lightgbm", ("pixels",), components=100),
    "svm-hog": Row("Linear SVM on HOG", "svm", ("hog",), published="SVM on HOG"),
    "svm-landmarks": Row("Linear SVM on landmarks", "svm", ("landmarks",), published="SVM on landmarks"),
    "svm-both": Row(
        "Linear SVM on landmarks and HOG", "svm", ("landmarks", "hog"), published="SVM on landmarks and HOG"
    ),
    "svm-windows": Row(
        "Linear SVM on HOG in sliding windows", "svm", ("windows",), published="SVM on HOG in sliding windows"
    ),
    "svm-hybrid": Row(
        "Linear SVM on HOG, landmarks and pixels", "svm", ("hog", "landmarks", "pixels"), published="Hybrid of SVMs"
    ),
    "action-units": Row("Logistic regression on the action-unit intensities", "logistic", ("action_units",)),
    "linear": Row("Ridge regression on the action units' features", "ridge", _FACE),
    "compact": Row(
        "Compact: a small mirror kernel on HOG, and ridge regression on the action units' features",
        "ridge",
        _FACE,
        small=True,
    ),
    "best": Row(
        "Best: a mirror kernel on encoded registered faces, and ridge regression",
        "ridge",
        _FACE,
        families=(_family("sift", 12), _family("sift", 16), _family("pixels", 8), _family("pixels", 12)),
        published="Dense SIFT bag of visual words, local learning",
    ),
}
