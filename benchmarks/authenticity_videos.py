"""How well are pairs of videos ranked as genuine and posed grow alike: drawn, encoded, analysed, ranked.

    python benchmarks/authenticity_videos.py --plot docs/authenticity-videos.svg

Synthetic people as in `facs demo` go through the ordinary pipeline at several strengths of difference, and with more
noise. Every ranker decides on people it has not seen. "True curves" are descriptors of the curves that drove the
faces: what is lost between the two is lost in the videos. From the videos of full difference, some are then taken
away, labels are shuffled, and fewer people are kept. Minutes on two cores; `--keep FOLDER` keeps the videos, and a
second run with it draws none again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import harness
import numpy as np
import pandas as pd

from facs_pipeline.authenticity import ranking
from facs_pipeline.authenticity.evaluation import evaluate
from facs_pipeline.authenticity.files import read_series
from facs_pipeline.authenticity.pairs import Pairs, pair_up
from facs_pipeline.authenticity.ranking_input import RankingData, read_ranking_data
from facs_pipeline.authenticity.scoring import out_of_fold_scores, right
from facs_pipeline.authenticity.study import prepare
from facs_pipeline.demo import run_demo
from facs_pipeline.dynamics.descriptors import STAND_IN_AUS, describe_series
from facs_pipeline.synthesis.recordings import RecordingSettings
from facs_pipeline.tables.descriptor_table import DescriptorTable, table_from_frame

RANKERS = ("rank-svm", "rank-svm-tuned", "lightgbm", "windows-svm")
DRAWS = 10
RECORDINGS = RecordingSettings()


class Level(NamedTuple):
    """How the videos of one row are made; see `synthesis.recordings.expression` and `synthesis.recordings.render`."""

    difference: float
    noise: float = 0.05
    grain: float = 2.0


LEVELS = [Level(difference) for difference in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)]
LEVELS += [Level(0.5, noise=0.3), Level(0.5, noise=0.6), Level(0.5, grain=10.0)]


def render(folder: Path, level: Level, jobs: int, *, recordings: RecordingSettings = RECORDINGS, **people: Any) -> Path:
    """Videos and their features in `folder`, unless they are there already."""
    if not (folder / "results" / "descriptors.csv").is_file():
        run_demo(folder, replace(recordings, **level._asdict()), jobs=jobs, **people)
    return folder


def true_curves(folder: Path) -> DescriptorTable:
    """Descriptors of the curves that drove the faces, of the action units that are described in videos."""
    videos = folder / "videos"
    rows = []
    for about in pd.read_csv(videos / "metadata.csv", dtype=str).to_dict("records"):
        truth = pd.read_csv(videos / "truth" / f"{Path(about['video']).stem}.csv")
        curves = truth[[f"AU{au:02d}" for au in STAND_IN_AUS]].to_numpy()
        values, names = describe_series(curves, truth["timestamp"].to_numpy(), STAND_IN_AUS)
        rows.append(about | dict(zip(names, values, strict=True)))
    return table_from_frame(pd.DataFrame(rows), source="true curves")


def figures(data: RankingData, names: Sequence[str]) -> dict[str, dict]:
    """Ranker -> its figures on people it has not seen (`authenticity.evaluation.evaluate`)."""
    study = prepare(data.table, data.pairs)
    series = read_series(data.features, data.table) if data.features else None
    report, _predictions, _reasons = evaluate(study, {name: ranking.make_ranker(name) for name in names}, series=series)
    return {
        name: {part: found[part] for part in ("pairs", "videos")} | {"by_chance_95": report["data"]["by_chance_95"]}
        for name, found in report["models"].items()
    }


def measure(
    work: Path,
    levels: Sequence[Level] = LEVELS,
    rankers: Sequence[str] = RANKERS,
    jobs: int = 2,
    recordings: RecordingSettings = RECORDINGS,
    **people: Any,
) -> list[dict]:
    """One row per level: how it was made, and figures of rankers on videos and of the Rank-SVM on the true curves."""
    rows = []
    for level in levels:
        name = "-".join(f"{key}{value:g}" for key, value in level._asdict().items())
        folder = render(work / name, level, jobs, recordings=recordings, **people)
        data = read_ranking_data(features=folder / "results")
        table = true_curves(folder)
        truth = RankingData(table, pair_up(table.subjects, table.emotions, table.labels))
        found = {"videos": figures(data, rankers), "true curves": figures(truth, ("rank-svm", "rank-svm-tuned"))}
        rows.append({**level._asdict(), **found, "folder": name})
        print(f"{level}: {_text(found['videos'][rankers[0]]['pairs'])}", flush=True)
    return rows


def variations(features: Path, ranker: str = "rank-svm", draws: int = DRAWS) -> dict[str, dict[str, list[float]]]:
    """Accuracies over random draws: labels shuffled, videos lost, people left out."""
    data = read_ranking_data(features=features)
    table, pairs = data.table, data.pairs.labelled
    rng = np.random.default_rng(0)
    result: dict[str, dict[str, list[float]]] = {"labels shuffled": {}, "share of videos lost": {}, "people": {}}
    people = np.unique(table.subjects)

    def accuracy(pairs: np.ndarray) -> float:
        if len(np.unique(table.subjects[pairs[:, 0]])) < 2:
            return float("nan")
        labels = np.zeros(len(table), int)
        labels[pairs[:, 0]], labels[pairs[:, 1]] = 1, -1
        named = np.select([labels == 1, labels == -1], ["real", "fake"], "")
        study = prepare(replace(table, labels=named), Pairs(pairs, pairs))
        data = replace(study.paired_videos(), pairs=Pairs(pairs, pairs[:0]))
        return float(right(out_of_fold_scores(ranking.make_ranker(ranker), data)[0]).mean())

    for _ in range(draws):
        swap = rng.random(len(pairs)) < 0.5
        result["labels shuffled"].setdefault("all", []).append(accuracy(np.where(swap[:, None], pairs[:, ::-1], pairs)))
        for share in (0.1, 0.3, 0.5):
            lost = (rng.random(len(table)) < share)[pairs].any(axis=1)
            result["share of videos lost"].setdefault(f"{share:g}", []).append(accuracy(pairs[~lost]))
        for n in (4, 7, 10):
            if n < len(people):
                kept = np.isin(table.subjects, rng.choice(people, n, replace=False))
                result["people"].setdefault(str(n), []).append(accuracy(pairs[kept[pairs[:, 0]]]))
    return result


def _text(found: dict) -> str:
    low, high = found["wilson_95"]
    return f"{found['correct']:g}/{found['n']} {found['accuracy']:.0%} ({low:.0%} to {high:.0%})"


def show(result: dict) -> None:
    """Print both tables."""
    rows = []
    for row in result["levels"]:
        level = [row["difference"], row["noise"], row["grain"]]
        for kind, found in (("videos", row["videos"]), ("true curves", row["true curves"])):
            for name, figure in found.items():
                low, high = figure["by_chance_95"]
                alone = _text(figure["videos"]) if figure["videos"]["n"] else "-"
                chance = f"{low:.0%} to {high:.0%}"
                p = figure["pairs"]["permutation_p"]
                rows.append([*level, kind, name, _text(figure["pairs"]), chance, f"{p:.2g}", alone])
    harness.table(
        "Pairs right (95 % Wilson); 95 % of relabelled studies; permutation p; videos alone",
        ["difference", "noise", "grain", "from", "ranker", "pairs right", "by chance", "p", "videos alone"],
        rows,
    )
    harness.table(
        f"Rank-SVM at difference {result['varied_at']:g}, mean of random draws and their standard deviation",
        ["varied", "value", "pairs right", "deviation"],
        [
            [what, value, f"{np.nanmean(found):.1%}", f"{np.nanstd(found, ddof=1):.1%}"]
            for what, cells in result["varied"].items()
            for value, found in cells.items()
        ],
    )


def plot(path: Path, levels: list[dict]) -> None:
    """Accuracy over difference with Wilson intervals, from videos and from true curves, above what chance does."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "facs", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}
    plain = [row for row in levels if (row["noise"], row["grain"]) == Level(0)[1:]]
    x = np.array([row["difference"] for row in plain])
    figure, axes = plt.subplots(figsize=(7.6, 4.4), layout="constrained")
    band = np.array([row["videos"]["rank-svm"]["by_chance_95"] for row in plain]).T
    axes.fill_between(x, *band, color="0.9", linewidth=0)
    axes.text(0.99, band[0].min() + 0.02, "95 % of studies with random labels", ha="right", color="0.35")
    axes.axhline(0.5, color="0.5", linewidth=0.8)
    lines = (
        ("true curves", "rank-svm", "#666666", "s", "rank-svm, curves that drove the faces"),
        ("videos", "rank-svm", "#0072b2", "o", "rank-svm, videos"),
        ("videos", "rank-svm-tuned", "#d55e00", "^", "rank-svm-tuned, videos"),
    )
    for i, (kind, name, colour, marker, label) in enumerate(lines):
        pairs = [row[kind][name]["pairs"] for row in plain]
        y = np.array([found["accuracy"] for found in pairs])
        low, high = np.array([found["wilson_95"] for found in pairs]).T
        axes.errorbar(
            x + 0.008 * (i - 1), y, yerr=[np.maximum(y - low, 0), np.maximum(high - y, 0)], color=colour, marker=marker,
            markersize=5, linewidth=1.5, elinewidth=1, capsize=2, label=label,
        )  # fmt: skip
    n = plain[0]["videos"]["rank-svm"]["pairs"]["n"]
    axes.set(
        xlabel="difference between genuine and posed (0: alike, 1: as in facs demo)",
        ylabel=f"share of {n} pairs ranked right",
        xlim=(-0.03, 1.03), ylim=(0.2, 1.02),
    )  # fmt: skip
    axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--identities", type=int, default=20, help="synthetic people")
    parser.add_argument("--emotions", nargs="+", default=["happiness", "surprise", "anger"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder that keeps videos and features")
    parser.add_argument("--plot", type=Path, help="SVG or PNG file to write")
    parser.add_argument("--out", type=Path, default=harness.RESULTS / "authenticity_videos.json")
    asked = parser.parse_args()
    people = {"identities": asked.identities, "emotions": asked.emotions, "seed": asked.seed}
    with tempfile.TemporaryDirectory() as temporary:
        work = asked.keep or Path(temporary)
        levels = measure(work, jobs=asked.jobs, **people)
        strongest = max(levels, key=lambda row: row["difference"])
        varied = variations(work / strongest.pop("folder") / "results")
    result = {"levels": levels, "varied_at": strongest["difference"], "varied": varied}
    show(result)
    harness.save(asked.out, {**people, "draws": DRAWS}, result)
    if asked.plot:
        plot(asked.plot, levels)
        print(f"Written: {asked.plot.name}")


if __name__ == "__main__":
    main()
