"""Faces as the tests of the readers make them: random pictures in tables, folders, zips and tars."""

from __future__ import annotations

import io
import tarfile
import zipfile

import cv2
import numpy as np

from facs_pipeline.datasets.fer2013 import FER2013_EMOTIONS

USAGES = ("Training", "PublicTest", "PrivateTest")


def picture(seed: int, shape=(48, 48)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def cell(seed: int) -> str:
    return " ".join(map(str, picture(seed).ravel()))


def encoded(seed: int, suffix=".png", shape=(48, 48)) -> bytes:
    return cv2.imencode(suffix, picture(seed, shape))[1].tobytes()


def put(path, data: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def table(header="emotion,pixels,Usage", n=7) -> str:
    """Row k + 2 has picture k, emotion k mod 7 and the splits in turn."""
    rows = [f"{k % 7},{cell(k)},{USAGES[k % 3]}" for k in range(n)]
    return "\n".join([header, *rows]) + "\n"


def check(faces, n=7):
    """The faces are those of `table`."""
    assert faces.sources == tuple(f"row {k + 2}" for k in range(n))
    assert faces.emotions.tolist() == [FER2013_EMOTIONS[k % 7] for k in range(n)]
    assert faces.splits.tolist() == [("train", "validation", "test")[k % 3] for k in range(n)]
    assert faces.subjects.tolist() == [""] * n
    assert faces.skipped == ()
    for k in range(n):
        np.testing.assert_array_equal(faces.grey(k), picture(k))


def zipped(path, members: dict[str, bytes]):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path, members: dict[str, bytes], mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def reasons(faces) -> dict[str, str]:
    return dict(faces.skipped)


def laid_out(root, members):
    for name, data in members.items():
        put(root / name, data)
    return root
