"""SASE-FE's layouts as they are in the wild, laid out with small files."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.dataset import command as dataset_command

from facs_pipeline.datasets.sase_fe import NAMES, scan_sase_fe
from facs_pipeline.extraction.metadata import load_metadata
from facs_pipeline.foundation.errors import InputError


def lay_out(root, subject, names, content=None):
    folder = root / "FakeTrue_DB" / subject
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes((content or f"{subject}/{name}").encode())


def kinds(found):
    return sorted(problem.kind for problem in found.problems)


def test_complete_training_layout_in_any_letter_case(tmp_path):
    names = [f"{name}.MP4" for name in NAMES]
    lay_out(tmp_path, "1", names)
    lay_out(tmp_path, "10", [name.replace("SUR", "Sur") for name in names])
    lay_out(tmp_path, "2", [name.lower() for name in names])
    found = scan_sase_fe(tmp_path)
    assert found.problems == []
    assert len(found.videos) == 36
    assert list(dict.fromkeys(found.videos["subject"])) == ["1", "2", "10"]
    assert found.videos.groupby(["subject", "emotion", "label"]).size().eq(1).all()


@pytest.mark.parametrize(
    ("name", "emotion", "label"),
    [
        ("N2SUR.MP4", "surprise", "real"),
        ("D2N2Sur.MP4", "surprise", "fake"),
        ("S2N2H.mp4", "happy", "fake"),
        ("n2c.mp4", "contempt", "real"),
    ],
)
def test_names_say_emotion_and_label(tmp_path, name, emotion, label):
    lay_out(tmp_path, "3", [name])
    row = scan_sase_fe(tmp_path).videos.iloc[0]
    assert (row.subject, row.emotion, row.label, row.split) == ("3", emotion, label, "training")


def test_flat_layout_has_emotions_but_no_subjects_and_labels(tmp_path):
    for name in ("0001_HAPPY.MP4", "0002_CONTENTMENT.MP4", "17_Surprise.mp4"):
        (tmp_path / name).write_text(name)
    found = scan_sase_fe(tmp_path)
    assert found.problems == []
    assert list(found.videos["emotion"]) == ["happy", "contempt", "surprise"]
    assert set(found.videos["subject"]) == set(found.videos["label"]) == {""}


def test_digits_that_are_no_numbers_in_names(tmp_path):
    for name in ("0001_HAPPY.MP4", "3²4_HAPPY.MP4"):
        (tmp_path / name).write_text(name)
    found = scan_sase_fe(tmp_path)
    assert len(found.videos) == 1
    assert "3²4_HAPPY.MP4" in found.problems[0].text


def test_the_known_fault_of_subject_8(tmp_path):
    """H2NA, H2N2C and H2N2D are one file under three names, one of them not even a name."""
    lay_out(tmp_path, "8", [f"{name}.MP4" for name in NAMES if name not in ("H2N2A", "H2N2C", "H2N2D")])
    lay_out(tmp_path, "8", ["H2NA.MP4", "H2N2C.MP4", "H2N2D.MP4"], content="the same")
    found = scan_sase_fe(tmp_path)
    assert kinds(found) == ["identical", "misnamed", "missing"]
    by_kind = {problem.kind: problem for problem in found.problems}
    assert len(by_kind["identical"].files) == 3
    assert "fake contempt" in by_kind["identical"].text
    assert "rename it to H2N2A.MP4" in by_kind["misnamed"].advice
    assert by_kind["missing"].files == ("H2N2D", "H2N2A", "H2N2C")
    assert "H2NA.MP4" in by_kind["missing"].text
    assert len(found.videos) == 9


def test_identical_files_across_subjects_are_found_too(tmp_path):
    lay_out(tmp_path, "1", ["N2H.MP4"], content="same")
    lay_out(tmp_path, "2", ["N2H.MP4"], content="same")
    assert "identical" in kinds(scan_sase_fe(tmp_path))


def test_names_that_differ_in_case_only_are_two_videos_of_one_kind(tmp_path):
    lay_out(tmp_path, "1", ["N2H.MP4", "n2h.mp4"])
    assert "twice" in kinds(scan_sase_fe(tmp_path))


def test_empty_file_and_senseless_name(tmp_path):
    lay_out(tmp_path, "1", ["holiday.mp4"])
    (tmp_path / "FakeTrue_DB" / "1" / "N2S.MP4").write_bytes(b"")
    lay_out(tmp_path, "1", ["N2H.MP4"])
    found = scan_sase_fe(tmp_path)
    assert kinds(found) == ["empty", "misnamed", "missing"]
    assert "expected one of N2H" in next(p for p in found.problems if p.kind == "misnamed").advice


def test_no_folder_and_no_video(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        scan_sase_fe(tmp_path / "none")
    with pytest.raises(InputError, match="no video found"):
        scan_sase_fe(tmp_path)


def test_general_metadata(tmp_path):
    (tmp_path / "a.mp4").write_text("a")
    (tmp_path / "b.mp4").write_text("b")
    table = tmp_path / "study.csv"
    table.write_text("video,emotion,label,age\na.mp4,Joy,genuine,30\nb.mp4,,fake,40\n")
    videos = load_metadata(table)
    assert videos["video"].tolist() == [str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")]
    assert videos["emotion"].tolist() == ["happy", ""]
    assert videos["label"].tolist() == ["real", "fake"]
    assert videos["subject"].tolist() == ["", ""]
    assert videos["age"].tolist() == ["30", "40"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("none.mp4,sad,real", "row 2, column 'video': .*none.mp4 does not exist"),
        ("a.mp4,sad,real\n./a.mp4,sad,real", "row 3, column 'video': './a.mp4' is already in row 2"),
        ("a.mp4,glad,real", "row 2, column 'emotion': unknown emotion 'glad'"),
        ("a.mp4,sad,0", "row 2, column 'label': unknown label '0'"),
        (",sad,real", "row 2, column 'video' is empty"),
    ],
)
def test_wrong_metadata_is_named_by_row_and_column(tmp_path, rows, message):
    (tmp_path / "a.mp4").write_text("a")
    (tmp_path / "study.csv").write_text(f"video,emotion,label\n{rows}\n")
    with pytest.raises(InputError, match=message):
        load_metadata(tmp_path / "study.csv")


def test_dataset_check_reports_and_writes_what_is_usable(tmp_path):
    folder = tmp_path / "FakeTrue_DB" / "8"
    folder.mkdir(parents=True)
    for name in ("N2H", "S2N2H", "H2NA"):
        (folder / f"{name}.MP4").write_text(name)
    result = CliRunner().invoke(
        dataset_command,
        ["check", "sase-fe", str(tmp_path), "--metadata", str(tmp_path / "m.csv")],
        standalone_mode=False,
    )
    assert result.return_value == 1, result.output
    assert "rename it to H2N2A.MP4" in result.output
    metadata = pd.read_csv(tmp_path / "m.csv")
    assert metadata[["subject", "emotion", "label"]].to_numpy().tolist() == [[8, "happy", "real"], [8, "happy", "fake"]]
    result = CliRunner().invoke(dataset_command, ["check", "metadata", str(tmp_path / "m.csv")], standalone_mode=False)
    assert result.return_value == 0
    assert "2 usable videos: 1 real, 1 fake" in result.output
