"""An artifact that was damaged or made by somebody else is never unpickled."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import socket
import stat
import struct
import sys

import joblib
import numpy as np
import pytest

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files import artifacts
from facs_pipeline.foundation.files.artifacts import Artifact, ArtifactWriter, BadArtifactError
from facs_pipeline.foundation.files.signed_json import read_signed, write_signed

KEY = b"k" * 32


def write_artifact(path, chunks, key=KEY):
    with ArtifactWriter(path, key, {"stage": "faces"}) as writer:
        for chunk in chunks:
            writer.append(chunk)
        writer.finish({"frames": 7})
    return path


class TestArtifact:
    def test_gives_back_what_was_written(self, tmp_path):
        chunks = [{"points": np.arange(6.0).reshape(3, 2)}, {"points": np.empty((0, 2))}]
        artifact = Artifact.open(write_artifact(tmp_path / "faces-1.joblib", chunks), KEY)
        assert (len(artifact), artifact.about, artifact.facts) == (2, {"stage": "faces"}, {"frames": 7})
        for got, expected in zip(artifact, chunks, strict=True):
            np.testing.assert_array_equal(got["points"], expected["points"])

    def test_unfinished_leaves_nothing(self, tmp_path):
        with ArtifactWriter(tmp_path / "faces-1.joblib", KEY, {}) as writer:
            writer.append([1])
        assert os.listdir(tmp_path) == []

    def test_replaces_a_damaged_one(self, tmp_path):
        path = tmp_path / "faces-1.joblib"
        path.write_bytes(b"damaged")
        assert list(Artifact.open(write_artifact(path, [1]), KEY)) == [1]

    @pytest.mark.parametrize("where", [0, 0.2, 0.5, 0.9, 0.99])
    def test_one_changed_byte_anywhere_is_noticed(self, tmp_path, where):
        path = write_artifact(tmp_path / "faces-1.joblib", [np.arange(50), np.arange(50)])
        content = bytearray(path.read_bytes())
        content[int(where * len(content))] ^= 1
        path.write_bytes(content)
        with pytest.raises(BadArtifactError):
            Artifact.open(path, KEY).check()

    @pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
    def test_cut_short_is_noticed(self, tmp_path, share):
        path = write_artifact(tmp_path / "faces-1.joblib", [np.arange(50)])
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(BadArtifactError, match="damaged, or cut short"):
            Artifact.open(path, KEY)

    @pytest.mark.parametrize(
        "text",
        [
            b"[]",
            b'"text"',
            b"7",
            b"null",
            b"NaN",
            b'{"index": [], "digest": ""}',
            b'{"index": {"name": "faces-1.joblib"}, "digest": "\xc3\xa9"}',
            b'{"index": {"name": "faces-1.joblib", "about": NaN}, "digest": ""}',
            b'{"index": {"name": "faces-1.joblib", "about": 1e999}, "digest": ""}',
            b'{"index": {"name": "faces-1.joblib"}, "digest": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
            b"[" * 2_000_000,
            b"9" * 100_000,
            b"\xff\xfe",
        ],
    )
    def test_any_index_that_is_not_ours_is_refused(self, tmp_path, text):
        path = tmp_path / "faces-1.joblib"
        path.write_bytes(text + struct.pack("<Q8s", len(text), b"FACSART1"))
        with pytest.raises(BadArtifactError, match="damaged"):
            Artifact.open(path, KEY)

    @pytest.mark.parametrize("length", [0, 1, 1 << 40, (1 << 64) - 1])
    def test_an_index_of_no_sane_length_is_refused(self, tmp_path, length):
        path = tmp_path / "faces-1.joblib"
        with open(path, "wb") as file:
            # Sparse: four terabytes that take no room.
            file.truncate(1 << 42)
            file.seek(0, os.SEEK_END)
            file.write(struct.pack("<Q8s", length, b"FACSART1"))
        with pytest.raises(BadArtifactError, match="damaged, or cut short"):
            Artifact.open(path, KEY)

    @pytest.mark.parametrize("kind", ["pipe", "folder", "endless link", "device", "socket"])
    def test_what_is_no_file_is_refused_at_once(self, tmp_path, monkeypatch, kind):
        path = tmp_path / "faces-1.joblib"
        monkeypatch.chdir(tmp_path)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "socket":
            socket.socket(socket.AF_UNIX).bind(path.name)
        else:
            path.symlink_to(path.name if kind == "endless link" else "/dev/zero")
        with pytest.raises(BadArtifactError):
            Artifact.open(path, KEY)
        assert list(Artifact.open(write_artifact(path, [1]), KEY)) == [1]

    def test_that_vanishes_while_it_is_open_is_bad(self, tmp_path):
        path = write_artifact(tmp_path / "faces-1.joblib", [1])
        artifact = Artifact.open(path, KEY)
        path.unlink()
        with pytest.raises(BadArtifactError, match="cannot be read any more"):
            list(artifact)

    def test_of_a_class_that_is_gone_counts_as_absent(self, tmp_path, monkeypatch):
        # As arrays of NumPy 2 are for NumPy 1: intact, ours, and yet not to be read here.
        (tmp_path / "module_of_old.py").write_text("class Result:\n    pass\n")
        monkeypatch.syspath_prepend(tmp_path)
        path = write_artifact(tmp_path / "faces-1.joblib", [importlib.import_module("module_of_old").Result()])
        monkeypatch.delitem(sys.modules, "module_of_old")
        (tmp_path / "module_of_old.py").unlink()
        importlib.invalidate_caches()
        with pytest.raises(BadArtifactError, match="other versions of the packages: No module named 'module_of_old'"):
            list(Artifact.open(path, KEY))

    def test_of_another_user_is_refused(self, tmp_path):
        path = write_artifact(tmp_path / "faces-1.joblib", [1], key=b"other" * 6)
        with pytest.raises(BadArtifactError, match="not written by this user"):
            Artifact.open(path, KEY)

    def test_under_another_name_is_refused(self, tmp_path):
        path = write_artifact(tmp_path / "faces-1.joblib", [1])
        path.rename(tmp_path / "faces-2.joblib")
        with pytest.raises(BadArtifactError):
            Artifact.open(tmp_path / "faces-2.joblib", KEY)

    def test_a_planted_pickle_is_not_loaded(self, tmp_path):
        class Planted:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "was run"),)

        path = write_artifact(tmp_path / "faces-1.joblib", [np.zeros(200, np.uint8)])
        buffer = io.BytesIO()
        joblib.dump(Planted(), buffer)
        content = path.read_bytes()
        path.write_bytes(buffer.getvalue() + content[len(buffer.getvalue()) :])
        with pytest.raises(BadArtifactError, match="chunk 1 of 1 is damaged"):
            list(Artifact.open(path, KEY))
        assert not (tmp_path / "was run").exists()
        pickle.loads(buffer.getvalue())
        assert (tmp_path / "was run").exists(), "the planted pickle would have run"


class TestKey:
    def test_is_made_once_and_private(self, tmp_path, monkeypatch):
        monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "config" / "key"))
        key, warning = artifacts.load_key()
        assert (len(key), warning) == (32, None)
        assert artifacts.load_key() == (key, None)
        assert stat.S_IMODE((tmp_path / "config" / "key").stat().st_mode) == 0o600
        assert os.listdir(tmp_path / "config") == ["key"]

    def test_without_a_place_to_keep_it_serves_one_run(self, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "file" / "key"))
        key, warning = artifacts.load_key()
        assert len(key) == 32
        assert "FACS_KEY_FILE" in str(warning)

    @pytest.mark.skipif(os.name == "nt", reason="files have no such modes there")
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
    def test_that_others_can_read_is_told(self, tmp_path, monkeypatch, mode):
        monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "key"))
        key, _ = artifacts.load_key()
        (tmp_path / "key").chmod(mode)
        same, warning = artifacts.load_key()
        assert same == key
        assert f"{tmp_path / 'key'}: others can read the key" in str(warning)
        assert "chmod 600" in str(warning)

    def test_that_is_no_key_is_refused(self, tmp_path, monkeypatch):
        (tmp_path / "key").write_bytes(b"short")
        monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "key"))
        with pytest.raises(InputError, match="expected a key of 32 bytes, found 5"):
            artifacts.load_key()


class TestSignedJson:
    def test_gives_back_what_its_user_wrote_under_the_same_name(self, tmp_path):
        path = tmp_path / "videos.json"
        write_signed(path, {"a": ["b", 1]}, KEY)
        assert read_signed(path, KEY) == {"a": ["b", 1]}
        assert read_signed(path, b"other" * 6) is None
        path.rename(tmp_path / "other.json")
        assert read_signed(tmp_path / "other.json", KEY) is None
        assert read_signed(path, KEY) is None

    @pytest.mark.parametrize("text", ["", "{}", "[]", "null", "[" * 100_000, '{"content": NaN, "digest": "é"}'])
    def test_anything_else_counts_as_absent(self, tmp_path, text):
        (tmp_path / "videos.json").write_text(text)
        assert read_signed(tmp_path / "videos.json", KEY) is None

    def test_a_changed_value_is_noticed(self, tmp_path):
        path = tmp_path / "videos.json"
        write_signed(path, {"a": 1}, KEY)
        path.write_text(path.read_text().replace("1\n", "2\n", 1))
        assert read_signed(path, KEY) is None

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "videos.json")
        assert read_signed(tmp_path / "videos.json", KEY) is None
