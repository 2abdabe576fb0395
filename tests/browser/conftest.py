"""A real browser, without any network, and pages that tell what they did."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

sys.path += [str(Path(__file__).parents[1] / "report"), str(Path(__file__).parent)]

from visits import DESKTOP, Visit

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
]


@pytest.fixture(scope="module")  # no longer: while it lives, its event loop is everybody's
def browser() -> Iterator[Browser]:
    """Debian's chromium; skips the test only if there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=ARGUMENTS, headless=True)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, report):
    """`visit(viewport=…, color_scheme=…) -> Visit`; afterwards, nothing may have been complained of or asked for."""
    visits = []

    def open_page(path: Path = report, **options) -> Visit:
        context = browser.new_context(offline=True, **({"viewport": DESKTOP} | options))
        page = context.new_page()
        one = Visit(page, [], [])
        page.on("console", lambda message: one.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: one.complaints.append(str(error)))
        page.route("**/*", lambda route: (one.requests.append(route.request.url), route.continue_()))
        page.on("request", lambda request: one.requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.theme")
        visits.append(one)
        return one

    yield open_page
    for one in visits:
        asked = {url for url in one.requests if not url.startswith(("data:", "blob:"))}
        assert asked == {report.as_uri()}
        assert one.complaints == []
        one.page.context.close()
