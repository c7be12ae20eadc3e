"""How a run over videos is done: what `facs extract-features` is asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from facs_pipeline.dynamics.evidence import DescriptorSet


@dataclass(frozen=True)
class Options:
    """How a run is done; the defaults are those of ``facs extract-features``.

    Attributes
    ----------
    out : folder of the results.
    cache : folder of the stored stage results; None for ``out/cache``.
    keep_cache : False stores nothing beyond the run.
    keep : ``"tables"`` stores what tables are made of; ``"all"`` also the features of each face, with which another
        action-unit model needs no decoding.
    jobs : worker processes; None for one per core.
    format : ``"csv"`` or ``"parquet"``, of the action-unit tables.
    au_model, landmarks : model files; None for those of the package.
    emotion : also measure emotions.
    emotion_model : file of the emotion model, which implies `emotion`; None for that of the package.
    faces : ``"one"`` or ``"all"``.
    baseline : ``"none"``, ``"video"``, ``"subject"``, or the path of a clip of the person at rest.
    overlay : also write annotated videos.
    metadata : table of what is known of each video: subject, emotion, label, condition ...; None for none.
    quality : TOML file with limits for the verdict in ``videos.csv``; None for the usual ones.
    cutoff_hz : of the published descriptors' smoothing.
    least_confidence : 0..1; intensities of a half of a face of which less is certain are left out. None: 0.5, but 0
        with the extended descriptors, which compare whole clips and would have none of some.
    descriptor_set : ``"published"`` or ``"extended"``, of ``descriptors.csv``.
    image_fps : frames per second of image folders.
    fail_fast : stop at the first video that fails.
    timeout_s : a video that makes no progress for so long is given up.
    scheduler : address of a Dask scheduler, ``"local"`` or ``"slurm"``; None for worker processes of this computer.

    Examples
    --------
    >>> Options(out=Path("results"), baseline="video").format
    'csv'
    """

    out: Path = Path("facs-output")
    cache: Path | None = None
    keep_cache: bool = True
    keep: Literal["tables", "all"] = "tables"
    jobs: int | None = None
    format: Literal["csv", "parquet"] = "csv"
    au_model: Path | None = None
    landmarks: Path | None = None
    emotion: bool = False
    emotion_model: Path | None = None
    faces: Literal["one", "all"] = "one"
    baseline: str = "none"
    overlay: bool = False
    metadata: Path | None = None
    quality: Path | None = None
    cutoff_hz: float = 1.0
    least_confidence: float | None = None
    image_fps: float = 25.0
    fail_fast: bool = False
    timeout_s: float = 120.0
    descriptor_set: DescriptorSet = "published"
    scheduler: str | None = None

    @property
    def least_trusted(self) -> float:
        """The bound that `least_confidence` means."""
        if self.least_confidence is not None:
            return self.least_confidence
        return 0.0 if self.descriptor_set == "extended" else 0.5

    def as_json(self) -> dict[str, Any]:
        """JSON-able values of all options."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Options:
        """The options of `as_json`."""
        paths = {field.name for field in fields(cls) if "Path" in str(field.type)}
        typed: dict[str, Any] = {
            name: Path(value) if value and name in paths else value for name, value in values.items()
        }
        return cls(**typed)
