"""Types of options that name action units."""

from __future__ import annotations

from typing import Literal

import click


class AUList(click.ParamType):
    """``default``, ``all``, or numbers with commas between them."""

    name = "AUS"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Literal["default", "all"] | tuple[int, ...]:
        """The text as `facs_pipeline.extraction.table_series.Wanted`."""
        text = str(value)
        if text == "default":
            return "default"
        if text == "all":
            return "all"
        try:
            aus = [int(part.strip().upper().removeprefix("AU")) for part in text.split(",")]
        except ValueError:
            self.fail(f"{text!r}: expected default, all, or numbers such as 1,2,4,12", param, ctx)
        if len(set(aus)) < len(aus) or min(aus) < 1:
            self.fail(f"{text!r}: each action unit once, numbers from 1", param, ctx)
        return tuple(aus)
