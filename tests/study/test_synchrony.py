"""Synchrony: a shared movement and its lag are found, faces that share nothing are as chance says."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.study.pairs import Pair, read_pairs, synchrony_of_pairs, viewers_of_films
from facs_pipeline.study.results import StudyResults, read_results
from facs_pipeline.study.synchrony import SynchronyOptions, cross_correlations, shifted_chance, viewer_correlations

FPS, FRAMES = 25, 1500
OPTIONS = SynchronyOptions(aus=(12,), surrogates=199)


def smooth(random: np.random.Generator, n: int = FRAMES) -> np.ndarray:
    """Movements of about a second, 0 to 3."""
    raw = np.convolve(random.normal(0, 1, n + 50), np.hanning(26), mode="same")[:n]
    return np.clip(1.5 + raw / raw.std(), 0, 5)


def write_results(folder: Path, series: dict[str, list[np.ndarray]], **about: list[str]) -> StudyResults:
    """Results in which each video has some faces, each with its course of AU12; AU06 does not move."""
    (folder / "action_units").mkdir(parents=True)
    for name, faces in series.items():
        tables = [
            pd.DataFrame({
                "frame": np.arange(1, len(one) + 1), "face_id": face, "timestamp": np.arange(len(one)) / FPS,
                "confidence": np.where(np.isnan(one), 0.0, 0.95), "success": np.where(np.isnan(one), 0, 1),
                "AU06_r": np.where(np.isnan(one), np.nan, 1.0), "AU12_r": one,
            })
            for face, one in enumerate(faces)
        ]  # fmt: skip
        table = pd.concat(tables).sort_values(["frame", "face_id"])
        table.to_csv(folder / "action_units" / f"{name}.csv", index=False)
    pd.DataFrame({"video": list(series), "status": "ok"}).to_csv(folder / "videos.csv", index=False)
    if about:
        pd.DataFrame({"video": list(series), **about}).to_csv(folder / "metadata.csv", index=False)
    return read_results(folder)


@pytest.fixture(scope="module")
def couples(tmp_path_factory) -> StudyResults:
    """Four couples: the second person follows the first by 0.4 s; one video with two faces; a stranger."""
    random = np.random.default_rng(1)
    series: dict[str, list[np.ndarray]] = {}
    for number in range(4):
        lead = smooth(random)
        follow = np.roll(lead, 10) + random.normal(0, 0.3, FRAMES)
        series |= {f"lead{number}": [lead], f"follow{number}": [np.clip(follow, 0, 5)]}
    series["dyad"] = [series["lead0"][0], series["follow0"][0]]
    series["stranger"] = [smooth(random)]
    late = np.concatenate([np.full(50, 0.5), series["follow0"][0]])
    series["late"] = [late]
    gap = series["follow0"][0].copy()
    gap[300:305] = np.nan
    gap[600:700] = np.nan
    series["gap"] = [gap]
    return write_results(tmp_path_factory.mktemp("couples") / "results", series)


def one(results: StudyResults, pair: Pair, options: SynchronyOptions = OPTIONS) -> dict[Hashable, Any]:
    [row] = synchrony_of_pairs(results, [pair], options).pairs.to_dict("records")
    return row


def test_a_follower_is_found_with_the_lag(couples):
    found = one(couples, Pair("lead0", "follow0"))
    assert found["lag_s"] == pytest.approx(0.4, abs=0.05)
    assert found["r_at_lag"] > 0.85 > 0.6 > found["r_zero"]
    assert found["synchrony"] > found["chance_high"]
    assert found["p"] == 1 / 200
    back = one(couples, Pair("follow0.mp4", "lead0.mp4"))
    assert back["lag_s"] == pytest.approx(-found["lag_s"])
    assert back["synchrony"] == pytest.approx(found["synchrony"], abs=0.03)


def test_strangers_are_as_chance_says(couples):
    """Over five unrelated pairs no more than one is beyond the 95 % range, which chance alone would do in 2 %."""
    found = synchrony_of_pairs(
        couples, [Pair("stranger", f"lead{k}") for k in range(4)] + [Pair("lead0", "lead1")], OPTIONS
    )
    inside = found.pairs["synchrony"].between(found.pairs["chance_low"], found.pairs["chance_high"])
    assert inside.sum() >= 4
    # The highest of many lags is high by chance alone: that is why it is told.
    assert (found.pairs["chance"] > 0.3).all()


def test_two_faces_of_one_video_and_an_offset_are_the_same_pair(couples):
    whole = one(couples, Pair("lead0", "follow0"))
    faces = one(couples, Pair("dyad", "dyad", "0", "1"))
    for name in ("synchrony", "lag_s", "chance", "windows"):
        assert faces[name] == pytest.approx(whole[name], abs=1e-9), name
    shifted = one(couples, Pair("lead0", "late", offset_s=2.0))
    assert shifted["lag_s"] == pytest.approx(whole["lag_s"])
    turned = one(couples, Pair("late", "lead0", offset_s=-2.0))
    assert turned["lag_s"] == pytest.approx(-whole["lag_s"])
    with pytest.raises(InputError, match="dyad: twice the face 0; name two faces, or two videos"):
        one(couples, Pair("dyad", "dyad"))


def test_windows_with_a_gap_are_left_out_and_short_gaps_bridged(couples):
    found = synchrony_of_pairs(couples, [Pair("lead0", "gap")], OPTIONS)
    windows = found.windows
    # From 24 to 28 s there is no face; lags of 2 s reach into windows before and behind.
    out = windows[windows["peak_r"].isna()]
    assert ((out["end_s"] > 22) & (out["begin_s"] < 30)).all()
    assert found.pairs["left_out"].iloc[0] == len(out) > 0
    assert windows.loc[(windows["begin_s"] < 12) & (windows["end_s"] > 12.3), "peak_r"].notna().all()
    assert found.pairs["lag_s"].iloc[0] == pytest.approx(0.4, abs=0.05)


def test_a_face_that_does_not_move_has_no_synchrony(couples):
    found = one(couples, Pair("lead0", "follow0"), SynchronyOptions(aus=(6,), surrogates=19))
    assert found["windows"] == 0
    assert np.isnan(found["synchrony"])


def test_couples_against_exchanged_partners(couples):
    pairs = [Pair(f"lead{k}", f"follow{k}") for k in range(4)]
    [row] = synchrony_of_pairs(couples, pairs, OPTIONS).study.to_dict("records")
    assert row["pairs"] == 4
    assert row["low"] <= row["synchrony"] <= row["high"]
    assert row["synchrony"] > row["chance"] + 0.1
    # One order of 24 has no couple exchanged.
    assert row["p"] == pytest.approx(1 / 24, abs=0.04)
    assert not len(synchrony_of_pairs(couples, pairs[:2], OPTIONS).study)


def test_windows_are_correlated_as_numpy_does():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 400))
    found = cross_correlations(a, b, 10.0, SynchronyOptions(window_s=4, step_s=3, max_lag_s=1))
    begin = round(found.starts_s[3] * 10)
    for place, lag in enumerate(np.arange(-10, 11)):
        expected = np.corrcoef(a[begin : begin + 40], b[begin + lag : begin + lag + 40])[0, 1]
        assert found.r[3, place] == pytest.approx(expected)


class TestPairsTable:
    def test_all_columns(self, tmp_path):
        path = tmp_path / "pairs.csv"
        path.write_text("a,b,face_a,face_b,offset_s\nx,y,,,\nx,x,0,1,2.5\n")
        assert read_pairs(path) == [Pair("x", "y"), Pair("x", "x", "0", "1", 2.5)]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a,c\nx,y\n", "lacks the column b"),
            ("a,b\n", "no pairs, only a header"),
            ("a,b,offset_s\nx,y,soon\n", "row 2, column offset_s: 'soon'; expected seconds"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path, text, message):
        path = tmp_path / "pairs.csv"
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_pairs(path)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (Pair("lead0", "zoe"), "no video 'zoe'; there are lead0, follow0, lead1, follow1, lead2 and 7 more"),
        (Pair("dyad", "dyad", "0", "7"), "no face '7', only 0, 1"),
    ],
)
def test_what_is_not_there_is_said(couples, pair, message):
    with pytest.raises(InputError, match=message):
        one(couples, pair)
    with pytest.raises(InputError, match="no AU 9, only 6, 12"):
        one(couples, Pair("lead0", "follow0"), SynchronyOptions(aus=(9,)))


@pytest.fixture(scope="module")
def cinema(tmp_path_factory) -> StudyResults:
    """Six viewers of a film that moves all, six of one that moves each as he likes, two of a third."""
    random = np.random.default_rng(2)
    shared = smooth(random)
    series = {f"v{k}": [np.clip(0.5 * shared + 0.5 * smooth(random) + 0.1 * k, 0, 5)] for k in range(6)}
    series |= {f"w{k}": [smooth(random)] for k in range(6)}
    series |= {f"x{k}": [smooth(random)] for k in range(2)}
    film = ["joke"] * 6 + ["paint"] * 6 + ["short"] * 2
    return write_results(tmp_path_factory.mktemp("cinema") / "results", series, film=film)


class TestViewers:
    def test_films_that_move_all_and_that_do_not(self, cinema):
        found = viewers_of_films(cinema, SynchronyOptions(aus=(12,), surrogates=99), "film")
        joke, paint = found.films.to_dict("records")
        assert joke["correlation"] > 0.5
        assert joke["p"] == 1 / 100
        assert paint["p"] > 0.05
        assert paint["low"] < paint["correlation"] < paint["high"]
        assert abs(paint["chance"]) < 0.05
        assert found.left_out == ("short: 2 viewers; at least 3 are needed",)
        assert len(found.viewers) == 12

    def test_correlation_is_with_the_mean_of_the_others(self):
        random = np.random.default_rng(3)
        values = [random.normal(size=200) for _ in range(4)]
        for k, found in enumerate(viewer_correlations(values)):
            rest = np.mean([one for j, one in enumerate(values) if j != k], axis=0)
            assert found == pytest.approx(np.corrcoef(values[k], rest)[0, 1])

    def test_who_is_seen_in_part_does_not_shift_the_others(self):
        wave = np.sin(np.arange(300) / 20)
        part = wave + 10
        part[100:] = np.nan
        found = viewer_correlations([wave, wave, part])
        assert found[2] == pytest.approx(1)
        assert found[0] > 0.9
        assert np.isnan(viewer_correlations([wave, wave, np.full(300, np.nan)])[2])

    def test_chance_is_about_zero(self):
        random = np.random.default_rng(4)
        shared = smooth(random)
        chance = shifted_chance([shared + random.normal(0, 0.1, FRAMES) for _ in range(5)], 50, 0)
        assert abs(chance.mean()) < 0.1

    def test_what_is_wrong_is_said(self, cinema, couples):
        with pytest.raises(ArgumentError, match="no column 'movie' in the metadata; there are film"):
            viewers_of_films(cinema, OPTIONS, "movie")
        few = StudyResults(couples.folder, couples.videos[:2])
        with pytest.raises(InputError, match="nothing to compare \\(all: 2 viewers; at least 3 are needed"):
            viewers_of_films(few, OPTIONS)


def test_a_window_of_no_length():
    with pytest.raises(ArgumentError, match="expected a window and a step above 0 s"):
        SynchronyOptions(window_s=0)
