"""`facs agree` on a real run: what facs itself wrote for ELAN, corrected, comes back; disagreements have pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from extraction_runs import facs
from facs_cli.agree import command
from pympi import Elan

from facs_pipeline.datasets.au_manifest import read_au_manifest


@pytest.fixture(scope="module")
def run_of_clips(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("agree")
    done = facs("extract-features", clips / "anna.mp4", clips / "ben.mp4", "--out", folder / "results", "--jobs", 1)
    assert done.returncode == 0, done.stderr
    done = facs("events", folder / "results", "--out", folder / "events.csv", "--elan", folder / "elan")
    assert done.returncode == 0, done.stderr
    return folder


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)


def test_a_correction_in_elan_comes_back(run_of_clips, tmp_path):
    done = run(run_of_clips / "results", run_of_clips / "elan", "--out", tmp_path / "before")
    assert done.return_value == 0, done.output
    before = pd.read_csv(tmp_path / "before" / "agreement.csv")
    assert (before["event_f1"].dropna() == 1).all()
    path = run_of_clips / "elan" / "anna.eaf"
    document = Elan.Eaf(str(path))
    name = max(document.get_tier_names(), key=lambda tier: len(document.get_annotation_data_for_tier(tier)))
    begin, end = document.get_annotation_data_for_tier(name)[0][:2]
    document.remove_annotation(name, (begin + end) // 2)
    corrected = tmp_path / "anna.eaf"
    document.to_file(str(corrected))
    done = run(run_of_clips / "results", corrected, "--out", tmp_path / "after", "--pictures", 3)
    assert done.return_value == 0, done.output
    after = pd.read_csv(tmp_path / "after" / "agreement.csv").set_index("signal")
    assert after.loc[name, "events_a"] == after.loc[name, "events_b"] - 1
    assert after.loc[name, "event_f1"] < 1
    disagreements = pd.read_csv(tmp_path / "after" / "disagreements.csv")
    pictures = disagreements["picture"].dropna()
    assert len(pictures) == min(3, len(disagreements))
    picture = cv2.imread(str(tmp_path / "after" / pictures[0]))
    assert picture is not None
    assert picture.std() > 20
    labels = pd.read_csv(tmp_path / "after" / "variables.csv")
    assert not labels["label"].str.contains("metadata").any()


def test_videos_that_are_gone_have_no_pictures(run_of_clips, tmp_path):
    record = run_of_clips / "results" / "run.json"
    text = record.read_text()
    record.write_text(text.replace("anna.mp4", "gone.mp4"))
    try:
        codes = tmp_path / "codes.csv"
        codes.write_text("video,code,onset,offset\nanna,4,0,0.2\n")
        done = run(run_of_clips / "results", codes, "--out", tmp_path / "out", "--pictures", 3)
        assert done.return_value == 0, done.output
        assert "anna: no pictures (anna: the video is not where it was measured" in done.output
        assert pd.read_csv(tmp_path / "out" / "disagreements.csv")["picture"].isna().all()
    finally:
        record.write_text(text)


def test_codes_of_no_video(run_of_clips, tmp_path):
    codes = tmp_path / "codes.csv"
    codes.write_text("video,code,onset,offset\nzoe,4,0,0.2\n")
    done = facs("agree", run_of_clips / "results", codes, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "no code of an action unit in any of the 2 videos; they are about zoe" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_model_learns_from_what_was_coded(run_of_clips, tmp_path):
    codes = tmp_path / "codes.csv"
    lines = ["video,code,onset,offset,coder"]
    lines += ["anna,12D,0,0.4,kim", "anna,12B,0,0.4,lee", "ben,12A,0.2,0.6,kim", "ben,4,0,0.6,kim", "ben,73,1.0,9,kim"]
    codes.write_text("\n".join(lines) + "\n")
    manifest = tmp_path / "coded.csv"
    done = run(run_of_clips / "results", codes, "--out", tmp_path / "out", "--manifest", manifest)
    assert done.return_value == 0, done.output
    assert "codes without intensities teach none; left empty where that is so: AU04" in done.output
    coded = read_au_manifest(manifest)
    assert coded.aus == (12,)
    anna, ben = coded.clips
    times = {name: pd.read_csv(run_of_clips / "results" / "action_units" / f"{name}.csv")["timestamp"].to_numpy()
             for name in ("anna", "ben")}  # fmt: skip
    # Of two coders the mean.
    assert anna.intensities[:, 0].tolist() == [3.0 if time < 0.4 - 1e-6 else 0.0 for time in times["anna"]]
    assert ben.subject == "ben"
    unknown = np.isnan(ben.intensities[:, 0])
    assert unknown.tolist() == [time >= 1.0 - 1e-6 for time in times["ben"]]
    assert ben.intensities[~unknown, 0].tolist() == [
        1.0 if 0.2 - 1e-6 <= time < 0.6 - 1e-6 else 0.0 for time in times["ben"] if time < 1.0 - 1e-6
    ]
    codes.write_text("video,code,onset,offset\nben,4,0,0.6\n")
    done = facs("agree", run_of_clips / "results", codes, "--out", tmp_path / "out", "--manifest", manifest)
    assert done.returncode == 2
    assert "no code has an intensity (A to E)" in done.stderr
