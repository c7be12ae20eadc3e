"""The benchmarks of ranking run, each on very little; figures are judged only where chance cannot decide them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facs_pipeline.synthesis.recordings import RecordingSettings

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def test_from_rendered_videos_to_a_table_and_a_plot(tmp_path, capsys):
    import authenticity_videos as benchmark

    levels = benchmark.measure(
        tmp_path,
        levels=[benchmark.Level(0.0), benchmark.Level(1.0)],
        rankers=("rank-svm", "rank-svm-tuned"),
        identities=4,
        emotions=["happiness"],
        seed=0,
        recordings=RecordingSettings(duration_s=1.6, size=224),
    )
    assert [row["difference"] for row in levels] == [0, 1]
    for row in levels:
        assert row["videos"]["rank-svm"]["pairs"]["n"] == 4
        assert row["videos"]["rank-svm"]["videos"]["n"] == 8
    # Posed curves jump where genuine ones creep: without a camera between, nobody misses that.
    assert levels[1]["true curves"]["rank-svm"]["pairs"]["correct"] == 4
    varied = benchmark.variations(tmp_path / levels[1].pop("folder") / "results", draws=2)
    assert set(varied) == {"labels shuffled", "share of videos lost", "people"}
    assert len(varied["labels shuffled"]["all"]) == 2
    benchmark.show({"levels": levels, "varied_at": 1.0, "varied": varied})
    assert "true curves" in capsys.readouterr().out
    pytest.importorskip("matplotlib")
    benchmark.plot(tmp_path / "plot.svg", levels)
    assert "4 pairs ranked right" in (tmp_path / "plot.svg").read_text()


def test_a_second_run_draws_no_video_again(tmp_path, monkeypatch):
    import authenticity_videos as benchmark

    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "descriptors.csv").write_text("video\n")
    monkeypatch.setattr(benchmark, "run_demo", lambda *_, **__: pytest.fail("drawn again"))
    assert benchmark.render(tmp_path, benchmark.Level(0.5), 1) == tmp_path


def test_every_contender_learns_a_strong_signal():
    import authenticity_simulation as simulation
    from authenticity_contenders import contenders

    X, pairs, subjects, emotions = simulation.simulate(2.0, 0, aligned=False)
    train, test = pairs[:120], pairs[120:180]
    for name, make in contenders().items():
        ranker = make().fit(X, train, emotions=emotions, subjects=subjects)
        assert simulation.accuracy(ranker.decision_function(X, test, emotions=emotions)) > 0.9, name


def test_people_that_are_judged_on_leave_the_training_draws_as_they_are():
    import authenticity_simulation as simulation

    alone = simulation.simulate(0.3, 1, aligned=True)
    X, pairs, subjects, _emotions = simulation.simulate(0.3, 1, aligned=True, n_fresh=2)
    assert np.array_equal(X[:480], alone[0])
    assert len(pairs) == 252
    assert len(set(subjects)) == 42
    assert not set(subjects[480:]) & set(subjects[:480])
    # The same signal in both: known people's mean difference tells unknown people's pairs apart.
    known, fresh = (X[p[:, 0]] - X[p[:, 1]] for p in (pairs[:240], pairs[240:]))
    assert (fresh @ (known.mean(axis=0) / known.std(axis=0) ** 2) > 0).mean() > 0.5


def test_weak_signals_get_more_draws_and_slow_rankers_do_not(monkeypatch):
    import authenticity_simulation as simulation
    from authenticity_contenders import PUBLISHED, TUNED, LeastSquares

    from facs_pipeline.authenticity.rank_svm import RankSVM

    few = {name: lambda: RankSVM(n_estimators=3) for name in (PUBLISHED, TUNED)}
    rankers = {**few, "quick": lambda: LeastSquares(None), "slow": lambda: LeastSquares(None)}
    monkeypatch.setattr(simulation, "contenders", lambda: rankers)
    monkeypatch.setattr(simulation, "SLOW", ("slow",))
    monkeypatch.setattr(simulation, "N_FRESH", 5)
    *_before, (done, result) = simulation.compare_rankers(1, 3, [0.05, 2.0], [])
    assert done == 3
    draws = {(name, cell): len(found) for name, row in result["accuracy"].items() for cell, found in row.items()}
    assert draws["quick", "scattered 0.05"] == draws[TUNED, "scattered 0.05"] == 3
    assert draws["slow", "scattered 0.05"] == draws["quick", "scattered 2"] == draws["slow", "scattered 2"] == 1
    assert all(result["accuracy"][name]["scattered 2"][0] > 0.9 for name in rankers)
    assert result["beside_the_best"][TUNED].keys() == {"scattered 0.05"}
    assert result["beside_the_best"][TUNED]["scattered 0.05"]["best other"] == "quick"
    text = simulation.markdown(result)
    mean = np.mean(result["accuracy"]["quick"]["scattered 0.05"])
    assert f"| quick | {mean:.1%} (3) | " in text
    assert "| scattered 0.05 | 3 | quick | " in text
    assert "\n| scattered 2 | " not in text


def test_the_best_other_ranker_is_named_and_the_interval_holds_the_difference():
    import authenticity_simulation as simulation

    rows = {"Rank-SVM, ours": {"a": [0.7, 0.8]}, "x": {"a": [0.6, 0.6]}, "y": {"a": [0.7, 0.7]}}
    cell = simulation.beside_the_best(rows, "Rank-SVM, ours")["a"]
    assert cell["best other"] == "y"
    assert cell["difference"] == [pytest.approx(0.05)]
    assert cell["low"][0] < 0 < cell["high"][0]


@pytest.mark.parametrize("name", ["rankers", "videos", "null", "speed", "expressions"])
def test_results_in_the_repository_are_readable(name):
    content = json.loads((FOLDER / "results" / f"authenticity_{name}.json").read_text())
    assert content["result"]
    assert content["about"]["date"]
    assert np.isfinite(np.datetime64(content["about"]["date"]).astype(int))
