"""`facs_pipeline.load`: the tables of a run as DataFrames, and its figures."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from study_results import AUS, FRAMES, write_study

import facs_pipeline
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.study.curves import read_curves
from facs_pipeline.study.timeline import TimelineOptions


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study") / "results", persons=4)


def test_tables(study):
    results = facs_pipeline.load(study)
    assert repr(results) == f"<Results of 8 videos in {study}>"
    assert len(results.action_units) == 8 * FRAMES
    assert results.action_units["video"].nunique() == 8
    assert {f"AU{au:02d}_r" for au in AUS} <= set(results.action_units)
    assert not {"x_0", "x_16"} & set(results.action_units)
    assert {"video", "frame", "x_0", "x_16"} <= set(results.landmarks)
    assert results.videos["frames"].tolist() == [FRAMES] * 8
    assert list(results.videos.set_index("video").loc["p3_joke", ["subject", "condition", "age"]]) == [
        "S03",
        "joke",
        23,
    ]
    smiles = results.events.query("action_unit == 12")
    assert smiles["onset_s"].to_numpy() == pytest.approx(1.0)
    assert results.quality["verdict"].isin(["use", "check", "leave out"]).all()
    assert results.action_units is results.action_units
    with pytest.raises(InputError, match="no descriptors there"):
        _ = results.descriptors


def test_compare_is_what_summarize_says(study):
    found = facs_pipeline.load(study).compare("condition")
    smile = found.query("signal == 'AU12' and statistic == 'maximum'").iloc[0]
    assert smile["difference"] == pytest.approx(1.5, abs=0.3)
    assert smile["persons"] == 4
    pd.read_csv(study / "metadata.csv").assign(sex="f").to_csv(study / "same.csv", index=False)
    same = facs_pipeline.load(study, study / "same.csv")
    with pytest.raises(InputError, match="no differences of sex: all videos have the same"):
        same.compare("sex")


def test_timeline(study):
    figure = facs_pipeline.load(study).plot_timeline("p0_joke", aus=[6, 12])
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["AU6 cheek raiser", "AU12 lip corner puller"]
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(180)
    marks = [line for line in figure.axes[1].lines if line.get_marker() == "|"]
    assert [x for line in marks for x in np.asarray(line.get_xdata())] == pytest.approx([1.0, 2.0])


def test_low_confidence_is_shaded_and_gaps_stay_open(study, tmp_path):
    shutil.copytree(study, tmp_path / "results")
    path = tmp_path / "results" / "action_units" / "p0_joke.csv"
    table = pd.read_csv(path)
    table.loc[20:29, "confidence"] = 0.2
    table.drop(index=range(60, 70)).to_csv(path, index=False)
    figure = facs_pipeline.load(tmp_path / "results").plot_timeline("p0_joke", options=TimelineOptions(aus=(12,)))
    [shade] = figure.axes[0].patches
    assert isinstance(shade, Rectangle)
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx((0.78, 1.18))
    assert np.isnan(figure.axes[0].lines[0].get_xdata()).sum() == 1
    curves = read_curves(path, (12,))
    inside = curves.at(np.array([0.30, 0.90, 2.45, 3.0]))[:, 0]
    assert np.isnan(inside).tolist() == [False, True, True, False]
    half = curves.at(np.array([0.06]))[0, 0]
    assert half == pytest.approx(curves.values[1:3, 0].mean())


def test_overlay(results):
    loaded = facs_pipeline.load(results)
    figure = loaded.plot_overlay(3, "anna")
    picture = figure.axes[0].images[0].get_array()
    assert picture is not None
    assert picture.shape[1] > picture.shape[0]
    with pytest.raises(InputError, match="no frame 9999"):
        loaded.plot_overlay(9999, "anna")
    with pytest.raises(InputError, match="videos; say which one"):
        loaded.plot_overlay(3)


def test_what_is_not_there_is_said(study):
    results = facs_pipeline.load(study)
    for arguments, told in (
        (("nobody",), "no video 'nobody'; there are p0_calm"),
        (("p0_joke", [99]), "no AU 99, only 1, 6, 12, 45"),
        (("p0_joke", (), TimelineOptions(faces=("7",))), "no face '7', only 0"),
        (("p0_joke", (), TimelineOptions(start_s=50)), "the video has them from 0 to 3.96 s"),
    ):
        with pytest.raises(InputError, match=told):
            results.plot_timeline(*arguments)
