"""Which action-unit tables a user names: files, folders and globs."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import is_table, table_stem

OTHER_TABLES = frozenset({"descriptors", "videos", "predictions", "events", "explanations", "stills"})
"""What the package itself writes beside action-unit tables; passed over in folders."""


def find_tables(named: Sequence[str | os.PathLike[str]], exclude: Iterable[Path | None] = ()) -> list[Path]:
    """Action-unit tables named by files, folders and globs, each once.

    Parameters
    ----------
    named : sequence of str or PathLike
        Files as they are; of folders all tables below, or those in ``action_units`` where `extract_features` made the
        folder; globs.
    exclude : iterable of Path or None
        Files in folders that are no input, such as the result of an earlier run.

    Raises
    ------
    InputError
        If a folder holds no tables or a pattern fits no file.
    """
    left_out = {os.path.abspath(path) for path in exclude if path is not None}
    tables: dict[str, Path] = {}
    for one in named:
        text, path = os.fspath(one), Path(one)
        if os.path.isdir(path):
            matches = [file for file in _tables_below(path) if os.path.abspath(file) not in left_out]
            if not matches:
                raise InputError(f"{path}: no tables (.csv, .parquet) in this folder")
        elif os.path.exists(path) or not glob.has_magic(text):
            matches = [path]
        else:
            matches = sorted(Path(match) for match in glob.glob(text, recursive=True))
            if not matches:
                raise InputError(f"{text}: no file fits this pattern")
        tables.update({os.path.abspath(match): match for match in matches})
    return list(tables.values())


def _tables_below(path: Path) -> list[Path]:
    folder = path / "action_units" if (path / "action_units").is_dir() else path
    return sorted(
        file
        for file in folder.rglob("*")
        if is_table(file)
        and table_stem(file) not in OTHER_TABLES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
