"""Results that a run has computed are there for the next one, and only those that are whole and ours."""

from __future__ import annotations

import joblib
import numpy as np
import pytest

from facs_pipeline.foundation.files.artifacts import Artifact, load_key
from facs_pipeline.foundation.files.result_store import ResultStore


@pytest.fixture(autouse=True)
def own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "config" / "key"))


@pytest.fixture
def store(tmp_path) -> ResultStore:
    return ResultStore(tmp_path / "table.csv.unfinished")


class Computation:
    """Gives another number at each call, and so tells stored results from new ones."""

    def __init__(self):
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


def test_a_result_is_computed_once_for_the_same_inputs(store):
    compute = Computation()
    assert [store.get({"a": [1, 2], "b": "x"}, compute) for _ in range(3)] == [1, 1, 1]
    assert store.get({"b": "x", "a": [1, 2]}, compute) == 1, "the order of the inputs does not count"
    assert store.get({"a": [1, 3], "b": "x"}, compute) == 2
    assert store.pieces == 2


def test_arrays_come_back_to_the_bit(store):
    arrays: dict[str, np.ndarray] = {
        "half": np.arange(6, dtype=np.float16).reshape(2, 3),
        "none": np.zeros((0, 68, 2), np.uint8),
    }
    store.get({}, lambda: arrays)
    stored: dict[str, np.ndarray] = store.get({}, dict)
    for name, array in arrays.items():
        assert stored[name].dtype == array.dtype
        assert stored[name].shape == array.shape
        assert stored[name].tobytes() == array.tobytes()


def test_workers_share_a_store(store):
    run = joblib.Parallel(n_jobs=2)
    assert run(joblib.delayed(store.get)({"piece": k}, np.random.default_rng(k).random) for k in range(4)) == [
        store.get({"piece": k}, lambda: -1.0) for k in range(4)
    ]


@pytest.mark.parametrize("where", [0.1, 0.9])
def test_a_damaged_result_is_computed_anew(store, where):
    compute = Computation()
    store.get({}, compute)
    [path] = store.folder.iterdir()
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1
    path.write_bytes(content)
    assert [store.get({}, compute) for _ in range(2)] == [2, 2]


def test_a_result_of_another_user_is_computed_anew(store, tmp_path, monkeypatch):
    compute = Computation()
    store.get({}, compute)
    monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "other" / "key"))
    assert ResultStore(store.folder).get({}, compute) == 2


def test_workers_started_with_another_key_sign_with_the_stores(store, tmp_path, monkeypatch):
    run = joblib.Parallel(n_jobs=2)
    run(joblib.delayed(ResultStore(tmp_path / "first").get)({"piece": k}, int) for k in range(2))
    monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "other" / "key"))
    other = ResultStore(tmp_path / "second")
    run(joblib.delayed(other.get)({"piece": k}, int) for k in range(2))
    assert [other.get({"piece": k}, lambda: -1) for k in range(2)] == [0, 0]


def test_the_file_says_what_the_result_depends_on(store):
    store.get({"version": 3}, Computation())
    [path] = store.folder.iterdir()
    assert Artifact.open(path, load_key()[0]).about == {"version": 3}


def test_whether_a_result_is_stored(store):
    assert {"a": 1} not in store
    store.get({"a": 1}, Computation())
    assert {"a": 1} in store
    assert {"a": 2} not in store
    assert {"a": 1} not in ResultStore(None)


def test_a_failed_computation_leaves_nothing(store):
    def fail() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.get({}, fail)
    assert store.pieces == 0


def test_clearing_leaves_what_is_not_of_the_run(store):
    store.get({}, Computation())
    store.videos.mkdir()
    (store.videos / "clip-1.joblib").touch()
    assert store.pieces == 2
    store.clear()
    assert not store.folder.exists()
    store.get({}, Computation())
    (store.folder / "notes.txt").touch()
    store.clear()
    assert [path.name for path in store.folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("folder", [None, "file/table.csv.unfinished"])
def test_without_a_place_to_store_a_run_goes_on(tmp_path, folder):
    (tmp_path / "file").touch()
    store = ResultStore(folder and tmp_path / folder)
    compute = Computation()
    assert [store.get({}, compute) for _ in range(2)] == [1, 2]
    assert store.pieces == 0
    store.clear()


def test_videos_need_a_folder():
    with pytest.raises(ValueError, match="without a folder"):
        _ = ResultStore(None).videos
