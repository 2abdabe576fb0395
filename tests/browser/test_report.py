"""The report in a real browser: it draws, hovers, toggles, fits a phone, and asks nothing of any network."""

import io
import re

import numpy as np
import pytest
from made_runs import SMALL, make_run, training_return
from PIL import Image
from playwright.sync_api import Page, expect
from visits import PHONE, check_contrast, check_narrow, colour, luminance, rgb, scroll_through

from accumbens.report import load_runs, render, write

CHART = "#env-0-training"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Twins and a plain network on CartPole, one seed of a game: a file."""
    out = tmp_path_factory.mktemp("report")
    make_run(out / "runs")
    make_run(out / "runs", name="backprop", changes=SMALL | {"credit": "backprop"}, best=70)
    make_run(out / "runs", algo="pqn", name="plain", cells=1, best=40)
    make_run(out / "runs", env="minatar/breakout", name="local", seeds=1, evaluations=0)
    write(render(load_runs([out / "runs"])), out / "report.html")
    return out / "report.html"


def picture(page: Page, selector: str) -> np.ndarray:
    """The pixels of an element."""
    image = page.locator(selector).screenshot()
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB")).astype(int)


def test_all_charts_are_drawn_and_none_before_it_is_near(visit):
    page = visit().page
    page.wait_for_selector(f"{CHART} .main-svg")
    shown = page.locator(".plot:visible").count()
    assert shown == 2 + 5 + 1 + 4  # CartPole and its first run's cells; the game, never evaluated
    assert 0 < page.locator(".plot:has(.main-svg)").count() < shown
    scroll_through(page)
    expect(page.locator(".plot:visible:has(.main-svg)")).to_have_count(shown)
    assert page.locator(f"{CHART} .scatterlayer .trace").count() == 9  # three curves, each with two edges of its band


def test_hovering_a_curve_shows_its_values(visit):
    page = visit().page
    page.locator(f"{CHART} .nsewdrag").hover()
    label = page.locator(f"{CHART} .hoverlayer")
    expect(label).to_contain_text("ad_pqn, local")
    expect(label).to_contain_text("ad_pqn, backprop")
    text = label.text_content()
    step = int(re.search(r"\d[\d,]*", text)[0].replace(",", ""))
    mean = sum(training_return(step, seed) for seed in range(3)) / 3
    assert f"{mean:.1f} ± " in text


def test_arrow_keys_read_the_values(visit):
    page = visit().page
    page.wait_for_selector(f"{CHART} .main-svg")
    page.focus(CHART)
    page.keyboard.press("End")
    mean = sum(training_return(5120, seed) for seed in range(3)) / 3
    expect(page.locator("#live")).to_contain_text(f"step 5,120: ad_pqn, local {mean:.2f}")
    expect(page.locator(f"{CHART} .hoverlayer")).to_contain_text(f"{mean:.1f} ± ")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#live")).to_contain_text("step 4,992")
    page.keyboard.press("Home")
    expect(page.locator("#live")).to_contain_text("step 256")
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHART} .hoverlayer .hovertext, {CHART} .hoverlayer .legend")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_systems_until_it_is_chosen(visit, scheme):
    page = visit(color_scheme=scheme).page
    other = {"light": "dark", "dark": "light"}
    background = "getComputedStyle(document.body).backgroundColor"
    is_dark = luminance(rgb(page.evaluate(background))) < 0.2
    assert is_dark == (scheme == "dark")
    button = page.get_by_role("button", name="Dark")
    expect(button).to_have_attribute("aria-pressed", str(is_dark).lower())
    page.emulate_media(color_scheme=other[scheme])
    expect(page.locator("html")).to_have_attribute("data-theme", other[scheme])
    button.click()
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)  # remembered
    assert (luminance(rgb(page.evaluate(background))) < 0.2) == is_dark


def test_pictures_show_every_curve_in_its_colour(visit):
    page = visit(color_scheme="light").page
    page.wait_for_selector(f"{CHART} .main-svg")
    for theme in ("light", "dark"):
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        pixels = picture(page, CHART)
        assert (np.abs(pixels - colour(page, "--card")).sum(axis=-1) < 12).mean() > 0.3  # the paper
        for name in ("first", "twin"):
            near = np.abs(pixels - colour(page, f"--{name}-0")).sum(axis=-1) < 60
            assert near.sum() > 200
            assert np.ptp(np.flatnonzero(near.any(axis=0))) > pixels.shape[1] / 2
            assert np.ptp(np.flatnonzero(near.any(axis=1))) > pixels.shape[0] / 8
        assert picture(page, "main").std() > 10
        page.click("#theme")


def test_text_and_lines_stand_out(visit):
    page = visit(color_scheme="light").page
    scroll_through(page)
    for theme in ("light", "dark"):
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        check_contrast(page)
        page.click("#theme")


def test_a_phone_never_scrolls_sideways(visit):
    page = visit(viewport=PHONE, is_mobile=True, has_touch=True).page
    check_narrow(page)


def test_a_keyboard_reaches_everything(visit):
    page = visit().page
    page.wait_for_selector(f"{CHART} .main-svg")
    page.keyboard.press("Tab")
    focused = "document.activeElement"
    assert page.evaluate(f"{focused}.className") == "skip"
    assert page.evaluate(f"{focused}.getBoundingClientRect().left") >= 0  # it comes into sight
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(f"{focused}.id || {focused}.className"))
        assert page.evaluate(f"getComputedStyle({focused}).outlineStyle") != "none", reached
    assert {"theme", "key", "toggle", "scroll", "save", "env-0-training", "env-0-choice"} <= set(reached)


def test_enter_toggles_theme_and_curves(visit):
    page = visit().page
    page.wait_for_selector(f"{CHART} .main-svg")
    traces = page.locator(f"{CHART} .scatterlayer .trace")
    page.focus("#theme")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    key = page.locator("#env-0-section .key").first
    key.focus()
    page.keyboard.press("Enter")
    expect(key).to_have_attribute("aria-pressed", "false")
    expect(traces).to_have_count(6)
    page.keyboard.press("Space")
    expect(key).to_have_attribute("aria-pressed", "true")
    expect(traces).to_have_count(9)
    every = page.locator("#env-0-section [data-option=seeds]")
    every.focus()
    page.keyboard.press("Enter")
    expect(traces).to_have_count(12)  # no bands, but three seeds beside each mean
    quote = page.get_by_role("button", name="AD, Guan et al. (2024): 495 at 1 M")
    expect(quote).to_have_attribute("aria-pressed", "false")
    quote.click()
    expect(traces).to_have_count(13)


def test_a_run_is_chosen_and_its_cells_are_drawn(visit):
    page = visit().page
    expect(page.locator("#env-0-cells-0")).to_be_visible()
    expect(page.locator("#env-0-cells-1")).to_be_hidden()
    page.select_option("#env-0-choice", label="ad_pqn, backprop")
    expect(page.locator("#env-0-cells-0")).to_be_hidden()
    page.locator("#env-0-cells-1-loss").scroll_into_view_if_needed()
    expect(page.locator("#env-0-cells-1-loss .main-svg").first).to_be_visible()
    ticks = page.locator("#env-0-cells-1-loss .yaxislayer-above").text_content()
    page.locator("#env-0-cells-1 [data-option=logarithmic]").click()
    expect(page.locator("#env-0-cells-1-loss .yaxislayer-above")).not_to_have_text(ticks)


def test_a_chart_is_saved_as_a_picture(visit, tmp_path):
    page = visit().page
    page.wait_for_selector(f"{CHART} .main-svg")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save: Training return, as SVG").first.click()
    assert download.value.suggested_filename == "env-0-training.svg"
    download.value.save_as(tmp_path / "chart.svg")
    assert (tmp_path / "chart.svg").read_text().startswith("<svg")


def test_numbers_are_there_without_scripts(visit, browser, report):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    expect(page.get_by_text("The charts need JavaScript")).to_be_visible()
    page.locator("summary", has_text="Numbers").first.click()
    expect(page.locator(".chart table").first).to_contain_text("5,120")
    context.close()


def test_nothing_else_may_run_or_load(browser, report, tmp_path):
    """The page forbids what it does not need itself: a script or a picture that got into it does nothing."""
    evil = '<script>document.title = "taken"</script><img src="https://example.org/x.png" onerror="document.title = 1">'
    page_text = report.read_text(encoding="utf-8").replace("<h1>", f"{evil}<h1>", 1)
    (tmp_path / "evil.html").write_text(page_text, encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    asked = []
    page.route("https://**", lambda route: (asked.append(route.request.url), route.abort()))
    page.goto((tmp_path / "evil.html").as_uri())
    page.wait_for_selector(f"{CHART} .main-svg")
    assert page.title().startswith("ad_pqn")
    assert asked == []
    context.close()
