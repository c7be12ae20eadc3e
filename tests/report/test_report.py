"""The report: what it gathers, what it says of missing and broken results, and that its HTML is sound."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import html5lib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from report_checks import check_html
from report_results import demo_results

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.report.gather import Gathered, gather
from facs_pipeline.report.measures import two_class_figures
from facs_pipeline.report.page import write_report
from facs_pipeline.report.series import read_series

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}} \u202eevil\U0001f600"


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """Results of a small demonstration: 12 videos of 2 people, and their ranking."""
    return demo_results(tmp_path_factory)


@pytest.fixture
def own(demo, tmp_path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(demo, tmp_path / "demo", ignore=shutil.ignore_patterns("cache", "videos")))


def report(folders, out: Path, **options) -> str:
    return write_report(gather(folders), out, **options).pages[0].read_text(encoding="utf-8")


def test_the_whole_report(demo, tmp_path):
    text = report([demo], tmp_path / "report.html")
    check_html(text)
    for section in ("accuracy", "pairs", "videos", "models", "provenance"):
        assert f'id="{section}"' in text
    assert text.count('<ul class="strip">') == 12
    assert text.count("data:image/jpeg") >= 12 * 6
    assert "Saxen" in text
    assert "Wilson" in text
    # 100 such videos stay below 10 MB.
    assert len(text) < 1_000_000
    data = json.loads((tmp_path / "report.json").read_text())
    assert len(data["runs"][0]["videos"]) == 12
    assert data["tasks"][0]["models"][0]["confusion"]


def test_figures_agree_with_the_ranking(demo, tmp_path):
    report([demo], tmp_path / "report.html", pictures="none")
    shown = json.loads((tmp_path / "report.json").read_text())["tasks"][0]["models"][0]
    measured = json.loads((demo / "ranking" / "authenticity.json").read_text())["models"]["rank-svm"]
    assert shown["accuracy"] == measured["pairs"]["accuracy"]
    assert shown["wilson_95"] == measured["pairs"]["wilson_95"]
    assert shown["alone"]["accuracy"] == measured["videos"]["accuracy"]
    assert sum(map(sum, shown["confusion"])) == 12


def test_same_results_same_bytes_apart_from_the_time(demo, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    first = report([demo], tmp_path / "a.html")
    assert "1970-01-01T00:00:00+00:00" in first
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert report([demo], tmp_path / "b.html").replace("1970-01-02", "1970-01-01") == first


def test_hostile_names_are_text(own, tmp_path):
    for name in ("videos.csv", "descriptors.csv"):
        table = pd.read_csv(own / "results" / name, dtype=str, keep_default_na=False)
        table.loc[0, "video"] = HOSTILE
        for column in {"reason", "subject"} & set(table):
            table.loc[0, column] = HOSTILE
        table.to_csv(own / "results" / name, index=False)
    predictions = pd.read_csv(own / "ranking" / "predictions.csv", dtype=str, keep_default_na=False)
    predictions.loc[0, ["video", "subject", "model"]] = HOSTILE
    predictions.to_csv(own / "ranking" / "predictions.csv", index=False)
    text = report([own], tmp_path / "report.html", pictures="none")
    check_html(text)
    assert text.count("<script>") == 1
    assert "&lt;script&gt;alert(1)" in text
    assert "{{7*7}}" in text
    assert HOSTILE in html.unescape(text)


def test_a_table_named_outside_the_folder_is_not_read(own, tmp_path):
    (own / "secret.csv").write_text((own / "results/action_units/s01_anger_fake.csv").read_text())
    table = pd.read_csv(own / "results/videos.csv", dtype=str, keep_default_na=False)
    table.loc[0, "video"] = "../../secret"
    table.to_csv(own / "results/videos.csv", index=False)
    assert gather([own]).videos[0].table is None


def test_only_extraction_says_what_makes_the_rest(own, tmp_path):
    shutil.rmtree(own / "ranking")
    written = write_report(gather([own / "results"]), tmp_path / "r.html", pictures="none")
    assert any("facs rank-authenticity --features" in note for note in written.notes)
    check_html(written.pages[0].read_text(encoding="utf-8"))


def test_only_a_ranking(own, tmp_path):
    shutil.rmtree(own / "results")
    text = report([own], tmp_path / "r.html")
    check_html(text)
    assert "facs extract-features makes one" in text


def test_videos_that_are_gone_keep_their_curves(own, tmp_path):
    run = json.loads((own / "results/run.json").read_text())
    run["videos"] = {name: str(tmp_path / "gone" / f"{name}.mp4") for name in run["videos"]}
    (own / "results/run.json").write_text(json.dumps(run))
    text = report([own], tmp_path / "r.html")
    assert text.count("the video is not there any more") == 12
    assert 'class="lanes"' in text
    assert "data:image/jpeg" not in text


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"facs": "0.0.1"}', '{"videos": [], "options": 3, "models": "x"}', "\udce9"]
)
def test_a_broken_or_older_run_json(own, tmp_path, content):
    (own / "results/run.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    written = write_report(gather([own]), tmp_path / "r.html")
    assert any("run.json" in note for note in written.notes)
    check_html(written.pages[0].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["run.json", "videos.csv", "descriptors.csv", "action_units"])
def test_missing_tables(own, tmp_path, name):
    path = own / "results" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    written = write_report(gather([own]), tmp_path / "r.html", pictures="none")
    assert any(name in note and "facs extract-features" in note for note in written.notes)
    check_html(written.pages[0].read_text(encoding="utf-8"))


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "video\n", 'video,score\n"x', "\0\0"])
@pytest.mark.parametrize(
    "name",
    [
        "results/videos.csv",
        "results/descriptors.csv",
        "results/action_units/s01_anger_fake.csv",
        "ranking/predictions.csv",
        "ranking/authenticity.json",
        "ranking/subject_s02/reasons.csv",
    ],
)
def test_broken_tables_never_end_in_a_traceback(own, tmp_path, name, content):
    next(own.glob(name)).write_text(content)
    check_html(report([own], tmp_path / "r.html", pictures="none"))


def test_many_videos_are_paged(demo, tmp_path):
    written = write_report(gather([demo]), tmp_path / "many.html", pictures="none", per_page=5)
    assert [page.name for page in written.pages] == ["many.html", "many-2.html", "many-3.html"]
    ids = {}
    for page in written.pages:
        text = page.read_text(encoding="utf-8")
        ids[page.name] = set(re.findall(r'\bid="([^"]+)"', text))
        html5lib.HTMLParser(strict=True).parse(text)
    first = written.pages[0].read_text(encoding="utf-8")
    linked = re.findall(r'href="(many-\d\.html)#([^"]+)"', first)
    assert linked
    assert all(anchor in ids[name] for name, anchor in linked)


def test_failed_videos_say_why(own, tmp_path):
    table = pd.read_csv(own / "results/videos.csv", dtype=str, keep_default_na=False)
    table.loc[0, ["status", "reason", "frames"]] = ["failed", "decoding stopped after 3 frames", ""]
    table.to_csv(own / "results/videos.csv", index=False)
    (own / "results/action_units" / f"{table['video'][0]}.csv").unlink()
    text = report([own], tmp_path / "r.html", pictures="none")
    assert text.count("decoding stopped after 3 frames") == 2
    check_html(text)


def test_results_by_any_metadata_column(demo, tmp_path):
    names = sorted(video.name for video in gather([demo]).videos)
    people = tmp_path / "people.csv"
    pd.DataFrame({"video": names, "gender": ["f", "m"] * 6}).to_csv(people, index=False)
    write_report(gather([demo], metadata=people), tmp_path / "r.html", pictures="none")
    groups = json.loads((tmp_path / "r.json").read_text())["tasks"][0]["models"][0]["subgroups"]
    assert [(row["group"], row["n"]) for row in groups if row["column"] == "gender"] == [("f", 6), ("m", 6)]


def test_a_classifiers_accuracy_json(tmp_path):
    model = {
        "name": "svm", "n": 10, "accuracy": 0.7, "wilson_95": [0.4, 0.89], "chance": 0.5, "macro_f1": 0.69,
        "top_2": 0.9, "log_loss": 0.6, "calibration_error": 0.1, "classes": ["happy", "<b>sad"], "size_bytes": 2e6,
        "confusion": [[4, 1], [2, 3]], "train_s": 1.5,
        "reliability": [{"confidence": 0.7, "right": 0.6, "n": 10}],
        "roc": {"happy": {"fpr": [0, 1], "tpr": [0, 1], "auc": 0.5}},
        "learning_curve": [{"n": 5, "accuracy": 0.5}, {"n": 10, "accuracy": 0.7}],
        "mistakes": [{"picture": "../outside.png", "truth": "happy", "predicted": "<b>sad", "probability": 0.9}],
    }  # fmt: skip
    broken = {"name": "odd", "accuracy": 0.5, "confusion": "x", "roc": [1], "top_2": "high", "mistakes": 4}
    content = {"format": "facs-accuracy", "task": "Emotion on FER2013", "models": [model, broken, 3, {"name": "none"}]}
    (tmp_path / "accuracy.json").write_text(json.dumps(content))
    written = write_report(gather([tmp_path]), tmp_path / "out" / "r.html")
    text = written.pages[0].read_text(encoding="utf-8")
    check_html(text)
    assert "mini-Xception" in text
    assert "71.2 %" in text
    assert "2.00 MB" in text
    assert "Learning curve" in text
    assert "&lt;b&gt;sad" in text
    assert any("odd" in note and "roc" in note for note in written.notes)
    assert sum("no number 'accuracy'" in note for note in written.notes) == 2


def test_nothing_to_report(tmp_path):
    from facs_cli.report import command

    with pytest.raises(InputError, match=r"ends in \.html"):
        write_report(Gathered(), tmp_path / "report.pdf")
    for arguments, expected in (([str(tmp_path)], "no results found"), ([str(tmp_path / "x")], "no such folder")):
        result = CliRunner().invoke(command, [*arguments, "--out", str(tmp_path / "r.html")])
        assert isinstance(result.exception, InputError)
        assert expected in str(result.exception)


def test_two_class_figures_by_hand():
    labels, decisions = ["real"] * 4 + ["fake"] * 4, ["real"] * 3 + ["fake"] * 3 + ["real"] * 2
    scores = np.array([3, 2, 1, -1, -2, -3, 1.5, 0.5])
    found = two_class_figures(labels, decisions, np.full(8, 0.75), scores)
    assert found["accuracy"] == 5 / 8
    assert found["confusion"] == [[3, 1], [2, 2]]
    assert found["per_class"][0] == {"class": "real", "precision": 0.6, "recall": 0.75, "f1": 2 / 3, "support": 4}
    assert found["log_loss"] == pytest.approx(-(np.log(0.75) + np.log(0.25)) / 2)
    # Confidence 0.75, right in half of the cases.
    assert found["calibration_error"] == pytest.approx(0.25)
    # 13 of the 16 pairs of a real and a fake one are in the right order.
    assert found["roc"]["real"]["auc"] == pytest.approx(13 / 16)


def test_gaps_are_drawn_where_no_face_is(tmp_path):
    times = np.arange(40) / 20
    table = pd.DataFrame({"frame": np.arange(1, 41), "face_id": 0.0, "timestamp": times, "success": 1, "AU12_r": 1.0})
    table.loc[10:19, ["success", "face_id", "AU12_r"]] = [0, np.nan, np.nan]
    table.to_csv(tmp_path / "t.csv", index=False)
    series = read_series(tmp_path / "t.csv")
    assert series.gaps == [pytest.approx((0.475, 0.975))]
    assert np.isnan(series.smoothed[10:20]).all()
    assert np.isfinite(series.smoothed[:10]).all()
