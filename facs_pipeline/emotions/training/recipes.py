"""Named recipes of emotion models: inputs, stages, and the published system that each is a counterpart of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelRecipe:
    """How one of the named emotion models is built; a row of the accuracy table.

    Attributes
    ----------
    title : str
        In words.
    head : {"svm", "logistic", "lightgbm", "ridge"}
        Last stage.
    inputs : tuple of str
        Inputs of the head, see `facs_pipeline.emotions.model.input_features`.
    components : int or None
        Of a PCA between the inputs and the head.
    encoders : tuple of tuple
        Kind and window of each `facs_pipeline.emotions.dense_encoding.DenseEncoder` whose codes a full mirror kernel
        takes beside the head; empty: there is none.
    small_kernel : bool
        Whether a small mirror kernel on the face's HOG stands beside the head.
    published : str
        The published system it is a counterpart of, by its name in `facs_pipeline.report.published`, or ``""``.

    Raises
    ------
    ValueError
        If there is a kernel beside another head than ridge regression.
    """

    title: str
    head: str
    inputs: tuple[str, ...]
    components: int | None = None
    encoders: tuple[tuple[str, int], ...] = ()
    small_kernel: bool = False
    published: str = ""

    def __post_init__(self) -> None:
        if (self.encoders or self.small_kernel) and self.head != "ridge":
            raise ValueError(
                f"a kernel beside {self.head!r}; expected 'ridge', whose scores can be added to a kernel's"
            )


_FACE = ("lbp", "hog", "landmarks", "products")

RECIPES: dict[str, ModelRecipe] = {
    "lightgbm": ModelRecipe("LightGBM on HOG, LBP and landmarks", "lightgbm", ("lbp", "hog", "landmarks")),
    "lightgbm-pixels": ModelRecipe("LightGBM on pixels", "lightgbm", ("pixels",)),
    "lightgbm-pca": ModelRecipe("LightGBM on pixels encoded by a PCA", "lightgbm", ("pixels",), components=100),
    "svm-hog": ModelRecipe("Linear SVM on HOG", "svm", ("hog",), published="SVM on HOG"),
    "svm-landmarks": ModelRecipe("Linear SVM on landmarks", "svm", ("landmarks",), published="SVM on landmarks"),
    "svm-both": ModelRecipe(
        "Linear SVM on landmarks and HOG", "svm", ("landmarks", "hog"), published="SVM on landmarks and HOG"
    ),
    "svm-windows": ModelRecipe(
        "Linear SVM on HOG in sliding windows", "svm", ("windows",), published="SVM on HOG in sliding windows"
    ),
    "svm-hybrid": ModelRecipe(
        "Linear SVM on HOG, landmarks and pixels", "svm", ("hog", "landmarks", "pixels"), published="Hybrid of SVMs"
    ),
    "action-units": ModelRecipe("Logistic regression on the action-unit intensities", "logistic", ("action_units",)),
    "linear": ModelRecipe("Ridge regression on the action units' features", "ridge", _FACE),
    "compact": ModelRecipe(
        "Compact: a small mirror kernel on HOG, and ridge regression on the action units' features",
        "ridge",
        _FACE,
        small_kernel=True,
    ),
    "best": ModelRecipe(
        "Best: a mirror kernel on encoded registered faces, and ridge regression",
        "ridge",
        _FACE,
        encoders=(("sift", 12), ("sift", 16), ("pixels", 8), ("pixels", 12)),
        published="Dense SIFT bag of visual words, local learning",
    ),
}
