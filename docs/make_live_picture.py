"""The picture of the page in docs/live.md: the synthetic face, twelve seconds after it began.

    python docs/make_live_picture.py

Needs Chromium and `pip install -e ".[test]"`; writes docs/live.jpg.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from facs_pipeline.live.analyser import LiveAnalyser
from facs_pipeline.live.server import LivePage

SECONDS = 22.2


def main() -> None:
    """Take the picture."""
    with LiveAnalyser("demo", emotions="default") as live, LivePage(live) as page:

        def run() -> None:
            for frame in live:
                page.write(frame)

        thread = threading.Thread(target=run)
        thread.start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1280, "height": 1100}, color_scheme="light")
            tab.goto(page.url)
            tab.locator("#label").fill("stimulus on")
            tab.wait_for_timeout(1000 * (SECONDS - 4))
            tab.locator("#label").press("Enter")
            tab.locator("h1").click()
            tab.wait_for_timeout(4000)
            path = Path(__file__).resolve().parent / "live.jpg"
            tab.screenshot(path=path, type="jpeg", quality=70, full_page=True)
            browser.close()
        live.close()
        thread.join()


if __name__ == "__main__":
    main()
