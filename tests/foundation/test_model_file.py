"""Model files: what goes in comes out, the same every time, and nothing but a whole, known, plain file is read."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import FORMAT_VERSION, content_hash, load_model, save_model, usable

ARRAYS = {
    "weights": np.linspace(-1, 1, 3000, dtype=np.float16).reshape(30, 100),
    "aus": np.array([1, 2, 45]),
    "names": np.array(["brow", "Mundwinkel ü"]),
    "used": np.array([True, False]),
    "empty": np.empty((0, 3), np.float32),
}


@pytest.fixture
def saved(tmp_path):
    return save_model(tmp_path / "m.npz", "test", ARRAYS, {"title": "Ein Modell für Tests", "numbers": [1, 2.5, None]})


def members(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, content: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def with_card(path, **changes) -> None:
    """Change the card and nothing else."""
    content = members(path)
    card = json.loads(bytes(np.load(io.BytesIO(content["card.npy"]))).decode()) | changes
    buffer = io.BytesIO()
    np.save(buffer, np.frombuffer(json.dumps(card).encode(), np.uint8))
    rewrite(path, content | {"card.npy": buffer.getvalue()})


def test_round_trip(saved):
    model = load_model(saved, "test")
    assert model.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert model.arrays[name].dtype == array.dtype
        assert np.array_equal(model.arrays[name], array)
    assert model.card["title"] == "Ein Modell für Tests"
    assert model.card["numbers"] == [1, 2.5, None]
    assert model.card["kind"] == "test"
    assert model.card["format_version"] == FORMAT_VERSION
    assert model.card["content_sha256"] == content_hash(ARRAYS)


def test_numpy_alone_can_read_it(saved):
    with np.load(saved, allow_pickle=False) as archive:
        assert np.array_equal(archive["weights"], ARRAYS["weights"])


def test_the_same_model_gives_the_same_bytes_whatever_the_order(saved, tmp_path):
    turned = dict(reversed(ARRAYS.items()))
    card = {"numbers": [1, 2.5, None], "title": "Ein Modell für Tests"}
    again = save_model(tmp_path / "deeper" / "other name.npz", "test", turned, card)
    assert again.read_bytes() == saved.read_bytes()
    assert sorted(p.name for p in again.parent.iterdir()) == ["other name.npz"]


@pytest.mark.parametrize(
    "change",
    [
        {"aus": np.array([1, 2, 44])},
        {"aus": np.array([1, 2, 45], np.int32)},
        {"aus": np.array([[1, 2, 45]])},
        {"more": np.zeros(1)},
    ],
    ids=["value", "type", "shape", "name"],
)
def test_the_hash_tells_apart(change):
    assert content_hash(ARRAYS | change) != content_hash(ARRAYS)


def test_object_arrays_are_not_written(tmp_path):
    with pytest.raises(ModelError, match="'things' holds Python objects"):
        save_model(tmp_path / "m.npz", "test", {"things": np.array([{}, None])}, {})
    assert not list(tmp_path.iterdir())


class Trap:
    """Unpickling this leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickles_are_refused_and_not_run(tmp_path):
    sprung = tmp_path / "sprung"
    (tmp_path / "m.npz").write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(ModelError, match=r"m\.npz: .*looks like a pickle"):
        load_model(tmp_path / "m.npz")
    np.savez(tmp_path / "inside.npz", card=np.array([Trap(sprung)], dtype=object))
    with pytest.raises(ModelError, match=r"inside\.npz"):
        load_model(tmp_path / "inside.npz")
    assert not sprung.exists()
    pickle.loads((tmp_path / "m.npz").read_bytes()).close()
    assert sprung.exists(), "the trap would not have worked"


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_cut_files_are_refused(saved, share):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError, match=r"m\.npz: (cut short or damaged|not a facs model file)"):
        load_model(saved)


def test_every_changed_byte_is_noticed_or_harmless(saved):
    """Zip headers hold fields that nobody reads; everything else must be refused or give the same model."""
    whole = bytearray(saved.read_bytes())
    noticed = 0
    for place in range(0, len(whole), 37):
        changed = whole.copy()
        changed[place] ^= 0xFF
        saved.write_bytes(changed)
        try:
            model = load_model(saved, "test")
        except ModelError:
            noticed += 1
        else:
            assert content_hash(model.arrays) == content_hash(ARRAYS)
    assert noticed > 0.8 * len(range(0, len(whole), 37))


def test_changed_numbers_are_refused_by_the_hash(saved):
    content = members(saved)
    other = bytearray(content["weights.npy"])
    other[-1] ^= 1
    rewrite(saved, content | {"weights.npy": bytes(other)})
    with pytest.raises(ModelError, match="do not match the hash"):
        load_model(saved)


def test_added_and_missing_arrays_are_refused(saved):
    content = members(saved)
    rewrite(saved, {name: data for name, data in content.items() if name != "aus.npy"})
    with pytest.raises(ModelError, match="do not match the hash"):
        load_model(saved)
    rewrite(saved, content | {"extra.npy": content["aus.npy"]})
    with pytest.raises(ModelError, match="do not match the hash"):
        load_model(saved)


def test_newer_versions_say_what_to_do(saved):
    with_card(saved, format_version=FORMAT_VERSION + 1)
    with pytest.raises(ModelError, match=rf"format version {FORMAT_VERSION + 1}, .*upgrade facs-pipeline"):
        load_model(saved, "test")


@pytest.mark.parametrize("version", [None, "1", 1.5])
def test_versions_that_are_no_number_are_refused(saved, version):
    with_card(saved, format_version=version)
    with pytest.raises(ModelError, match="format version"):
        load_model(saved)


def test_other_kinds_are_named(saved):
    with pytest.raises(ModelError, match="a model of kind 'test', expected 'landmarks'"):
        load_model(saved, "landmarks")
    assert load_model(saved).card["kind"] == "test"


def test_what_is_no_model_at_all(tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        load_model(tmp_path / "absent.npz")
    with pytest.raises(ModelError, match="no such model file"):
        load_model(tmp_path)
    (tmp_path / "text.npz").write_text("weights")
    with pytest.raises(ModelError, match=r"expected an \.npz archive") as caught:
        load_model(tmp_path / "text.npz")
    assert "pickle" not in str(caught.value)
    np.savez(tmp_path / "plain.npz", a=np.zeros(3))
    with pytest.raises(ModelError, match="without a model card"):
        load_model(tmp_path / "plain.npz")
    np.savez(tmp_path / "list.npz", card=np.frombuffer(b"[1]", np.uint8))
    with pytest.raises(ModelError, match="not a JSON object"):
        load_model(tmp_path / "list.npz")


def test_an_array_may_not_take_the_place_of_the_card(tmp_path):
    with pytest.raises(ModelError, match="'card'"):
        save_model(tmp_path / "m.npz", "test", {"card": np.zeros(3)}, {})


def test_a_failed_save_leaves_the_old_model_alone(saved):
    before = saved.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_model(saved, "test", ARRAYS, {"score": float("nan")})
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_numbers_without_a_dimension_keep_their_shape(tmp_path):
    path = save_model(tmp_path / "m.npz", "test", {"scale": np.array(2.5, np.float32)}, {})
    assert load_model(path).arrays["scale"].shape == ()


def test_a_small_file_of_much_content_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = save_model(tmp_path / "much.npz", "test", {"zeros": np.zeros(1_000_000)}, {})
    assert path.stat().st_size < 100_000
    monkeypatch.setenv("FACS_MAX_FILE_MB", "5")
    with pytest.raises(ModelError, match=r"much\.npz: 8 MB in memory, more than 5; set FACS_MAX_FILE_MB=9"):
        load_model(path)
    monkeypatch.setenv("FACS_MAX_FILE_MB", "9")
    assert load_model(path).arrays["zeros"].shape == (1_000_000,)


def test_the_hash_is_that_of_the_bytes(tmp_path):
    arrays: dict[str, np.ndarray] = {
        "a": np.arange(6.0).reshape(2, 3).T,
        "empty": np.zeros((0, 3)),
        "text": np.array(["x", "yy"]),
        "one": np.array(3, np.int8),
    }
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode() + array.tobytes())
    assert content_hash(arrays) == digest.hexdigest()


@pytest.mark.parametrize(
    "array", [np.array([1.0, np.nan]), np.array([np.inf]), np.array([1j]), np.zeros(2, "datetime64[s]")]
)
def test_arrays_of_something_else_than_finite_numbers_and_text(tmp_path, array):
    save_model(tmp_path / "a.npz", "test", {"weights": array}, {})
    with pytest.raises(ModelError, match=r"a\.npz: array 'weights' .* holds something else than finite"):
        load_model(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (IndexError("too many"), "not a test model that can be used .IndexError: too many"),
        (KeyError("weights"), "a test model without 'weights'; train it again"),
        (ModelError("two columns"), "two columns"),
        (MemoryError(), "not a test model that can be used .MemoryError"),
    ],
)
def test_whatever_goes_wrong_with_a_models_parts_names_the_file(error, message):
    with pytest.raises(ModelError, match=f"^a.npz: {message}"), usable("a.npz", "a test model"):
        raise error
