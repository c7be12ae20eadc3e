"""A stage is computed again exactly when something that its result depends on has changed, and the reason is said."""

from __future__ import annotations

import dataclasses

import pytest

from facs_pipeline.extraction import stages
from facs_pipeline.extraction.stages import STAGES, Cache, content_sha256, file_stamp, stage_keys
from facs_pipeline.foundation.files.artifacts import ArtifactWriter, BadArtifactError

KEY = b"k" * 32
SETTINGS = {
    "faces": "one",
    "face_search": {"version": 1},
    "landmark_model": "l",
    "image_fps": None,
    "appearance": {"grid": [10, 10]},
    "au_model": "a",
    "cutoff_hz": 1.0,
    "baseline": None,
}


def changed_stages(**changes):
    before, now = stage_keys("f" * 64, SETTINGS), stage_keys("f" * 64, {**SETTINGS, **changes})
    return [name for name in STAGES if before[name].key != now[name].key]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"cutoff_hz": 2.0}, ["descriptors"]),
        ({"baseline": "video"}, ["descriptors"]),
        ({"au_model": "b"}, ["action_units", "descriptors"]),
        ({"appearance": {"grid": [8, 8]}}, ["features", "action_units", "descriptors"]),
        ({"landmark_model": "m"}, list(STAGES)),
        ({"faces": "all"}, list(STAGES)),
        ({"face_search": {"version": 2}}, list(STAGES)),
        ({"image_fps": 30.0}, list(STAGES)),
    ],
)
def test_a_setting_changes_its_stage_and_those_after_it(changes, expected):
    assert changed_stages(**changes) == expected


def test_other_content_changes_every_stage():
    before, now = stage_keys("f" * 64, SETTINGS), stage_keys("e" * 64, SETTINGS)
    assert all(before[name].key != now[name].key for name in STAGES)


def store(cache, identity):
    with ArtifactWriter(cache.path(identity), KEY, dict(identity.about)) as writer:
        writer.finish()


def test_reasons_name_what_changed(tmp_path, monkeypatch):
    cache = Cache(tmp_path, KEY)
    before = stage_keys("f" * 64, SETTINGS)
    assert cache.why_absent(before["descriptors"]) == "first run"
    for identity in before.values():
        store(cache, identity)

    now = stage_keys("f" * 64, {**SETTINGS, "cutoff_hz": 2.0})
    assert cache.why_absent(now["descriptors"]) == "settings of descriptors changed: cutoff_hz 1.0 -> 2.0"
    now = stage_keys("f" * 64, {**SETTINGS, "au_model": "b"})
    assert cache.why_absent(now["action_units"]) == "settings of action_units changed: au_model a -> b"
    assert cache.why_absent(now["descriptors"]) == "what descriptors builds on changed"

    monkeypatch.setitem(stages.STAGES, "features", dataclasses.replace(STAGES["features"], version=2))
    now = stage_keys("f" * 64, SETTINGS)
    assert cache.why_absent(now["features"]) == "stage version of features changed: 1 -> 2"


def test_a_result_is_found_under_its_key_only(tmp_path):
    cache = Cache(tmp_path, KEY)
    identity = stage_keys("f" * 64, SETTINGS)["faces"]
    with pytest.raises(FileNotFoundError):
        cache.open(identity)
    store(cache, identity)
    assert cache.open(identity).about == identity.about
    assert [path.name for path in cache.artifacts()] == [cache.path(identity).name]

    # A signed result of other inputs, put in its place, is not taken for it.
    other = dataclasses.replace(identity, about={**identity.about, "version": 99})
    store(cache, other)
    with pytest.raises(BadArtifactError, match="other inputs"):
        cache.open(identity)


def test_content_hash_is_of_content_and_stamp_is_of_the_file(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"x" * 10)
    two.write_bytes(b"x" * 10)
    assert content_sha256(one) == content_sha256(two)
    assert file_stamp(one) != file_stamp(two)
    stamp = file_stamp(one)
    one.write_bytes(b"y" * 10)
    assert file_stamp(one) != stamp


def test_a_folder_of_images_is_hashed_by_names_and_contents(tmp_path):
    images = [tmp_path / "1.png", tmp_path / "2.png"]
    images[0].write_bytes(b"ab")
    images[1].write_bytes(b"c")
    before = content_sha256(tmp_path, images)
    images[0].write_bytes(b"a")
    images[1].write_bytes(b"bc")
    assert content_sha256(tmp_path, images) != before
