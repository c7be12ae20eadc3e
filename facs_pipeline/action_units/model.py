"""Stage 5, features -> intensities 0..5 of action units, by one matrix product.

A model is linear: for each action unit one weight per feature and an intercept. An ensemble of linear regressors
averages to one linear regressor, and standardising is linear too, so both are folded into the weights. Beside the
features, products of a face's coordinates on a few axes (`facs_pipeline.action_units.pairwise_products`) may have
weights, and what such sums missed on training faces like this one may be corrected
(`facs_pipeline.action_units.kernel_correction`): ``clip(x W + b + products(x) V + correction(x), 0, 5)``.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.action_units.kernel_correction import KernelCorrection
from facs_pipeline.action_units.names import AU_NAMES, MAX_INTENSITY
from facs_pipeline.action_units.pairwise_products import PairwiseProducts
from facs_pipeline.action_units.presence import NEVER, presence_levels
from facs_pipeline.deprecated import renamed_parameters
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import content_hash, load_model, save_model, usable
from facs_pipeline.foundation.regression.linear import as_floats
from facs_pipeline.foundation.threads import one_thread

MODEL_KIND = "action-units"
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "action_units.npz"

# Names of the arrays in a model file.
_PRODUCT_ARRAYS = ("mode_axes", "mode_offset", "mode_sizes")
_CORRECTION_ARRAYS = ("similar_centres", "similar_scales", "similar_corrections")
# So few faces are predicted on one thread.
_FEW = 8


class ActionUnitModel:
    """Features of a face -> intensities 0..5 of several action units.

    Parameters
    ----------
    aus : sequence of int
        FACS numbers [k], such as ``(1, 2, 4, 12)``; keys of `AU_NAMES`.
    weights : ndarray
        ``[d, k]``: one column per action unit, for features as `facs_pipeline.features.face_features` gives them.
    intercept : ndarray
        ``[k]``.
    card : Mapping of str to Any, optional
        Facts about the training (data, persons, metrics, versions); stored with the model.
    settings : Mapping of str to Any, optional
        Feature settings of the training as JSON; by default those of this version. ``"softness"`` among them: how
        softly scores are limited at 0, see `limited`; else they are so sharply. ``"presence"``: see the attribute.
    products : PairwiseProducts, optional
        Products that have weights beside the features.
    product_weights : ndarray, optional
        ``[p, k]``: one column per action unit, for the `products`.
    correction : KernelCorrection, optional
        Corrects intensities by the coordinates of `products`.

    Attributes
    ----------
    aus : tuple of int
    weights, intercept, product_weights : ndarray of float32
    card, settings : dict of str to Any
    products : PairwiseProducts or None
    correction : KernelCorrection or None
    softness : float
    presence : dict of int to float
        Action unit -> from which intensity on coders say that it is there; empty where nothing was learnt from codes.
    sha256 : str
        Hash of the numbers; changes when, and only when, predictions can.

    Raises
    ------
    ModelError
        If the shapes do not fit together, a number is not finite, or an action unit is unknown or named twice.

    Examples
    --------
    >>> model = ActionUnitModel.load_default()
    >>> model.aus
    (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 23, 24, 25, 26, 27, 28, 45)
    >>> model.predict(np.zeros((3, 9055), np.uint8)).shape
    (3, 21)
    """

    @renamed_parameters(modes="products", similar="correction")
    def __init__(
        self,
        aus: Sequence[int] | np.ndarray,
        weights: np.ndarray,
        intercept: np.ndarray | Sequence[float],
        card: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        products: PairwiseProducts | None = None,
        product_weights: np.ndarray | None = None,
        correction: KernelCorrection | None = None,
    ) -> None:
        self.aus = tuple(int(au) for au in aus)
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.intercept = np.ascontiguousarray(intercept, dtype=np.float32)
        self.products, self.correction = products, correction
        self.product_weights = np.zeros((0, len(self.aus)), np.float32)
        if products is not None:
            self.product_weights = np.ascontiguousarray(product_weights, dtype=np.float32)
        self.settings = _own_settings(products, correction) if settings is None else _plain(settings)
        self.softness = float(self.settings.get("softness", 0.0))
        self.presence = dict(sorted((int(au), float(at)) for au, at in self.settings.get("presence", {}).items()))
        self.card = {} if card is None else dict(card)
        self._check_shapes()
        unknown = [au for au in self.aus if au not in AU_NAMES]
        if unknown or len(set(self.aus)) != len(self.aus):
            raise ModelError(f"action-unit model: {self.aus} are not distinct FACS numbers (unknown: {unknown})")
        arrays = self._arrays()
        if not all(np.isfinite(values).all() for values in arrays.values()):
            raise ModelError(f"action-unit model: {', '.join(arrays)} must be finite")
        self.sha256 = content_hash(arrays)

    def _check_shapes(self) -> None:
        k, products, correction = len(self.aus), self.products, self.correction
        if self.weights.ndim != 2 or self.weights.shape[1] != k or self.intercept.shape != (k,) or not k:
            raise ModelError(
                f"action-unit model: {k} action units need weights [d, {k}] and intercept [{k}], "
                f"got {self.weights.shape} and {self.intercept.shape}"
            )
        if products is not None and (
            self.product_weights.shape != (products.n_products, k) or len(products.axes) != len(self.weights)
        ):
            raise ModelError(
                f"action-unit model: {products.n_products} products of {len(self.weights)} features need weights "
                f"[{products.n_products}, {k}], got {self.product_weights.shape} and axes {products.axes.shape}"
            )
        if correction is None:
            return
        coordinates = 0 if products is None else sum(products.sizes)
        if not coordinates or correction.corrections.shape[1] != k or len(correction.scales) != coordinates + k:
            raise ModelError(
                f"action-unit model: faces are compared by the coordinates of products and {k} intensities, "
                f"got {len(correction.scales)} numbers a face and corrections {correction.corrections.shape}"
            )

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {
            "aus": np.array(self.aus, dtype=np.int64),
            "weights": self.weights,
            "intercept": self.intercept,
        }
        if self.products is not None:
            of_products = self.products.axes, self.products.offset, np.array(self.products.sizes, dtype=np.int64)
            arrays.update(zip(_PRODUCT_ARRAYS, of_products, strict=True))
            arrays["product_weights"] = self.product_weights
        if self.correction is not None:
            of_correction = self.correction.centres, self.correction.scales, self.correction.corrections
            arrays.update(zip(_CORRECTION_ARRAYS, of_correction, strict=True))
        if self.softness:
            arrays["softness"] = np.array(self.softness)
        if self.presence:
            arrays["presence"] = np.array([self.presence.get(au, NEVER) for au in self.aus])
        return arrays

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Intensities of faces.

        Parameters
        ----------
        features : ndarray
            ``[n, d]``, or ``[d]`` of one face, of any number type.

        Returns
        -------
        ndarray
            ``[n, k]`` or ``[k]``, 0..5; float64 where the features are, else float32.

        Raises
        ------
        ModelError
            If the number of features is not the model's.

        Notes
        -----
        Up to eight faces are predicted on one thread: waking the threads of BLAS for a frame takes several times as
        long as its products do.
        """
        features = np.asarray(features)
        if features.shape[-1] != len(self.weights):
            raise ModelError(
                f"the action-unit model expects {len(self.weights)} features a face, got {features.shape[-1]}; "
                "take features from facs_pipeline.features of the version that trained the model, or train anew"
            )
        return limited(self.scores(features), self.softness)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """What `predict` gives before it is limited to 0..5."""
        features = as_floats(features)
        few = features.ndim == 1 or len(features) <= _FEW
        with one_thread() if few else contextlib.nullcontext():
            if self.products is None:
                return features @ self.weights + self.intercept
            linear, coordinates = self._linear(np.atleast_2d(features), self.products)
            if self.correction is not None:
                linear += self.correction.predict(coordinates, linear)
        return linear.reshape(*features.shape[:-1], len(self.aus))

    def _linear(self, features: np.ndarray, products: PairwiseProducts) -> tuple[np.ndarray, np.ndarray]:
        """Weighted sums of features [n, d] and products: [n, k]; and the coordinates [n, m]."""
        coordinates = products.coordinates(features)
        of_products = products.of_coordinates(coordinates) @ self.product_weights
        return features @ self.weights + self.intercept + of_products, coordinates

    def weights_between(self, face: np.ndarray, reference: np.ndarray, au: int) -> np.ndarray:
        """Weights with ``weights @ (face - reference)`` the exact difference of an action unit between two faces.

        Parameters
        ----------
        face, reference : ndarray of float64
            Features [d].
        au : int
            One of `aus`.

        Returns
        -------
        ndarray of float64
            ``[d]``; the difference is that of `scores`. Without products these are the model's own weights, the same
            for any two faces.

        Raises
        ------
        ValueError
            If the model does not measure `au`.
        """
        column = self.aus.index(au)
        if self.products is None:
            return self.weights[:, column].astype(np.float64)
        share, slope = np.zeros(len(self.aus)), np.zeros(sum(self.products.sizes))
        share[column] = 1.0
        if self.correction is not None:
            linear, coordinates = self._linear(np.stack([face, reference]), self.products)
            one, other = np.concatenate([coordinates, linear], axis=1)
            slope, of_linear = np.split(self.correction.slope_between(one, other, column), [len(slope)])
            share += of_linear
        of_products = self.products.slope_between(face, reference, self.product_weights @ share)
        return self.weights @ share + of_products + self.products.slope_of_features(face, reference, slope)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model and its card to an ``.npz`` that runs no code when loaded."""
        return save_model(path, MODEL_KIND, self._arrays(), {**self.card, "settings": self.settings})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ActionUnitModel:
        """Read a model file and check that this version computes the features it was trained on.

        Raises
        ------
        ModelError
            If the file is damaged or of another kind (see `load_model`), or trained on other features.
        """
        stored = load_model(path, MODEL_KIND)
        with usable(path, "an action-unit model"):
            arrays, needed = stored.arrays, {"aus", "weights", "intercept"}
            has_products = not arrays.keys().isdisjoint(_PRODUCT_ARRAYS)
            if has_products:
                needed |= {*_PRODUCT_ARRAYS, "product_weights"}
            has_correction = not arrays.keys().isdisjoint(_CORRECTION_ARRAYS)
            if has_correction:
                needed |= {*_CORRECTION_ARRAYS}
            missing = needed - arrays.keys()
            if missing or "settings" not in stored.card:
                raise ModelError(f"{path}: an action-unit model without {sorted(missing) or 'feature settings'}")
            products = PairwiseProducts(*(arrays[name] for name in _PRODUCT_ARRAYS)) if has_products else None
            correction = KernelCorrection(*(arrays[name] for name in _CORRECTION_ARRAYS)) if has_correction else None
            settings, own = stored.card["settings"], _own_settings(products, correction) | _of_codes(arrays)
            if settings != own:
                changed = sorted(k for k in settings.keys() | own.keys() if settings.get(k) != own.get(k))
                raise ModelError(
                    f"{path}: trained on other features than this version computes "
                    f"({', '.join(f'{k}: {settings.get(k)} there, {own.get(k)} here' for k in changed)}); "
                    "train it again with `facs train-au`, or use the version that trained it"
                )
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
                products,
                arrays.get("product_weights"),
                correction,
            )

    @classmethod
    def load_default(cls) -> ActionUnitModel:
        """The model that comes with the package; read once per process."""
        return _load_default()


def limited(scores: np.ndarray, softness: float) -> np.ndarray:
    """Scores of any size as intensities 0..5.

    Parameters
    ----------
    scores : ndarray
        Of any shape and float type.
    softness : float
        0: what is below 0 is 0. Else ``softness log(1 + exp(score / softness))``, the softplus function: almost 0 below
        0, almost the score above it, and never the same for two scores, so that faint movements keep their order.

    Examples
    --------
    >>> limited(np.array([-2.0, 0.0, 2.0, 9.0]), 0.35).round(3).tolist()
    [0.001, 0.243, 2.001, 5.0]
    """
    if softness:
        scores = softness * np.logaddexp(0, scores / softness)
    return np.clip(scores, 0.0, MAX_INTENSITY)


@cache
def _load_default() -> ActionUnitModel:
    return ActionUnitModel.load(DEFAULT_MODEL)


def _own_settings(products: PairwiseProducts | None, correction: KernelCorrection | None) -> dict[str, Any]:
    """What a model of this version is made on; a version that knows no products, or no correction, refuses it."""
    settings: dict[str, Any] = {**vector.SETTINGS.as_json()}
    if products is not None:
        settings["modes"] = products.sizes
    if correction is not None:
        settings["similar"] = len(correction.centres)
    return _plain(settings)


def _of_codes(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Settings that a model has which learnt from codes by people."""
    settings: dict[str, Any] = {}
    if "softness" in arrays:
        settings["softness"] = float(arrays["softness"])
    if "presence" in arrays:
        settings["presence"] = {str(au): level for au, level in presence_levels(arrays).items()}
    return settings


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as JSON gives them back (tuples are lists), so that stored and own ones compare."""
    return json.loads(json.dumps(settings, sort_keys=True))
