"""Stored results say with which libraries and instructions they were computed, and a run says where these differ."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from extraction_runs import Remembering

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.foundation.files.artifacts import Artifact, ArtifactWriter, load_key
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.machine import computed_with

STAGES = {
    "faces", "landmarks", "eyes", "confidence", "quality", "action_units", "sides", "gaze", "descriptors",
}  # fmt: skip


def run(videos: list[Path], out: Path) -> tuple[Remembering, dict]:
    """What a run tells, and its record."""
    observer = Remembering()
    extract_features(videos, Options(out=out, jobs=1), observer)
    return observer, json.loads((out / "run.json").read_text(encoding="utf-8"))


def as_if_computed_with(environment: dict[str, dict[str, str | None]], cache: Path) -> None:
    """Rewrite all results of a cache with other facts, and the same content and inputs."""
    key, _ = load_key()
    for path in cache.glob("*/*.joblib"):
        artifact = Artifact.open(path, key)
        chunks = list(artifact)
        with ArtifactWriter(path, key, artifact.about) as writer:
            for chunk in chunks:
                writer.append(chunk)
            writer.finish({**artifact.facts, "computed_with": environment})


def test_every_result_says_it_beside_what_it_depends_on(clips, tmp_path):
    run([clips / "anna.mp4"], tmp_path)
    artifacts = [Artifact.open(path, load_key()[0]) for path in tmp_path.glob("cache/*/*.joblib")]
    assert {artifact.about["stage"] for artifact in artifacts} == STAGES
    for artifact in artifacts:
        assert artifact.facts["computed_with"] == computed_with()
        assert "numpy" not in json.dumps(artifact.about)


def test_results_of_stills_and_of_training_say_it(tmp_path):
    ResultStore(tmp_path).get({"piece": 1}, lambda: 42)
    [path] = tmp_path.glob("*.joblib")
    assert Artifact.open(path, load_key()[0]).facts == {"computed_with": computed_with()}


def test_libraries_and_instructions_are_named():
    libraries, instructions = computed_with()["libraries"], computed_with()["instructions"]
    assert set(libraries) == {"av", "dlib-bin", "numpy", "opencv", "scipy"}
    assert set(instructions) == {"numpy", "opencv", "blas"}
    assert all(instructions.values())


@pytest.fixture
def earlier(clips, tmp_path) -> dict[str, dict[str, str | None]]:
    """Another environment, whose results of anna.mp4 lie in `tmp_path`."""
    run([clips / "anna.mp4"], tmp_path)
    other = json.loads(json.dumps(computed_with()))
    other["libraries"]["numpy"] = "2.0.0"
    as_if_computed_with(other, tmp_path / "cache")
    return other


def test_a_rerun_that_computes_nothing_names_those_that_did(clips, tmp_path, earlier):
    observer, record = run([clips / "anna.mp4"], tmp_path)
    assert observer.to_do == 0
    assert record["environments"] == {"1": earlier}
    assert set(record["computed_with"]["anna"].values()) == {"1"}
    # All are of the same libraries, if not of today's.
    assert observer.warnings == []


def test_a_mixture_is_said(clips, tmp_path, earlier):
    observer, record = run([clips / "anna.mp4", clips / "ben.mp4"], tmp_path)
    assert observer.to_do == 1
    now = computed_with()["libraries"]["numpy"]
    [note] = observer.warnings
    assert f"(1 with numpy 2.0.0; 1 with numpy {now})" in note
    assert "--cache" in note
    of_anna, of_ben = (set(record["computed_with"][name].values()) for name in ("anna", "ben"))
    assert [record["environments"][number] for number in (*of_anna, *of_ben)] == [earlier, computed_with()]

    # Another folder with the same videos, all computed with today's libraries.
    shutil.rmtree(tmp_path / "cache")
    observer, record = run([clips / "anna.mp4", clips / "ben.mp4"], tmp_path)
    assert observer.warnings == []
    assert list(record["environments"]) == ["1"]


def test_other_instructions_alone_are_recorded_and_no_mixture(clips, tmp_path):
    run([clips / "anna.mp4"], tmp_path)
    other = json.loads(json.dumps(computed_with()))
    other["instructions"]["blas"] = "Prescott"
    as_if_computed_with(other, tmp_path / "cache")
    observer, record = run([clips / "anna.mp4", clips / "ben.mp4"], tmp_path)
    assert observer.warnings == []
    assert len(record["environments"]) == 2
