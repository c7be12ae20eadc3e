"""LightGBM's model text, checked before LightGBM reads it: a tree of which a branch leads back to itself never ends."""

from __future__ import annotations

import re
from collections.abc import Sequence

import lightgbm

_FLOAT = re.compile(r"-?(\d+(\.\d*)?(e[+-]?\d+)?|inf|nan)", re.IGNORECASE)
_WHOLE = re.compile(r"-?\d{1,9}")
_OBJECTIVE = re.compile(r"[a-z_]+( [a-z_]+:[\w.+-]+)*")
_TAIL = re.compile(
    r"end of trees\n\nfeature_importances:\n([^\n=]+=\d+\n)*\nparameters:\n(\[\w+: [^\n\]]*\]\n)*"
    r"\nend of parameters\n(\npandas_categorical:(null|\[\])\n?)?"
)
# LightGBM ends a line at a carriage return, too; it writes no control character but line feeds.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_HEADER = {
    "version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective", "feature_names",
    "feature_infos", "tree_sizes",
}  # fmt: skip
_OF_SPLITS = ("split_gain", "internal_value", "internal_weight", "internal_count")
_OF_LEAVES = ("leaf_weight", "leaf_count")
_MOST_CLASSES, _MOST_FEATURES, _CATEGORICAL = 1000, 1_000_000, 1


class DamagedTreesError(ValueError):
    """A text that LightGBM would misread, crash on or never finish with."""


def booster_of_text(data: bytes) -> lightgbm.Booster:
    """The booster of a text that was checked.

    Parameters
    ----------
    data : bytes
        What ``Booster.model_to_string`` gave: numerical splits, constant leaves.

    Returns
    -------
    lightgbm.Booster

    Raises
    ------
    DamagedTreesError
        If a number is missing, or an index leads nowhere or back.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DamagedTreesError(f"LightGBM's text is no text ({error})") from None
    check_boosted_trees(text)
    return lightgbm.Booster(model_str=text)


def check_boosted_trees(text: str) -> None:
    """Check the structure and every index of LightGBM's model text; `DamagedTreesError` says what is wrong.

    Parameters
    ----------
    text : str
        In the format that LightGBM calls ``v3`` or ``v4``.
    """
    if _CONTROL.search(text):
        raise DamagedTreesError("a control character in LightGBM's text")
    start, end = text.find("\n\nTree=0\n") + 2, text.rfind("\nend of trees\n") + 1
    if not 2 <= start < end or not text.startswith("tree\n"):
        raise DamagedTreesError("no LightGBM text with trees")
    if not _TAIL.fullmatch(text[end:]):
        raise DamagedTreesError("other lines than LightGBM writes behind the trees")
    header = _fields(text[len("tree\n") : start])
    if set(header) != _HEADER or header["version"] not in ("v3", "v4"):
        raise DamagedTreesError("another header than LightGBM writes")
    classes = _whole(header["num_class"], 1, _MOST_CLASSES)
    highest = _whole(header["max_feature_idx"], 0, _MOST_FEATURES)
    sizes = [_whole(size, 1, len(text)) for size in header["tree_sizes"].split()]
    names, infos = header["feature_names"].split(" "), header["feature_infos"].split(" ")
    if (
        _whole(header["num_tree_per_iteration"], classes, classes) != classes
        or header["label_index"] != "0"
        or not _OBJECTIVE.fullmatch(header["objective"])
        or len(sizes) % classes
        or not len(names) == len(infos) == highest + 1
        or len(text[start:end].encode()) != sum(sizes)
        or not _same_classes(header["objective"], classes)
    ):
        raise DamagedTreesError("a header that does not go with its trees")
    blocks = text[start:end].encode()
    for number, size in enumerate(sizes):
        block, blocks = blocks[:size].decode("utf-8", "replace"), blocks[size:]
        first, _, rest = block.partition("\n")
        if first != f"Tree={number}":
            raise DamagedTreesError(f"tree {number} is not where it should be")
        _check_tree(_fields(rest), highest)


def _same_classes(objective: str, classes: int) -> bool:
    named = re.search(r" num_class:(\d+)", objective)
    return classes == (int(named[1]) if named and len(named[1]) < 5 else 1)


def _check_tree(tree: dict[str, str], highest: int) -> None:
    if tree.get("num_cat") != "0" or tree.get("is_linear") != "0":
        raise DamagedTreesError("a tree with other splits or leaves than numerical and constant ones")
    leaves = _whole(tree.get("num_leaves", ""), 1, 100_000)
    splits = leaves - 1
    _floats(tree.get("leaf_value", ""), leaves)
    _floats(tree.get("shrinkage", ""), 1)
    _floats(tree.get("threshold", ""), splits)
    for name, count in (*((name, splits) for name in _OF_SPLITS), *((name, leaves) for name in _OF_LEAVES)):
        # A tree of a single leaf leaves some out.
        if tree.get(name):
            _floats(tree[name], count)
    _wholes(tree.get("split_feature", ""), splits, 0, highest)
    if any(kind & _CATEGORICAL for kind in _wholes(tree.get("decision_type", ""), splits, 0, 15)):
        raise DamagedTreesError("a split by category")
    children = [_wholes(tree.get(f"{side}_child", ""), splits, -leaves, splits) for side in ("left", "right")]
    # Every node but the first has one parent, which comes before it; leaves are numbered -1, -2, ...
    if sorted(children[0] + children[1]) != [*range(-leaves, 0), *range(1, splits)] and splits:
        raise DamagedTreesError("a branch leads nowhere, or two lead to one place")
    if any(0 <= child <= parent for side in children for parent, child in enumerate(side)):
        raise DamagedTreesError("a branch leads back")


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if line and (not equals or name in fields):
            raise DamagedTreesError(f"unexpected line {line[:40]!r}")
        if line:
            fields[name] = value
    return fields


def _whole(text: str, low: int, high: int) -> int:
    if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
        raise DamagedTreesError(f"{text[:40]!r} where a whole number from {low} to {high} stands")
    return int(text)


def _wholes(text: str, count: int, low: int, high: int) -> list[int]:
    words = _words(text, count)
    return [_whole(word, low, high) for word in words]


def _floats(text: str, count: int) -> None:
    for word in _words(text, count):
        if not _FLOAT.fullmatch(word):
            raise DamagedTreesError(f"{word[:40]!r} where a number stands")


def _words(text: str, count: int) -> Sequence[str]:
    words = text.split(" ") if text else []
    if len(words) != count:
        raise DamagedTreesError(f"{len(words)} numbers where {count} stand")
    return words
