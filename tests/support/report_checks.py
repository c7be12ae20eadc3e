"""What every page of a report must be: sound HTML that names everything and loads nothing."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
from pathlib import Path

import html5lib

from facs_pipeline.report.gather import gather
from facs_pipeline.report.page import write_report

VALIDATOR = os.environ.get("FACS_VNU", "") if shutil.which("java") else ""
"""The Nu Html Checker's vnu.jar (npm install vnu-jar), which .ci/run fetches; without it html5lib is all there is."""


def check_html(text: str) -> None:
    """Parsed without an error, ids unique, links and buttons lead somewhere, images, charts and tables are named."""
    html5lib.HTMLParser(strict=True).parse(text)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    assert set(re.findall(r'data-table="([^"]+)"', text)) <= set(ids)
    assert {one for many in re.findall(r'aria-labelledby="([^"]+)"', text) for one in many.split()} <= set(ids)
    assert not re.findall(r"<img(?![^>]*\balt=)", text)
    assert not re.findall(r'<svg(?![^>]*\brole="img")(?![^>]*aria-hidden)(?![^>]*preserveAspectRatio)', text)
    assert not re.findall(r"<th(?![^>]*\bscope=)[ >]", text)
    assert not re.findall(r"<table[^>]*>(?!\s*<caption>)", text)
    assert not re.findall(r'\bstyle="', text), "the policy forbids style attributes"
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", text)


def validate(*pages: Path) -> str:
    """Errors that the Nu Html Checker finds in the pages; its CSS part does not know two of SVG 2's properties."""
    command = ["java", "-jar", VALIDATOR, "--errors-only", "--filterpattern", ".*(paint-order|vector-effect).*"]
    return subprocess.run([*command, *map(str, pages)], capture_output=True, text=True, timeout=300).stderr


def searched(pattern: str, text: str, flags: re.RegexFlag = re.NOFLAG) -> re.Match[str]:
    """The pattern's first match, which must be there."""
    match = re.search(pattern, text, flags)
    assert match is not None, pattern
    return match


def rows_of(text: str, id: str) -> list[dict[str, str]]:
    """A table of the page as text, row by row."""
    table = searched(rf'<table id="{id}".*?</table>', text, re.S)[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in re.findall(r"<tr>.*?</tr>", table, re.S)]
    plain = [[html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in cells]
    return [dict(zip(plain[0], row, strict=True)) for row in plain[1:]]


def write(folders, out: Path, **options) -> str:
    return write_report(gather(folders), out, **options).pages[0].read_text(encoding="utf-8")
