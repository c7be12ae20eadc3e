"""Descriptors and folders of features made of synthetic expressions, and how tests run `facs rank-authenticity`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from click.testing import CliRunner
from facs_cli.rank_authenticity import command as rank_command

from facs_pipeline.dynamics.descriptors import describe_series
from facs_pipeline.foundation.errors import FacsError
from facs_pipeline.synthesis.recordings import expression

AUS = (4, 12, 25)
EMOTIONS = ("happiness", "sadness", "disgust")


def descriptor_frame(n_subjects: int, seed: int = 0) -> pd.DataFrame:
    """Descriptors of synthetic expressions, slow (real) and abrupt (fake)."""
    rows = []
    for person in range(n_subjects):
        for e, emotion in enumerate(EMOTIONS):
            for k, label in enumerate(("real", "fake")):
                recording = expression(emotion, label, noise=0.1, seed=[seed, person, e, k])
                keep = [recording.aus.index(au) for au in AUS]
                values, names = describe_series(recording.intensities[:, keep], recording.times_s, AUS)
                about = {
                    "video": f"p{person}_{emotion}_{label}.mp4",
                    "subject": person,
                    "emotion": emotion,
                    "label": label,
                }
                rows.append(about | dict(zip(names, values, strict=True)))
    return pd.DataFrame(rows)


def features_folder(tmp_path, n_subjects):
    """A folder as the extraction writes it, from synthetic curves."""
    folder = tmp_path / "features"
    (folder / "action_units").mkdir(parents=True)
    frame = descriptor_frame(n_subjects)
    frame["video"] = frame["video"].str.removesuffix(".mp4")
    frame.insert(1, "face_id", 0)
    frame.to_csv(folder / "descriptors.csv", index=False)
    pd.DataFrame({"video": frame.video, "status": "ok", "reason": ""}).to_csv(folder / "videos.csv", index=False)
    for person in range(n_subjects):
        for e, emotion in enumerate(EMOTIONS):
            for k, label in enumerate(("real", "fake")):
                recording = expression(emotion, label, noise=0.1, seed=[0, person, e, k])
                n = len(recording.times_s)
                about = {
                    "frame": np.arange(1, n + 1),
                    "face_id": 0,
                    "timestamp": recording.times_s,
                    "confidence": 1.0,
                    "success": 1,
                }
                units = {f"AU{au:02d}_r": recording.intensities[:, recording.aus.index(au)] for au in AUS}
                name = f"p{person}_{emotion}_{label}"
                pd.DataFrame({"video": name, **about, **units}).to_csv(
                    folder / "action_units" / f"{name}.csv", index=False
                )
    return folder


def rank(*arguments):
    """Run the command as `facs` does; user errors come back as exceptions of the package."""
    return CliRunner().invoke(rank_command, [str(argument) for argument in arguments], standalone_mode=False)


def failure(*arguments) -> str:
    result = rank(*arguments)
    assert isinstance(result.exception, FacsError), result.output
    return str(result.exception)
