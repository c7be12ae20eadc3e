"""A teacher for training only: MediaPipe Face Landmarker -> 68 landmarks and blendshape pseudo-labels.

Nothing in the run-time pipeline imports this module. It needs the optional extra ``[teacher]``
(``pip install "facs-pipeline[teacher]"``) and a ``face_landmarker.task`` file.

The teacher's image mode is not converged: its raised-brow scores come out up to one intensity unit too
high. Each still is therefore shown three times in video mode after a blank frame, once as it is and once
mirrored, and the two converged answers are averaged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facs_pipeline.landmarks.points import MIRROR_68

MESH_TO_68: tuple[tuple[int, ...], ...] = (
    (127,), (234, 93), (93, 132), (58, 132), (172,), (136, 150), (149,), (176, 148), (152,),
    (400, 377), (378,), (365, 379), (397,), (288, 361), (323, 361), (454, 323), (356,),
    (70,), (63,), (105,), (66,), (107,), (336,), (296,), (334,), (293,), (300,),
    (168,), (197,), (5,), (4,), (240,), (97,), (2,), (326,), (460,),
    (33,), (160,), (158,), (133,), (153,), (144,), (362,), (385,), (387,), (263,), (373,), (380,),
    (61,), (39,), (37,), (0,), (267,), (269,), (291,), (405,), (314,), (17,), (84,), (181,),
    (78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,),
)  # fmt: skip
"""Mesh vertices whose mean stands for each of iBUG's 68 points (chin line, brows, nose, eyes, lips)."""

_LEFT, _RIGHT = "Left", "Right"


@dataclass(frozen=True)
class TeacherLabels:
    """The teacher's labels of n images.

    Attributes
    ----------
    points : ndarray of float32
        iBUG's landmarks `[n, 68, 2]` in pixels of the image given; NaN where no face was found.
    blendshapes : ndarray of float32
        Scores 0..1 in the order of `names` `[n, 52]`; NaN where no face was found.
    names : tuple of str
        MediaPipe's blendshape names `[52]`.
    """

    points: np.ndarray
    blendshapes: np.ndarray
    names: tuple[str, ...]

    @property
    def found(self) -> np.ndarray:
        """Whether the teacher found a face `[n]`."""
        return ~np.isnan(self.blendshapes[:, 0])


def mesh_to_68(mesh: np.ndarray) -> np.ndarray:
    """Means of mesh vertices for iBUG's 68 points: `[..., 478, 2]` -> `[..., 68, 2]`, same units."""
    mesh = np.asarray(mesh, dtype=np.float32)
    return np.stack([mesh[..., list(v), :].mean(axis=-2) for v in MESH_TO_68], axis=-2)


def mirrored_names(names: tuple[str, ...]) -> np.ndarray:
    """Position of each blendshape's counterpart on the other side of the face (itself where there is none)."""
    swapped = [
        n.replace(_LEFT, _RIGHT) if _LEFT in n else n.replace(_RIGHT, _LEFT) if _RIGHT in n else n for n in names
    ]
    return np.array([names.index(n) for n in swapped])


class Teacher:
    """MediaPipe Face Landmarker in video mode; use as a context manager.

    Parameters
    ----------
    task_file : path
        MediaPipe's ``face_landmarker.task``.

    Raises
    ------
    ImportError
        If MediaPipe is not installed.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> with Teacher("face_landmarker.task") as teacher:  # doctest: +SKIP
    ...     points, scores = teacher.label_still(grey)
    """

    def __init__(self, task_file: str | os.PathLike[str]) -> None:
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise ImportError(
                'the teacher needs MediaPipe: pip install "facs-pipeline[teacher]" (training only)'
            ) from error
        task_file = Path(task_file)
        if not task_file.is_file():
            raise FileNotFoundError(f"{task_file}: no such file; expected MediaPipe's face_landmarker.task")
        self._mediapipe = mediapipe
        self._landmarker = vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=os.fspath(task_file)),
                running_mode=vision.RunningMode.VIDEO,
                output_face_blendshapes=True,
                num_faces=1,
            )
        )
        self._clock_ms = 0
        self.names: tuple[str, ...] = ()

    def __enter__(self) -> Teacher:
        return self

    def __exit__(self, *_error: object) -> None:
        self._landmarker.close()

    def label_frame(
        self, image: np.ndarray, step_ms: int = 33, *, mirrored: bool = False
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Label the next frame of a video.

        Parameters
        ----------
        image : ndarray of uint8
            Grey `[h, w]` or RGB `[h, w, 3]`.
        step_ms : int
            Milliseconds since the frame before.
        mirrored : bool
            Show the teacher the mirror image; points and scores come back for the image as it is.

        Returns
        -------
        tuple of ndarray, or None
            Points `[68, 2]` in pixels and scores `[52]`; None where no face is found.
        """
        shown = np.ascontiguousarray(image[:, ::-1] if mirrored else image)
        rgb = cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB) if shown.ndim == 2 else shown
        self._clock_ms += step_ms
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb)
        answer = self._landmarker.detect_for_video(picture, self._clock_ms)
        if not answer.face_landmarks:
            return None
        height, width = image.shape[:2]
        mesh = np.array([(p.x * width, p.y * height) for p in answer.face_landmarks[0]], np.float32)
        self.names = tuple(c.category_name for c in answer.face_blendshapes[0])
        points, scores = mesh_to_68(mesh), np.array([c.score for c in answer.face_blendshapes[0]], np.float32)
        if mirrored:
            points, scores = points[MIRROR_68], scores[mirrored_names(self.names)]
            points[:, 0] = width - 1 - points[:, 0]
        return points, scores

    def label_still(self, image: np.ndarray, passes: int = 3) -> tuple[np.ndarray, np.ndarray] | None:
        """Converged labels of a still: a blank frame, `passes` times the still, the same mirrored, mean of both.

        Parameters
        ----------
        image : ndarray of uint8
            Grey `[h, w]` or RGB `[h, w, 3]`.
        passes : int
            How often each is shown, from 1.

        Returns
        -------
        tuple of ndarray, or None
            As `label_frame` gives them.
        """
        answers = []
        for mirrored in (False, True):
            self.label_frame(np.zeros_like(image))
            for _ in range(passes):
                answer = self.label_frame(image, mirrored=mirrored)
            if answer is not None:
                answers.append(answer)
        if not answers:
            return None
        return np.mean([a[0] for a in answers], axis=0), np.mean([a[1] for a in answers], axis=0)


def enlarge_small(image: np.ndarray, factor: int = 4, margin: float = 0.25) -> tuple[np.ndarray, float, float]:
    """Enlarge a small face crop and put black around it, as the teacher needs for FER2013's 48 x 48.

    Parameters
    ----------
    image : ndarray of uint8
        `[h, w]`.
    factor : int
        Of the enlargement.
    margin : float
        Width of the black frame, as a share of the enlarged image's longer side.

    Returns
    -------
    image : ndarray of uint8
        The enlarged image.
    factor, offset : float
        A corner at ``old`` lies at ``old * factor + offset`` in it, in pixels.
    """
    large = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    pad = round(margin * max(large.shape))
    return cv2.copyMakeBorder(large, pad, pad, pad, pad, cv2.BORDER_CONSTANT), float(factor), float(pad)


def label_stills(
    images: Iterable[np.ndarray], task_file: str | os.PathLike[str]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Label stills one by one; those under 128 px are enlarged for the teacher.

    Parameters
    ----------
    images : iterable of ndarray of uint8
        Grey images `[h, w]`.
    task_file : path
        MediaPipe's ``face_landmarker.task``.

    Yields
    ------
    points : ndarray of float32
        `[68, 2]`, in pixels of the image given; NaN where no face is found.
    blendshapes : ndarray of float32
        `[52]`; NaN where no face is found.
    """
    with Teacher(task_file) as teacher:
        for image in images:
            shown, factor, offset = (image, 1.0, 0.0) if max(image.shape) >= 128 else enlarge_small(image)
            answer = teacher.label_still(shown)
            if answer is None:
                yield np.full((68, 2), np.nan, np.float32), np.full(52, np.nan, np.float32)
            else:
                # Pixel centres: resizing by f maps x to f * x + (f - 1) / 2.
                centre = (factor - 1) / 2
                yield ((answer[0] - offset - centre) / factor).astype(np.float32), answer[1].astype(np.float32)
