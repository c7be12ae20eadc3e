"""Reasons name the statistics that moved the decision, and the picture shows both curves."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from facs_pipeline.authenticity.curves_plot import plot_curves
from facs_pipeline.authenticity.explanation import in_words, reasons, units_of
from facs_pipeline.authenticity.files import draw_pair
from facs_pipeline.authenticity.rank_svm import RankSVM
from facs_pipeline.dynamics.descriptors import descriptor_names


@pytest.mark.parametrize(
    ("column", "a", "b", "words"),
    [
        ("AU12_speed_max", 2, 1, "AU12 speed: maximum higher in A"),
        ("AU01_value_mean_squared", 1, 2, "AU01 intensity: mean, squared higher in B"),
        ("AU06_acceleration_time_of_max", 3, 1, "AU06 acceleration: time of the maximum later in A"),
        ("AU25_value_time_above_mean", 0.2, 0.4, "AU25 intensity: share of time above the mean longer in B"),
        ("AU25_value_range", 1, 1, "AU25 intensity: range the same in both"),
        ("heart_rate", 60, 70, "heart_rate: higher in B"),
        ("AU12_r_something", 1, 2, "AU12_r_something: higher in B"),
    ],
)
def test_words(column, a, b, words):
    assert in_words(column, a, b) == words


def test_every_descriptor_has_words_of_its_own():
    names = descriptor_names((12,))
    words = [in_words(name, 1.0, 0.0) for name in names]
    assert len(set(words)) == len(names) == 62
    assert not any("_" in text for text in words)


def test_the_strongest_reason_is_the_descriptor_that_carries_the_signal():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 62))
    names = tuple(descriptor_names((12,)))
    planted = names.index("AU12_speed_max")
    X[1::2, planted] += 4  # fake videos are faster
    pairs = np.arange(80).reshape(-1, 2)
    model = RankSVM(n_estimators=15).fit(X, pairs[:35])
    found = reasons(model.margins(X, pairs[39:])[0], names, *X[pairs[39]], top=3)
    assert found[0].column == "AU12_speed_max"
    assert found[0].words == "AU12 speed: maximum higher in B"
    assert found[0].contribution > 0  # the first video is the real one
    assert len(found) == 3


def test_descriptors_without_influence_are_not_named():
    assert [r.column for r in reasons(np.array([0.0, 2.0]), ("a", "b"), np.zeros(2), np.ones(2))] == ["b"]


def test_units_in_order_of_importance():
    assert units_of(["AU12_speed_max", "my_x", "AU04_value_mean", "AU12_value_mean"]) == ["AU12", "AU04"]


def test_picture_has_both_curves_in_every_panel_and_gaps_where_no_face_was():
    times = np.arange(50) / 25
    one, two = np.zeros((50, 2)), np.full((50, 2), 4.0)
    one[20:30] = np.nan
    text = plot_curves(("a & b.mp4", "c.mp4"), (times, times + 3), (one, two), ["AU12", "AU25"], title="A < B")
    root = ElementTree.fromstring(text)
    lines = [node for node in root if node.tag.endswith("polyline")]
    assert len(lines) == 2 * (2 + 1)
    assert text == plot_curves(("a & b.mp4", "c.mp4"), (times, times + 3), (one, two), ["AU12", "AU25"], title="A < B")
    width = float(root.attrib["width"])
    for line in lines:
        x = [float(point.split(",")[0]) for point in line.attrib["points"].split()]
        assert min(x) >= 0
        assert max(x) <= width
    assert re.search(r"a &amp; b\.mp4", text)


def test_curves_of_videos_with_long_names(tmp_path):
    names = ["a" * 190, "ä" * 95]
    for name in names:
        rows = {"video": name, "frame": range(1, 51), "face_id": 0, "timestamp": np.arange(50) / 25, "success": 1}
        (tmp_path / "action_units").mkdir(exist_ok=True)
        pd.DataFrame({**rows, "AU12_r": 1.0}).to_csv(tmp_path / "action_units" / f"{name}.csv", index=False)
    drawn = draw_pair(tmp_path, tmp_path, names[0], names[1], ["AU12_value_mean"])
    assert drawn.is_file()
    assert len(drawn.name.encode()) < 255
    assert drawn != draw_pair(tmp_path, tmp_path, names[1], names[0], ["AU12_value_mean"])
