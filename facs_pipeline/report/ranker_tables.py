"""Tables beside a ranker's accuracy: by emotion, the surest answers, controls, and human raters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from facs_pipeline.report.accuracy import EMPTY, Cell, Table, interval, number, percent
from facs_pipeline.report.shapes import is_number, numbers


class CaptionedTable(NamedTuple):
    """A table with what stands above it.

    Attributes
    ----------
    id : str
        Unique on the page.
    caption : str
        What it shows.
    table : Table
        Its cells.
    """

    id: str
    caption: str
    table: Table


def ranker_tables(model: Mapping[str, Any], id: str) -> list[CaptionedTable]:
    """The tables of a model of a cleaned task; those of which it knows nothing are left out.

    Parameters
    ----------
    model : mapping
        With any of ``per_emotion``, ``coverage``, ``controls``, ``two_stage``, ``raters``, as
        `authenticity.json` has them.
    id : str
        Of the model on the page.
    """
    name = str(model.get("name", ""))
    made = [
        ("emotions", f"{name} by emotion, people it has not seen", _by_emotion(model.get("per_emotion"))),
        ("coverage", f"{name}: the surest answers; the others would be cannot tell", _coverage(model.get("coverage"))),
        (
            "controls",
            f"{name} controlled: what is told without the face, and what {name} gains from it",
            _controls(model.get("controls")),
        ),
        ("stages", f"Emotion found and {name}, told it, right", _stages(model.get("two_stage"))),
        ("raters", f"{name} beside human raters, clips alone", _raters(model.get("raters"))),
    ]
    return [CaptionedTable(f"{id}-{part}", caption, table) for part, caption, table in made if table.rows]


def of_report(report: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """What `authenticity.json` holds for `ranker_tables` of the model of that name; other shapes are left out."""
    models = (report or {}).get("models")
    entry = models.get(name) if isinstance(models, dict) else None
    entry = entry if isinstance(entry, dict) else {}
    rows: Any = (report or {}).get("controls")
    controls = [row for row in rows if isinstance(row, dict) and row.get("model") == name] if _rows(rows) else []
    found = {
        key: entry[key]
        for key in ("per_emotion", "coverage", "two_stage", "raters")
        if isinstance(entry.get(key), dict)
    }
    return found | ({"controls": controls} if controls else {})


def _rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _by_emotion(per_emotion: Any) -> Table:
    head = ["Emotion", "Pairs", "Pairs right", "95 % over people", "Clips alone", "Clips right", "95 % over people"]
    rows = []
    for emotion, figures in (per_emotion or {}).items():
        cells = [Cell(str(emotion), str(emotion))]
        for kind in ("pairs", "videos"):
            of_kind = figures.get(kind) if isinstance(figures, dict) else None
            of_kind = of_kind if isinstance(of_kind, dict) else {}
            people = of_kind.get("subject_bootstrap_95")
            cells += [number(of_kind.get("n"), ".0f"), percent(of_kind.get("accuracy")), interval(people)]
        rows.append(cells)
    return Table(head, rows)


def _coverage(coverage: Any) -> Table:
    head = ["Answered", "Pairs right", "95 % over people", "Clips alone right", "95 % over people"]
    of_kinds: list[Any] = [(coverage or {}).get(kind) for kind in ("pairs", "videos")]
    by_share: dict[float, list[Cell]] = {}
    for position, points in enumerate(of_kinds):
        for point in points if _rows(points) else []:
            share = point.get("coverage")
            if is_number(share):
                cells = by_share.setdefault(share, [EMPTY] * 4)
                ends = [point.get("low"), point.get("high")]
                cells[2 * position : 2 * position + 2] = [percent(point.get("accuracy")), interval(ends)]
    return Table(head, [[Cell(f"{share:.0%}", share), *cells] for share, cells in sorted(by_share.items())])


def _controls(controls: Sequence[Mapping[str, Any]] | None) -> Table:
    head = ["Control", "So", "Right", "95 % over people", "To compare", "p", "Matched for it", "Gain", "Pairs", "How"]
    rows = []
    for row in controls or []:
        gain: Any = row.get("gain")
        points = Cell(f"{100 * gain:+.1f} points", gain) if is_number(gain) else EMPTY
        words = [Cell(str(row.get(key, "")), str(row.get(key, ""))) for key in ("control", "kind", "verdict")]
        ends = [row.get("low"), row.get("high")]
        rows.append(
            [
                words[0], words[2], percent(row.get("accuracy")), interval(ends) if numbers(ends, 2) else EMPTY,
                percent(row.get("compared_with")), number(row.get("p"), ".2g"), percent(row.get("matched_accuracy")),
                points, number(row.get("n"), ".0f"), words[1],
            ]
        )  # fmt: skip
    return Table(head, rows)


def _stages(two_stage: Any) -> Table:
    rows = []
    for kind, figures in (two_stage or {}).items():
        if isinstance(figures, dict) and is_number(figures.get("accuracy")):
            people = figures.get("subject_bootstrap_95")
            cells = [percent(figures["accuracy"]), interval(people), percent(figures.get("chance"))]
            rows.append([Cell(str(kind), str(kind)), *cells, number(figures.get("n"), ".0f")])
    return Table(["Of", "Both right", "95 % over people", "Chance", "n"], rows)


def _raters(raters: Any) -> Table:
    if not isinstance(raters, dict):
        return Table([], [])
    rows = []
    for key, words in (("ranker", "this ranker"), ("majority", "majority of the raters")):
        figures: Any = raters.get(key) if isinstance(raters.get(key), dict) else {}
        rows.append(
            [Cell(words, words), percent(figures.get("accuracy")), interval(figures.get("subject_bootstrap_95"))]
        )
    rows.append([Cell("one rater, mean", "one rater"), percent(raters.get("one_rater")), EMPTY])
    for key, words in (
        ("both_right", "clips: both right"),
        ("only_ranker_right", "clips: only the ranker right"),
        ("only_raters_right", "clips: only the raters right"),
        ("both_wrong", "clips: both wrong"),
        ("correlation", "rank correlation of both"),
    ):
        form = "+.2f" if key == "correlation" else ".0f"
        rows.append([Cell(words, words), number(raters.get(key), form), EMPTY])
    return Table(["", "Value", "95 % over people"], rows)
