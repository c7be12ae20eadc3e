"""LightGBM trusts its own text: what would crash it, or never end, is refused before."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from facs_pipeline.foundation.boosted_trees import DamagedTreesError, booster_of_text

X = np.random.default_rng(0).normal(size=(60, 3))


@pytest.fixture(scope="module")
def text() -> str:
    parameters = {"objective": "multiclass", "num_class": 3, "num_leaves": 4, "min_data_in_leaf": 2, "verbose": -1}
    return lightgbm.train(
        {**parameters, "num_threads": 1}, lightgbm.Dataset(X, label=np.arange(60) % 3), 2
    ).model_to_string()


def line(text: str, name: str) -> str:
    """The first line of this name in the text of the trees."""
    return next(one for one in text[text.index("Tree=0") :].splitlines() if one.startswith(f"{name}="))


def test_a_whole_text_predicts_as_before(text):
    booster = booster_of_text(text.encode())
    assert booster.num_trees() == 6
    np.testing.assert_array_equal(booster.predict(X), lightgbm.Booster(model_str=text).predict(X))
    one_leaf = lightgbm.train({"objective": "regression", "verbose": -1}, lightgbm.Dataset(X[:4], label=np.ones(4)), 1)
    assert booster_of_text(one_leaf.model_to_string().encode()).predict(X) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("left_child", "0 -1 -2", "leads nowhere, or two lead|leads back"),
        ("left_child", "9 -1 -2", "'9' where a whole number"),
        ("right_child", "99999999999 -1 -2", "where a whole number"),
        ("split_feature", "3 0 0", "'3' where a whole number from 0 to 2"),
        ("split_feature", "0", "1 numbers where 3 stand"),
        ("decision_type", "1 2 2", "a split by category"),
        ("num_leaves", "2147483647", "where a whole number"),
        ("num_cat", "1", "other splits"),
        ("leaf_value", "1 2 x 4", "'x' where a number stands"),
    ],
)
def test_what_leads_nowhere_is_refused(text, name, value, told):
    before, after = line(text, name), f"{name}={value}"
    damaged = text.replace(before, after, 1)
    sizes = line(f"Tree=0\n{text}", "tree_sizes")
    first, _, rest = sizes.removeprefix("tree_sizes=").partition(" ")
    # With the right size of the tree: it is the tree's own fault that is found.
    damaged = damaged.replace(sizes, f"tree_sizes={int(first) + len(after) - len(before)} {rest}")
    with pytest.raises(DamagedTreesError, match=told):
        booster_of_text(damaged.encode())


@pytest.mark.parametrize("control", ["\r", "\0", "\t", "\x0b", "\x7f"])
def test_control_characters_are_refused_wherever_they_stand(text, control):
    """LightGBM ends a line at a carriage return, and crashes on what is left of it."""
    for place in ("[multi_error_top_k: ", "feature_names=", "leaf_value="):
        with pytest.raises(DamagedTreesError, match="a control character"):
            booster_of_text(text.replace(place, place + control, 1).encode())


def test_cuts_and_what_is_no_text_are_refused(text):
    for size in range(0, len(text) - 50, 211):
        with pytest.raises(DamagedTreesError):
            booster_of_text(text[:size].encode())
    with pytest.raises(DamagedTreesError, match="is no text"):
        booster_of_text(b"\xff\xfe")
