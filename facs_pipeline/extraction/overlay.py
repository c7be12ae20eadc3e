"""What was found, drawn over the video: box, 68 points, emotion and bars of action-unit intensities, frame by frame."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import number_table_pieces
from facs_pipeline.video.reader import probe, read_frames
from facs_pipeline.video.writer import VideoWriter

# BGR; told apart by people who see no red or no green (Okabe & Ito 2008).
_COLOURS = ((115, 158, 0), (0, 159, 230), (233, 180, 86), (167, 121, 204), (66, 228, 240), (0, 94, 213))
_PAPER, _INK, _FAINT, _TRACK = (250, 250, 250), (40, 40, 40), (130, 130, 130), (226, 226, 226)
_ALARM = (40, 40, 200)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_MAX = 5.0
_MIN_HEIGHT, _MAX_HEIGHT, _MIN_ROW = 360, 1080, 20
# Chin line, brows, nose bridge and tip, eyes, lips: (first point, last point, closed).
_LINES = ((0, 16, 0), (17, 21, 0), (22, 26, 0), (27, 30, 0), (31, 35, 0), (36, 41, 1), (42, 47, 1), (48, 59, 1),
          (60, 67, 1))  # fmt: skip
_CHUNK = 1000


class DrawnFace(NamedTuple):
    """One face of one frame: `face_id` from 0, `confidence` 0..1, `points` [68, 2] px, `intensities` [k] 0..5.

    `emotion` is what it is said to look like, how sure included; empty if the table has no emotions.
    """

    face_id: int
    confidence: float
    points: np.ndarray
    intensities: np.ndarray
    emotion: str = ""


def write_overlay(
    video_path: str | os.PathLike,
    au_table_path: str | os.PathLike,
    out_path: str | os.PathLike,
    *,
    image_fps: float = 25.0,
    on_frame: Callable[[int], None] | None = None,
) -> Path:
    """Write a copy of a video with its action-unit table drawn in; one frame is held in memory at a time.

    Parameters
    ----------
    video_path : str or PathLike
        The video (or folder of images) that the table was made from.
    au_table_path : str or PathLike
        Its action-unit table, ``.csv`` or ``.parquet``.
    out_path : str or PathLike
        The annotated video, ``.mp4``; it has the time stamps of the original.
    image_fps : float
        Frames per second of a folder of images.
    on_frame : Callable[[int], None] or None
        Called with the number of frames written so far.

    Returns
    -------
    The path written.

    Raises
    ------
    InputError
        If the table cannot be read, has other columns, or belongs to a shorter video.
    VideoError
        If the video cannot be decoded.

    Examples
    --------
    >>> write_overlay("a.mp4", "facs-output/action_units/a.csv", "a_overlay.mp4")  # doctest: +SKIP
    """
    table_path, out_path = Path(au_table_path), Path(out_path)
    aus, rows = read_drawn_faces(table_path)
    fps = probe(video_path, image_fps=image_fps).fps
    # The encoder wants a rate that a video can have; frames keep their own times.
    fps = fps if 1 <= fps <= 1000 else 25.0
    sheet, shape, size = None, (0, 0, 0), None
    with VideoWriter(out_path, fps=fps) as writer:
        for frame in read_frames(video_path, colour=True, image_fps=image_fps):
            number, faces = next(rows, (None, []))
            if number != frame.index + 1:
                found = "ends before it" if number is None else f"goes on with frame {number}"
                raise InputError(
                    f"{table_path}: expected rows of frame {frame.index + 1} of {video_path}, the table {found}; "
                    "make the table again from this video"
                )
            if sheet is None or frame.image.shape != shape:
                shape = frame.image.shape
                sheet = OverlaySheet(frame.image.shape[:2], aus)
            drawn = sheet.draw(frame.image, faces, number, frame.time_s)
            size = size or drawn.shape[:2]
            writer.write(_fitted(drawn, size), frame.time_s)
            if on_frame:
                on_frame(number)
    return out_path


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image [h, w, 3] made to fill a height and width without distortion: a video has one size only."""
    height, width = size
    if image.shape[:2] == size:
        return image
    scale = min(height / image.shape[0], width / image.shape[1])
    fitted = cv2.resize(image, (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)))
    below, beside = height - fitted.shape[0], width - fitted.shape[1]
    return cv2.copyMakeBorder(fitted, 0, below, 0, beside, cv2.BORDER_CONSTANT)


def read_drawn_faces(path: Path) -> tuple[tuple[int, ...], Iterator[tuple[int, list[DrawnFace]]]]:
    """The AUs of a table, and frame by frame (number from 1) the faces in it; the table is read in pieces."""
    pieces = _pieces(path)
    try:
        first = next(pieces)
    except StopIteration:
        raise InputError(f"{path}: the table has no rows") from None
    au_columns = [name for name in first.columns if re.fullmatch(r"AU\d+_r", name)]
    point_columns = [f"{axis}_{i}" for axis in "xy" for i in range(68)]
    missing = [n for n in ("frame", "face_id", "confidence", "success", *point_columns) if n not in first.columns]
    if missing or not au_columns:
        raise InputError(
            f"{path}: not an action-unit table with points, {missing[0] if missing else 'AU.._r'} is missing; "
            "expected one that `facs extract-features` wrote"
        )

    def faces() -> Iterator[tuple[int, DrawnFace | None]]:
        piece: pd.DataFrame | None = first
        while piece is not None:
            points = piece[point_columns].to_numpy(float).reshape(-1, 2, 68).transpose(0, 2, 1)
            intensities = piece[au_columns].to_numpy(float)
            numbers = piece["frame"].to_numpy(int)
            ids = piece["face_id"].fillna(-1).to_numpy(int)
            confidence, success = piece["confidence"].to_numpy(float), piece["success"].to_numpy(int)
            emotions = [""] * len(piece)
            if {"emotion", "emotion_confidence"} <= set(piece.columns):
                pairs = zip(piece["emotion"], piece["emotion_confidence"], strict=True)
                emotions = ["" if pd.isna(sure) else f"{name} {sure:.2f}" for name, sure in pairs]
            for k, number in enumerate(numbers.tolist()):
                face = DrawnFace(int(ids[k]), float(confidence[k]), points[k], intensities[k], emotions[k])
                yield number, face if success[k] else None
            piece = next(pieces, None)

    grouped = ((n, [face for _, face in g if face is not None]) for n, g in groupby(faces(), key=lambda row: row[0]))
    return tuple(int(name[2:-2]) for name in au_columns), grouped


def _pieces(path: Path) -> Iterator[pd.DataFrame]:
    for piece in number_table_pieces(path, _is_drawn, text=("emotion",), rows=_CHUNK):
        if len(piece):
            yield piece


def _is_drawn(name: str) -> bool:
    others = ("frame", "face_id", "confidence", "success", "emotion", "emotion_confidence")
    return name in others or re.fullmatch(r"AU\d+_r|[xy]_\d+", name) is not None


class OverlaySheet:
    """Draws annotated frames of one video: the picture on the left, bars on the right.

    Small pictures are enlarged and very large ones reduced, so that letters and bars are legible for any of them.

    Parameters
    ----------
    shape : tuple
        (height, width) of the video in pixels.
    aus : tuple of int
        Action units, one bar each.

    Examples
    --------
    >>> import numpy as np
    >>> sheet = OverlaySheet((120, 160), aus=(1, 12))
    >>> sheet.draw(np.zeros((120, 160, 3), np.uint8), [], number=1, time_s=0.0).shape[0]
    360
    """

    def __init__(self, shape: tuple[int, int], aus: tuple[int, ...]):
        height, width = shape
        self.aus = tuple(aus)
        lowest = max(_MIN_HEIGHT, _MIN_ROW * (len(aus) + 3))
        self.height = int(np.clip(height, lowest, max(lowest, _MAX_HEIGHT))) // 2 * 2
        self.scale = self.height / height
        self.width = max(2, round(width * self.scale) // 2 * 2)
        # A few long rows for many units, no giants for few.
        self._row = min(self.height / (len(aus) + 3), self.height / 9)
        self._letters = self._row * 0.46
        self._panel = self._empty_panel()

    def _text(
        self, image: np.ndarray, text: str, x: float, y: float, size: float,
        colour: tuple[int, int, int] = _INK, bold: bool = False,
    ) -> None:  # fmt: skip
        """Text of `size` px (height of a capital) whose baseline is at y."""
        scale = size / 22
        thickness = max(1, round(scale * (2.2 if bold else 1.4)))
        cv2.putText(image, text, (round(x), round(y)), _FONT, scale, colour, thickness, cv2.LINE_AA)

    def _text_width(self, text: str, size: float) -> float:
        scale = size / 22
        return cv2.getTextSize(text, _FONT, scale, max(1, round(scale * 1.4)))[0][0]

    def _empty_panel(self) -> np.ndarray:
        row, size = self._row, self._letters
        labels = [f"AU{au:02d} {AU_NAMES.get(au, '')}".rstrip() for au in self.aus]
        self._bar_x = row * 0.5 + max(self._text_width(text, size) for text in labels) + row * 0.4
        self._bar_width = row * 6
        number_width = self._text_width("5.0", size)
        header_width = self._text_width("frame 888888  8888.888 s  confidence 0.88", size)
        full = max(self._bar_x + self._bar_width + row * 0.4 + number_width + row * 0.4, header_width + row)
        panel = np.full((self.height, round(full) // 2 * 2, 3), _PAPER, np.uint8)
        self._top = row * 2.4
        for k, text in enumerate(labels):
            y = self._top + k * row
            self._text(panel, text, row * 0.5, y + row * 0.5 + size / 2, size)
            x0, x1 = round(self._bar_x), round(self._bar_x + self._bar_width)
            cv2.rectangle(panel, (x0, round(y + row * 0.18)), (x1, round(y + row * 0.82)), _TRACK, -1)
            for level in range(1, 5):
                at = round(self._bar_x + self._bar_width * level / _MAX)
                cv2.line(panel, (at, round(y + row * 0.18)), (at, round(y + row * 0.82)), _PAPER, 1)
        for level in range(6):
            small = size * 0.75
            x = self._bar_x + self._bar_width * level / _MAX - self._text_width(str(level), small) / 2
            self._text(panel, str(level), x, self._top - row * 0.12, small, _FAINT)
        return panel

    def draw(self, picture: np.ndarray, faces: list[DrawnFace], number: int, time_s: float) -> np.ndarray:
        """One annotated frame.

        Parameters
        ----------
        picture : ndarray
            [h, w, 3] uint8, BGR.
        faces : list of DrawnFace
            What was found; empty for a frame without a face.
        number : int
            Of the frame, from 1.
        time_s : float
            Of the frame, in seconds.

        Returns
        -------
        ndarray [height, width, 3], uint8, BGR; the same size for every frame of a video.
        """
        kind = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
        shown = cv2.resize(picture, (self.width, self.height), interpolation=kind)
        panel = self._panel.copy()
        for face in faces:
            self._draw_face(shown, face, named=len(faces) > 1 or face.face_id > 0)
        for place, face in enumerate(faces):
            self._draw_bars(panel, face, place, len(faces))
        row, size = self._row, self._letters
        line = f"frame {number}  {time_s:.3f} s"
        if not faces:
            self._text(panel, line, row * 0.5, row * 0.95, size)
            self._text(
                panel, "no face", row * 0.5 + self._text_width(line + "  ", size), row * 0.95, size, _ALARM, True
            )
        else:
            # With several faces each one's confidence stands at its box.
            sure = f"  confidence {faces[0].confidence:.2f}" if len(faces) == 1 else f"  {len(faces)} faces"
            self._text(panel, line + sure, row * 0.5, row * 0.95, size)
        return np.hstack([shown, panel])

    def _draw_face(self, shown: np.ndarray, face: DrawnFace, named: bool) -> None:
        colour = _COLOURS[face.face_id % len(_COLOURS)]
        # Pixel centres: scaling by f maps x to f * (x + 0.5) - 0.5.
        points = self.scale * (face.points + 0.5) - 0.5
        # OpenCV counts in 32 bits; points that far outside are not seen anyway.
        points = np.clip(points, -4.0 * _MAX_HEIGHT, 16.0 * _MAX_HEIGHT)
        fixed = np.round(points * 16).astype(np.int32)
        span = float(np.ptp(points[:, 1]))
        thin = max(1, round(self.height / 540))
        for first, last, closed in _LINES:
            cv2.polylines(shown, [fixed[first : last + 1]], bool(closed), colour, thin, cv2.LINE_AA, 4)
        radius = max(1.2, span / 130)
        for x, y in fixed:
            cv2.circle(shown, (int(x), int(y)), round(radius * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = 0.06 * span
        corner = (round(low[0] - margin), round(low[1] - 2 * margin))
        cv2.rectangle(shown, corner, (round(high[0] + margin), round(high[1] + margin)), colour, 2 * thin)
        label = "   ".join(filter(None, [f"face {face.face_id}  {face.confidence:.2f}" * named, face.emotion]))
        if label:
            size = max(self._letters, 12)
            y = max(corner[1], round(size * 1.8))
            end = (round(corner[0] + self._text_width(label, size) + size), y)
            cv2.rectangle(shown, (corner[0], round(y - size * 1.8)), end, colour, -1)
            self._text(shown, label, corner[0] + size * 0.5, y - size * 0.4, size, (255, 255, 255))

    def _draw_bars(self, panel: np.ndarray, face: DrawnFace, place: int, count: int) -> None:
        colour = _COLOURS[face.face_id % len(_COLOURS)]
        row, size = self._row, self._letters
        height = row * 0.64 / count
        for k, value in enumerate(face.intensities):
            if not np.isfinite(value):
                continue
            y = self._top + k * row + row * 0.18 + place * height
            x = self._bar_x + self._bar_width * float(np.clip(value, 0, _MAX)) / _MAX
            cv2.rectangle(panel, (round(self._bar_x), round(y)), (round(x), round(y + height)), colour, -1)
            if count == 1:
                x = self._bar_x + self._bar_width + row * 0.4
                self._text(panel, f"{value:.1f}", x, self._top + (k + 0.5) * row + size / 2, size)
