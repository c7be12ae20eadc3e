"""How the programs that measure action units write their tables: which columns hold what.

- facs: ``video, frame, face_id, timestamp, confidence, success, ..., AU01_r ...``;
- OpenFace 2: the same without ``video``, often with a space before each name. Rows with ``success`` 0 carry
  intensities all the same; they are left out. ``AU01_c`` (present or not) are not intensities and not read. Of a photo
  it writes a row for each ``face``, without frames; such tables are refused;
- LibreFace: ``frame_idx`` from 0, ``frame_time_in_ms``, ``path_to_frame`` (in a folder named as the video),
  ``au_1_intensity ...`` 0..5. ``au_1 ...`` (present or not) are not intensities and not read;
- py-feat: ``AU01 ...`` 0..1, ``frame`` from 0, ``input`` (the video), in newer versions ``Identity``; no time stamps
  (``approx_time`` counts whole seconds), so the frame rate must be given. Rows without a face are empty.

Baltrusaitis et al., "OpenFace 2.0", FG 2018, doi:10.1109/FG.2018.00019; Chang et al., "LibreFace", WACV 2024,
arXiv:2308.10713; Cheong et al., "Py-Feat", Affective Science 4, 2023, doi:10.1007/s42761-023-00191-4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from facs_pipeline.foundation.errors import InputError

_IMAGE = re.compile(r"\.(jpe?g|png|bmp|tiff?|webp)$", re.IGNORECASE)


@dataclass(frozen=True)
class AUFormat:
    """One program's table.

    Attributes
    ----------
    origin : str
        The program.
    intensity : Pattern
        Names of the columns of intensities; its group is the action unit's number.
    renamed : dict of str to str
        Its columns under other names than ours -> our names.
    per_second : float
        So many units of its time stamps are a second.
    video_of : function
        Takes a cell of the column `video`; gives the video's name, ``""`` where that does not tell.
    """

    origin: str
    intensity: re.Pattern[str]
    renamed: dict[str, str] = field(default_factory=dict)
    per_second: float = 1.0
    video_of: Callable[[str], str] = str


def _video_of_input(path: str) -> str:
    """A series of images is one video without a name."""
    # Windows' rules know both kinds of slashes; the table may come from another system.
    return "" if _IMAGE.search(path) else PureWindowsPath(path).stem


def _video_of_frame(path: str) -> str:
    return PureWindowsPath(path).parent.name


_FRAMES = frozenset({"frame", "timestamp", "frame_idx", "frame_time_in_ms"})
_OF_PHOTOS = ("face", "input", "image")
_AU_R = re.compile(r"AU(\d{1,2})_r")
FACS = AUFormat("facs", _AU_R)
OPENFACE = AUFormat("OpenFace", _AU_R)
LIBREFACE = AUFormat(
    "LibreFace",
    re.compile(r"au_(\d{1,2})_intensity"),
    {"frame_idx": "frame", "frame_time_in_ms": "timestamp", "path_to_frame": "video"},
    per_second=1000,
    video_of=_video_of_frame,
)
PYFEAT = AUFormat(
    "py-feat", re.compile(r"AU(\d{1,2})"), {"input": "video", "Identity": "face_id"}, video_of=_video_of_input
)


def recognise(path: Path, names: Sequence[str]) -> tuple[AUFormat, dict[int, str]]:
    """Whose table has columns of these names.

    Parameters
    ----------
    path : Path
        The table, for messages.
    names : sequence of str
        Its columns.

    Returns
    -------
    AUFormat
        The format.
    dict of int to str
        Action unit -> its column of intensities, by increasing number.

    Raises
    ------
    InputError
        If no column holds intensities, two hold those of one action unit, or the rows are faces of photos.
    """
    for known in (FACS if "video" in names else OPENFACE, LIBREFACE, PYFEAT):
        numbered = sorted((int(match[1]), name) for name in names if (match := known.intensity.fullmatch(name)))
        aus = [au for au, _name in numbered]
        twice = {au for au in aus if aus.count(au) > 1}
        if twice:
            raise InputError(f"{path}: more than one column for AU{min(twice):02d}; keep one")
        if numbered:
            _check_frames(path, names)
            return known, dict(numbered)
    raise InputError(
        f"{path}: no column of intensities among {', '.join(names)[:200]}; expected AU01_r, AU02_r ... (facs, "
        "OpenFace), au_1_intensity ... (LibreFace) or AU01, AU02 ... (py-feat), separated by commas, semicolons or "
        "tabs. OpenFace writes them with -aus."
    )


def _check_frames(path: Path, names: Sequence[str]) -> None:
    """A table of photos (OpenFace's ``FaceLandmarkImg``, our stills) has a row for each face, and no time."""
    photos = next((name for name in names if name in _OF_PHOTOS), None)
    if photos is not None and not _FRAMES & set(names):
        raise InputError(
            f"{path}: a table of photos: its rows are faces (column {photos!r}), not frames. Descriptors and events "
            "are about movement; give tables of videos"
        )
