"""The report in a real browser: headless Chromium from the system, driven by Playwright."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from report_results import demo_results, emotion_results

from facs_pipeline.report.gather import gather
from facs_pipeline.report.page import write_report

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; apt-get install chromium, then run again")


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return write_report(
        gather([demo_results(tmp_path_factory)]), tmp_path_factory.mktemp("page") / "report.html"
    ).pages[0]


@pytest.fixture(scope="module")
def emotions(tmp_path_factory) -> Path:
    """A report of seven emotions by four models."""
    folder = tmp_path_factory.mktemp("emotions")
    emotion_results(folder)
    return write_report(gather([folder]), folder / "report.html").pages[0]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium's own sandbox does not start for root in a container; the page is our own file.
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def opened(browser, file):
    """Opens the report; at the end nothing may have been complained of, and nothing requested but the file."""
    pages = []

    def open_page(*, width: int = 1280, scheme: str = "light", file: Path = file):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        complaints, requests = [], []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.as_uri())
        pages.append((context, complaints, requests, file))
        return page

    yield open_page
    for context, complaints, requests, file in pages:
        context.close()
        assert complaints == []
        assert {url for url in requests if not url.startswith(("data:", "blob:"))} == {file.as_uri()}


def test_headers_sort_by_number_and_by_keyboard(opened):
    page = opened()
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    table = page.locator("#intensities")
    mean = "rows => rows.map(row => Number(row.cells[2].dataset.sort))"
    header = table.locator("th button", has_text="Mean")
    header.click()
    values = table.locator("tbody tr").evaluate_all(mean)
    assert values == sorted(values)
    assert len(set(values)) > 3
    assert table.locator("th[aria-sort=ascending]").count() == 1
    header.focus()
    page.keyboard.press("Enter")
    assert table.locator("tbody tr").evaluate_all(mean) == sorted(values, reverse=True)
    assert table.locator("th[aria-sort=descending]").inner_text().startswith("Mean")


def test_hovering_a_curve_shows_the_nearest_picture(opened):
    page = opened()
    card = page.locator("#v1-1")
    plot = card.locator(".plot")
    plot.scroll_into_view_if_needed()
    width = plot.bounding_box()["width"]
    sources = card.locator(".strip img").evaluate_all("all => all.map(one => one.src)")
    times = card.locator(".strip li").evaluate_all("all => all.map(one => Number(one.dataset.time))")
    last = float(plot.locator("svg.lanes").get_attribute("data-last"))
    for share in (0.05, 0.5, 0.95):
        plot.hover(position={"x": width * share, "y": 60})
        nearest = min(range(len(times)), key=lambda k: abs(times[k] - share * last))
        assert plot.locator(".peek img").get_attribute("src") == sources[nearest]
    shape = plot.locator(".peek img").evaluate("one => [one.width, one.height, one.naturalWidth, one.naturalHeight]")
    assert shape[2] > 0
    assert shape[0] / shape[1] == pytest.approx(shape[2] / shape[3], rel=0.05)
    page.mouse.move(1, 1)
    assert plot.locator(".peek").is_hidden()


def test_curves_by_keyboard(opened):
    plot = opened().locator("#v1-1 .plot")
    plot.focus()
    plot.press("End")
    assert plot.locator(".peek div").inner_text() == "2.96 s"
    plot.press("ArrowLeft")
    assert plot.locator(".peek div").inner_text() == "2.90 s"


def test_the_picture_under_the_pointer_says_when_it_was_taken(opened):
    page = opened()
    card = page.locator("#v1-1")
    plot = card.locator(".plot")
    plot.scroll_into_view_if_needed()
    plot.hover(position={"x": plot.bounding_box()["width"] * 0.4, "y": 60})
    said = float(plot.locator(".peek small").inner_text().removeprefix("picture: ").removesuffix(" s"))
    times = card.locator(".strip li").evaluate_all("all => all.map(one => Number(one.dataset.time))")
    assert len(times) == 16
    assert said in [round(time, 2) for time in times]
    # Sixteen pictures of three seconds: the nearest one is at most half a step and a frame away.
    assert abs(said - 0.4 * 2.96) <= 3 / 16 / 2 + 0.04
    # Also far down the curves it is where the window shows it.
    plot.hover(position={"x": 100, "y": plot.bounding_box()["height"] - 10})
    box = plot.locator(".peek").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 900
    # Eight are seen; the nearest of those is marked.
    assert card.locator(".strip li:visible").count() == 8
    assert card.locator(".strip li.near:visible").count() == 1


def test_a_pair_shows_both_pictures(opened):
    page = opened()
    plot = page.locator("#pairs .plot").first
    plot.scroll_into_view_if_needed()
    plot.hover(position={"x": 300, "y": 60})
    assert plot.locator(".peek img").count() == 2


def test_copy_and_download(opened):
    page = opened()
    tools = page.locator(".tools[data-table=accuracy-1]")
    copied = {}
    for name in ("CSV", "LaTeX", "Markdown"):
        tools.get_by_role("button", name=f"Copy {name}").click()
        tools.get_by_text("Copied.").wait_for()
        copied[name] = page.evaluate("navigator.clipboard.readText()")
    assert copied["CSV"].splitlines()[0].startswith("Model,Accuracy here,")
    assert copied["CSV"].splitlines()[1].startswith("rank-svm,")
    assert copied["LaTeX"].startswith("\\begin{tabular}{l")
    assert "66.7 \\%" in copied["LaTeX"]
    assert copied["Markdown"].splitlines()[1].startswith("| --- |")
    for name, ending in (("CSV", "csv"), ("LaTeX", "tex"), ("Markdown", "md")):
        with page.expect_download() as saved:
            tools.get_by_role("button", name=f"Download {name}").click()
        assert saved.value.suggested_filename == f"accuracy-1.{ending}"
        assert Path(saved.value.path()).read_text() == copied[name]


def test_every_table_can_be_copied(opened, emotions):
    page = opened(file=emotions)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    tools = page.locator(".tools")
    assert tools.count() >= 1 + 4 * 3
    for number in range(tools.count()):
        one = tools.nth(number)
        id = one.get_attribute("data-table")
        one.get_by_role("button", name="Copy CSV").click()
        one.get_by_text("Copied.").wait_for()
        lines = page.evaluate("navigator.clipboard.readText()").splitlines()
        assert len(lines) == page.locator(f"#{id} tr").count()
    classes = page.locator(".tools[data-table=t1-1-classes]")
    classes.get_by_role("button", name="Copy LaTeX").click()
    classes.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[2].strip() == "Class & Precision & Recall & F1 & Support \\\\"


def test_emotions_sort_by_any_figure_and_empty_cells_stay_last(opened, emotions):
    page = opened(file=emotions)
    table = page.locator("#accuracy-1")
    names = "rows => rows.map(row => row.cells[0].textContent)"
    for _ in range(2):
        table.locator("th button", has_text="Log-loss").click()
    assert table.locator("tbody tr").evaluate_all(names)[:4] == [
        "emotions from 11 AU intensities", "SVM on HOG", "LightGBM on HOG, LBP and landmarks", "best",
    ]  # fmt: skip
    table.locator("th button", has_text="Published accuracy").click()
    assert table.locator("tbody tr").evaluate_all(names)[0] == "SVM on HOG in sliding windows"


def test_the_keyboard_reaches_everything(opened, emotions):
    page = opened(file=emotions)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    second = page.locator("details.model").nth(1)
    assert second.get_attribute("open") is None
    second.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert second.get_attribute("open") == ""
    # What scrolls sideways can be focused, and then scrolled with the arrow keys.
    scrolling = page.locator(".scroll").evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.tabIndex)"
    )
    assert scrolling
    assert set(scrolling) == {0}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("which", ["videos", "emotions"])
def test_nothing_sticks_out_and_text_stands_out(opened, file, emotions, width, scheme, which):
    page = opened(width=width, scheme=scheme, file=file if which == "videos" else emotions)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    colours = page.evaluate(
        "() => ['color', 'backgroundColor'].map(n => getComputedStyle(document.body)[n].match(/\\d+/g).map(Number))"
    )
    light = [0.2126 * _linear(r) + 0.7152 * _linear(g) + 0.0722 * _linear(b) for r, g, b in (c[:3] for c in colours)]
    assert (light[0] > light[1]) == (scheme == "dark")
    assert (max(light) + 0.05) / (min(light) + 0.05) > 7


def _linear(value: float) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def test_print(opened):
    page = opened(scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".tools").first.is_hidden()
    assert page.pdf().startswith(b"%PDF")


def test_print_unfolds_models_and_folds_them_again(opened, emotions):
    page = opened(file=emotions)
    folded = "document.querySelectorAll('details.model:not([open])').length"
    assert page.evaluate(folded) == 3
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(folded) == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(folded) == 3


def test_links_lead_from_page_to_page(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages and spaces")
    demo = demo_results(tmp_path_factory)
    written = write_report(gather([demo]), folder / "a report.html", pictures="none", per_page=5)
    page = browser.new_page()
    page.goto(written.pages[0].as_uri())
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Provenance").click()
    page.locator("#provenance").wait_for()
    assert page.url.endswith("/a%20report-3.html#provenance")
    link = page.locator("#videos-1 tbody a").first
    name = link.inner_text()
    link.click()
    page.wait_for_url("**/a%20report.html#v1-1")
    assert page.locator("#v1-1 h3").inner_text() == name
    page.close()


def test_the_policy_holds_script_back(browser, file):
    page = browser.new_page()
    page.goto(file.as_uri())
    ran = page.evaluate(
        """() => { const one = document.createElement('p'); one.setAttribute('onclick', 'window.ran = true');
        document.body.append(one); const said = new Promise(done =>
        document.addEventListener('securitypolicyviolation', event => done(event.violatedDirective)));
        one.click(); return said.then(name => [name, window.ran ?? false]); }"""
    )
    page.close()
    assert ran[0].startswith("script-src")
    assert ran[1] is False


def test_videos_are_filtered_by_verdict_and_by_words(opened):
    page = opened()
    table = page.locator("#quality-table tbody tr")
    everything = table.count()
    assert everything > 1
    name = page.locator("#quality-table tbody th").first.inner_text()
    page.get_by_label("Filter by name or reason").fill(name)
    assert page.locator("#quality-table tbody tr:visible").count() == 1
    assert page.locator(".filter output").inner_text() == f"1 of {everything} shown"
    page.get_by_label("Filter by name or reason").fill("")
    for verdict in ("leave out", "check", "use"):
        page.locator(f".filter input[value='{verdict}']").uncheck()
    assert page.locator("#quality-table tbody tr:visible").count() == 0
    page.locator(".filter input[value='use']").check()
    shown = page.locator("#quality-table tbody tr:visible")
    assert all(one.get_attribute("data-verdict") == "use" for one in shown.all())
