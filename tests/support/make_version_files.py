"""Write the folder tests/data/version-0.1.0: what commands of version 0.1.0 make of drawn faces.

Run by a Python that has facs-pipeline 0.1.0 installed, and not from a checkout of another version:

    python tests/support/make_version_files.py tests/data/version-0.1.0

Only the commands of that version write the files; this script draws what they are given, removes what is large or
says where the folder was, and shortens nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

VERSION = "0.1.0"
FRAMES, SIZE = 16, 160
PEOPLE, IMAGES_OF_ONE = 6, 20


def facs(*arguments: object, exit_code: int = 0) -> None:
    """Run a command of the installed version in the current folder."""
    command = [str(Path(sys.executable).with_name("facs")), *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != exit_code:
        sys.exit(f"facs {' '.join(command[1:])}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def draw_clip() -> None:
    """smile.mp4: one drawn person who smiles."""
    recordings = import_module("facs_pipeline.synthesis.recordings")
    recordings.write_recordings(
        "drawn", identities=1, emotions=("happiness",), duration_s=1, fps=FRAMES, size=SIZE, seed=1, grain=0
    )
    shutil.move(min(Path("drawn").glob("*fake*.mp4")), "smile.mp4")


def draw_coded_images() -> None:
    """coded.csv and its images: drawn persons, coded with the intensities that drew them."""
    from facs_pipeline.synthesis.face import SyntheticFace

    random = np.random.default_rng(0)
    rows = []
    Path("images").mkdir()
    for person in range(PEOPLE):
        face = SyntheticFace(person, SIZE)
        for number in range(IMAGES_OF_ONE):
            jaw = random.integers(0, 6)
            picture, _ = face.draw({26: float(jaw)}, turn=random.uniform(-0.3, 0.3))
            name = f"images/{person}-{number:02d}.png"
            cv2.imwrite(name, picture)
            rows.append((name, f"s{person}", jaw))
    pd.DataFrame(rows, columns=["image", "subject", "AU26"]).to_csv("coded.csv", index=False)


def draw_emotions() -> None:
    """labelled.csv and its images: drawn persons who show an emotion."""
    from facs_pipeline.synthesis.face import SyntheticFace
    from facs_pipeline.synthesis.recordings import EMOTION_AUS

    names = {"happiness": "happy", "surprise": "surprise", "sadness": "sad", "anger": "angry", "disgust": "disgust"}
    rows = []
    Path("faces").mkdir()
    for person in range(2):
        for emotion, intensities in EMOTION_AUS.items():
            path = f"faces/{person}-{emotion}.png"
            cv2.imwrite(path, SyntheticFace(person, 96).draw(intensities)[0])
            rows.append((path, f"s{person}", names[emotion], "validation"))
    pd.DataFrame(rows, columns=["image", "subject", "emotion", "split"]).to_csv("labelled.csv", index=False)


def write_pairs() -> None:
    """descriptors.csv in the folder ranked: of drawn persons' curves."""
    describe_series = import_module("facs_pipeline.descriptors").describe_series

    from facs_pipeline.synthesis.recordings import expression

    rows = []
    for person in range(4):
        for emotion in ("happiness", "sadness"):
            for k, label in enumerate(("real", "fake")):
                drawn = expression(emotion, label, noise=0.1, seed=[person, len(emotion), k])
                column = drawn.aus.index(12 if emotion == "happiness" else 15)
                values, names = describe_series(drawn.intensities[:, [column]], drawn.times_s, [12])
                about = {"video": f"{person}_{emotion}_{label}", "subject": person, "emotion": emotion, "label": label}
                rows.append(about | dict(zip(names, values, strict=True)))
    pd.DataFrame(rows).to_csv("pairs.csv", index=False)


def processor() -> list[str]:
    """Kinds of processor that NumPy's linear algebra is tuned to here."""
    return sorted({library["architecture"] for library in threadpool_info() if "numpy" in library["filepath"]})


def forget_the_place(folder: Path) -> None:
    """Take what says where and on what the commands ran out of the JSON files."""
    here = os.getcwd() + os.sep
    for path in folder.rglob("*.json"):
        path.write_text(path.read_text(encoding="utf-8").replace(json.dumps(here)[1:-1], ""), encoding="utf-8")
    run = folder / "results" / "run.json"
    about = json.loads(run.read_text(encoding="utf-8"))
    about["machine"] = dict.fromkeys(about["machine"], "")
    # Results are equal to the last decimal where these are, see test_golden_tables.py.
    made_with = {"packages": about["packages"], "processor": processor()}
    (folder / "made-with.json").write_text(json.dumps(made_with, indent=2) + "\n", encoding="utf-8")
    run.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    # Hashes of files by path and time are of no use elsewhere.
    (folder / "results" / "cache" / "videos.json").unlink()


def main() -> None:
    """Make everything in a temporary folder and put what the tests read into the folder named."""
    if version("facs-pipeline") != VERSION:
        sys.exit(f"facs-pipeline {version('facs-pipeline')} is installed, expected {VERSION}")
    target = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        made = Path("made")
        made.mkdir()
        key = bytes(range(32))
        (made / "key").write_bytes(key)
        os.environ["FACS_KEY_FILE"] = str(made.absolute() / "key")
        draw_clip()
        shutil.copy("smile.mp4", made)
        results = made / "results"
        facs("extract-features", "smile.mp4", "--emotion", "--out", results, "--jobs", 1)
        facs("extract-features", "smile.mp4", "--emotion", "--out", "other", "--format", "parquet", "--no-cache")
        shutil.copy("other/action_units/smile.parquet", made)
        facs("events", results, "--out", made / "events.csv")
        draw_coded_images()
        facs("extract-stills", "images/0-00.png", "images/1-00.png", "--out", made / "stills.csv", "--jobs", 1)
        facs("train-au", "--manifest", "coded.csv", "--regressor", "ridge", "--out", made / "jaw.npz")
        draw_emotions()
        facs("evaluate-emotion", "compact", "labelled.csv", "--out", made / "emotions")
        write_pairs()
        facs("rank-authenticity", "--descriptors", "pairs.csv", "--evaluate", "--folds", 4, "--out", made / "ranking")
        for large in (made / "jaw.cache", made / "emotions" / "cache", made / "emotions" / "mistakes-compact"):
            shutil.rmtree(large)
        forget_the_place(made)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)


if __name__ == "__main__":
    main()
