"""A model file's card as text to read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.foundation.files.model_file import load_model, usable

_MEASURES = ("r", "ccc", "icc", "mae", "bias", "f1")

# Shown in a place of their own, or of no use to a reader.
_SHOWN = frozenset({"title", "kind", "content_sha256", "labels", "images", "persons", "format_version"})


def card_text(card: Mapping[str, Any]) -> str:
    """The card as text; parts that a model of another kind does not have are left out.

    Parameters
    ----------
    card : Mapping of str to Any
        The card of a model file, see `facs_pipeline.foundation.files.model_file`.

    Examples
    --------
    >>> print(card_text({"title": "Nothing", "kind": "test", "content_sha256": "0f", "images": 3}))
    Nothing
      kind      test
      sha256    0f
      images    3
    """
    return "\n".join([*_facts(card), *_measures(card), *_lists(card)])


def card_of_file(path: str | os.PathLike[str]) -> str:
    """The card of a model file as text; the file is verified first, and nothing in it is run.

    Raises
    ------
    ModelError
        If it is no model file, or its card is not as cards are.
    """
    with usable(path, "a model whose card can be shown"):
        return card_text(load_model(path).card)


def _facts(card: Mapping[str, Any]) -> list[str]:
    """Title, hash and all that fits on a line each."""
    lines = [str(card.get("title") or f"A model of kind {card.get('kind', 'unknown')}")]
    lines += [f"  kind      {card.get('kind')}", f"  sha256    {card.get('content_sha256')}"]
    lines += [f"  {name:<9} {card[name]}" for name in ("labels", "images", "persons") if name in card]
    lines += [f"  {name:<9} {card[name]}" for name in sorted(card) if name not in _SHOWN and _is_plain(card[name])]
    for name, label in (("recipe", "recipe  "), ("versions", "versions")):
        if name in card:
            lines.append(f"  {label}  " + ", ".join(f"{k} {v}" for k, v in sorted(card[name].items())))
    return lines


def _measures(card: Mapping[str, Any]) -> list[str]:
    """What it was trained on and how well action units are measured."""
    lines = []
    if "sources" in card:
        lines += ["", "Trained on", *_sources(card["sources"])]
    if "metrics_on_codes" in card:
        lines += ["", "Codes by people, on persons never trained on (95 % interval over persons)"]
        lines += codes_text(card["metrics_on_codes"])
    if "metrics_of_sides" in card:
        lines += ["", "Left less right, on persons never trained on", *sides_text(card["metrics_of_sides"])]
    if "metrics_of_gaze" in card:
        lines += [
            "",
            "Angles of the eyes in the head, on persons never trained on",
            *gaze_text(card["metrics_of_gaze"]),
        ]
    if "metrics_on_unseen_persons" in card:
        lines += ["", "On persons never trained on (95 % interval over persons)"]
        lines += metrics_text(card["metrics_on_unseen_persons"])
    for name, metrics in card.get("metrics_by_source", {}).items():
        lines += ["", f"The same, {name} alone", *metrics_text(metrics)]
    return lines


def _lists(card: Mapping[str, Any]) -> list[str]:
    """All else that has a line an action unit, emotion or setting."""
    lines = []
    if card.get("left_out"):
        lines += ["", "Left out"]
        lines += [f"  AU{int(au):02d}  {AU_NAMES[int(au)]}: {why}" for au, why in card["left_out"].items()]
    if "emotion_check" in card:
        lines += ["", *emotion_text(card["emotion_check"])]
    if "faces_per_emotion" in card:
        lines += ["", "Trained on faces of", *(f"  {name}: {n}" for name, n in card["faces_per_emotion"].items())]
    if isinstance(card.get("measured"), dict):
        lines += ["", *measured_text(card["measured"])]
    lines += _ranker(card)
    if "settings" in card:
        lines += ["", "Features", *(f"  {k}: {v}" for k, v in sorted(card["settings"].items()))]
    return lines


def sides_text(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line an action unit: agreement of the difference of both sides over all faces, and within persons.

    Examples
    --------
    >>> row = {"labels": "teacher", "r": 0.61, "within_person_r": 0.7, "within_persons": 5}
    >>> sides_text({"12": row})[1].split()
    ['AU12', '0.61', '0.70', '5', 'teacher']
    """
    lines = [f"  {'':<6}{'r':>7}{'within persons':>16}{'persons':>9}  labels"]
    for au, row in sorted(metrics.items(), key=lambda one: int(one[0])):
        within = "-" if row["within_person_r"] is None else f"{row['within_person_r']:.2f}"
        lines.append(f"  AU{int(au):02d}  {row['r']:>7.2f}{within:>16}{row['within_persons']:>9}  {row['labels']}")
    return lines


def gaze_text(metrics: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line for the angle across and one for the angle down: agreement, and errors in degrees.

    Examples
    --------
    >>> gaze_text({"down": {"r": 0.7, "mean_error_deg": 2.0, "straight_ahead_error_deg": 3.0}})
    ['  down    r 0.70, mean error 2.0 degrees (3.0 if always straight ahead)']
    """
    return [
        f"  {name:<7} r {row['r']:.2f}, mean error {row['mean_error_deg']:.1f} degrees "
        f"({row['straight_ahead_error_deg']:.1f} if always straight ahead)"
        for name, row in metrics.items()
    ]


def _ranker(card: Mapping[str, Any]) -> list[str]:
    """How sure a ranker is by emotion and by coverage, and when not to use it."""
    lines = []
    by_emotion = (card.get("out_of_fold") or {}).get("per_emotion") or {}
    if by_emotion:
        lines += ["", "On people never trained on, right (95 % over people); of two, and of one alone"]
    for emotion, figures in by_emotion.items():
        parts = [_right(figures[kind], kind) for kind in ("pairs", "videos") if figures[kind]["n"]]
        lines.append(f"  {emotion:<10}" + "; ".join(parts))
    for kind, confidence in (card.get("confidence") or {}).items():
        lines += ["", f"The surest answers about {kind}: share answered, share of these right (95 % over people)"]
        lines += [
            f"  {row['coverage']:>4.0%}  {row['accuracy']:.1%} ({row['low']:.1%} to {row['high']:.1%})"
            for row in confidence["coverage"]
        ]
    for key, title in (("not_for", "When not to use it"), ("law", "What law and ethics boards say")):
        if card.get(key):
            lines += ["", title, *(f"  - {sentence}" for sentence in card[key])]
    return lines


def _right(figures: Mapping[str, Any], kind: str) -> str:
    low, high = figures["subject_bootstrap_95"]
    return f"{kind} {figures['accuracy']:.1%} ({low:.1%} to {high:.1%}) of {figures['n']}"


def measured_text(measured: Mapping[str, Any]) -> list[str]:
    """Accuracy of an emotion model with its interval and chance, and a line an emotion."""
    low, high = measured["wilson_95"]
    lines = [
        f"On {measured['n']} faces of split {measured['split']}, none trained on",
        f"  accuracy {measured['accuracy']:.1%} (95 %: {low:.1%} to {high:.1%}; chance {measured['chance']:.1%}), "
        f"balanced {measured['balanced_accuracy']:.1%}, calibration error {measured['calibration_error']:.3f}",
    ]
    if "without_near_duplicates" in measured:
        rest = measured["without_near_duplicates"]
        lines.append(f"  without near-duplicates of training faces {rest['accuracy']:.1%} of {rest['n']}")
    lines.append(f"  {'':<10}{'precision':>10}{'recall':>10}{'F1':>10}{'faces':>8}")
    for row in measured["per_class"]:
        values = "".join(f"{row[name]:>10.2f}" for name in ("precision", "recall", "f1"))
        lines.append(f"  {row['class']:<10}{values}{row['support']:>8}")
    return lines


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _sources(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for source in sources:
        persons = f"{source['persons']} persons" if source["persons_known"] else "each taken for a person of its own"
        copies = "; also trained on a warped copy of each" if source.get("warped_copies") else ""
        lines.append(
            f"  {source['name']}: {source['images']} images, {persons}; {source['without_face']} without a face found"
            + copies
        )
    return lines


def metrics_text(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line per action unit: the measures, r and CCC with their intervals where there are any."""
    within = any("within_person_r" in row for row in metrics.values())
    head = "  AU    " + "".join(f"{name:>7}" for name in _MEASURES)
    lines = [head + ("  r within persons" if within else "   r from..to      ccc from..to")]
    for au, row in sorted(metrics.items(), key=lambda item: int(item[0])):
        text = f"  AU{int(au):02d}  " + "".join(f"{_number(row.get(name)):>7}" for name in _MEASURES)
        if within:
            text += f"  {_number(row['within_person_r']):>6} ({row['within_persons']})"
        else:
            text += "".join(f"   {_number(row[f'{m}_low']):>5}..{_number(row[f'{m}_high']):<5}" for m in ("r", "ccc"))
        lines.append(f"{text}  {AU_NAMES[int(au)]}")
    columns = [[row[name] for row in metrics.values() if row.get(name) is not None] for name in _MEASURES]
    return [*lines, "  mean  " + "".join(f"{_number(sum(c) / len(c) if c else None):>7}" for c in columns)]


def codes_text(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line per action unit: AUC with its interval, AUC above the neutral face, F1, and what neutral faces read."""
    names = ("auc_above_neutral", "f1", "neutral_mean", "neutral_p95")
    lines = ["  AU        AUC  from..to    above neutral     F1  neutral mean  95 % below  coded"]
    for au, row in sorted(metrics.items(), key=lambda item: int(item[0])):
        above, f1, mean, p95 = (_number(row.get(name)) for name in names)
        interval = f"{_number(row.get('auc_low'))}..{_number(row.get('auc_high'))}"
        figures = f"{_number(row.get('auc')):>7}  {interval:<10}  {above:>13}  {f1:>5}  {mean:>12}  {p95:>10}"
        lines.append(f"  AU{int(au):02d}  {figures}  {row.get('coded', 0):>5}  {AU_NAMES[int(au)]}")
    means = [[row[name] for row in metrics.values() if row.get(name) is not None] for name in ("auc", *names)]
    auc, above, f1, mean, p95 = (_number(sum(c) / len(c) if c else None) for c in means)
    return [*lines, f"  mean  {auc:>7}  {'':<10}  {above:>13}  {f1:>5}  {mean:>12}  {p95:>10}"]


def emotion_text(check: Mapping[str, Any]) -> list[str]:
    """Table of AUC, action units by emotions, and the accuracy of a logistic regression."""
    emotions = sorted(next(iter(check["auc"].values())))
    lines = [
        f"Emotions of {check['faces']} faces never trained on, as people labelled them: AUC (0.5 is chance)",
        "  AU    " + "".join(f"{name[:8]:>10}" for name in emotions),
    ]
    for au, row in sorted(check["auc"].items(), key=lambda item: int(item[0])):
        lines.append(f"  AU{int(au):02d}  " + "".join(f"{_number(row[name]):>10}" for name in emotions))
    accuracy, chance = check["accuracy"], check["chance"]
    lines.append(f"  logistic regression on the intensities names {accuracy:.1%} of the emotions (chance {chance:.1%})")
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
