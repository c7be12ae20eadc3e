"""Text from outside: shown on terminals, written into cells of spreadsheets and into XML, read as whole numbers.

Names of files, videos and faces are anybody's. Each of these functions makes one use of them harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

# Control characters but tab and newline; marks that turn or hide what is beside them; halves of characters.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
# What XML 1.0 cannot hold, https://www.w3.org/TR/xml/#charsets; tab and line ends do not last in attributes.
_NOT_XML = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
_FORMULA = re.compile("'*[=+\\-@\t\r]")
_PREFIXED = re.compile("'+[=+\\-@\t\r]")
_WHOLE = re.compile("[0-9]{1,15}")


def printable(text: str) -> str:
    r"""Text that a terminal shows as it is: what would steer the terminal is written out.

    Parameters
    ----------
    text : str
        Tabs and line ends stay.

    Examples
    --------
    >>> print(printable("clip\x1b[2J.mp4"), printable("gpj.\u202eanna"))
    clip\u001b[2J.mp4 gpj.\u202eanna
    """
    return _UNPRINTABLE.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    # As in JSON, of which what is printed may be a part.
    return f"\\u{ord(match[0]):04x}"


def xml_text(text: str) -> str:
    r"""Text that XML can hold; a replacement character stands for what it cannot.

    >>> xml_text("face \x00\x1f1").encode("ascii", "backslashreplace")
    b'face \\ufffd\\ufffd1'
    """
    return _NOT_XML.sub("\ufffd", text)


def as_cell(text: str) -> str:
    """Text as a cell of a CSV that no spreadsheet takes for a formula: an apostrophe goes before ``= + - @``.

    Numbers stay as they are. `from_cell` takes the apostrophe off again, so that every text comes back.

    Source: OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection.

    Examples
    --------
    >>> as_cell("=cmd|' /C calc'!A0"), as_cell("-1.5"), as_cell("'=x"), as_cell("anna")
    ("'=cmd|' /C calc'!A0", '-1.5', "''=x", 'anna')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def from_cell(text: str) -> str:
    """The text of which `as_cell` made a cell.

    >>> from_cell("'=cmd"), from_cell("''=x"), from_cell("'tis"), from_cell("-1.5")
    ('=cmd', "'=x", "'tis", '-1.5')
    """
    return text[1:] if text.startswith("'") and _PREFIXED.match(text) else text


def whole_number(text: str) -> int | None:
    """A whole number from 0 of at most 15 digits 0..9; None for any other text.

    Python takes digits of other scripts too, calls some a digit of which it makes no number, and has limits of its own.

    >>> whole_number("012"), whole_number("²"), whole_number("9" * 40), whole_number("1.0")
    (12, None, None, None)
    """
    return int(text) if _WHOLE.fullmatch(text) else None


def without_zeros(text: str) -> str:
    """What a spreadsheet makes of a whole number that begins with zeros; any other text as it is.

    >>> without_zeros("007"), without_zeros("000"), without_zeros("07a")
    ('7', '0', '07a')
    """
    return text.lstrip("0") or "0" if whole_number(text) is not None else text


def lost_zeros(names: Iterable[str]) -> str:
    """A note where two names differ by zeros in front only; empty where none do.

    >>> lost_zeros(["007", "12", "7"])
    "'007' and '7' differ by the zeros in front only, which spreadsheets drop; they count as two"
    """
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(without_zeros(name), name)
        if other != name:
            both = " and ".join(map(repr, sorted((name, other))))
            return f"{both} differ by the zeros in front only, which spreadsheets drop; they count as two"
    return ""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "face"), counted(2, "face"), counted(0, "series", "series")
    ('1 face', '2 faces', '0 series')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def few_of(names: Sequence[str], most: int = 3) -> str:
    """The first of some names, and how many more there are.

    >>> few_of(["anna", "ben", "cleo", "dan", "eva"])
    'anna, ben, cleo and 2 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def file_stem(name: str) -> str:
    r"""The name of a file without folder and ending, whichever system wrote it.

    >>> file_stem("C:\\clips\\anna.mp4"), file_stem("clips/anna.v2.mp4"), file_stem("anna")
    ('anna', 'anna.v2', 'anna')
    """
    return PurePosixPath(name.replace("\\", "/")).stem
