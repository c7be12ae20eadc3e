"""The picture of the report in docs/report.md: the first video of the sample with the pointer on its curves.

    python docs/make_report_picture.py

Needs Chromium and `pip install -e ".[test]"`; reads docs/sample-report/report.html and writes docs/report.png.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).resolve().parent
WIDTH, HEIGHT = 1000, 1000


def main() -> None:
    """Take the picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto((DOCS / "sample-report" / "report.html").as_uri())
        card = page.locator("#v1-5")
        card.evaluate("one => scrollTo({ top: one.getBoundingClientRect().top + scrollY - 8, behavior: 'instant' })")
        box = card.locator(".plot").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 0.31 * box["width"], box["y"] + 200)
        page.locator("#v1-5 .peek img").evaluate("one => one.decode()")
        page.screenshot(path=DOCS / "report.png")
        browser.close()


if __name__ == "__main__":
    main()
