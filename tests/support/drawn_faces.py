"""Moving faces of our own, drawn from a public-domain portrait, for tests that ask for a face and not for a person."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from video_files import write_video

from facs_pipeline.action_units.training.pseudo_labels import BLENDSHAPES, TEACHER_AUS
from facs_pipeline.synthesis.face import SyntheticFace
from facs_pipeline.synthesis.recordings import expression, render

WIDTH, HEIGHT = 384, 288
"""Of every drawn frame; the face, about 150 px wide, is in the middle."""
PERSONS, IMAGES_OF_ONE, STILL = 12, 20, 192
"""Of `write_stills`: as many persons, images of each, and pixels of an image's side."""


@lru_cache(maxsize=4)
def drawn_frames(identity: int, emotion: str, count: int, fps: int = 25) -> tuple[np.ndarray, ...]:
    """BGR frames [288, 384, 3] of one synthetic person: from rest to an expression and back, with a blink."""
    recording = expression(emotion, "real", duration_s=count / fps, fps=fps, seed=[11, identity])
    pictures = [picture for picture, _ in render(SyntheticFace(identity, HEIGHT), recording, seed=identity)]
    margin = (WIDTH - HEIGHT) // 2
    return tuple(
        cv2.copyMakeBorder(picture, 0, 0, margin, margin, cv2.BORDER_CONSTANT, value=(96, 88, 80))
        for picture in pictures
    )


def write_clips(folder: Path) -> None:
    """Three people; of `gap` the face is gone for five frames."""
    write_video(folder / "anna.mp4", drawn_frames(1, "happiness", 40))
    write_video(folder / "ben.mp4", drawn_frames(2, "surprise", 30, fps=30), fps=30)
    face = drawn_frames(3, "happiness", 40)
    write_video(folder / "gap.mp4", [*face[:15], *[np.zeros_like(face[0])] * 5, *face[20:]])


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Folder that the first worker to ask fills with `make`, and that all workers of this run share, unchanged."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, done = root / name, root / f"{name}.done"
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def write_stills(folder: Path) -> None:
    """Drawn persons as a labelled collection: frames.tar, frames.csv, labels.npz (as a teacher's), the folder stills.

    The labels are what the faces were drawn with: blendshape scores of four action units and the 68 points. `stills`
    holds every third image.
    """
    random = np.random.default_rng(7)
    names: list[str] = []
    persons: list[str] = []
    points: list[np.ndarray] = []
    scores = np.zeros((PERSONS * IMAGES_OF_ONE, len(BLENDSHAPES)), np.float32)
    (folder / "stills").mkdir()
    with tarfile.open(folder / "frames.tar", "w") as archive:
        for person in range(PERSONS):
            face = SyntheticFace(person, STILL)
            for number in range(IMAGES_OF_ONE):
                shown = {au: float(random.uniform(0, 5) * (random.random() < 0.6)) for au in (1, 12, 26, 45)}
                turn, nod = random.uniform(-0.5, 0.5, 2)
                picture, truth = face.draw(shown | {25: shown[26]}, turn=turn, nod=nod, roll=random.uniform(-3, 3))
                name = f"{person:02d}-{number}.png"
                for au, intensity in shown.items():
                    scores[len(names), [BLENDSHAPES.index(shape) for shape in TEACHER_AUS[au]]] = intensity / 5
                encoded = cv2.imencode(".png", picture)[1].tobytes()
                member = tarfile.TarInfo(f"frames/{name}")
                member.size = len(encoded)
                archive.addfile(member, io.BytesIO(encoded))
                if number % 3 == 0:
                    (folder / "stills" / name).write_bytes(encoded)
                names.append(name)
                persons.append(f"p{person:02d}")
                points.append(truth)
    lines = ["image,person", *(f"{name},{person}" for name, person in zip(names, persons, strict=True))]
    (folder / "frames.csv").write_text("\n".join(lines) + "\n")
    np.savez(
        folder / "labels.npz", image=names, blendshapes=scores, names=BLENDSHAPES, points=np.array(points, np.float32)
    )
