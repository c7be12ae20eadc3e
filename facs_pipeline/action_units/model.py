"""FACS names, the SVR ensemble, and the model that turns features into intensities 0..5.

A model is linear: for each action unit one weight per feature and an intercept. An ensemble of linear
regressors averages to one linear regressor, and standardising is linear too, so both are folded into the
weights and a frame costs one matrix product for all action units. Beside the features, products of a face's
coordinates on a few axes (`facs_pipeline.action_units.pairwise_products`) may have weights, too, and a face may be corrected by what
was missed on training faces like it (`facs_pipeline.action_units.kernel_correction`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.action_units.kernel_correction import KernelCorrection
from facs_pipeline.action_units.names import AU_NAMES, MAX_INTENSITY
from facs_pipeline.action_units.pairwise_products import PairwiseProducts
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import content_hash, load_model, save_model
from facs_pipeline.foundation.regression.linear import as_floats

MODEL_KIND = "action-units"
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "action_units.npz"
_MODE_ARRAYS = ("mode_axes", "mode_offset", "mode_sizes")
_SIMILAR_ARRAYS = ("similar_centres", "similar_scales", "similar_corrections")


class ActionUnitModel:
    """Features of a face -> intensities 0..5 of several action units, by a matrix product.

    Parameters
    ----------
    aus : sequence [k] of int
        FACS numbers, e.g. ``(1, 2, 4, 12)``; keys of `AU_NAMES`.
    weights : ndarray [d, k]
        One column per action unit, for features as `appearance.features` gives them.
    intercept : ndarray [k]
    card : dict
        Facts about the training (data, persons, metrics, versions); kept with the model.
    settings : dict
        `appearance.SETTINGS` of the training; by default those of this version.
    modes : PairwiseProducts, optional
        Whose products count beside the features.
    product_weights : ndarray [p, k], optional
        One column per action unit, for the products of `modes`.
    similar : KernelCorrection, optional
        Corrects intensities by the coordinates of `modes`.

    Attributes
    ----------
    aus, weights, intercept, card, settings, modes, product_weights, similar
    sha256 : str
        Hash of the numbers; changes when, and only when, predictions can.

    Example
    -------
    >>> model = ActionUnitModel.load_default()
    >>> model.aus
    (1, 2, 4, 5, 7, 10, 12, 15, 17, 18, 20, 25, 26, 28, 45)
    >>> model.predict(np.zeros((3, 9055), np.uint8)).shape
    (3, 15)
    """

    def __init__(
        self,
        aus: Sequence[int],
        weights: np.ndarray,
        intercept: np.ndarray,
        card: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        modes: PairwiseProducts | None = None,
        product_weights: np.ndarray | None = None,
        similar: KernelCorrection | None = None,
    ):
        self.aus = tuple(int(au) for au in aus)
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.intercept = np.ascontiguousarray(intercept, dtype=np.float32)
        self.modes, self.similar = modes, similar
        self.product_weights = np.zeros((0, len(self.aus)), np.float32)
        if modes is not None:
            self.product_weights = np.ascontiguousarray(product_weights, dtype=np.float32)
        self.settings = _own_settings(modes, similar) if settings is None else _plain(settings)
        self.card = {} if card is None else dict(card)
        k = len(self.aus)
        if self.weights.ndim != 2 or self.weights.shape[1] != k or self.intercept.shape != (k,) or not k:
            raise ModelError(
                f"action-unit model: {k} action units need weights [d, {k}] and intercept [{k}], "
                f"got {self.weights.shape} and {self.intercept.shape}"
            )
        if modes is not None and (
            self.product_weights.shape != (modes.n_products, k) or modes.axes.shape[:1] != self.weights.shape[:1]
        ):
            raise ModelError(
                f"action-unit model: {modes.n_products} products of modes of {len(self.weights)} features need weights "
                f"[{modes.n_products}, {k}], got {self.product_weights.shape} and axes {modes.axes.shape}"
            )
        if similar is not None and (
            modes is None or similar.corrections.shape[1] != k or len(similar.scales) != sum(modes.sizes) + k
        ):
            raise ModelError(
                f"action-unit model: faces are compared by the coordinates of modes and {k} intensities, "
                f"got {len(similar.scales)} numbers a face and corrections {similar.corrections.shape}"
            )
        unknown = [au for au in self.aus if au not in AU_NAMES]
        if unknown or len(set(self.aus)) != k:
            raise ModelError(f"action-unit model: {self.aus} are not distinct FACS numbers (unknown: {unknown})")
        arrays = self._arrays()
        if not all(np.isfinite(values).all() for values in arrays.values()):
            raise ModelError(f"action-unit model: {', '.join(arrays)} must be finite")
        self.sha256 = content_hash(arrays)

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {"aus": np.array(self.aus, dtype=np.int64), "weights": self.weights, "intercept": self.intercept}
        if self.modes is None:
            return arrays
        of_modes = self.modes.axes, self.modes.offset, np.array(self.modes.sizes, dtype=np.int64)
        arrays |= dict(zip(_MODE_ARRAYS, of_modes, strict=True)) | {"product_weights": self.product_weights}
        if self.similar is not None:
            of_faces = self.similar.centres, self.similar.scales, self.similar.corrections
            arrays |= dict(zip(_SIMILAR_ARRAYS, of_faces, strict=True))
        return arrays

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Features [n, d] (or one face's [d]) of any number type -> intensities [n, k] (or [k]), 0..5.

        Raises
        ------
        ModelError
            If the number of features is not the model's.
        """
        features = np.asarray(features)
        if features.shape[-1] != len(self.weights):
            raise ModelError(
                f"the action-unit model expects {len(self.weights)} features a face, got {features.shape[-1]}; "
                "take features from facs_pipeline.features.vector of the version that trained the model, or train anew"
            )
        return np.clip(self.scores(features), 0.0, MAX_INTENSITY)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """What `predict` gives before it is limited to 0..5; float64 where the features are, else float32."""
        features = as_floats(features)
        if self.modes is None:
            return features @ self.weights + self.intercept
        linear, coordinates = self._linear(np.atleast_2d(features))
        if self.similar is not None:
            linear += self.similar.of(coordinates, linear)
        return linear.reshape(*features.shape[:-1], len(self.aus))

    def _linear(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What features [n, d] and products weigh [n, k], and the coordinates [n, m]."""
        coordinates = self.modes.coordinates(features)
        products = self.modes.products_of(coordinates) @ self.product_weights
        return features @ self.weights + self.intercept + products, coordinates

    def weights_between(self, face: np.ndarray, reference: np.ndarray, au: int) -> np.ndarray:
        """Weights [d] with ``weights @ (face - reference)`` the exact difference of an action unit between two faces.

        Before both are limited to 0..5; `face` and `reference` are features [d], float64. Without modes these are the
        model's own weights, the same for any two faces.

        Raises
        ------
        ValueError
            If the model does not measure `au`.
        """
        column = self.aus.index(au)
        if self.modes is None:
            return self.weights[:, column].astype(np.float64)
        share, of_coordinates = np.zeros(len(self.aus)), np.zeros(sum(self.modes.sizes))
        share[column] = 1.0
        if self.similar is not None:
            linear, coordinates = self._linear(np.stack([face, reference]))
            slope = self.similar.slope_between(*np.concatenate([coordinates, linear], axis=1), column)
            of_coordinates, of_linear = np.split(slope, [len(of_coordinates)])
            share += of_linear
        of_products = self.modes.slope_between(face, reference, self.product_weights @ share)
        return self.weights @ share + of_products + self.modes.carried_back(face, reference, of_coordinates)

    def save(self, path: str | os.PathLike) -> Path:
        """Write the model and its card to an ``.npz`` that runs no code when loaded."""
        return save_model(path, MODEL_KIND, self._arrays(), {**self.card, "settings": self.settings})

    @classmethod
    def load(cls, path: str | os.PathLike) -> ActionUnitModel:
        """Read a model file and check that this version computes the features it was trained on.

        Raises
        ------
        ModelError
            If the file is damaged or of another kind (see `model_file.load_model`), or trained on other features.
        """
        stored = load_model(path, MODEL_KIND)
        needed = {"aus", "weights", "intercept"}
        has_modes = not stored.arrays.keys().isdisjoint(_MODE_ARRAYS)
        if has_modes:
            needed |= {*_MODE_ARRAYS, "product_weights"}
        has_similar = not stored.arrays.keys().isdisjoint(_SIMILAR_ARRAYS)
        if has_similar:
            needed |= {*_SIMILAR_ARRAYS}
        missing = needed - stored.arrays.keys()
        if missing or "settings" not in stored.card:
            raise ModelError(f"{path}: an action-unit model without {sorted(missing) or 'feature settings'}")
        modes = PairwiseProducts(*(stored.arrays[name] for name in _MODE_ARRAYS)) if has_modes else None
        similar = KernelCorrection(*(stored.arrays[name] for name in _SIMILAR_ARRAYS)) if has_similar else None
        settings, own = stored.card["settings"], _own_settings(modes, similar)
        if settings != own:
            changed = sorted(k for k in settings.keys() | own.keys() if settings.get(k) != own.get(k))
            raise ModelError(
                f"{path}: trained on other features than this version computes "
                f"({', '.join(f'{k}: {settings.get(k)} there, {own.get(k)} here' for k in changed)}); "
                "train it again with `facs train-au`, or use the version that trained it"
            )
        arrays = stored.arrays
        if arrays["weights"].shape[:1] != (vector.N_FEATURES,):
            raise ModelError(
                f"{path}: holds weights {arrays['weights'].shape} for {vector.N_FEATURES} features; "
                "train it again with `facs train-au`"
            )
        return cls(
            arrays["aus"],
            arrays["weights"],
            arrays["intercept"],
            stored.card,
            settings,
            modes,
            arrays.get("product_weights"),
            similar,
        )

    @classmethod
    def load_default(cls) -> ActionUnitModel:
        """The model that comes with the package; read once per process."""
        return _load_default()


@lru_cache(maxsize=1)
def _load_default() -> ActionUnitModel:
    return ActionUnitModel.load(DEFAULT_MODEL)


def _own_settings(modes: PairwiseProducts | None, similar: KernelCorrection | None) -> dict[str, Any]:
    """What a model of this version is made on; a version that knows no modes, or no similar faces, refuses one with."""
    more = {} if modes is None else {"modes": modes.sizes}
    return _plain(vector.SETTINGS | more | ({} if similar is None else {"similar": len(similar.centres)}))


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings as JSON gives them back (tuples are lists), so that stored and own ones compare."""
    return json.loads(json.dumps(settings, sort_keys=True))
