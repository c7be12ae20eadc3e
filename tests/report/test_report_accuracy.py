"""What the report says of accuracy: emotions, action-unit models, rankings, published figures beside them."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from report_checks import check_html, rows_of, searched, write
from report_results import EMOTIONS, MODELS, demo_results, emotion_results

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.report.gather import gather
from facs_pipeline.report.page import write_report
from facs_pipeline.report.published import FER2013_TEST


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    return demo_results(tmp_path_factory)


@pytest.fixture(scope="module")
def emotions(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("emotions")
    emotion_results(folder / "test")
    return folder


class TestEmotions:
    def test_every_figure_stands_in_the_table(self, emotions, tmp_path):
        text = write([emotions], tmp_path / "r.html")
        check_html(text)
        shown = {row["Model"]: row for row in rows_of(text, "accuracy-1")}
        for model in json.loads((emotions / "test" / "accuracy.json").read_text())["models"]:
            row = shown[model["name"]]
            assert row["Accuracy here"] == f"{100 * model['accuracy']:.1f} %"
            assert row["Chance"] == f"{100 * model['chance']:.1f} %"
            assert row["Balanced accuracy"] == f"{100 * model['balanced_accuracy']:.1f} %"
            assert row["Without near-duplicates"] == f"{100 * model['without_near_duplicates']['accuracy']:.1f} %"
            assert row["Macro-F1"] == f"{model['macro_f1']:.3f}"
            assert row["Log-loss"] == f"{model['log_loss']:.3f}"
            assert row["F-beta"] == f"{model['f_beta']['value']:.3f} (β = 2)"
            assert row["Top 2"] == f"{100 * model['top_2']:.1f} %"
            assert row["Calibration error"] == f"{model['calibration_error']:.3f}"
            assert row["Peak memory, training"].endswith(" MB")
            assert row["Peak memory, prediction"] == "180 MB"
            assert row["Training (s)"] == f"{model['train_s']:.2f}"
            assert row["Size"].endswith(" MB")
            low, high = model["wilson_95"]
            assert row["95 % interval (Wilson)"] == f"{100 * low:.1f} to {100 * high:.1f} %"

    def test_published_figures_stand_beside_what_they_belong_to(self, emotions, tmp_path):
        rows = rows_of(write([emotions], tmp_path / "r.html"), "accuracy-1")
        shown = {row["Model"]: row for row in rows}
        assert shown["SVM on HOG"]["Published accuracy"] == "32.8 %"
        assert shown["SVM on HOG"]["Source"].startswith("SVM on HOG: FER2013")
        assert shown["best"]["Published accuracy"] == "67.5 %"
        assert shown["best"]["Same protocol"].startswith("yes")
        assert "Dense SIFT bag of visual words, local learning" not in shown
        assert shown["mini-Xception"]["Accuracy here"] == ""
        assert shown["mini-Xception"]["Published accuracy"] == "66.0 %"
        assert shown["Human agreement"]["Same protocol"].startswith("no")
        assert len(shown) == len(rows)

    def test_another_protocol_is_said_to_be_another_one(self, tmp_path):
        emotion_results(tmp_path / "e", n=80, protocol="FER2013 PublicTest (validation), 7 classes")
        rows = rows_of(write([tmp_path / "e"], tmp_path / "r.html"), "accuracy-1")
        assert all(
            row["Same protocol"].startswith("no: published on") and "here on FER2013 PublicTest" in row["Same protocol"]
            for row in rows
            if row["Published accuracy"]
        )

    def test_each_model_has_its_charts_and_gallery(self, emotions, tmp_path):
        text = write([emotions], tmp_path / "r.html")
        assert text.count('<details class="card model"') == len(MODELS)
        assert re.search(r"100 samples: [\d.]+%; .*; chance [\d.]+%, dashed", text)
        for title in ("Reliability", "ROC, area under the curve", "Precision and recall, average", "Learning curve"):
            assert text.count(f"<b>{title}</b>") == len(MODELS)
        confusion = rows_of(text, "t1-1-classes")
        assert [row["Class"] for row in confusion] == EMOTIONS
        assert {row["sex"] for row in rows_of(text, "t1-1-by-1")} == {"female", "male"}
        gallery = re.findall(r'<ul class="gallery">.*?</ul>\s*</details>', text, re.S)
        assert len(gallery) == len(MODELS)
        # Twelve mistakes, each with the picture and what moved the decision.
        assert all(part.count('<img src="data:image/jpeg') == 24 for part in gallery)
        assert all(part.count('alt="what moved it" class="why"') == 12 for part in gallery)
        assert gallery[0].count("AU12 Lip corner puller: 3.1") == 12

    def test_a_key_names_every_class_of_a_chart(self, emotions, tmp_path):
        text = write([emotions], tmp_path / "r.html")
        figure = searched(r"<figure>(?:(?!</figure>).)*<b>ROC.*?</figure>", text, re.S)[0]
        curves = json.loads((emotions / "test" / "accuracy.json").read_text())["models"][0]["roc"]
        for number, name in enumerate(EMOTIONS):
            assert f'<line class="c{number}"' in figure
            assert f"{name} {curves[name]['auc']:.3f}" in figure

    def test_pictures_outside_the_folder_are_not_read(self, emotions, tmp_path):
        shutil.copytree(emotions / "test", tmp_path / "in")
        secret = next((emotions / "test" / "mistakes").iterdir())
        shutil.copy(secret, tmp_path / "secret.png")
        document = json.loads((tmp_path / "in" / "accuracy.json").read_text())
        names = ["../secret.png", str(tmp_path / "secret.png"), "\0", "accuracy.json", "x" * 5000]
        document["models"] = document["models"][:1]
        document["models"][0]["mistakes"] = [{"picture": name, "truth": "a", "predicted": "b"} for name in names]
        (tmp_path / "in" / "accuracy.json").write_text(json.dumps(document))
        text = write([tmp_path / "in"], tmp_path / "out" / "r.html")
        check_html(text)
        assert "data:image/jpeg" not in text
        assert text.count("decided <b>") == len(names)

    def test_same_names_of_pictures_in_two_folders_are_kept_apart(self, tmp_path):
        for name in ("one", "two"):
            emotion_results(tmp_path / name, n=60)
        first = next((tmp_path / "one" / "mistakes").glob("picture-0-*.png"))
        shutil.copy(next((tmp_path / "two" / "mistakes").glob("explanation-3-*.png")), first)
        text = write([tmp_path / "one", tmp_path / "two"], tmp_path / "r.html")
        shown = re.findall(rf'<img src="([^"]+)" alt="mistakes/{first.name}"', text)
        assert len(shown) == 2
        assert shown[0] != shown[1]


class TestActionUnits:
    def test_the_embedded_model_tells_codes_by_people(self, demo, tmp_path):
        text = write([demo / "results"], tmp_path / "r.html", pictures="none")
        check_html(text)
        measured = ActionUnitModel.load_default().card["metrics_on_codes"]
        coded = {au: row for au, row in measured.items() if "auc" in row}
        id = searched(r'id="(m\d)-codes"', text)[1]
        rows = {row["Action unit"]: row for row in rows_of(text, f"{id}-codes")}
        assert len(rows) == len(coded) == 20
        assert rows["AU12 Lip corner puller"]["AUC"] == f"{coded['12']['auc']:.2f}"
        assert rows["AU06 Cheek raiser"]["AUC, 95 %"] == "{auc_low:.2f} to {auc_high:.2f}".format(**coded["6"])
        assert rows["AU18 Lip pucker"]["F1"] == ""
        [of_model] = [row for row in rows_of(text, "accuracy-au") if row["Model"] == "action_units.npz"]
        mean = np.mean([row["auc"] for row in coded.values()])
        assert of_model["Mean AUC, human codes"] == f"{mean:.2f}"
        assert of_model["Lowest AUC"].endswith(")")
        assert (of_model["Action units"], of_model["Persons"]) == ("21", "78")
        drawn = searched(rf'<svg class="dots"[^>]*aria-labelledby="{id}-auc-t.*?</svg>', text, re.S)[0]
        assert drawn.count("<circle") == 20

    def test_a_models_scatter_is_drawn(self, tmp_path):
        before = ActionUnitModel.load_default().card["pseudo_label_model"]
        card = before["card"] | {"kind": "action-units", "content_sha256": before["sha256"]}
        (tmp_path / "pseudo.json").write_text(json.dumps(card))
        text = write([tmp_path], tmp_path / "out" / "r.html", pictures="none")
        stored = card["scatter"]
        id = searched(r'id="(m\d)-scatter"', text)[1]
        rows = rows_of(text, f"{id}-scatter")
        # Every action unit of the model, the weak ones too.
        assert {int(au) for au in stored["counts"]} == set(card["action_units"])
        assert len(rows) == len(stored["counts"]) == 15
        counts = np.array([list(map(int, line.split())) for line in stored["counts"]["12"]])
        row = next(row for row in rows if row["Action unit"] == "AU12 Lip corner puller")
        near = sum(np.trace(counts, k) for k in (-1, 0, 1)) / counts.sum()
        assert row["Faces"] == str(counts.sum())
        assert row["Within one bin"] == f"{100 * near:.0f} %"
        drawn = searched(rf'<svg class="heat"[^>]*aria-labelledby="{id}-s12-t.*?</svg>', text, re.S)[0]
        assert len(re.findall(r'class="h\d"', drawn)) == (counts > 0).sum()
        assert stored["data"] in html.unescape(text)

    def test_what_lies_beside_a_model_counts_for_that_model_only(self, demo, tmp_path, monkeypatch):
        from facs_pipeline.report import gather as module

        def time_shown():
            rows = rows_of(write([demo / "results"], tmp_path / "r.html", pictures="none"), "accuracy-au")
            return next(row.get("Prediction (ms a face)") for row in rows if row["Model"] == "action_units.npz")

        real = module._read_json

        def other(path, notes):
            content = real(path, notes)
            return content | {"content_sha256": "0" * 64} if path.name == "action_units.json" else content

        assert float(time_shown()) > 0
        monkeypatch.setattr(module, "_read_json", other)
        assert not time_shown()

    def test_models_that_were_trained_are_compared(self, demo, tmp_path):
        card = {
            "kind": "action-units", "content_sha256": "ab", "title": "Mine <b>", "labels": "coded by FACS coders",
            "train_s": 12.5, "metrics_on_unseen_persons": {
                "12": {"r": 0.8, "ccc": 0.7, "icc": 0.7, "mae": 0.3, "bias": 0.1, "f1": 0.6, "n": 50, "subjects": 5},
                "4": {"r": 0.6, "r_low": 0.51, "r_high": 0.68,
                      "ccc": 0.5, "icc": 0.5, "mae": 0.5, "bias": 0.0, "f1": None, "n": 40, "subjects": 5},
                "x": 3, "25": "odd",
            }, "predict_ms_per_face": 0.0312,
            "scatter": {"data": "d", "step": 0.5, "counts": {"12": ["1 0", "0 3"], "4": ["1 x"], "5": 3, "y": ["1"]}},
        }  # fmt: skip
        (tmp_path / "mine.json").write_text(json.dumps(card))
        (tmp_path / "mine.npz").write_bytes(b"0" * 123_000)
        text = write([demo / "results", tmp_path], tmp_path / "out" / "r.html", pictures="none")
        check_html(text)
        rows = {Path(row["Model"]).name: row for row in rows_of(text, "accuracy-au")}
        assert rows["mine.json"] | {"Mean r": "0.70", "Lowest r": "0.60 (AU04)", "Mean F1": "0.60"} == rows["mine.json"]
        assert rows["mine.json"] | {"Training (s)": "12.5", "Size": "0.12 MB", "Faces": "50"} == rows["mine.json"]
        assert rows["action_units.npz"]["Mean r"] == ""
        assert rows["mine.json"]["Mean AUC, human codes"] == ""
        assert text.count('class="heat"') == 1
        assert rows["mine.json"]["Lowest r, 95 %"] == "0.51 to 0.68"
        id = searched(r'id="(m\d)"><h3><bdi>Mine', text)[1]
        assert [row["r, 95 %"] for row in rows_of(text, f"{id}-agreement")] == ["0.51 to 0.68", ""]
        assert rows["mine.json"]["Prediction (ms a face)"] == "0.031"
        assert 0 < float(rows["action_units.npz"]["Prediction (ms a face)"]) < 5
        assert "By chance r, CCC and ICC are 0" in text

    def test_published_figures_say_on_what_they_were_measured(self, demo, tmp_path):
        rows = {
            row["Model"]: row for row in rows_of(write([demo], tmp_path / "r.html", pictures="none"), "accuracy-au")
        }
        for system, value in (("LibreFace", "0.63"), ("OpenFace 2.0", "about 0.59")):
            row = rows[system]
            assert row["Published mean r"] == value
            assert "2024" in row["Source"]
            assert row["Same protocol"].startswith("no: published on DISFA")
            assert "pseudo-labels" in row["Same protocol"]
        assert rows["action_units.npz"]["Published mean r"] == ""


class TestRankings:
    @pytest.fixture
    def shown(self, demo, tmp_path):
        """The page, its table by model, and what was measured."""
        text = write([demo], tmp_path / "r.html", pictures="none")
        measured = json.loads((demo / "ranking" / "authenticity.json").read_text())
        return text, {row["Model"]: row for row in rows_of(text, "accuracy-1")}, measured

    def test_what_chance_does_is_said_in_words(self, shown, demo, tmp_path):
        text, _rows, measured = shown
        low, high = (100 * value for value in measured["data"]["by_chance_95"])
        assert f"95 % of studies like this one still have {low:.0f} to {high:.0f} % right" in text
        # An older file does not have it: then nothing is said.
        measured["data"].pop("by_chance_95")
        (tmp_path / "old").mkdir()
        (tmp_path / "old" / "authenticity.json").write_text(json.dumps(measured))
        assert "studies like this one" not in write([tmp_path / "old"], tmp_path / "old.html")

    def test_interval_and_chance_stand_beside_every_accuracy(self, shown):
        text, rows, measured = shown
        row, figures = rows["rank-svm"], measured["models"]["rank-svm"]
        for name, of in (("Accuracy here", "pairs"), ("Single videos", "videos")):
            assert row[name] == f"{100 * figures[of]['accuracy']:.1f} %"
        low, high = (100 * value for value in figures["videos"]["wilson_95"])
        assert row["Single videos, 95 %"] == f"{low:.1f} to {high:.1f} %"
        assert row["Single videos, chance"] == f"{100 * figures['videos']['chance']:.1f} %"
        # The three stand side by side.
        assert list(row)[1:5] == ["Accuracy here", "95 % interval (Wilson)", "95 % interval over subjects", "Chance"]
        groups = rows_of(text, "t1-1-by-1")
        assert row["Chance"] == "50.0 %"
        assert {one["Chance"] for one in groups} == {"50.0 %"}
        assert all(" to " in one["95 % interval (Wilson)"] for one in groups)
        summary = searched(r"<summary><b><bdi>rank-svm</bdi></b> <span[^>]*>(.*?)</span>", text)[1]
        assert re.fullmatch(r"[\d.]+ % \([\d.]+ to [\d.]+ %\), chance 50.0 %", summary)
        # 40 of 60 right.
        assert rows["Rank-SVM on activity descriptors"]["Published, 95 % (Wilson)"] == "54.1 to 77.3 %"

    def test_training_prediction_and_size_are_apart(self, shown):
        _text, rows, measured = shown
        figures = measured["models"]["rank-svm"]
        assert rows["rank-svm"]["Training (s)"] == f"{figures['train_s']:.2f}"
        assert figures["train_s"] > 0
        assert rows["rank-svm"]["Prediction (s)"] == f"{figures['predict_s']:.3f}"
        assert rows["rank-svm"]["Size"] == f"{figures['size_bytes'] / 1e6:.2f} MB"
        assert figures["size_bytes"] > 50_000
        assert "Training and prediction (s)" not in rows["rank-svm"]

    def test_curves_per_class(self, shown):
        text, _rows, _measured = shown
        for title in ("Reliability", "ROC, area under the curve", "Precision and recall, average"):
            assert text.count(f"<b>{title}</b>") == 1


def test_the_document_names_what_the_report_says(emotions):
    assert json.loads((emotions / "test" / "accuracy.json").read_text())["protocol"] == FER2013_TEST


def damaged(folder: Path, to: Path, **changes: object) -> Path:
    """The results with other fields of the first model."""
    shutil.copytree(folder, to)
    document = json.loads((to / "test" / "accuracy.json").read_text(encoding="utf-8"))
    document["models"][0] |= changes
    (to / "test" / "accuracy.json").write_text(json.dumps(document), encoding="utf-8")
    return to


@pytest.mark.parametrize(
    "changes",
    [
        {"per_class": [{"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 3}]},
        {"n": 10**30, "chance": -(10**30)},
        {"wilson_95": [1e308, 0.5]},
        {"name": "a" * 300},
    ],
    ids=["no class", "65 bits", "1e308", "long name"],
)
def test_one_odd_field_does_not_end_the_report(emotions, tmp_path, changes):
    gathered = gather([damaged(emotions, tmp_path / "results", **changes)])
    written = write_report(gathered, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert all(name in text for name in list(MODELS)[1:])
    if "name" not in changes:
        assert any(f": {', '.join(sorted(changes))} not as" in note for note in written.notes), written.notes
