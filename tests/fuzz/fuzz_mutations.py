"""Inputs damaged in many ways, each the same for the same seed: bytes, cells of tables, JSON, model files."""

from __future__ import annotations

import copy
import csv
import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from facs_pipeline.foundation.files.model_file import content_hash

Mutation = Callable[[bytes, random.Random], bytes]

CELLS = [
    "", " ", "-1", "0", "1e9", "1e308", "-1e308", "inf", "-inf", "nan", "1.5", "1,5", "0x10", "1_000", "²", "٣", "½",
    "18446744073709551616", "-18446744073709551617", "9" * 40, "9" * 5000, "true", "None", "=1+1", "+1", "-x", "@a",
    "'=x", "\x1b[2J", "\u202egnp", "\x85", "a" * 300, "B" * 140_000, "../../etc/passwd", "/dev/zero", "a\0b", "CON",
    "a\nb", '"', 'a"b', "'", "ä", "😀", "\ufeff", "\udc80", "AU12_r", "video", "frame", "timestamp",
]  # fmt: skip
"""Texts that some reader somewhere has stumbled over."""
_BYTES = [
    b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xfe\xff", b'"', b"\r", b"\n", b",", b";", b"\t", b"PK\x03\x04",
    b"PAR1", b"\x1f\x8b", b"\x80\x04", b"\x89PNG", b"\xff\xd8\xff\xd9", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff",
]  # fmt: skip
_VALUES: list[Any] = [
    None, True, 0, -1, 1, 1.5, 1e308, float("nan"), float("inf"), 10**30, -(10**30), "", "²", "a" * 300, "\x1b[2J",
    "<script>", "\ud800", "../..", "\0", [], {}, [[]], [None], {"a": {}}, list(range(3)), ["a", 1], {"": 0},
]  # fmt: skip


_NUMBERS = [
    b"0", b"1", b"-1", b"-2", b"7", b"1000000", b"2147483647", b"-2147483648", b"4294967296", b"99999999999999999999",
    b"1e308", b"-1e999", b"nan", b"inf", b"", b"x", b"0x10",
]  # fmt: skip
"""Indexes that lie nowhere, sizes that nobody has, and what is no number."""


def damaged_bytes(data: bytes, draw: random.Random) -> bytes:
    """Bytes changed, cut out, doubled, moved, put in, or cut off at the end."""
    content = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 4, 16])):
        n = len(content)
        at = draw.randrange(n + 1)
        to = min(n, at + draw.choice([1, 2, 4, 8, 64, 1000]))
        kind = draw.randrange(8)
        if kind <= 1 and n:
            content[draw.randrange(n)] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del content[at:to]
        elif kind == 3:
            content[at:at] = content[at:to] * draw.choice([1, 2, 100])
        elif kind == 4:
            content[at:at] = draw.choice(_BYTES)
        elif kind == 5:
            content[at:to] = draw.randbytes(to - at)
        elif kind == 6:
            content[at:to] = draw.choice(_BYTES)[:1] * (to - at)
        else:
            del content[at:]
    return bytes(content)


def damaged_cells(data: bytes, draw: random.Random) -> bytes:
    """A table with other cells, rows or columns, or saved otherwise."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"))))
    for _ in range(draw.choice([1, 1, 2, 5])):
        row = draw.randrange(len(rows))
        width = max(len(rows[row]), 1)
        column = draw.randrange(width)
        kind = draw.randrange(10)
        if kind <= 4 and rows[row]:
            rows[row][column] = draw.choice(CELLS)
        elif kind == 5:
            for other in rows:
                del other[column : column + 1]
        elif kind == 6:
            cell = draw.choice(CELLS)
            for other in rows[draw.randrange(2) :]:
                other[column : column + 1] = [cell]
        elif kind == 7:
            rows.insert(draw.randrange(len(rows)), list(rows[row]))
        elif kind == 8:
            draw.shuffle(rows[draw.randrange(len(rows))])
        elif len(rows) > 1:
            del rows[row]
    text = io.StringIO()
    csv.writer(text, delimiter=draw.choice(",,,,;\t"), lineterminator=draw.choice(["\n", "\r\n"])).writerows(rows)
    encoding = draw.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "latin-1"])
    return text.getvalue().encode(encoding, "surrogateescape" if encoding == "utf-8" else "replace")


def damaged_json(data: bytes, draw: random.Random) -> bytes:
    """JSON with other values, without some keys, or nested deeply."""
    content = json.loads(data)
    for _ in range(draw.choice([1, 1, 2, 5])):
        content = _damaged_value(content, draw)
    text = json.dumps(content)
    if draw.randrange(40) == 0:
        text = "[" * 100_000 + text
    return text.encode("utf-8", "surrogatepass")


def _damaged_value(value: Any, draw: random.Random) -> Any:
    """The same with one place in it changed."""
    if isinstance(value, dict | list) and value and draw.random() < 0.93:
        key = draw.choice(sorted(value, key=str) if isinstance(value, dict) else range(len(value)))
        kind = draw.randrange(8)
        if kind == 0:
            del value[key]
        elif kind == 1 and isinstance(value, dict):
            value[draw.choice(["", "a" * 300, "²", "9" * 5000, "class", "accuracy"])] = value.pop(key)
        else:
            value[key] = _damaged_value(value[key], draw)
        return value
    return copy.deepcopy(draw.choice(_VALUES))


def damaged_booster(data: bytes, draw: random.Random) -> bytes:
    """A model file whose LightGBM text has other lines or numbers; its hash is right all the same."""
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    card = json.loads(bytes(arrays.pop("card")))
    [name] = [name for name in arrays if name.endswith("booster")]
    lines = bytes(arrays[name]).split(b"\n")
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randrange(len(lines))
        key, sign, values = lines[at].partition(b"=")
        words = values.split(b" ")
        kind = draw.randrange(8)
        if kind <= 3 and sign:
            words[draw.randrange(len(words))] = draw.choice(_NUMBERS)
            lines[at] = key + b"=" + b" ".join(words)
        elif kind == 4 and sign:
            lines[at] = key + b"=" + b" ".join(words[: draw.randrange(len(words) + 1)] * draw.choice([1, 2]))
        elif kind == 5:
            del lines[at]
        elif kind == 6:
            lines.insert(draw.randrange(len(lines)), lines[at])
        else:
            lines[at] = damaged_bytes(lines[at], draw)
        lines = lines or [b""]
    arrays[name] = np.frombuffer(b"\n".join(lines), np.uint8)
    card["content_sha256"] = content_hash(arrays)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays, card=np.frombuffer(json.dumps(card).encode(), np.uint8))
    return buffer.getvalue()


def damaged_model(data: bytes, draw: random.Random) -> bytes:
    """A model file with other arrays or another card, whose hash is right all the same."""
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    card = json.loads(bytes(arrays.pop("card")))
    for _ in range(draw.choice([1, 1, 2, 3])):
        if draw.randrange(3) == 0:
            card = _damaged_value(card, draw)
        elif arrays:
            name = draw.choice(sorted(arrays))
            changed = _damaged_array(arrays.pop(name), draw)
            if changed is not None:
                arrays[name] = changed
    if isinstance(card, dict) and draw.randrange(20):
        card["content_sha256"] = content_hash(arrays)
    buffer = io.BytesIO()
    text = json.dumps(card).encode("utf-8", "replace")
    np.savez_compressed(buffer, **arrays, card=np.frombuffer(text, np.uint8))
    return buffer.getvalue()


def _damaged_array(array: np.ndarray, draw: random.Random) -> np.ndarray | None:
    """An array of another rank, size or type, or with other numbers; None for none at all."""
    kinds: list[Callable[[], np.ndarray | None]] = [
        lambda: None,
        array.ravel,
        lambda: array[None],
        lambda: array[..., None],
        lambda: array.T,
        lambda: array[:-1] if array.ndim else array,
        lambda: array[..., :-1] if array.ndim else array,
        lambda: np.concatenate([array, array]) if array.ndim else array,
        lambda: np.zeros(0),
        lambda: np.asarray(draw.choice([0, np.nan, 1e308])),
        lambda: array.astype(str) if array.size < 100_000 else None,
        lambda: array.astype(bool) if array.dtype.kind in "biuf" else array.astype("U1"),
        lambda: array.astype(complex) if array.dtype.kind in "biuf" else np.zeros(array.shape),
        lambda: np.zeros(array.shape, "datetime64[s]"),
        lambda: np.zeros(array.shape, "S3"),
        lambda: np.full(array.shape, draw.choice([0, -1, np.nan, np.inf, 1e38])),
        lambda: np.full(array.shape, draw.choice([2**62, -(2**62), 0, -5]), np.int64),
    ]
    return draw.choice(kinds)()


def damaged_archive(data: bytes, draw: random.Random) -> bytes:
    """A zip, such as a workbook, one of whose parts is damaged or gone."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(sorted(parts))
    if draw.randrange(8):
        parts[name] = damaged_bytes(parts[name], draw)
    else:
        del parts[name]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return buffer.getvalue()
