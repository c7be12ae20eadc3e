"""Artifacts on disk: results of a stage in joblib dumps, verified before they are unpickled.

An artifact is one file: joblib dumps one after the other, one per chunk of frames, so that neither writing nor reading
one needs memory that grows with the video; then a JSON index, written last. The index holds a keyed digest of every
chunk and of itself. Only the user has the key, so a file that somebody else made is never unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import json
import os
import pickle
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_write, naming_the_file, temporary_path
from facs_pipeline.foundation.files.regular import open_regular

_MAGIC = b"FACSART1"
_FOOTER = struct.Struct("<Q8s")  # length of the index before it, magic
_LONGEST_INDEX = 1 << 24
# What reading JSON that anybody may have made can raise.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, MemoryError)


class BadArtifactError(Exception):
    """An artifact that is incomplete, damaged or foreign, as its text tells; it counts as absent."""


class ArtifactWriter:
    """Writes one artifact chunk by chunk; it exists under its name only after `finish`.

    Parameters
    ----------
    path : Path
        The artifact's final name.
    key : bytes
        The user's secret key, see `load_key`.
    about : mapping
        JSON-able facts that the result depends on; they become part of the index.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "faces-0123.joblib"
    >>> with ArtifactWriter(path, b"secret", {"stage": "faces"}) as writer:
    ...     writer.append({"frame": [1, 2]})
    ...     writer.finish({"frames": 2})
    >>> artifact = Artifact.open(path, b"secret")
    >>> artifact.facts["frames"], [chunk["frame"] for chunk in artifact]
    (2, [[1, 2]])
    """

    def __init__(self, path: Path, key: bytes, about: Mapping[str, object]) -> None:
        self.path, self._key, self._about = Path(path), key, dict(about)
        self._stack = contextlib.ExitStack()
        self._file = self._stack.enter_context(atomic_write(self.path, "wb"))
        self._chunks: list[tuple[int, str]] = []

    def append(self, chunk: object) -> None:
        """Write the next chunk, anything that joblib can dump."""
        import joblib

        buffer = io.BytesIO()
        joblib.dump(chunk, buffer)
        content = buffer.getbuffer()
        with naming_the_file(self.path):
            self._file.write(content)
        self._chunks.append((len(content), digest(self._key, content)))

    def finish(self, facts: Mapping[str, object] | None = None) -> None:
        """Write the index with `facts` (JSON-able, known only at the end) and give the artifact its name."""
        index = {"name": self.path.name, "about": self._about, "facts": dict(facts or {}), "chunks": self._chunks}
        text = canonical_json({"index": index, "digest": digest(self._key, canonical_json(index))})
        # A file of any kind gives way to the new one, a folder only if it is empty.
        with contextlib.suppress(OSError):
            self.path.rmdir()
        with naming_the_file(self.path):
            self._file.write(text + _FOOTER.pack(len(text), _MAGIC))
        self._stack.close()

    def __enter__(self) -> ArtifactWriter:
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(_AbandonedError):
            self._stack.__exit__(_AbandonedError, _AbandonedError(), None)


class _AbandonedError(Exception):
    """Tells `atomic_write` that an artifact was not finished."""


class Artifact:
    """A finished artifact whose index was verified; iterating verifies and loads one chunk after the other.

    Attributes
    ----------
    path : Path
        The file.
    about : dict
        Facts that the result depends on, as given to `ArtifactWriter`.
    facts : dict
        Facts known only at the end, as given to `ArtifactWriter.finish`.
    """

    def __init__(self, path: Path, key: bytes, index: dict[str, Any]) -> None:
        self.path, self._key, self._chunks = path, key, index["chunks"]
        self.about: dict[str, Any] = index["about"]
        self.facts: dict[str, Any] = index["facts"]

    @classmethod
    def open(cls, path: str | os.PathLike[str], key: bytes) -> Artifact:
        """Open the artifact at `path`.

        Raises
        ------
        FileNotFoundError
            If there is none.
        BadArtifactError
            If its index is damaged or signed with another key.
        """
        path = Path(path)
        try:
            with open_regular(path) as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(size - _FOOTER.size)
                length, magic = _FOOTER.unpack(file.read())
                if magic != _MAGIC or not 0 < length <= min(size - _FOOTER.size, _LONGEST_INDEX):
                    raise BadArtifactError("damaged, or cut short")
                file.seek(size - _FOOTER.size - length)
                signed = json.loads(file.read(length))
            index, claimed = signed["index"], signed["digest"]
            ours = hmac.compare_digest(str(claimed), digest(key, canonical_json(index))) and index["name"] == path.name
        except FileNotFoundError:
            raise
        except _UNREADABLE:
            raise BadArtifactError("damaged, or cut short") from None
        if not ours:
            raise BadArtifactError("damaged, or not written by this user")
        return cls(path, key, index)

    def __len__(self) -> int:
        return len(self._chunks)

    def __iter__(self) -> Iterator[Any]:
        import joblib

        for content in self._verified():
            try:
                # What holds no array is an ordinary pickle, which joblib would read byte by byte.
                plain = b"NumpyArrayWrapper" not in content
                chunk = pickle.loads(content) if plain else joblib.load(io.BytesIO(content))
            except (ImportError, AttributeError, TypeError, ValueError, LookupError, pickle.UnpicklingError) as error:
                raise BadArtifactError(f"made by other versions of the packages: {error}") from None
            yield chunk

    def _verified(self) -> Iterator[bytes]:
        try:
            file = open_regular(self.path)
        except OSError as error:
            raise BadArtifactError(f"cannot be read any more ({error.strerror or error})") from None
        with file:
            for number, (length, expected) in enumerate(self._chunks):
                try:
                    content = file.read(length)
                except OSError as error:
                    raise BadArtifactError(f"chunk {number + 1} cannot be read ({error.strerror})") from None
                if not hmac.compare_digest(expected, digest(self._key, content)):
                    raise BadArtifactError(f"chunk {number + 1} of {len(self)} is damaged")
                yield content

    def check(self) -> None:
        """Verify every chunk without unpickling any.

        Raises
        ------
        BadArtifactError
            If one is damaged.
        """
        for _ in self._verified():
            pass


def digest(key: bytes, content: bytes | memoryview) -> str:
    """Keyed BLAKE2b of `content`, 64 hex digits."""
    return hashlib.blake2b(content, key=key[:64], digest_size=32).hexdigest()


def canonical_json(value: object) -> bytes:
    """JSON of one form for equal values: keys sorted, no spaces, ASCII only; NaN and infinity are refused."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def key_path() -> Path:
    """Where the user's key lies: ``FACS_KEY_FILE``, else the user's configuration folder."""
    if os.environ.get("FACS_KEY_FILE"):
        return Path(os.environ["FACS_KEY_FILE"])
    import platformdirs

    return Path(platformdirs.user_config_dir("facs", appauthor=False)) / "cache.key"


def load_key() -> tuple[bytes, str | None]:
    """The user's secret key, made on first use and readable by that user only.

    Returns
    -------
    key : bytes
        32 of them.
    warning : str or None
        Why the key could not be stored and serves this run only, or that others can read it.

    Raises
    ------
    InputError
        If the key file is there and is not a key.
    """
    path = key_path()
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _create_key(path)
        key = path.read_bytes()
    except OSError as error:
        return os.urandom(32), (
            f"{path}: the key for cached results cannot be kept ({error.strerror}); "
            "results cached by this run will be computed again by the next. Set FACS_KEY_FILE to a writable place."
        )
    if len(key) != 32:
        raise InputError(f"{path}: expected a key of 32 bytes, found {len(key)}; remove the file to get a new key")
    if os.name != "nt" and path.stat().st_mode & 0o077:
        return key, (
            f"{path}: others can read the key, and so make stored results that are taken for yours; "
            "make it yours alone with chmod 600"
        )
    return key, None


def _create_key(path: Path) -> None:
    temporary = temporary_path(path.parent)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
        # link, unlike rename, keeps the key that another process may have made in the meantime.
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
