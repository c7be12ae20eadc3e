"""Figures drawn by matplotlib, which is an extra: whether it is there, one style, the same file for the same figure."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facs_pipeline.foundation.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ENDINGS = (".svg", ".pdf", ".png")


def figure_style() -> AbstractContextManager[None]:
    """Within it figures have one style, and the same figure gives the same bytes."""
    import matplotlib as mpl

    return mpl.rc_context({"svg.hashsalt": "facs", "font.size": 9, "svg.fonttype": "none", "pdf.fonttype": 42})


def new_figure(**settings: Any) -> Figure:
    """A figure that notebooks show without being asked to, whatever they have imported.

    Parameters
    ----------
    **settings
        As `matplotlib.figure.Figure` takes them.
    """
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        """Jupyter asks for this method."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=100)
            return buffer.getvalue()

    return ShownFigure(**settings)


def require_figures(path: Path) -> None:
    """Check before the work that a figure can be drawn.

    Parameters
    ----------
    path : Path
        Where it is to be written: ``.svg``, ``.pdf`` or ``.png``.

    Raises
    ------
    InputError
        If the ending is another, or matplotlib is not installed.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"{path}: figures are written as {', '.join(_ENDINGS)}")
    try:
        require_matplotlib()
    except InputError as error:
        raise InputError(f"{path}: {error}, or ask for none") from None


def require_matplotlib() -> None:
    """Raise `InputError` with what to install where matplotlib is not there."""
    try:
        import matplotlib  # noqa: F401  only whether it is there
    except ImportError:
        raise InputError(
            "figures are drawn by matplotlib, which is not installed; pip install 'facs-pipeline[plot]'"
        ) from None


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as the file's ending says.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : Path
        ``.svg``, ``.pdf`` or ``.png`` (200 dots an inch).
    """
    metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
    with figure_style():
        figure.savefig(path, dpi=200, metadata=metadata)
