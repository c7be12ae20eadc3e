"""DISFA: 27 persons filmed while watching a clip, twelve action units coded 0..5 in each of 4,845 frames.

Expected, in any arrangement of folders below one root::

    Video_LeftCamera/LeftVideo<subject>_comp.avi       or a folder of frames named for the subject
    ActionUnit_Labels/<subject>/<subject>_au<N>.txt    lines "frame,intensity", frames from 1

Mavadati, Mahoor, Bartlett, Trinh, Cohn, "DISFA: A Spontaneous Facial Action Intensity Database", IEEE Transactions on
Affective Computing 4, 2013, doi:10.1109/T-AFFC.2013.4.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from facs_pipeline.datasets.coded import CodedClip, CodedSet, known_au, ranges, read_intensity
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import text_rows
from facs_pipeline.foundation.text import whole_number
from facs_pipeline.video.reader import VIDEO_SUFFIXES, folder_images

_LABEL_FILE = re.compile(r"^(?P<subject>.+?)_au0*(?P<au>\d+)\.txt$", re.IGNORECASE)
_CAMERAS = ("left", "right")


def read_disfa(root: str | os.PathLike, camera: str = "left") -> CodedSet:
    """Find DISFA's labels and recordings below a folder and check that they belong together.

    Parameters
    ----------
    root : str or PathLike
        Folder that holds labels and videos (or frames), in any arrangement.
    camera : {"left", "right"}
        Which of two recordings of a person is taken.

    Returns
    -------
    CodedSet
        One clip a person; every action unit of the dataset for every person.

    Raises
    ------
    InputError
        Naming the file, and the line where there is one: no labels, a malformed line, an action unit missing for
        one person, frames missing from one action unit's file, no recording, fewer images than coded frames.

    Examples
    --------
    >>> coded = read_disfa("DISFA")  # doctest: +SKIP
    >>> coded.aus  # doctest: +SKIP
    (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
    """
    root = Path(root)
    if camera not in _CAMERAS:
        raise InputError(f"camera {camera!r}; expected one of {', '.join(_CAMERAS)}")
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; expected DISFA's folder with ActionUnit_Labels and the videos")
    labels, recordings = _search(root)
    if not labels:
        raise InputError(f"{root}: no label files below it; expected ActionUnit_Labels/<subject>/<subject>_au<N>.txt")
    aus = tuple(sorted({au for files in labels.values() for au in files}))
    clips = []
    for subject, files in sorted(labels.items()):
        missing = [au for au in aus if au not in files]
        if missing:
            folder = next(iter(files.values())).parent
            raise InputError(
                f"{folder}: no label file for {', '.join(f'AU{au}' for au in missing)} of {subject}, which other "
                f"persons have; expected {subject}_au{missing[0]}.txt. Add it, or remove that action unit for all"
            )
        frames, intensities = _read_subject([files[au] for au in aus])
        source = _recording(root, subject, recordings, camera)
        if source.is_dir() and len(folder_images(source)) < frames[-1]:
            raise InputError(
                f"{source}: {len(folder_images(source))} images, but {subject} is coded up to frame {frames[-1]}; "
                "the n-th image is taken for frame n, so extract every frame of the video"
            )
        clips.append(CodedClip(source, subject, frames, intensities))
    return CodedSet("DISFA", aus, tuple(clips))


def _search(root: Path) -> tuple[dict[str, dict[int, Path]], list[Path]]:
    """Label files by subject and action unit, and everything that could be a recording."""
    labels: dict[str, dict[int, Path]] = {}
    recordings: list[Path] = []
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        here = Path(folder)
        for name in sorted(names):
            match = _LABEL_FILE.match(name)
            if match:
                au = known_au(whole_number(match["au"]), str(here / name))
                files = labels.setdefault(match["subject"], {})
                if au in files:
                    raise InputError(f"{here / name}: a second label file for AU{au}, the first is {files[au]}")
                files[au] = here / name
            elif Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                recordings.append(here / name)
        if here != root and folder_images(here):
            recordings.append(here)
    return labels, recordings


def _read_subject(files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Frames [m] and intensities [m, k] of one person; all files must code the same frames."""
    columns = [_read_labels(file) for file in files]
    everything = np.unique(np.concatenate([frames for frames, _ in columns]))
    for file, (frames, _) in zip(files, columns, strict=True):
        lacking = np.setdiff1d(everything, frames)
        if len(lacking):
            raise InputError(
                f"{file}: no intensity for frame {ranges(lacking)}, which this person's other action units have"
            )
    order = [np.argsort(frames) for frames, _ in columns]
    intensities = np.column_stack([values[o] for (_, values), o in zip(columns, order, strict=True)])
    return everything, intensities.astype(np.float32)


def _read_labels(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Frames and intensities of one ``frame,intensity`` file, in the file's order."""
    frames: dict[int, float] = {}
    for row, cells in text_rows(file):
        where = f"{file}, line {row}"
        frame = whole_number(cells[0])
        if len(cells) != 2 or frame is None or not cells[1]:
            raise InputError(f"{where}: {','.join(cells)[:80]!r}; expected two numbers, frame,intensity")
        if frame < 1:
            raise InputError(f"{where}: frame {frame}; frames count from 1")
        if frame in frames:
            raise InputError(f"{where}: frame {frame} a second time")
        frames[frame] = read_intensity(cells[1], where)
    if not frames:
        raise InputError(f"{file}: the file is empty; expected lines frame,intensity")
    return np.array(list(frames), dtype=np.int64), np.array(list(frames.values()))


def _recording(root: Path, subject: str, recordings: list[Path], camera: str) -> Path:
    """The one recording of a subject: its id stands in the name of a file or folder, whole, not as part of another."""
    named = re.compile(rf"(?<![0-9]){re.escape(subject)}(?![0-9])", re.IGNORECASE)
    matching = [p for p in recordings if named.search(p.stem if p.is_file() else p.name)]
    if not matching:
        # Frames may lie below the subject's folder, e.g. SN001/frames.
        matching = [
            p for p in recordings if p.is_dir() and any(named.search(part) for part in p.relative_to(root).parts)
        ]
    if not matching:
        raise InputError(
            f"{root}: no recording of {subject}; expected LeftVideo{subject}_comp.avi (or .mp4) somewhere below, or a "
            f"folder of frames whose name holds {subject}"
        )
    other = "right" if camera == "left" else "left"
    wanted = [p for p in matching if other not in str(p.relative_to(root)).lower()]
    matching = wanted or matching
    if len(matching) > 1:
        # Of a video and its extracted frames, the video is the original.
        matching = [p for p in matching if p.is_file()] or matching
    if len(matching) > 1:
        names = ", ".join(str(p.relative_to(root)) for p in matching)
        raise InputError(
            f"{root}: {len(matching)} recordings of {subject} ({names}); keep the one the labels belong to"
        )
    return matching[0]
