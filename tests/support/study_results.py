"""A small study made of tables: persons under two conditions, one action unit stronger under the second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

AUS = (1, 6, 12, 45)
FRAMES, FPS = 100, 25


def write_study(
    folder: Path, persons: int = 8, conditions: tuple[str, ...] = ("calm", "joke"), shift: float = 1.5
) -> Path:
    """Write a folder such as ``facs extract-features`` does: each person once under each condition.

    AU12 has a movement from 1 to 2 s, by `shift` stronger under each further condition; AU45 has three blinks.
    """
    random = np.random.default_rng(0)
    (folder / "action_units").mkdir(parents=True)
    times = np.arange(FRAMES) / FPS
    videos, about = [], []
    for person in range(persons):
        for number, condition in enumerate(conditions):
            name = f"p{person}_{condition}"
            values = np.abs(random.normal(0.1, 0.05, (FRAMES, len(AUS))))
            values[25:50, 2] = 1.5 + number * shift + 0.1 * random.normal()
            for blink in (10, 40, 70):
                values[blink : blink + 4, 3] = 3.0
            table = {
                "video": name, "frame": np.arange(1, FRAMES + 1), "face_id": 0, "timestamp": times, "confidence": 0.95,
                "success": 1, "pose_Rx": 0.0, "pose_Ry": 0.1 * number, "pose_Rz": 0.0, "x_0": 100.0, "x_16": 220.0,
                **{f"AU{au:02d}_r": values[:, k] for k, au in enumerate(AUS)},
            }  # fmt: skip
            pd.DataFrame(table).to_csv(folder / "action_units" / f"{name}.csv", index=False)
            videos.append({"video": name, "status": "ok", "frames": FRAMES, "duration_s": 4.0, "fps": 25.0})
            about.append({"video": name, "subject": f"S{person:02d}", "condition": condition, "age": 20 + person})
    pd.DataFrame(videos).to_csv(folder / "videos.csv", index=False)
    pd.DataFrame(about).to_csv(folder / "metadata.csv", index=False)
    return folder
