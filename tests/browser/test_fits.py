"""A page of fits in a real browser."""

import pytest
from made_fits import accuracy, make_fit
from made_runs import make_run
from playwright.sync_api import expect
from visits import PHONE, check_contrast, check_narrow, scroll_through

from accumbens.report import load_runs, render, write

CHART = "#task-0-test_accuracy"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Three rules on digits, a stream, and an agent beside them: a file."""
    out = tmp_path_factory.mktemp("report")
    make_fit(out / "runs")
    make_fit(out / "runs", rule="coagent", best=0.5, entropy=0.6)
    make_fit(out / "runs", rule="feedback-alignment", best=0.7, changes={"learning_rate": "0.001"})
    make_fit(out / "runs", "piecewise-random-walk", epochs=1, evaluations=11, seeds=2, notes=("It is a stream",))
    make_run(out / "runs", chunks=8)
    write(render(load_runs([out / "runs"])), out / "report.html")
    return out / "report.html"


def test_all_charts_are_drawn(visit):
    page = visit().page
    page.wait_for_selector("#env-0-training .main-svg")
    scroll_through(page)
    shown = page.locator(".plot:visible").count()
    assert shown == 2 + 5 + 4 + 4 + 2 + 4  # the agent and its cells; digits and backprop's layers; the stream and its
    expect(page.locator(".plot:visible:has(.main-svg)")).to_have_count(shown)
    assert page.locator(f"{CHART} .scatterlayer .trace").count() == 9  # three curves, each with two edges of its band
    for chart, axis in ((CHART, "epochs"), ("#task-1-test_loss", "updates"), ("#env-0-training", "environment steps")):
        expect(page.locator(f"{chart} .xtitle")).to_have_text(axis)


def test_values_are_read_by_epochs(visit):
    page = visit().page
    page.locator(CHART).scroll_into_view_if_needed()
    page.wait_for_selector(f"{CHART} .main-svg")
    page.focus(CHART)
    page.keyboard.press("End")
    mean = 100 * sum(accuracy(8, seed) for seed in range(3)) / 3
    expect(page.locator("#live")).to_contain_text(f"epoch 8: backprop {mean:.2f}")
    expect(page.locator(f"{CHART} .hoverlayer")).to_contain_text(f"{mean:.2f} ± ")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#live")).to_contain_text("epoch 7")


def test_angles_and_parts_have_axes_of_their_own(visit):
    page = visit().page
    page.locator("#task-0-layers-0-angle").scroll_into_view_if_needed()
    page.wait_for_selector("#task-0-layers-0-angle .main-svg")
    for chart, low, high in (("angle", 0, 90), ("sign_agreement", 0, 1), ("sparsity", 0, 1)):
        plot = f"document.getElementById('task-0-layers-0-{chart}')"
        page.wait_for_function(f"{plot}.layout !== undefined")
        bottom, top = page.evaluate(f"{plot}.layout.yaxis.range")
        assert (bottom, top) == pytest.approx((low - 0.05 * (high - low), high + 0.05 * (high - low)))


def test_a_rule_is_chosen_and_losses_get_a_logarithm(visit):
    page = visit().page
    page.select_option("#task-0-choice", label="coagent")
    expect(page.locator("#task-0-layers-0")).to_be_hidden()
    page.locator("#task-0-layers-1-entropy").scroll_into_view_if_needed()
    page.wait_for_selector("#task-0-layers-1-entropy .main-svg")
    page.locator("#task-0-test_loss").scroll_into_view_if_needed()
    page.wait_for_selector("#task-0-test_loss .main-svg")
    ticks, others = (page.locator(f"{chart} .yaxislayer-above") for chart in ("#task-0-test_loss", CHART))
    before, of_accuracies = ticks.text_content(), others.text_content()
    page.locator("#task-0-section [data-option=logarithmic]").first.click()
    expect(ticks).not_to_have_text(before)
    expect(others).to_have_text(of_accuracies)  # accuracies have none


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out(visit, scheme):
    page = visit(color_scheme=scheme).page
    scroll_through(page)
    check_contrast(page)


def test_a_phone_never_scrolls_sideways(visit):
    check_narrow(visit(viewport=PHONE, is_mobile=True, has_touch=True).page)
