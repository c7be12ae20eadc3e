"""Model files: arrays and a JSON card in one ``.npz``, verified by hash; loading one never runs code.

A model file is an ordinary NumPy archive without object arrays. Its member ``card`` is UTF-8 JSON: what the
model is (`kind`, `format_version`), what it was trained on, metrics, versions, and `content_sha256` over all
other members. `load_model` refuses pickles, cut or changed files, other kinds and newer format versions.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.limits import too_many_bytes

FORMAT_VERSION = 1


@dataclass(frozen=True)
class ModelFile:
    """A loaded model file.

    Attributes
    ----------
    card : dict
        What the model is and what it was made from; see the module's text.
    arrays : dict of str to ndarray
        The model's numbers.
    """

    card: dict[str, Any]
    arrays: dict[str, np.ndarray]


def content_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and bytes of the arrays, in name order (64 hex digits)."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        if array.nbytes:
            # Without a copy, which a large model would need as much memory for again.
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def save_model(
    path: str | os.PathLike[str], kind: str, arrays: Mapping[str, np.ndarray], card: Mapping[str, Any]
) -> Path:
    """Write a model file atomically; the same arrays and card give the same bytes.

    Parameters
    ----------
    path : path
        Conventionally ends in ``.npz``.
    kind : str
        Sort of model, e.g. ``"action-units"``; checked on loading.
    arrays : mapping of str to ndarray
        Numbers, booleans or fixed-width text; no object arrays.
    card : mapping
        JSON-able facts about the model.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ModelError
        If an array holds Python objects, or is called ``card``.
    """
    path = Path(path)
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    if "card" in arrays:
        raise ModelError(f"{path}: an array may not be called 'card', which is the name of the model's description")
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ModelError(f"{path}: array {name!r} holds Python objects; model files hold plain numbers only")
    full = {
        **card,
        "kind": kind,
        "format_version": FORMAT_VERSION,
        "content_sha256": content_hash(arrays),
    }
    text = json.dumps(full, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    members = {**arrays, "card": np.frombuffer(text.encode(), dtype=np.uint8)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in sorted(members):
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.asarray(members[name], order="C"), allow_pickle=False)
                # A fixed date keeps the bytes the same from one training run to the next.
                archive.writestr(
                    zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED
                )
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def stored_bytes(arrays: Mapping[str, np.ndarray]) -> int:
    """Bytes that the arrays take in a model file, compressed as `save_model` does; without names and card.

    Examples
    --------
    >>> stored_bytes({"weights": np.zeros(100_000)}) < 1000
    True
    """
    return sum(len(zlib.compress(np.asarray(array).tobytes(), 9)) for array in arrays.values())


def check_unpacked_size(path: str | os.PathLike[str]) -> None:
    """Refuse an ``.npz`` whose arrays would take more memory than `facs_pipeline.foundation.limits` allows.

    Raises
    ------
    ModelError
        If they would.
    """
    with zipfile.ZipFile(path) as packed:
        problem = too_many_bytes(sum(member.file_size for member in packed.infolist()))
    if problem:
        raise ModelError(f"{path}: {problem}")


def load_model(path: str | os.PathLike[str], kind: str | None = None) -> ModelFile:
    """Read and verify a model file.

    Parameters
    ----------
    path : path
        The file.
    kind : str, optional
        Kind that is expected; any unless given.

    Returns
    -------
    ModelFile
        Its card and arrays.

    Raises
    ------
    ModelError
        If the file is missing, a pickle, cut, changed, of another kind, of a newer format version, or larger than
        `facs_pipeline.foundation.limits.largest_content` once it is unpacked.
    """
    path = Path(path)
    _check_kind(path)
    card, members = _unpacked(path)
    if not isinstance(card, dict):
        raise ModelError(f"{path}: the model card is not a JSON object; not a facs model file")
    version = card.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ModelError(
            f"{path}: format version {version!r}, this facs reads up to {FORMAT_VERSION}; upgrade facs-pipeline"
        )
    if kind is not None and card.get("kind") != kind:
        raise ModelError(f"{path}: a model of kind {card.get('kind')!r}, expected {kind!r}")
    if content_hash(members) != card.get("content_sha256"):
        raise ModelError(f"{path}: contents do not match the hash in its card; the file was changed or damaged")
    for name, array in members.items():
        if array.dtype.kind not in "biufU" or (array.dtype.kind == "f" and not np.isfinite(array).all()):
            raise ModelError(f"{path}: array {name!r} ({array.dtype}) holds something else than finite numbers or text")
    return ModelFile(card=card, arrays=members)


def _check_kind(path: Path) -> None:
    """By its first bytes."""
    if not os.path.isfile(path):
        raise ModelError(f"{path}: no such model file")
    try:
        with open(path, "rb") as handle:
            head = handle.read(4)
    except OSError as error:
        raise ModelError(f"{path}: the file cannot be read ({error.strerror})") from None
    if head[:2] != b"PK":
        hint = " It looks like a pickle, which could run code, and is refused." if head[:1] == b"\x80" else ""
        raise ModelError(f"{path}: not a facs model file (expected an .npz archive).{hint}")


def _unpacked(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """Card and arrays, as the file has them."""
    try:
        check_unpacked_size(path)
        with np.load(path, allow_pickle=False) as archive:
            members = {name: archive[name] for name in archive.files}
        card = json.loads(bytes(members.pop("card")).decode())
    except ModelError:
        raise
    except KeyError:
        raise ModelError(f"{path}: an .npz archive without a model card; not a facs model file") from None
    except Exception as error:
        # zipfile and numpy raise many types for cut archives; every one of them means the same to the user.
        raise ModelError(
            f"{path}: cut short or damaged ({type(error).__name__}: {error}); get the file again"
        ) from error
    return card, members


@contextlib.contextmanager
def usable(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Wherever a model is made of a file's arrays and tried: whatever goes wrong inside is the file's fault.

    Parameters
    ----------
    path : path
        The file.
    what : str
        What it should be, such as ``"a landmark model"``.

    Raises
    ------
    ModelError
        Which names the file.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except ModelError as error:
        raise error if str(error).startswith(f"{path}: ") else ModelError(f"{path}: {error}") from None
    except KeyError as error:
        raise ModelError(f"{path}: {what} without {error}; train it again") from None
    except Exception as error:
        raise ModelError(
            f"{path}: not {what} that can be used ({type(error).__name__}: {error}); train it again, or get it again"
        ) from error
