"""Results that the tests of the report look at: a small demonstration, made once for all of them, and emotions."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from drawn_faces import made_once

from facs_pipeline.authenticity.demo import rank_demo
from facs_pipeline.demo import run_demo
from facs_pipeline.foundation.evaluation.accuracy_file import write_accuracy
from facs_pipeline.foundation.evaluation.classification import (
    accuracy_document,
    class_figures,
    confident_mistakes,
    share_right,
    subgroup_figures,
)
from facs_pipeline.report.published import FER2013_TEST

EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
# As frequent as in FER2013.
FREQUENT = np.array([0.133, 0.015, 0.143, 0.251, 0.169, 0.111, 0.178])
MODELS = {
    "best": (2.2, "Dense SIFT bag of visual words, local learning"),
    "LightGBM on HOG, LBP and landmarks": (1.2, ""),
    "SVM on HOG": (0.7, "SVM on HOG"),
    "emotions from 11 AU intensities": (0.4, ""),
}


def demo_results(tmp_path_factory) -> Path:
    """Folder with videos/, results/ and ranking/ of two synthetic people."""

    def make(out: Path) -> None:
        demo = run_demo(out, identities=2, jobs=2)
        rank_demo(demo.results, out / "ranking")

    return made_once(tmp_path_factory, "demo", make)


def emotion_results(folder: Path, *, n: int = 900, protocol: str = FER2013_TEST) -> dict:
    """accuracy.json of four seven-class classifiers in `folder`, from seeded random probabilities, with pictures.

    Each model's probabilities are softmax(noise + skill at the true class), so figures differ as real ones would.
    """
    random = np.random.default_rng(5)
    truth = random.choice(7, size=n, p=FREQUENT / FREQUENT.sum())
    sex = random.choice(["female", "male", ""], size=n)
    duplicate = random.random(n) < 0.08
    folder.mkdir(parents=True, exist_ok=True)
    models = []
    for number, (name, (skill, published)) in enumerate(MODELS.items()):
        logits = random.normal(size=(n, 7)) + np.log(FREQUENT)
        logits[np.arange(n), truth] += skill
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        right = probabilities.argmax(axis=1) == truth
        mistakes = []
        for place, row in confident_mistakes(truth, probabilities, EMOTIONS):
            for kind in ("picture", "explanation"):
                row[kind] = f"mistakes/{kind}-{number}-{place}.png"
                size = 48 if kind == "picture" else 96
                _draw(folder / row[kind], size, seed=place)
            mistakes.append({**row, "reasons": ["AU12 Lip corner puller: 3.1, speaks for happy", "mouth region"]})
        models.append(
            {
                "name": name,
                **class_figures(truth, probabilities, EMOTIONS),
                "without_near_duplicates": share_right(right[~duplicate]),
                "subgroups": subgroup_figures(right, {"sex": sex.tolist()}),
                "mistakes": mistakes,
                "learning_curve": [
                    {"n": k, "accuracy": float(right.mean() - 0.1 + 0.1 * k / n)} for k in (100, 300, n)
                ],
                "train_s": 12.5 * (number + 1),
                "predict_s": 0.8,
                "peak_memory_bytes": 3_300_000_000 // (number + 1),
                "predict_peak_memory_bytes": 180_000_000,
                "size_bytes": 1_000_000 // (number + 1),
                **({"published": published} if published else {}),
            }
        )
    document = accuracy_document(
        "Emotion on FER2013", "random numbers made for a test", models, warnings=["These are not results."],
        protocol=protocol,
    )  # fmt: skip
    write_accuracy(document, folder / "accuracy.json")
    return document


def _draw(path: Path, size: int, seed: int) -> None:
    path.parent.mkdir(exist_ok=True)
    random = np.random.default_rng(seed)
    grey = cv2.resize(random.integers(0, 255, (6, 6), dtype=np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), grey)
