"""Make docs/action-units/: a page for each action unit, from the embedded model's card and the benchmarks' results.

python docs/make_action_unit_pages.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.names import AU_NAMES

FOLDER = Path(__file__).with_name("action-units")
_RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


class Unit(NamedTuple):
    """What is written by hand of an action unit.

    Attributes
    ----------
    moves : str
        What moves, and which muscle moves it.
    alike : str
        What looks like it.
    beware : str
        What misleads it, and what it does not say.
    """

    moves: str
    alike: str
    beware: str


UNITS: dict[int, Unit] = {
    1: Unit(
        "The inner ends of the brows go up; short lines may show in the middle of the forehead. Frontalis, inner part.",
        "AU2 lifts the outer ends; both together lift the whole brow. With AU4 the inner ends go up and together.",
        "A fringe hides it. A head that nods misleads: brows seen from above look lowered, from below raised.",
    ),
    2: Unit(
        "The outer ends of the brows go up, and the lid fold below them is stretched. Frontalis, outer part.",
        "AU1, with which it mostly comes. Brows that are arched at rest.",
        "Drawn or plucked brows mislead, and so do heads turned so far that one brow's end is hidden.",
    ),
    4: Unit(
        "The brows go down and together; lines show between them. Corrugator, depressor supercilii, procerus.",
        "AU9 pulls the inner brows down as well. Deep-set eyes, heavy brows and lines of age look lowered at rest.",
        "Levels of two persons compare badly: take a resting face with `--baseline`. Strong light from above frowns.",
    ),
    5: Unit(
        "The upper lid goes up, so that more of the eye's white shows above the iris. Levator palpebrae.",
        "Eyes that look up. Raised brows (AU1, AU2) that carry the lid fold along.",
        "Reflections on glasses mislead. Eyes should be at least 20 pixels wide.",
    ),
    6: Unit(
        "The cheeks go up and narrow the eyes; wrinkles spread from the outer corners. Orbicularis oculi, outer part.",
        "A broad smile (AU12) lifts the cheeks too. AU7 narrows the eyes without the cheeks. AU9 bunches the skin.",
        "It does not prove that a smile is felt: people can raise their cheeks at will. Wrinkles of age raise it.",
    ),
    7: Unit(
        "The lower lid goes up and tightens; the eye becomes a slit. Orbicularis oculi, inner part.",
        "AU6, which lifts the cheek as well. Eyes that look down. The beginning of a blink.",
        "Do not compare persons by it: narrow eyes read as AU7. It is one of the weak units.",
    ),
    9: Unit(
        "The skin along the nose is pulled up and wrinkles at its root. Levator labii superioris alaeque nasi.",
        "AU10 lifts the upper lip without wrinkles at the nose's root. AU4 lowers the brows only.",
        "Faces seen from below mislead, and so do pictures that are too coarse for wrinkles.",
    ),
    10: Unit(
        "The middle of the upper lip goes up and the fold beside the nose deepens. Levator labii superioris.",
        "AU9. A smile that shows the upper teeth. Speech.",
        "Few coded faces stand behind it.",
    ),
    12: Unit(
        "The corners of the lips are pulled up and back. Zygomaticus major.",
        "AU14 tightens the corners without lifting them. AU6 lifts the cheeks by itself.",
        "It is no measure of happiness: people smile for many reasons.",
    ),
    14: Unit(
        "The corners of the lips tighten and are drawn inwards; a dimple may show beside them. Buccinator.",
        "A faint smile (AU12). AU24 presses the lips in the middle.",
        "Beards hide it. Dimples at rest raise it.",
    ),
    15: Unit(
        "The corners of the lips go down. Depressor anguli oris.",
        "AU17 pushes the chin up and bends the lips down. Corners that point down at rest.",
        "It is faint and rare: do not trust single frames. Old faces need a resting face to compare with.",
    ),
    17: Unit(
        "The chin goes up and its skin wrinkles; the lower lip is pushed up. Mentalis.",
        "AU15, AU24. A mouth in speech, and a chin pressed on the chest.",
        "Speech raises it, and beards hide it.",
    ),
    18: Unit(
        "The lips are drawn together and pushed forward, as for a kiss. Incisivii labii.",
        "Rounded vowels. Heads turned to the side, whose mouths look narrow.",
        "Speech raises it. Codes by people are too few here; it follows the teacher.",
    ),
    20: Unit(
        "The lips are stretched sideways and flattened. Risorius, platysma.",
        "AU12, which pulls the corners up as well. AU14.",
        "It is brief and rare: do not trust single frames.",
    ),
    23: Unit(
        "The red of the lips becomes narrow, as if a string were tightened in them. Orbicularis oris.",
        "AU24 presses the lips against each other. AU17. Thin lips at rest.",
        "Levels of two persons compare badly: take a resting face with `--baseline`.",
    ),
    24: Unit(
        "The lips are pressed against each other and look thinner. Orbicularis oris.",
        "AU23, AU17, and lips sucked in (AU28).",
        "Thin lips raise it: take a resting face with `--baseline`.",
    ),
    25: Unit(
        "The lips part, whatever parts them: a lower lip that goes down, a jaw that drops, a smile.",
        "AU26 says that the jaw is dropped; it is measured apart.",
        "Every vowel of speech parts the lips.",
    ),
    26: Unit(
        "The jaw drops as if it fell by its own weight, and the teeth part. Masseter and others relax.",
        "AU27 is a mouth pulled wide open. FACS codes one or the other, here both rise.",
        "It does not tell AU26 from AU27. It follows the teacher, as codes by people are too few.",
    ),
    27: Unit(
        "The mouth is stretched wide open and the jaw is pulled down. Pterygoids, digastric.",
        "AU26, of which it is the extreme.",
        "Singing and yawning count as well: this is a shape, not a feeling.",
    ),
    28: Unit(
        "The lips are sucked in over the teeth, and their red disappears. Orbicularis oris.",
        "AU24, AU23, and thin lips at rest.",
        "One coded face stands behind it, and it follows the teacher: do not build on it.",
    ),
    45: Unit(
        "The eyes close and open again. Orbicularis oculi relaxes the levator.",
        "Eyes that look down. AU7. Eyes that stay closed.",
        "Below 15 frames a second many blinks fall between two frames.",
    ),
}


def pages() -> dict[str, str]:
    """File names and texts of all pages."""
    card = ActionUnitModel.load_default().card
    aus = ActionUnitModel.load_default().aus
    judge, teacher = (_result(name) for name in ("second_judge.json", "action_units.json"))
    written = {f"AU{au:02d}.md": _page(au, card, judge, teacher) for au in aus}
    return {"README.md": _index(aus, card, judge, teacher), **written}


def _result(name: str) -> dict[str, Any]:
    return dict(json.loads((_RESULTS / name).read_text(encoding="utf-8"))["result"])


def _index(aus: tuple[int, ...], card: dict[str, Any], judge: dict[str, Any], teacher: dict[str, Any]) -> str:
    lines = [
        "# The action units",
        "",
        "A page for each, with what moves, what looks like it, how well it is measured and when not to use it.",
        "Codes: AUC on faces of CK+ coded by people, persons apart, chance 0.50. Judge: r with models trained on other",
        "FACS codes. Teacher: r with MediaPipe's scores. Made by `docs/make_action_unit_pages.py`.",
        "",
        "| action unit | codes by people | judge | teacher |",
        "|---|---|---|---|",
    ]
    for au in aus:
        codes = card["metrics_on_codes"].get(str(au), {})
        row = codes.get("auc"), judge["median_r"].get(f"AU{au:02d}"), teacher["per_au"].get(f"AU{au:02d}", {}).get("r")
        figures = " | ".join("" if value is None else f"{value:.2f}" for value in row)
        lines.append(f"| [AU{au}](AU{au:02d}.md) {AU_NAMES[au]} | {figures} |")
    return "\n".join([*lines, ""])


def _page(au: int, card: dict[str, Any], judge: dict[str, Any], teacher: dict[str, Any]) -> str:
    unit, column = UNITS[au], f"AU{au:02d}"
    presence = ActionUnitModel.load_default().presence.get(au)
    lines = [f"# AU{au}: {AU_NAMES[au]}", "", unit.moves, "", f"- **Looks like it**: {unit.alike}"]
    lines += [f"- **Beware**: {unit.beware}"]
    lines += [f"- **Columns**: `{column}_r`, intensity 0 to 5 (A to E as 1 to 5)."]
    if presence is not None:
        lines += [f"- `{column}_c`, 1 where the intensity is at least {presence:.2f}: there it tells coded faces best."]
    lines += ["", "## How well it is measured", "", *_figures(au, card, judge, teacher), ""]
    lines += ["All figures are of persons that the model was not trained on; how they were measured, and by which"]
    lines += ["commands, stands in [training action units](../training-action-units.md).", ""]
    return "\n".join(lines)


def _figures(au: int, card: dict[str, Any], judge: dict[str, Any], teacher: dict[str, Any]) -> list[str]:
    codes, column = card["metrics_on_codes"].get(str(au), {}), f"AU{au:02d}"
    lines = []
    if "auc" in codes:
        interval = f"95 % interval {codes['auc_low']:.2f} to {codes['auc_high']:.2f} over persons"
        lines.append(f"- Codes by people (CK+, {codes['coded']} faces with it): AUC {codes['auc']:.2f}, {interval}.")
        lines.append(f"- Above the person's own neutral face: AUC {codes['auc_above_neutral']:.2f}.")
    else:
        lines.append("- Codes by people: none; nobody coded it in CK+.")
    if "f1" in codes:
        lines.append(f"- There or not: F1 {codes['f1']:.2f}; by chance {codes['f1_chance']:.2f}.")
    if codes:
        lines.append(f"- Neutral faces: {codes['neutral_mean']:.2f} on average, 95 % below {codes['neutral_p95']:.2f}.")
    raised = [row for row in codes.get("raised_by", []) if row["mean"] >= 1]
    if raised:
        others = "; ".join(f"with AU{row['au']} {row['mean']:.1f} ({row['faces']} faces)" for row in raised)
        lines.append(f"- Mean intensity on faces coded without it: {others}.")
    share = card["teacher_share"].get(str(au))
    if share is not None:
        lines.append(f"- Share of pseudo-labels (MediaPipe) in it: {share:.0%}; the rest are codes by people.")
    r = judge["median_r"].get(column)
    lines.append(f"- Second judge: {'does not know it' if r is None else f'r {r:.2f} within a video (median)'}.")
    r = teacher["per_au"].get(column, {}).get("r")
    if r is not None:
        lines.append(f"- The teacher's scores: r {r:.2f} within a video (median).")
    return lines


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
