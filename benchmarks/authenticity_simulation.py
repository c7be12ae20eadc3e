"""Does the ranker find what is there, and only that? Experiments on data whose truth is known.

    python benchmarks/authenticity_simulation.py rankers     descriptors of SASE-FE's size: accuracy against signal
    python benchmarks/authenticity_simulation.py speed       time of training, evaluation and ranking at that size
    python benchmarks/authenticity_simulation.py null        how often the p-value is wrong where nothing is to be found
    python benchmarks/authenticity_simulation.py expressions synthetic expressions: less difference, fewer videos

Writes benchmarks/results/authenticity_<experiment>.json and prints the same as a table. Takes minutes on one core.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import time
from pathlib import Path

import lightgbm
import numpy as np
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import QuantileTransformer
from sklearn.tree import DecisionTreeClassifier

from facs_pipeline.authenticity import RankSVM
from facs_pipeline.authenticity_baselines import LightGBMPairs, LightGBMSingle, SVMSingle
from facs_pipeline.authenticity_model import versions
from facs_pipeline.descriptors import describe_series
from facs_pipeline.evaluation import out_of_fold_scores, subject_folds, swap_p_value, training_folds, wilson_interval
from facs_pipeline.synthesis import EMOTION_AUS, expression

N_SUBJECTS, N_EMOTIONS, N_DESCRIPTORS = 40, 6, 434


def simulate(strength: float, seed: int, aligned: bool):
    """Descriptors [480, 434] of 40 subjects x 6 emotions x (real, fake) with a known linear signal.

    Each is a sum of subject, emotion, their combination and the take, all correlated (40 factors) plus independent
    noise; a third of the columns is log-normal. The signal moves a tenth of the columns at random ("scattered"), or
    follows the factors themselves ("aligned"), half up for real and half down for fake, times `strength`.
    """
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(40, N_DESCRIPTORS)) / np.sqrt(40)

    def draw(n):
        return 0.8 * rng.normal(size=(n, 40)) @ mixing + 0.6 * rng.normal(size=(n, N_DESCRIPTORS))

    subjects, emotions, cells = draw(N_SUBJECTS), draw(N_EMOTIONS), 0.7 * draw(N_SUBJECTS * N_EMOTIONS)
    if aligned:
        signal = rng.normal(size=40) @ mixing
    else:
        chosen = rng.random(N_DESCRIPTORS) < 0.1
        signal = chosen * rng.choice([-1, 1], N_DESCRIPTORS) * rng.exponential(1, N_DESCRIPTORS)
    # One strength means one size of signal, whatever the draw.
    signal *= np.sqrt(0.2 * N_DESCRIPTORS) / np.linalg.norm(signal)
    index = [(s, e, label) for s in range(N_SUBJECTS) for e in range(N_EMOTIONS) for label in (1, -1)]
    takes = 0.7 * draw(len(index))
    X = np.array(
        [
            subjects[s] + emotions[e] + cells[s * N_EMOTIONS + e] + take + strength * label * signal / 2
            for (s, e, label), take in zip(index, takes, strict=True)
        ]
    )
    X[:, ::3] = np.exp(X[:, ::3])
    names = np.array(["angry", "contempt", "disgust", "happy", "sad", "surprise"], dtype=object)
    who = np.array([str(s) for s, _e, _l in index])
    return X, np.arange(len(X)).reshape(-1, 2), who, names[[e for _s, e, _l in index]]


class OnDifferences:
    """A scikit-learn classifier on standardised differences in both orders, as a ranker."""

    def __init__(self, classifier):
        self.classifier = classifier

    def fit(self, X, pairs, **_context):
        D = X[pairs[:, 0]] - X[pairs[:, 1]]
        self.scale = np.sqrt((D**2).mean(axis=0)) + 1e-12
        D = D / self.scale
        self.classifier.fit(np.vstack([D, -D]), np.repeat([1, 0], len(D)))
        return self

    def decision_function(self, X, pairs, **_context):
        D = (X[pairs[:, 0]] - X[pairs[:, 1]]) / self.scale
        return self.classifier.predict_proba(D)[:, 1] - self.classifier.predict_proba(-D)[:, 1]


class Pointwise(OnDifferences):
    """A scikit-learn classifier on single standardised videos, as a ranker."""

    def fit(self, X, pairs, **_context):
        rows = pairs.ravel()
        self.mean, self.scale = X[rows].mean(axis=0), X[rows].std(axis=0) + 1e-12
        self.classifier.fit((X[rows] - self.mean) / self.scale, np.tile([1, 0], len(pairs)))
        return self

    def decision_function(self, X, pairs, **_context):
        p = self.classifier.predict_proba((X - self.mean) / self.scale)[:, 1]
        return p[pairs[:, 0]] - p[pairs[:, 1]]


class LeastSquares(OnDifferences):
    """Ridge regression of +1 on differences: RankLib's "linear regression" in its pairwise form."""

    def fit(self, X, pairs, **_context):
        D = X[pairs[:, 0]] - X[pairs[:, 1]]
        self.scale = np.sqrt((D**2).mean(axis=0)) + 1e-12
        D = D / self.scale
        self.weights = D.T @ np.linalg.solve(D @ D.T + D.shape[1] * np.eye(len(D)), np.ones(len(D)))
        return self

    def decision_function(self, X, pairs, **_context):
        return ((X[pairs[:, 0]] - X[pairs[:, 1]]) / self.scale) @ self.weights


class NormalScores:
    """Another ranker on the normal quantiles of every descriptor, as `RankSVM(scaling="normal")` has them."""

    def __init__(self, ranker):
        self.ranker = ranker

    def fit(self, X, pairs, **context):
        self.scaler = QuantileTransformer(n_quantiles=200, output_distribution="normal").fit(X[pairs.ravel()])
        self.ranker.fit(self.scaler.transform(X), pairs, **context)
        return self

    def decision_function(self, X, pairs, **context):
        return self.ranker.decision_function(self.scaler.transform(X), pairs, **context)


class LambdaMART:
    """LightGBM's lambdarank with every pair as one query of two documents."""

    def fit(self, X, pairs, **_context):
        self.model = lightgbm.LGBMRanker(
            n_estimators=150, num_leaves=8, learning_rate=0.05, min_child_samples=10, colsample_bytree=0.1,
            random_state=0, n_jobs=1, verbosity=-1, deterministic=True, force_row_wise=True,
        )  # fmt: skip
        self.model.fit(X[pairs.ravel()], np.tile([1, 0], len(pairs)), group=np.full(len(pairs), 2))
        return self

    def decision_function(self, X, pairs, **_context):
        scores = self.model.predict(X)
        return scores[pairs[:, 0]] - scores[pairs[:, 1]]


def contenders() -> dict:
    """Name -> function that makes an untrained ranker."""

    def logistic(C):
        return OnDifferences(LogisticRegression(C=C, fit_intercept=False, max_iter=500))

    stump = DecisionTreeClassifier(max_depth=1, max_features=40, random_state=0)
    return {
        "Rank-SVM (ours, as published, C = 1)": RankSVM,
        "Rank-SVM (ours, hinge loss)": lambda: RankSVM(loss="hinge"),
        "Rank-SVM (ours, rank-svm-normal)": lambda: RankSVM(scaling="normal"),
        "Rank-SVM (ours, C in inner folds)": lambda: RankSVM(C="auto"),
        "pairwise logistic, C = 1": lambda: logistic(1.0),
        "pairwise logistic, normal scores": lambda: NormalScores(logistic(1.0)),
        "linear regression on differences": lambda: LeastSquares(None),
        "RankNet (10 hidden units, on differences)": lambda: OnDifferences(
            MLPClassifier((10,), alpha=1.0, solver="lbfgs", max_iter=100, random_state=0)
        ),
        "RankBoost (stumps on differences)": lambda: OnDifferences(
            AdaBoostClassifier(stump, n_estimators=100, random_state=0)
        ),
        "LambdaMART (LightGBM)": LambdaMART,
        "random forest (single videos)": lambda: Pointwise(
            RandomForestClassifier(100, max_features=40, random_state=0)
        ),
        "linear SVM (single videos, ours)": SVMSingle,
        "LightGBM on pairs (ours)": lambda: LightGBMPairs(leaves=(3,), trees=(150,)),
        "LightGBM on single videos (ours)": lambda: LightGBMSingle(leaves=(3,), trees=(150,)),
    }


def out_of_fold(make, X, pairs, subjects, emotions) -> np.ndarray:
    """[p] out-of-fold scores, 10 folds by subject."""
    scores = np.zeros(len(pairs))
    for _fold, train, test in training_folds(subject_folds(subjects, 10), pairs):
        ranker = make().fit(X, pairs[train], emotions=emotions, subjects=subjects)
        scores[test] = ranker.decision_function(X, pairs[test], emotions=emotions)
    return scores


def accuracy(scores: np.ndarray) -> float:
    return float((np.sign(scores) + 1).mean() / 2)


def compare_rankers(repeats: int, strengths: list[float]) -> dict:
    rows: dict[str, dict[str, list[float]]] = {}
    seconds: dict[str, float] = {}
    p_values = []
    for aligned in (False, True):
        for strength in strengths if not aligned else strengths[-1:]:
            key = f"{'aligned' if aligned else 'scattered'} {strength:g}"
            for seed in range(repeats):
                X, pairs, subjects, emotions = simulate(strength, seed, aligned)
                for name, make in contenders().items():
                    started = time.process_time()
                    scores = out_of_fold(make, X, pairs, subjects, emotions)
                    seconds[name] = seconds.get(name, 0) + time.process_time() - started
                    rows.setdefault(name, {}).setdefault(key, []).append(accuracy(scores))
                    if strength == 0 and "published" in name:
                        p_values.append(swap_p_value(scores, n_permutations=1000))
            print(
                key, {name: round(float(np.mean(row.get(key, [np.nan]))), 3) for name, row in rows.items()}, flush=True
            )
    n_runs = sum(len(values) for values in rows["Rank-SVM (ours, as published, C = 1)"].values())
    return {
        "accuracy": rows,
        "p_values_without_signal": p_values,
        "cpu_s_per_run": {n: s / n_runs for n, s in seconds.items()},
    }


def expression_descriptors(difference: float, noise: float, n_subjects: int, seed: int):
    """Descriptors of synthetic expressions: every person moves in their own way, real slowly, fake abruptly."""
    rng = np.random.default_rng([seed, 99])
    rows, who, what, labels = [], [], [], []
    for person in range(n_subjects):
        strength, tempo = rng.uniform(0.6, 1.2), rng.uniform(2.5, 4.0)
        for e, emotion in enumerate(EMOTION_AUS):
            for k, label in enumerate(("real", "fake")):
                recording = expression(
                    emotion, label, duration_s=tempo, difference=difference, noise=noise, seed=[seed, person, e, k]
                )
                keep = [recording.aus.index(au) for au in (1, 2, 4, 7, 10, 12, 25)]
                values = np.clip(strength * recording.intensities[:, keep], 0, 5)
                rows.append(describe_series(values, recording.times_s, (1, 2, 4, 7, 10, 12, 25))[0])
                who.append(str(person))
                what.append(emotion)
                labels.append(label)
    return np.array(rows), np.arange(len(rows)).reshape(-1, 2), np.array(who), np.array(what, dtype=object)


def curves_on_expressions(repeats: int) -> dict:
    result: dict[str, dict[str, list[float]]] = {"difference": {}, "people": {}, "lost": {}, "shuffled": {}}

    def score(data, pairs=None):
        X, all_pairs, who, what = data
        return accuracy(out_of_fold(RankSVM, X, all_pairs if pairs is None else pairs, who, what))

    noise = 0.3
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        for difference in (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0):
            data = expression_descriptors(difference, noise, 20, seed)
            result["difference"].setdefault(f"{difference:g}", []).append(score(data))
            pairs = data[1]
            if difference in (0.3, 1.0):
                flip = rng.random(len(pairs)) < 0.5
                swapped = np.where(flip[:, None], pairs[:, ::-1], pairs)
                result["shuffled"].setdefault(f"{difference:g}", []).append(score(data, swapped))
            if difference == 0.3:
                for share in (0.1, 0.3, 0.5, 0.7):
                    # A lost video takes its pair along.
                    kept = pairs[(rng.random(pairs.shape) >= share).all(axis=1)]
                    result["lost"].setdefault(f"{share:g}", []).append(score(data, kept))
        for n_people in (4, 10, 40):
            data = expression_descriptors(0.3, noise, n_people, seed + 100)
            result["people"].setdefault(str(n_people), []).append(score(data))
        print(
            seed, {k: {x: round(float(np.mean(v)), 3) for x, v in row.items()} for k, row in result.items()}, flush=True
        )
    return result


def false_alarms(repeats: int) -> dict:
    """How often the quick p-value is below 0.05 where nothing is to be found: 60 pairs, 100 descriptors, 25 members."""
    p_values, accuracies = [], []
    for seed in range(repeats):
        rng = np.random.default_rng([seed, 7])
        X = np.repeat(rng.normal(size=(60, 100)), 2, axis=0) + rng.normal(size=(120, 100))
        pairs, who = np.arange(120).reshape(-1, 2), np.repeat(np.arange(20), 6).astype(str)
        scores = out_of_fold(lambda: RankSVM(n_estimators=25), X, pairs, who, None)
        accuracies.append(accuracy(scores))
        p_values.append(swap_p_value(scores, n_permutations=1000))
    low, high = wilson_interval(int((np.array(p_values) < 0.05).sum()), repeats)
    print(f"p < 0.05 in {np.mean(np.array(p_values) < 0.05):.1%} of {repeats} runs (95 % {low:.1%} to {high:.1%})")
    spread = float(np.std(accuracies, ddof=1))
    return {"accuracy": accuracies, "p": p_values, "spread": [spread], "binomial_spread": [float(np.sqrt(0.25 / 60))]}


def measure_speed() -> dict:
    """CPU seconds on one core (set OMP_NUM_THREADS=1) for 480 rows, and for one new pair."""
    X, pairs, who, what = simulate(0.2, 0, aligned=False)
    times = {}

    def timed(name, function, repeats=1):
        started = time.process_time()
        for _ in range(repeats):
            result = function()
        times[name] = (time.process_time() - started) / repeats
        return result

    context = {"emotions": what, "labels": np.tile([1, -1], len(pairs)), "subjects": who}
    folds = subject_folds(who, 10)
    timed(
        "10-fold evaluation of the Rank-SVM, pairs and single videos (s)",
        lambda: out_of_fold_scores(RankSVM(), X, pairs, pairs, folds, **context),
    )
    model = timed("training on all 480 rows (s)", lambda: RankSVM().fit(X, pairs, **context))
    timed(
        "ranking one pair, both videos alone included (s)",
        lambda: (
            model.decision_function(X[:2], pairs[:1], emotions=what[:2]),
            model.score_videos(X[:2], emotions=what[:2]),
        ),
        200,
    )
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=["rankers", "expressions", "speed", "null"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.0, 0.05, 0.1, 0.2])
    arguments = parser.parse_args()
    if arguments.experiment == "rankers":
        result = compare_rankers(arguments.repeats, arguments.strengths)
        tables = {"accuracy": result["accuracy"]}
    elif arguments.experiment == "null":
        result = false_alarms(arguments.repeats)
        tables = {"mean": result}
    elif arguments.experiment == "speed":
        result = measure_speed()
        tables = {"CPU time": result}
    else:
        result = curves_on_expressions(arguments.repeats)
        tables = result
    for title, table in tables.items():
        print(f"\n{title}")
        for name, row in table.items():
            cells = row.items() if isinstance(row, dict) else [("", row)]
            print(f"{name:<42}", "  ".join(f"{key} {np.mean(values):.3g}" for key, values in cells))
    if result.get("p_values_without_signal"):
        p = np.array(result["p_values_without_signal"])
        low, high = wilson_interval((p < 0.05).sum(), len(p))
        print(f"\np < 0.05 without signal: {(p < 0.05).sum()} of {len(p)} (95 % {low:.0%} to {high:.0%})")
    about = {
        "date": datetime.date.today().isoformat(),
        "repeats": arguments.repeats,
        "versions": versions(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    path = Path(__file__).parent / "results" / f"authenticity_{arguments.experiment}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"about": about, "result": result}, indent=1) + "\n", encoding="utf-8")
    print(f"\n{path}")


if __name__ == "__main__":
    main()
