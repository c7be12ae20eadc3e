"""The last stage of an emotion model: numbers of a face -> probabilities; all is stored as plain arrays."""

from __future__ import annotations

import re
from typing import Any

import lightgbm
import numpy as np
from scipy.special import softmax

from facs_pipeline.emotions.mirror_kernel import MirrorKernelRidge
from facs_pipeline.emotions.small_kernel import SmallKernel


class LinearHead:
    """Scores ``x @ coef + intercept``, probabilities ``softmax(temperature * scores)``.

    Attributes
    ----------
    coef : [d, c]; intercept : [c]; temperature : float.
    """

    kind = "linear"

    def __init__(self, coef: np.ndarray, intercept: np.ndarray, temperature: float):
        # Kept as it will be stored, in half precision relative to each emotion's largest weight.
        coef = np.asarray(coef, np.float32)
        self._scale = np.maximum(np.abs(coef).max(axis=0), np.float32(1e-30))
        self.coef = (coef / self._scale).astype(np.float16).astype(np.float32) * self._scale
        self.intercept = np.asarray(intercept, np.float32)
        self.temperature = float(temperature)

    def scores(self, X: np.ndarray) -> np.ndarray:
        """[n, d] -> [n, c]."""
        return X.astype(np.float32, copy=False) @ self.coef + self.intercept

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """[n, d] -> [n, c]."""
        return softmax(self.temperature * self.scores(X), axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "coef": (self.coef / self._scale).astype(np.float16),
            "scale": self._scale,
            "intercept": self.intercept,
            "temperature": np.array([self.temperature]),
        }

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> LinearHead:
        return cls(arrays["coef"].astype(np.float32) * arrays["scale"], arrays["intercept"], arrays["temperature"][0])


class LightGBMHead:
    """Boosted trees, kept as LightGBM's own model text."""

    kind = "lightgbm"

    def __init__(self, booster: lightgbm.Booster):
        self.booster = booster

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """[n, d] -> [n, c]."""
        return np.asarray(self.booster.predict(X))

    def arrays(self) -> dict[str, np.ndarray]:
        text = self.booster.model_to_string(num_iteration=self.booster.best_iteration)
        # LightGBM notes how many threads it had; the trees do not depend on it, so the file must not either.
        text = re.sub(r"^\[num_threads: \d+\]$", "[num_threads: 1]", text, flags=re.MULTILINE)
        return {"booster": np.frombuffer(text.encode(), dtype=np.uint8)}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> LightGBMHead:
        return cls(lightgbm.Booster(model_str=bytes(arrays["booster"]).decode()))


class FullKernel:
    """A fitted `mirror_kernel.MirrorKernelRidge`; its training faces are kept in half precision."""

    kind = "full"

    def __init__(self, ridge: MirrorKernelRidge):
        self.ridge = ridge

    def scores(self, X: np.ndarray) -> np.ndarray:
        """[n, d] -> [n, c]."""
        return self.ridge.scores(X)

    def arrays(self) -> dict[str, np.ndarray]:
        ridge = self.ridge
        return {
            "faces": ridge.X_fit_.astype(np.float16),
            "dual": ridge.dual_coef_,
            "gamma": np.array([ridge.gamma]),
            "n_symmetric": np.array([ridge.n_symmetric]),
        }

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> FullKernel:
        ridge = MirrorKernelRidge(float(arrays["gamma"][0]), n_symmetric=int(arrays["n_symmetric"][0]))
        ridge.X_fit_, ridge.dual_coef_ = arrays["faces"].astype(np.float32), arrays["dual"]
        ridge.n_features_in_, ridge.classes_ = ridge.X_fit_.shape[1], np.arange(ridge.dual_coef_.shape[1])
        return cls(ridge)


HEADS: dict[str, Any] = {head.kind: head for head in (LinearHead, LightGBMHead)}
KERNELS: dict[str, Any] = {kernel.kind: kernel for kernel in (FullKernel, SmallKernel)}
