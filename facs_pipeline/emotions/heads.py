"""The last stage of an emotion model: features of a face -> scores and probabilities, stored as plain arrays."""

from __future__ import annotations

import re

import lightgbm
import numpy as np
from scipy.special import softmax

from facs_pipeline.emotions.mirror_kernel import MirrorKernelRidge
from facs_pipeline.emotions.small_kernel import SmallKernel
from facs_pipeline.foundation.boosted_trees import booster_of_text


class LinearHead:
    """Scores ``x @ coef + intercept``, probabilities ``softmax(temperature * scores)``.

    Parameters
    ----------
    coef : ndarray of float
        Weights `[d, c]`; rounded to half precision relative to each emotion's largest weight, as they are stored.
    intercept : ndarray of float
        `[c]`.
    temperature : float
        Factor of the scores before the softmax, above 0.

    Attributes
    ----------
    coef, intercept : ndarray of float32
    temperature : float
    """

    kind = "linear"

    def __init__(self, coef: np.ndarray, intercept: np.ndarray, temperature: float):
        # Rounded as in the model file: a restored head must give the same scores.
        coef = np.asarray(coef, np.float32)
        self._scale = np.maximum(np.abs(coef).max(axis=0), np.float32(1e-30))
        self.coef = (coef / self._scale).astype(np.float16).astype(np.float32) * self._scale
        self.intercept = np.asarray(intercept, np.float32)
        self.temperature = float(temperature)

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Scores `[n, c]` of features `[n, d]`."""
        return X.astype(np.float32, copy=False) @ self.coef + self.intercept

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities `[n, c]` of features `[n, d]`."""
        return softmax(self.temperature * self.scores(X), axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file."""
        return {
            "coef": (self.coef / self._scale).astype(np.float16),
            "scale": self._scale,
            "intercept": self.intercept,
            "temperature": np.array([self.temperature]),
        }

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> LinearHead:
        """The head from what `arrays` gave."""
        return cls(arrays["coef"].astype(np.float32) * arrays["scale"], arrays["intercept"], arrays["temperature"][0])


class LightGBMHead:
    """Boosted trees, stored as LightGBM's own model text.

    Parameters
    ----------
    booster : lightgbm.Booster
        Trained on c classes.
    """

    kind = "lightgbm"

    def __init__(self, booster: lightgbm.Booster):
        self.booster = booster

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities `[n, c]` of features `[n, d]`."""
        return np.asarray(self.booster.predict(X))

    def arrays(self) -> dict[str, np.ndarray]:
        """The model text as bytes, for a model file."""
        text = self.booster.model_to_string(num_iteration=self.booster.best_iteration)
        # LightGBM records its number of threads. The trees do not depend on it, so the file must not either.
        text = re.sub(r"^\[num_threads: \d+\]$", "[num_threads: 1]", text, flags=re.MULTILINE)
        return {"booster": np.frombuffer(text.encode(), dtype=np.uint8)}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> LightGBMHead:
        """The head from what `arrays` gave."""
        return cls(booster_of_text(bytes(arrays["booster"])))


class FullKernel:
    """A mirror kernel to all training faces, which are stored in half precision.

    Parameters
    ----------
    ridge : MirrorKernelRidge
        Fitted.
    """

    kind = "full"

    def __init__(self, ridge: MirrorKernelRidge):
        self.ridge = ridge

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Scores `[n, c]` of features `[n, d]`."""
        return self.ridge.scores(X)

    def arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file."""
        ridge = self.ridge
        return {
            "faces": ridge.X_fit_.astype(np.float16),
            "dual": ridge.dual_coef_,
            "gamma": np.array([ridge.gamma]),
            "n_symmetric": np.array([ridge.n_symmetric]),
        }

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> FullKernel:
        """The kernel from what `arrays` gave."""
        ridge = MirrorKernelRidge(float(arrays["gamma"][0]), n_symmetric=int(arrays["n_symmetric"][0]))
        ridge.X_fit_, ridge.dual_coef_ = arrays["faces"].astype(np.float32), arrays["dual"]
        ridge.n_features_in_, ridge.classes_ = ridge.X_fit_.shape[1], np.arange(ridge.dual_coef_.shape[1])
        return cls(ridge)


Head = LinearHead | LightGBMHead
Kernel = FullKernel | SmallKernel
HEADS: dict[str, type[LinearHead] | type[LightGBMHead]] = {head.kind: head for head in (LinearHead, LightGBMHead)}
KERNELS: dict[str, type[FullKernel] | type[SmallKernel]] = {kernel.kind: kernel for kernel in (FullKernel, SmallKernel)}
