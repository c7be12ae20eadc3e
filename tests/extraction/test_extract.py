"""`facs extract-features` on drawn faces: what the tables hold, what is cached, and that bytes never vary."""

from __future__ import annotations

import json
import os
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from drawn_faces import drawn_frames
from extraction_runs import Remembering, facs, files_in, tables_in, videos_csv
from video_files import frames_of, write_video

from facs_pipeline.action_units.baseline import resting_intensity
from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.sides import SideModel
from facs_pipeline.extraction.run import Options, extract_features
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.artifacts import Artifact, load_key
from facs_pipeline.tables.au_table import au_table_columns
from facs_pipeline.tables.schema import ACTION_UNITS, presence_columns, side_columns
from facs_pipeline.video.reader import read_frames


@pytest.fixture(scope="module")
def run(results):
    """Output folder of a first run over the clips. Tests copy it before they change it."""
    return results


@pytest.fixture
def out(run, tmp_path):
    """A copy of the first run's folder that a test may change."""
    return shutil.copytree(run, tmp_path / "out")


@pytest.fixture(scope="module")
def model():
    return ActionUnitModel.load_default()


def again(clips, out, **options):
    """Run again and return what was computed, without the reasons, and the observer."""
    observer = Remembering()
    result = extract_features([clips], Options(out=out, jobs=1, **options), observer)
    assert [video.status for video in result.videos] == ["ok", "ok", "ok"]
    return {line.split(" computed")[0] for line in observer.logs}, observer


class TestTables:
    def test_action_units(self, run, clips, model):
        table = pd.read_csv(run / "action_units" / "anna.csv")
        extra = presence_columns(ACTION_UNITS, [*model.presence, 43])
        extra += side_columns(ACTION_UNITS, SideModel.load_default().aus)
        extra += [ACTION_UNITS["gaze_angle_x"], ACTION_UNITS["gaze_angle_y"]]
        extra += presence_columns(ACTION_UNITS, [61, 62, 63, 64])
        assert list(table.columns) == au_table_columns(model.aus, extra)
        for au in (12, 45):
            whole, left, right = (table[f"AU{au}{side}_r"] for side in ("", "L", "R"))
            within = (left > 0) & (right > 0) & (left < 5) & (right < 5)
            assert ((left + right) / 2 - whole)[within].abs().max() < 0.0002
        assert np.degrees(table["gaze_angle_x"].abs().max()) < 30
        for au, level in model.presence.items():
            assert list(table[f"AU{au:02d}_c"]) == list((table[f"AU{au:02d}_r"] >= level).astype(int))
        assert list(table["frame"]) == list(range(1, 41))
        assert set(table["video"]) == {"anna"}
        times = [frame.time_s for frame in read_frames(clips / "anna.mp4")]
        np.testing.assert_allclose(table["timestamp"], times, atol=1e-6)
        assert (table["success"] == 1).all()
        assert table["confidence"].between(0, 1).all()
        intensities = table.filter(regex="^AU.*_r$")
        assert intensities.notna().all(axis=None)
        assert ((intensities >= 0) & (intensities <= 5)).all(axis=None)
        height, width = next(read_frames(clips / "anna.mp4")).image.shape
        assert table.filter(regex="^x_").mean().between(0, width).all()
        assert table.filter(regex="^y_").mean().between(0, height).all()

    def test_frames_without_a_face_are_empty_rows(self, run):
        table = pd.read_csv(run / "action_units" / "gap.csv")
        assert len(table) == 40
        gone = table[table["success"] == 0]
        assert set(range(17, 20)) <= set(gone["frame"])
        assert len(gone) <= 7
        assert (gone["confidence"] == 0).all()
        assert gone.drop(columns=["video", "frame", "timestamp", "confidence", "success"]).isna().all(axis=None)
        assert table["face_id"].dropna().nunique() == 1

    def test_descriptors_and_videos(self, run):
        descriptors = pd.read_csv(run / "descriptors.csv")
        assert list(descriptors.columns[:5]) == ["video", "face_id", "subject", "emotion", "label"]
        assert descriptors.shape == (3, 5 + 434)
        assert np.isfinite(descriptors.iloc[:, 5:]).all(axis=None)
        videos = videos_csv(run)
        assert list(videos.index) == ["anna", "ben", "gap"]
        assert list(videos["frames"]) == ["40", "30", "40"]
        assert list(videos["duration_s"]) == ["1.600", "1.000", "1.600"]
        assert list(videos["fps"]) == ["25.000", "30.000", "25.000"]
        assert int(videos["frames_with_face"]["gap"]) in range(33, 38)
        assert videos["sha256"].str.fullmatch("[0-9a-f]{64}").all()

    def test_run_json_says_what_it_was_made_with(self, run, model):
        about = json.loads((run / "run.json").read_text())
        assert about["models"]["action_units"]["sha256"] == model.sha256
        assert about["seconds"]["decode"] > 0
        assert about["machine"]["cores"] >= 1
        assert about["machine"]["processor"]
        assert about["options"]["cutoff_hz"] == 1.0
        assert about["videos"]["anna"].endswith("anna.mp4")
        # The picture goes black and comes back: two cuts, and at least the second shows a face.
        assert about["cuts"]["anna"] == 0
        assert about["cuts"]["gap"] >= 1

    def test_parquet_holds_the_same(self, clips, out, run):
        computed, _ = again(clips, out, format="parquet")
        assert computed == set()
        for name in ("anna", "gap"):
            csv = pd.read_csv(run / "action_units" / f"{name}.csv")
            parquet = pd.read_parquet(out / "action_units" / f"{name}.parquet")
            pd.testing.assert_frame_equal(parquet, csv, check_dtype=False)


class TestCache:
    def test_a_rerun_opens_no_video(self, clips, tmp_path):
        videos = shutil.copytree(clips, tmp_path / "videos")
        out = tmp_path / "out"
        extract_features([videos], Options(out=out, jobs=1))
        before = files_in(out)
        for path in videos.iterdir():
            stat = path.stat()
            # Same file, size and time, but nothing that could be decoded or has the right hash.
            with open(path, "r+b") as file:
                file.write(b"\0" * stat.st_size)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        computed, observer = again(videos, out)
        assert (computed, observer.to_do) == (set(), 0)
        assert files_in(out) == before

    def test_a_copied_output_folder_is_as_good(self, clips, out):
        computed, observer = again(clips, out)
        assert (computed, observer.to_do) == (set(), 0)

    def test_another_output_folder_may_use_the_cache(self, clips, out, tmp_path):
        other = Options(out=tmp_path / "other", cache=out / "cache", format="parquet", jobs=1)
        assert not extract_features([clips], other).failed
        assert sorted(path.name for path in (other.out / "action_units").iterdir()) == [
            "anna.parquet", "ben.parquet", "gap.parquet",
        ]  # fmt: skip
        computed, observer = again(clips, out)
        assert (computed, observer.to_do) == (set(), 0)

    def test_a_moved_video_is_not_decoded_again(self, clips, out, tmp_path):
        moved = shutil.copytree(clips, tmp_path / "moved")
        computed, _ = again(moved, out)
        assert computed == set()

    def test_smoothing_recomputes_descriptors_only(self, clips, out, run):
        computed, observer = again(clips, out, cutoff_hz=2.0)
        assert computed == {"anna: descriptors", "ben: descriptors", "gap: descriptors"}
        assert observer.logs[0].endswith("(settings of descriptors changed: cutoff_hz 1.0 -> 2.0)")
        assert (out / "descriptors.csv").read_bytes() != (run / "descriptors.csv").read_bytes()
        computed, _ = again(clips, out)
        assert computed == set()
        assert tables_in(out) == tables_in(run)

    @pytest.mark.parametrize("keep", ["tables", "all"])
    def test_a_model_recomputes_action_units_from_features(self, clips, out, model, tmp_path, keep):
        if keep == "all":
            # Features of an earlier run are stored anew, since they are asked for; all else stays.
            computed, _ = again(clips, out, keep="all", format="parquet")
            assert {entry.split(": ")[1] for entry in computed} == {"features"}
        before = {path: path.stat().st_mtime_ns for path in artifacts_of(out, "faces")}
        ActionUnitModel(model.aus, model.weights, model.intercept + 0.5, model.card).save(tmp_path / "other.npz")
        computed, observer = again(clips, out, au_model=tmp_path / "other.npz", keep=keep)
        assert {entry.split(": ")[1] for entry in computed} == {"action_units", "gaze", "descriptors"}
        assert "settings of action_units changed: au_model" in observer.logs[0]
        # Whether the videos were decoded again.
        untouched = before == {path: path.stat().st_mtime_ns for path in artifacts_of(out, "faces")}
        assert untouched == (keep == "all")

    def test_what_is_kept_changes_no_result(self, clips, out, run, tmp_path):
        assert not artifacts_of(out, "features")
        extract_features([clips], Options(out=tmp_path / "all", jobs=1, keep="all"))
        assert len(artifacts_of(tmp_path / "all", "features")) == 3
        assert tables_in(tmp_path / "all") == tables_in(run)
        computed, _ = again(clips, tmp_path / "all")
        assert computed == set()
        # Settings of what comes after the features need none.
        computed, _ = again(clips, out, baseline="video", cutoff_hz=2.0)
        assert {entry.split(": ")[1] for entry in computed} == {"descriptors"}

    def test_a_damaged_result_is_computed_again_and_said_so(self, clips, out, run, model, tmp_path):
        again(clips, out, keep="all", format="parquet")
        [features] = [path for path in artifacts_of(out, "features") if frames_in(path) == 30]
        content = bytearray(features.read_bytes())
        content[100] ^= 1
        features.write_bytes(content)
        ActionUnitModel(model.aus, model.weights, model.intercept + 0.5, model.card).save(tmp_path / "other.npz")
        computed, observer = again(clips, out, au_model=tmp_path / "other.npz")
        assert "ben: features" in computed
        assert "anna: features" not in computed
        assert any("features computed (stored result chunk 1 of 1 is damaged)" in line for line in observer.logs)
        computed, _ = again(clips, out)
        assert tables_in(out) == tables_in(run)

    def test_results_of_another_user_are_not_loaded(self, clips, out, run, tmp_path, monkeypatch):
        monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "key"))
        computed, observer = again(clips, out)
        assert "anna: faces" in computed
        assert "not written by this user" in observer.logs[0]
        assert tables_in(out) == tables_in(run)

    def test_a_changed_table_is_written_anew(self, clips, out, run):
        (out / "action_units" / "anna.csv").write_text("edited")
        computed, _ = again(clips, out)
        assert computed == set()
        assert tables_in(out) == tables_in(run)

    def test_can_be_done_without(self, clips, run, tmp_path):
        again(clips, tmp_path / "out", keep_cache=False)
        assert files_in(tmp_path / "out") == tables_in(run)

    def test_can_lie_elsewhere(self, clips, run, tmp_path):
        again(clips, tmp_path / "out", cache=tmp_path / "elsewhere")
        assert files_in(tmp_path / "out") == tables_in(run)
        _, observer = again(clips, tmp_path / "out", cache=tmp_path / "elsewhere")
        assert observer.to_do == 0


def test_the_number_of_workers_changes_no_byte(clips, run, tmp_path):
    for jobs, order in ((2, ["gap.mp4", "anna.mp4", "ben.mp4"]), (3, ["ben.mp4", "gap.mp4", "anna.mp4"])):
        extract_features([clips / name for name in order], Options(out=tmp_path / str(jobs), jobs=jobs))
        assert tables_in(tmp_path / str(jobs)) == tables_in(run)


def test_a_folder_of_images_is_a_video(clips, tmp_path):
    (tmp_path / "cara").mkdir()
    for number, image in enumerate(frames_of(clips / "anna.mp4", 20), start=1):
        cv2.imwrite(str(tmp_path / "cara" / f"{number}.png"), image)
    out = tmp_path / "out"
    extract_features([tmp_path / "cara"], Options(out=out, jobs=1, image_fps=20))
    row = videos_csv(out).loc["cara"]
    assert (row["status"], row["frames"], row["fps"]) == ("ok", "20", "20.000")


@pytest.mark.parametrize("faces", ["one", "all"])
def test_two_people_side_by_side(tmp_path, faces):
    people = [drawn_frames(person, "happiness", 40)[:25] for person in (1, 3)]
    write_video(tmp_path / "pair.mp4", [np.hstack(pair) for pair in zip(*people, strict=True)])
    extract_features([tmp_path / "pair.mp4"], Options(out=tmp_path / "out", jobs=1, faces=faces))
    table = pd.read_csv(tmp_path / "out" / "action_units" / "pair.csv")
    descriptors = pd.read_csv(tmp_path / "out" / "descriptors.csv")
    expected = [0] if faces == "one" else [0, 1]
    assert list(descriptors["face_id"]) == expected
    assert list(table["frame"]) == [frame for frame in range(1, 26) for _ in expected]
    assert list(table["face_id"]) == expected * 25
    # Each id stays on its side of the picture.
    assert (table.groupby("face_id")["x_30"].agg(np.ptp) < people[0][0].shape[1] / 4).all()


def test_overlay_has_the_frames_of_the_video(clips, out, run):
    computed, _ = again(clips, out, overlay=True)
    assert computed == set()
    for name, frames in (("anna", 40), ("ben", 30)):
        assert sum(1 for _ in read_frames(out / "overlays" / f"{name}.mp4")) == frames
    assert (out / "action_units" / "anna.csv").read_bytes() == (run / "action_units" / "anna.csv").read_bytes()
    assert again(clips, out, overlay=True)[1].to_do == 0


class TestMetadataAndBaseline:
    @pytest.fixture
    def metadata(self, tmp_path):
        (tmp_path / "meta.csv").write_text(
            "video,subject,emotion,label\nanna.mp4,1,happy,real\nben,2,sad,fake\ngap,1,happy,fake\n"
        )
        return tmp_path / "meta.csv"

    def test_metadata_is_carried_into_the_descriptors(self, clips, out, metadata):
        again(clips, out, metadata=metadata)
        table = pd.read_csv(out / "descriptors.csv", dtype=str).set_index("video")
        assert list(table.loc["ben", ["subject", "emotion", "label"]]) == ["2", "sad", "fake"]

    def intensities(self, out, *names):
        tables = [pd.read_csv(out / "action_units" / f"{name}.csv") for name in names]
        return np.concatenate([table.filter(regex=r"^AU\d+_r$").to_numpy() for table in tables])

    def check(self, out, run, name, resting):
        expected = np.clip(self.intensities(run, name) - resting, 0, 5)
        np.testing.assert_allclose(self.intensities(out, name), expected, atol=2.1e-4)

    def test_own_resting_face(self, clips, out, run):
        computed, _ = again(clips, out, baseline="video")
        assert {entry.split(": ")[1] for entry in computed} == {"descriptors"}
        for name in ("anna", "gap"):
            self.check(out, run, name, resting_intensity(self.intensities(run, name)))

    def test_resting_face_of_the_subject(self, clips, out, run, metadata):
        again(clips, out, baseline="subject", metadata=metadata)
        self.check(out, run, "gap", resting_intensity(self.intensities(run, "anna", "gap")))
        self.check(out, run, "ben", resting_intensity(self.intensities(run, "ben")))

    def test_resting_face_of_a_clip(self, clips, out, run):
        again(clips, out, baseline=str(clips / "ben.mp4"))
        self.check(out, run, "anna", resting_intensity(self.intensities(run, "ben"), share=1.0))

    def test_what_cannot_work_is_said_before_anything_runs(self, clips, out, metadata):
        with pytest.raises(InputError, match="needs --metadata"):
            again(clips, out, baseline="subject")
        with pytest.raises(InputError, match=r"--baseline is none, video, subject or a clip .*gone\.mp4: no such file"):
            again(clips, out, baseline=str(clips / "gone.mp4"))
        metadata.write_text("video,subject\nanna,1\n")
        with pytest.raises(InputError, match="2 have none, the first is 'ben'"):
            again(clips, out, baseline="subject", metadata=metadata)
        with pytest.raises(InputError, match="--faces one"):
            again(clips, out, baseline=str(clips / "ben.mp4"), faces="all")


def test_tables_of_earlier_runs_are_named(clips, out):
    observer = Remembering()
    extract_features([clips / "anna.mp4"], Options(out=out, jobs=1), observer)
    assert any("ben.csv and 1 more in action_units/ are of earlier runs" in line for line in observer.warnings)
    _, observer = again(clips, out)
    assert observer.warnings == []


def test_the_command_line(clips, run, tmp_path):
    done = facs("extract-features", clips / "anna.mp4", clips / "gone.mp4", "--out", tmp_path / "out", "--verbose")
    assert done.returncode == 1, done.stderr
    assert "anna: faces computed (first run)" in done.stderr
    assert "2 videos: 1 ok, 1 failed" in done.stdout
    assert "gone.mp4: no such file or folder" in done.stdout
    assert "decode" in done.stdout
    assert facs("extract-features", clips / "anna.mp4", "--out", tmp_path / "out", "--quiet").returncode == 0
    assert (tmp_path / "out" / "action_units" / "anna.csv").read_bytes() == (
        run / "action_units" / "anna.csv"
    ).read_bytes()
    assert facs("extract-features", "--jobs", "0", clips).returncode == 2


def test_the_cache_command(out):
    from facs_cli.cache import command

    def call(*arguments):
        outcome = CliRunner().invoke(command, [*map(str, arguments)], standalone_mode=False)
        return outcome.return_value, outcome.output

    assert call("check", out) == (0, "27 good, 0 bad\n")
    assert "faces                3" in call("list", out)[1]
    artifacts_of(out, "faces")[0].write_bytes(b"damaged")
    code, text = call("check", out)
    assert code == 1
    assert "26 good, 1 bad" in text
    assert call("clear", out, "--stage", "emotions")[1].startswith("removed 0 results")
    assert call("clear", out, "--stage", "landmarks")[1].startswith("removed 3 results")
    assert call("clear", out)[1].startswith("removed 24 results")
    assert call("list", out)[1].endswith("0 videos, 0 bytes\n")
    assert (out / "action_units" / "anna.csv").exists()


def artifacts_of(out, stage):
    return sorted((out / "cache").glob(f"*/{stage}-*.joblib"))


def frames_in(path):
    return sum(len(chunk) for chunk in Artifact.open(path, load_key()[0]))
