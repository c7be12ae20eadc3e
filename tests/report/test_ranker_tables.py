"""Tables beside a ranker's accuracy in the report."""

from __future__ import annotations

from typing import Any

from facs_pipeline.report.ranker_tables import of_report, ranker_tables

FIGURES = {"n": 10, "accuracy": 0.8, "subject_bootstrap_95": [0.7, 0.9], "chance": 0.5}
REPORT = {
    "models": {
        "svm": {
            "per_emotion": {"happy": {"pairs": FIGURES, "videos": {"n": 0}}},
            "coverage": {"pairs": [{"coverage": 0.5, "accuracy": 0.95, "low": 0.9, "high": 0.99}], "videos": "broken"},
            "two_stage": {"pairs": {**FIGURES, "chance": 0.1}},
            "raters": {"ranker": FIGURES, "majority": FIGURES, "one_rater": 0.6, "both_right": 7, "correlation": None},
        }
    },
    "controls": [
        {"model": "svm", "control": "duration", "kind": "alone", "n": 10, "accuracy": 0.7, "low": 0.6, "high": 0.8,
         "compared_with": 0.5, "p": 0.01, "matched_accuracy": 0.75, "gain": 0.05, "verdict": "above chance"},
        {"model": "other", "control": "face size"},
        {"model": "svm", "control": "broken", "n": "many"},
    ],
}  # fmt: skip


def test_every_part_of_an_evaluation_has_its_table():
    tables = {one.id: one.table for one in ranker_tables({"name": "svm", **of_report(REPORT, "svm")}, "t1")}
    assert list(tables) == ["t1-emotions", "t1-coverage", "t1-controls", "t1-stages", "t1-raters"]
    assert [cell.text for cell in tables["t1-emotions"].rows[0][:4]] == ["happy", "10", "80.0 %", "70.0 to 90.0 %"]
    assert [cell.text for cell in tables["t1-coverage"].rows[0]] == ["50%", "95.0 %", "90.0 to 99.0 %", "", ""]
    duration, broken = (
        dict(zip(tables["t1-controls"].head, (cell.text for cell in row), strict=True))
        for row in tables["t1-controls"].rows
    )
    assert (duration["Control"], duration["So"]) == ("duration", "above chance")
    assert (duration["Right"], duration["Matched for it"], duration["Gain"]) == ("70.0 %", "75.0 %", "+5.0 points")
    assert (broken["Control"], broken["Right"]) == ("broken", "")
    assert tables["t1-stages"].rows[0][3].text == "10.0 %"
    assert {row[0].text: row[1].text for row in tables["t1-raters"].rows}["clips: both right"] == "7"


def test_nothing_known_or_of_another_shape_gives_no_table():
    reports: tuple[dict[str, Any] | None, ...] = (
        None,
        {},
        {"models": [], "controls": {}},
        {"models": {"svm": {"coverage": 3, "raters": []}}},
    )
    for report in reports:
        assert ranker_tables({"name": "svm", **of_report(report, "svm")}, "t1") == []
