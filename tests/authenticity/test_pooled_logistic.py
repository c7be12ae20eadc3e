"""The ranker that learns from videos and pairs at once: margins, sharing between emotions, files."""

from __future__ import annotations

import numpy as np
import pytest

from facs_pipeline.authenticity.pooled_logistic import PooledLogistic

PEOPLE, EACH = 24, 4


def study(seed: int = 0, opposite: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Descriptors, pairs, emotions and subjects; `opposite` of what tells felt from posed turns between emotions."""
    rng = np.random.default_rng(seed)
    n = PEOPLE * EACH
    labels = np.tile([1, -1], n // 2)
    emotions = np.where(np.arange(n) % EACH < 2, "happy", "sad").astype(object)
    sign = np.where(emotions == "happy", 1, 1 - 2 * opposite)
    X = rng.normal(size=(n, 30))
    X[:, 0] += labels * sign * 1.5
    X[:, 1:6] += 2 * np.repeat(rng.normal(size=(PEOPLE, 5)), EACH, axis=0)
    pairs = np.arange(n).reshape(-1, 2)
    return X, pairs, emotions, np.repeat(np.arange(PEOPLE), EACH).astype(str)


def accuracy(model: PooledLogistic, seed: int, opposite: float) -> float:
    X, pairs, emotions, _ = study(seed, opposite)
    return model.score(X, pairs, emotions=emotions)


def test_new_people_are_ranked_and_scored_alike() -> None:
    X, pairs, emotions, subjects = study()
    model = PooledLogistic().fit(X, pairs, emotions=emotions, subjects=subjects)
    assert accuracy(model, 1, 0.0) > 0.8
    new, new_pairs, new_emotions, _ = study(1)
    odds = model.score_videos(new, emotions=new_emotions)
    scores = model.decision_function(new, new_pairs, emotions=new_emotions)
    assert scores == pytest.approx(odds[new_pairs[:, 0]] - odds[new_pairs[:, 1]])
    assert model.decision_function(new, new_pairs[:, ::-1], emotions=new_emotions) == pytest.approx(-scores)
    assert model.margins(new, new_pairs, emotions=new_emotions).sum(axis=1) == pytest.approx(scores)
    assert np.abs(model.margins(new, new_pairs, emotions=new_emotions)).mean(axis=0).argmax() == 0


def test_emotions_may_differ_and_still_share() -> None:
    X, pairs, emotions, subjects = study(opposite=1.0)
    own = PooledLogistic(owns=(3.0,)).fit(X, pairs, emotions=emotions, subjects=subjects)
    shared = PooledLogistic(owns=(1e-6,)).fit(X, pairs, emotions=emotions, subjects=subjects)
    assert accuracy(own, 1, 1.0) > 0.75
    assert accuracy(shared, 1, 1.0) < 0.65
    # What tells them apart in all emotions is learnt once; an emotion that was not seen is ranked by it.
    X, pairs, emotions, subjects = study()
    both = PooledLogistic().fit(X, pairs, emotions=emotions, subjects=subjects)
    new, new_pairs, _, _ = study(1)
    assert both.score(new, new_pairs, emotions=np.full(len(new), "fear", dtype=object)) > 0.8


def test_settings_are_chosen_by_people_who_are_held_out() -> None:
    X, pairs, emotions, subjects = study(opposite=1.0)
    model = PooledLogistic(penalties=(1e-4, 1.0), owns=(1e-6, 3.0))
    model.fit(X, pairs, emotions=emotions, subjects=subjects)
    assert (model.penalty_, model.own_) == (1.0, 3.0)


def test_the_solution_is_that_of_least_penalised_loss() -> None:
    """Moving the weights along any of some directions makes the objective that the class states larger."""
    X, pairs, _, _ = study()
    model = PooledLogistic(penalties=(0.5,)).fit(X, pairs)
    z = np.clip((X - model.mean_) / model.scale_, -5, 5)
    y = np.tile([1.0, -1.0], len(pairs))

    def objective(weights: np.ndarray, offset: float) -> float:
        odds = z @ weights + offset
        between = odds[pairs[:, 0]] - odds[pairs[:, 1]]
        loss = np.logaddexp(0, -y * odds).sum() + np.logaddexp(0, -between).sum()
        return float(loss + 0.25 * (weights @ weights * z.shape[1] + offset**2 / 0.1))

    best = objective(model.weights_[0], model.offsets_[0])
    rng = np.random.default_rng(0)
    for direction in rng.normal(size=(20, 31)):
        step = 0.05 * direction / np.linalg.norm(direction)
        assert objective(model.weights_[0] + step[:30], model.offsets_[0] + step[30]) > best


def test_it_comes_back_from_its_arrays_and_a_constant_column_counts_for_nothing() -> None:
    X, pairs, emotions, subjects = study()
    X[:, 7] = 4.2
    model = PooledLogistic().fit(X, pairs, emotions=emotions, subjects=subjects)
    again = PooledLogistic.from_arrays(model.to_arrays(), model.get_params())
    new, new_pairs, new_emotions, _ = study(1)
    for one in (model, again):
        assert one.decision_function(new, new_pairs, emotions=new_emotions) == pytest.approx(
            model.decision_function(new, new_pairs, emotions=new_emotions)
        )
    assert not model.margins(new, new_pairs, emotions=new_emotions)[:, 7].any()
