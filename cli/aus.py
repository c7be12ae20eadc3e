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
        return self.numbers(text, "default, all, or numbers", param, ctx)

    def numbers(
        self, text: str, expected: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The numbers of a text."""
        try:
            aus = [int(part.strip().upper().removeprefix("AU")) for part in text.split(",")]
        except ValueError:
            self.fail(f"{text!r}: expected {expected} such as 1,2,4,12", param, ctx)
        if len(set(aus)) < len(aus) or min(aus) < 1:
            self.fail(f"{text!r}: each action unit once, numbers from 1", param, ctx)
        return tuple(aus)


class AUNumbers(AUList):
    """Numbers with commas between them."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The text as numbers."""
        return value if isinstance(value, tuple) else self.numbers(str(value), "numbers", param, ctx)
