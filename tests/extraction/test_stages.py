"""A stage is computed again exactly when something that its result depends on has changed, and the reason is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from extraction_runs import Remembering

from facs_pipeline.extraction import stages as stage_list
from facs_pipeline.extraction import video_job
from facs_pipeline.extraction.cache import Cache, content_sha256, file_stamp, stage_keys
from facs_pipeline.extraction.decoding import decoded_batches
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.outputs import Outputs
from facs_pipeline.extraction.plan import stages_for
from facs_pipeline.extraction.stage import (
    Computation,
    ModelFile,
    PerChunk,
    Stage,
    StageSettings,
    VideoSettings,
)
from facs_pipeline.extraction.stages.action_units import ActionUnits
from facs_pipeline.extraction.video_job import VideoJob, VideoRun
from facs_pipeline.faces.settings import TrackerSettings
from facs_pipeline.foundation.files.artifacts import ArtifactWriter, BadArtifactError
from facs_pipeline.tables.schema import Column

KEY = b"k" * 32
ALL = [
    "faces", "landmarks", "features", "eyes", "confidence", "quality", "action_units", "sides", "gaze", "descriptors",
]  # fmt: skip


def stages(options: Options | None = None, video: VideoSettings | None = None, **settings: Any) -> list[Stage]:
    """The stages of a run, with some settings of stages replaced: ``faces={"image_fps": 30.0}``."""
    asked = stages_for(options or Options(), video or VideoSettings())
    return [
        replace(stage, settings=replace(stage.settings, **settings[stage.name])) if stage.name in settings else stage
        for stage in asked
    ]


def changed_stages(now: Sequence[Stage]) -> list[str]:
    before, after = stage_keys("f" * 64, stages()), stage_keys("f" * 64, now)
    return [name for name in before if before[name].key != after[name].key]


OTHER_MODEL = ModelFile("action_units", Path("other.npz"), "other")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (lambda: stages(), []),
        (lambda: stages(Options(cutoff_hz=2.0)), ["descriptors"]),
        (lambda: stages(video=VideoSettings(baseline="video")), ["descriptors"]),
        (lambda: stages(action_units={"au_model": OTHER_MODEL}), ["action_units", "gaze", "descriptors"]),
        (
            lambda: stages(features={"appearance": {"lbp_grid": 8}}),
            ["features", *ALL[4:]],
        ),
        (lambda: stages(faces={"landmark_model": OTHER_MODEL}), ALL),
        (lambda: stages(Options(faces="all")), ALL),
        (lambda: stages(faces={"tracker": TrackerSettings(recheck_s=2.0)}), ALL),
        (lambda: stages(video=VideoSettings(image_fps=30.0)), ALL),
    ],
)
def test_a_setting_changes_its_stage_and_those_after_it(now, expected):
    assert changed_stages(now()) == expected


def test_a_model_is_known_by_its_content_not_by_its_place():
    one, two = (ModelFile("action_units", Path(name), "same") for name in ("a.npz", "b.npz"))
    keys = [stage_keys("f" * 64, stages(action_units={"au_model": model})) for model in (one, two)]
    assert keys[0] == keys[1]


def test_every_setting_of_a_stage_is_in_its_key():
    for stage in stages(Options(emotion=True)):
        assert set(stage.settings.key()) == set(stage.settings.__dataclass_fields__), stage.name


def test_other_content_changes_every_stage():
    before, now = stage_keys("f" * 64, stages()), stage_keys("e" * 64, stages())
    assert all(before[name].key != now[name].key for name in ALL)


def store(cache, identity):
    with ArtifactWriter(cache.path(identity), KEY, dict(identity.about)) as writer:
        writer.finish()


def test_reasons_name_what_changed(tmp_path, monkeypatch):
    cache = Cache(tmp_path, KEY)
    before = stage_keys("f" * 64, stages())
    assert cache.why_absent(before["descriptors"]) == "first run"
    for identity in before.values():
        store(cache, identity)

    now = stage_keys("f" * 64, stages(Options(cutoff_hz=2.0)))
    assert cache.why_absent(now["descriptors"]) == "settings of descriptors changed: cutoff_hz 1.0 -> 2.0"
    other = ModelFile("action_units", Path("b.npz"), "b")
    now = stage_keys("f" * 64, stages(action_units={"au_model": other}))
    assert cache.why_absent(now["action_units"]).startswith("settings of action_units changed: au_model ")
    assert cache.why_absent(now["action_units"]).endswith("... -> b")
    assert cache.why_absent(now["descriptors"]) == "what descriptors builds on changed"

    version = stage_list.Features.version
    monkeypatch.setattr(stage_list.Features, "version", version + 1)
    now = stage_keys("f" * 64, stages())
    assert cache.why_absent(now["features"]) == f"stage version of features changed: {version} -> {version + 1}"


def test_a_result_is_found_under_its_key_only(tmp_path):
    cache = Cache(tmp_path, KEY)
    identity = stage_keys("f" * 64, stages())["faces"]
    with pytest.raises(FileNotFoundError):
        cache.open(identity)
    store(cache, identity)
    assert cache.open(identity).about == identity.about
    assert [path.name for path in cache.artifacts()] == [cache.path(identity).name]

    # A signed result of other inputs, put in its place, is not taken for it.
    other = replace(identity, about={**identity.about, "version": 99})
    store(cache, other)
    with pytest.raises(BadArtifactError, match="other inputs"):
        cache.open(identity)


def test_content_hash_is_of_content_and_stamp_is_of_the_file(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"x" * 10)
    two.write_bytes(b"x" * 10)
    assert content_sha256(one) == content_sha256(two)
    assert file_stamp(one) != file_stamp(two)
    stamp = file_stamp(one)
    one.write_bytes(b"y" * 10)
    assert file_stamp(one) != stamp


def test_a_folder_of_images_is_hashed_by_names_and_contents(tmp_path):
    images = [tmp_path / "1.png", tmp_path / "2.png"]
    images[0].write_bytes(b"ab")
    images[1].write_bytes(b"c")
    before = content_sha256(tmp_path, images)
    images[0].write_bytes(b"a")
    images[1].write_bytes(b"bc")
    assert content_sha256(tmp_path, images) != before


# ---------------------------------------------------------------------------------------------- a stage of one's own


@dataclass(frozen=True)
class MouthSettings(StageSettings):
    unit_px: float


@dataclass(frozen=True)
class MouthOpening(Stage):
    """How far the inner lips are apart: a whole stage, as CONTRIBUTING.md shows it."""

    name = "mouth_opening"
    version = 1
    inputs = ("landmarks",)

    settings: MouthSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        return cls(MouthSettings(1.0))

    def computation(self, tick: Callable[[], None]) -> Computation:
        return PerChunk(self._opening)

    def columns(self, facts: Mapping[str, Any]) -> Sequence[Column]:
        meaning = "How far the inner lips are apart."
        return [Column("action_units", "mouth_opening", "number", meaning, "px", "0 ..", "landmarks", decimals=3)]

    def cells(self, chunk: np.ndarray, facts: Mapping[str, Any]) -> Sequence[np.ndarray]:
        return [chunk]

    def _opening(self, chunks: Mapping[str, Any]) -> np.ndarray:
        points = chunks["landmarks"]["ibug_points"]
        return np.linalg.norm(points[:, 66] - points[:, 62], axis=1) / self.settings.unit_px


def run(clip: Path, out: Path, log: list[str]) -> pd.DataFrame:
    job = VideoJob(clip, clip.stem, False, VideoSettings())
    cache = Cache(out / "cache", KEY)
    outputs = Outputs(out, "csv", False, out / "cache" / "outputs", KEY)
    done = VideoRun(
        job, Options(out=out), outputs, cache, tick=lambda _: None, expect=lambda _: None, log=log.append
    ).run()
    assert done.descriptors is not None
    return pd.read_csv(outputs.table(clip.stem))


def test_a_stage_of_ones_own_takes_one_class_and_one_line(clips, tmp_path, monkeypatch):
    log: list[str] = []
    before = run(clips / "gap.mp4", tmp_path, log)
    assert "mouth_opening" not in before

    monkeypatch.setattr("facs_pipeline.extraction.plan.STAGES", (*stage_list.STAGES, MouthOpening))
    log.clear()
    # Only the new stage is computed; nothing is decoded again for it.
    monkeypatch.setattr(video_job, "decoded_batches", None)
    table = run(clips / "gap.mp4", tmp_path, log)
    assert log == ["gap: mouth_opening computed (first run)"]
    assert list(table.columns) == [*before.columns, "mouth_opening"]
    pd.testing.assert_frame_equal(table[list(before.columns)], before)
    seen = table["success"] == 1
    assert table.loc[~seen, "mouth_opening"].isna().all()
    gap = np.hypot(table["x_66"] - table["x_62"], table["y_66"] - table["y_62"])[seen]
    assert np.allclose(table.loc[seen, "mouth_opening"], gap, atol=0.002)

    # From nothing, in one pass over the video with all the others, it gives the same.
    monkeypatch.setattr(video_job, "decoded_batches", decoded_batches)
    pd.testing.assert_frame_equal(run(clips / "gap.mp4", tmp_path / "anew", []), table)


def test_a_rerun_in_which_nothing_changed_imports_little(clips, tmp_path):
    from extraction_runs import run_python

    code = (
        "import sys; from pathlib import Path; from facs_pipeline.extraction.run import Options, extract_features; "
        f"extract_features({str(clips / 'anna.mp4')!r}, Options(out=Path({str(tmp_path)!r}), jobs=1)); "
        "print(sorted({'pandas', 'dlib', 'sklearn', 'lightgbm', 'skimage', 'pyarrow', 'scipy'} & set(sys.modules)))"
    )
    run_python(code)
    assert run_python(code).strip() == "[]"


def test_one_path_is_as_good_as_a_list_of_one(clips, tmp_path):
    from facs_pipeline.extraction.run import extract_features

    watch = Remembering()
    one = extract_features(clips / "anna.mp4", Options(out=tmp_path, jobs=1))
    again = extract_features([str(clips / "anna.mp4")], Options(out=tmp_path, jobs=1), watch)
    assert [video.name for video in one.videos] == [video.name for video in again.videos] == ["anna"]
    assert watch.to_do == 0


@pytest.mark.parametrize(
    ("options", "least"),
    [
        (Options(), 0.5),
        (Options(descriptor_set="extended"), 0.0),
        (Options(descriptor_set="extended", least_confidence=0.7), 0.7),
        (Options(least_confidence=0.0), 0.0),
    ],
)
def test_extended_descriptors_take_every_frame_unless_a_bound_is_given(options: Options, least: float) -> None:
    [stage] = [one for one in stages_for(options, VideoSettings()) if isinstance(one, ActionUnits)]
    assert stage.settings.least_confidence == least
