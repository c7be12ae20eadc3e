"""Make docs/pipeline.png, the README's picture: `python docs/make_figure.py` (needs matplotlib and Pillow).

A synthetic recording (public-domain portrait, made-up curves) goes through the ordinary pipeline; the picture shows
frames with the points found, and the intensities found beside the ones that drove the face.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import SubFigure
from PIL import Image

from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.extraction.overlay import OverlaySheet, read_drawn_faces
from facs_pipeline.extraction.run import Options, extract_features
from facs_pipeline.synthesis.recordings import RecordingSettings, write_recordings
from facs_pipeline.video.reader import read_frames

PICTURE = Path(__file__).with_name("pipeline.png")
VIDEO, MOMENTS_S, SHOWN_AUS = "s01_happiness_real", (0.2, 1.2, 2.0), (7, 10, 12, 25, 45)
FOUND, DRIVEN = "#009e73", "#8c8c8c"


def main() -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory() as folder:
        videos, results = Path(folder) / "videos", Path(folder) / "results"
        write_recordings(videos, RecordingSettings(size=360, fps=50), identities=1, emotions=["happiness"])
        run = extract_features([videos / f"{VIDEO}.mp4"], Options(out=results, jobs=1, baseline="video"))
        if run.failed:
            raise SystemExit(run.failed[0].reason)
        table_path = results / "action_units" / f"{VIDEO}.csv"
        found, truth = pd.read_csv(table_path), pd.read_csv(videos / "truth" / f"{VIDEO}.csv")
        aus, rows = read_drawn_faces(table_path)
        pictures = []
        for frame, (number, faces) in zip(read_frames(videos / f"{VIDEO}.mp4", colour=True), rows, strict=True):
            if np.isclose(frame.time_s, MOMENTS_S, atol=0.005).any():
                sheet = OverlaySheet(frame.image.shape[:2], aus)
                pictures.append(sheet.draw(frame.image, faces, number, frame.time_s)[:, : sheet.width, ::-1])
    figure = plt.figure(figsize=(9, 3.9), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.25))  # type: ignore[misc]  # two make an array
    draw_faces(left, pictures)
    draw_curves(right, found, truth)
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})
    # 256 colours are enough here and make the file a third of its size.
    with Image.open(PICTURE) as image:
        image.convert("RGB").quantize(256).save(PICTURE, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


def draw_faces(figure: SubFigure, pictures: list[np.ndarray]) -> None:
    """The last moment large, the earlier ones small above it."""
    axes = figure.subplot_mosaic([["0", "1"], ["2", "2"], ["2", "2"]])
    for name, picture, time_s in zip("012", pictures, MOMENTS_S, strict=True):
        axes[name].imshow(picture)
        axes[name].set_title(f"{time_s:.1f} s", fontsize=8, pad=2)
        axes[name].axis("off")


def draw_curves(figure: SubFigure, found: pd.DataFrame, truth: pd.DataFrame) -> None:
    """One panel per action unit, found over driven."""
    for k, (axis, au) in enumerate(zip(figure.subplots(len(SHOWN_AUS), 1, sharex=True), SHOWN_AUS, strict=True)):
        axis.plot(truth["timestamp"], truth[f"AU{au:02d}"], color=DRIVEN, lw=1.2, ls="--", label="drove the face")
        axis.plot(found["timestamp"], found[f"AU{au:02d}_r"], color=FOUND, lw=1.6, label="found, less the resting face")
        axis.set(ylim=(-0.2, 5.2), yticks=(0, 5), xlim=(0, truth["timestamp"].max()))
        axis.tick_params(labelsize=7)
        axis.set_title(f"AU{au:02d} {AU_NAMES[au]}", fontsize=8, loc="left", pad=1)
        axis.spines[["top", "right"]].set_visible(False)
        for moment in MOMENTS_S:
            axis.axvline(moment, color="#d0d0d0", lw=0.8, zorder=0)
        if k == 0:
            axis.legend(fontsize=7, loc="upper right", ncols=2, frameon=False, bbox_to_anchor=(1, 1.7))
    axis.set_xlabel("time (s); intensity 0 to 5", fontsize=8)


if __name__ == "__main__":
    main()
