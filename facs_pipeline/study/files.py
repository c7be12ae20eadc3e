"""The files of a study: tables in the format of one's statistics program, with labels of their variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pandas as pd

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.study.signals import STATISTICS, signal_label
from facs_pipeline.study.summary import Summary, wide
from facs_pipeline.tables.writing import write_table

Format = Literal["csv", "xlsx", "parquet", "sav"]
_DECIMALS = 6
_LABELS = {
    "video": "Name of the video",
    "kind": "au, blink, pose, gaze or emotion",
    "signal": "Action unit or other signal",
    "side": "left, right; empty for both",
    "frames": "Frames used",
    "seconds": "Seconds used",
    "videos": "Videos",
    "persons": "Persons",
    "factor": "Column of the conditions",
    "level_a": "First condition",
    "level_b": "Second condition",
    "statistic": "What is compared",
    "mean_a": "Mean over persons in the first condition",
    "mean_b": "Mean over persons in the second condition",
    "difference": "Mean difference within persons, second less first condition",
    "low": "Lower end of its 95 % bootstrap interval over persons",
    "high": "Upper end of its 95 % bootstrap interval over persons",
    "effect_dz": "Effect size d_z: mean difference over its standard deviation",
    "p": "p, two-sided, by changes of sign",
    "p_corrected": "p, corrected over the signals of one kind, statistic and pair",
    "correction": "Which correction",
}


def require_format(form: Format) -> None:
    """Check before the work that a format can be written; `InputError` says what is to be installed."""
    if form == "sav":
        try:
            import pyreadstat  # noqa: F401  only whether it is there
        except ImportError:
            raise InputError(
                "SPSS files are written by pyreadstat, which is not installed; pip install 'facs-pipeline[spss]'"
            ) from None


def write_summary(summary: Summary, out: Path, form: Format, keys: tuple[str, ...]) -> list[Path]:
    """Write all tables of a summary, and ``variables.csv``, which explains their columns.

    Parameters
    ----------
    summary : Summary
    out : Path
        Folder; made where it is missing.
    form : "csv", "xlsx", "parquet" or "sav"
    keys : tuple of str
        Columns that say what a row of the wide tables is about: all metadata columns for videos, `SummaryOptions.by`
        for persons.

    Returns
    -------
    list of Path
        The files.
    """
    about = [name for name in summary.videos.columns[: list(summary.videos.columns).index("kind")]]
    tables = {
        "videos_long": summary.videos,
        "videos_wide": wide(summary.videos, about),
        "persons_long": summary.persons,
        "persons_wide": wide(summary.persons, keys) if len(summary.persons) else summary.persons,
        "groups": summary.groups,
        "differences": summary.differences,
    }
    return write_labelled(tables, out, form, variable_label)


def write_labelled(
    tables: Mapping[str, pd.DataFrame], out: Path, form: Format, label_of: Callable[[str, pd.DataFrame], str]
) -> list[Path]:
    """Write tables, and ``variables.csv``, which explains their columns. An empty one is not written, and none stays.

    Parameters
    ----------
    tables : Mapping of str to DataFrame
        Name of the file without its ending -> table; numbers are written with six decimals.
    out : Path
        Folder; made where it is missing.
    form : "csv", "xlsx", "parquet" or "sav"
    label_of : callable
        Takes a column and its table, and says what it means.

    Returns
    -------
    list of Path
        The files.
    """
    out.mkdir(parents=True, exist_ok=True)
    written, variables = [], []
    for name, table in tables.items():
        path = out / f"{name}.{form}"
        if not len(table):
            path.unlink(missing_ok=True)
            continue
        labels = {str(column): label_of(str(column), table) for column in table.columns}
        # No -0.0: it is a difference in the bytes that means none.
        _write(table.round(_DECIMALS).replace(-0.0, 0.0), path, form, labels)
        written.append(path)
        variables += [{"table": name, "variable": column, "label": label} for column, label in labels.items()]
    write_table(pd.DataFrame(variables), out / "variables.csv")
    return [*written, out / "variables.csv"]


def variable_label(column: str, table: pd.DataFrame) -> str:
    """What a column of a summary means.

    Examples
    --------
    >>> variable_label("AU12_time_share", pd.DataFrame())
    'AU12 lip corner puller: share of time present'
    """
    if column in _LABELS:
        return _LABELS[column]
    for statistic, words in STATISTICS.items():
        for ending, more in (("", ""), ("_low", ", lower end of its 95 % interval"), ("_high", ", upper end of it")):
            if column == f"{statistic}{ending}":
                return words.capitalize() + more
            if column.endswith(f"_{statistic}{ending}"):
                name = column.removesuffix(f"_{statistic}{ending}")
                signal, _, side = name.rpartition("_") if name.endswith(("_left", "_right")) else (name, "", "")
                return f"{signal_label(signal, side)}: {words}{more}"
    return f"{column} (metadata)"


def _write(table: pd.DataFrame, path: Path, form: Format, labels: dict[str, str]) -> None:
    if form != "sav":
        write_table(table, path, form)
        return
    import pyreadstat

    names = _spss_names([str(column) for column in table.columns])
    table = table.set_axis(list(names.values()), axis=1)
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            table[column] = table[column].fillna("").astype(str)
    label_of: dict[str, str | None] = {names[column]: label[:255] for column, label in labels.items()}
    # The library writes to a name; the file appears whole or not at all.
    with atomic_write(path, "wb") as file:
        temporary = path.with_name(f".{path.name}.{id(file)}.tmp")
        try:
            pyreadstat.write_sav(table, str(temporary), column_labels=label_of)
            file.write(temporary.read_bytes())
        except pyreadstat.PyreadstatError as error:
            raise InputError(f"{path}: cannot be written as an SPSS file ({error})") from None
        finally:
            temporary.unlink(missing_ok=True)


def _spss_names(columns: list[str]) -> dict[str, str]:
    """Names that SPSS takes: letters, digits and underscores, at most 64 bytes, none twice."""
    names: dict[str, str] = {}
    for column in columns:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", column)
        plain = plain if plain[:1].isalpha() else f"v_{plain}"
        name, number = plain[:60], 2
        while name.lower() in {taken.lower() for taken in names.values()}:
            name, number = f"{plain[:60]}_{number}", number + 1
        names[column] = name
    return names
