"""What the page holds, read as HTML; how it looks and moves is tested in a browser."""

import dataclasses
import re

import pytest
from made_runs import SMALL, greedy_return, make_run, training_return
from read_page import Page, charts, rows

from accumbens.markup import Markup, join, table, tag
from accumbens.presets import PRESETS
from accumbens.report import load_runs, render
from accumbens.training.chapter import CHAPTER, COMPARABLE
from accumbens.training.published import TABLES


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Twins on CartPole, and one seed of a game, cut off before its first evaluation."""
    out = tmp_path_factory.mktemp("runs")
    make_run(out)
    make_run(out, name="backprop", changes=SMALL | {"credit": "backprop"}, wall_seconds=50.0)
    make_run(out, env="minatar/breakout", name="cut", seeds=1, chunks=10, evaluations=0)
    return load_runs([out])


@pytest.fixture(scope="module")
def html(runs):
    return render(runs)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_every_link_and_label_has_its_target_and_no_id_is_used_twice(page):
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) - {"data:,"} <= set(page.ids)
    assert page.sources == []


def test_results_have_the_numbers_by_hand(page):
    row = rows(page, "final return")["ad_pqn, local"]
    mean = sum(training_return(5120, seed) for seed in range(3)) / 3
    assert row["final return"].startswith(f"{mean:.1f} ± ")
    greedy = sum(greedy_return(5120, seed, 2) for seed in range(3)) / 3
    assert row["greedy return"].startswith(f"{greedy:.1f} ± ")
    assert (row["seeds"], row["steps"], row["wall time"]) == ("3", "5,120", "0:00:40")
    assert row["published"] == "AD: 495 at 1 M [1]"
    assert "[1] Guan et al. (2024), read off the figure of the classic tasks" in page.text
    assert rows(page, "final return")["ad_pqn, backprop"]["published"] == "–"


def test_what_a_reader_must_know_is_said(page):
    assert "Fewer than 5 seeds (here as few as one seed)" in page.text
    assert "minatar/breakout, ad_pqn, local: stopped at step 1,280 of 5,120." in page.text
    assert "minatar/breakout, ad_pqn, local: no evaluation yet." in page.text


def test_prefixes_settings_and_provenance(page):
    prefix = rows(page, "cells 1 to 2")["ad_pqn, local"]
    assert prefix["cell 1"].startswith(f"{sum(greedy_return(5120, seed, 1) for seed in range(3)) / 3:.1f}")
    differing = next(table for table in page.tables if table[0] == ["setting", "ad_pqn, local", "ad_pqn, backprop"])
    assert differing[1:] == [["credit", "local", "backprop"]]
    changed = next(table for table in page.tables if table[0] == ["setting", "preset", "here"])
    assert ["net_arch", "128,96,96", "6,5"] in changed
    every = next(table for table in page.tables if table[0] == ["setting", "value", "source"])
    assert ["num_envs", "4", "chosen for this run"] in every
    assert ["discount", "0.99", "default"] in every
    run = rows(page, "commit")["CartPole-v1, ad_pqn, local"]
    assert run["commit"] == "0123456789ab"
    assert run["hardware"] == "2 × cpu, 2 CPU cores"
    assert (run["seconds"], run["steps/s"]) == ("40", "1,536"), "wall time; what learning itself took"
    assert "accumbens train CartPole-v1 ad_pqn" in page.text
    assert "python 3.11.0, accumbens 0.1.0" in page.text


def test_statistics_of_several_seeds(page):
    row = rows(page, "interquartile mean")["ad_pqn, local"]
    mean = sum(training_return(5120, seed) for seed in range(3)) / 3
    assert row["mean"].startswith(f"{mean:.1f} [")
    assert row["against its twin"].startswith("0.50 [")  # the made twins are equal
    assert "these intervals are too narrow" in page.text
    assert "Across environments" not in page.text  # nobody was run in both


def test_agents_are_compared_across_environments(tmp_path):
    for env, best in (("CartPole-v1", 150), ("Acrobot-v1", 50)):
        make_run(tmp_path, env=env)
        make_run(tmp_path, env=env, name="backprop", changes=SMALL | {"credit": "backprop"}, best=best)
    page = Page(render(load_runs([tmp_path])))
    table = next(table for table in page.tables if table[0] == ["", "ad_pqn, local", "ad_pqn, backprop"])
    # Better by far in one, worse by far in the other: no seed of one is among those of the other.
    assert table[1][2] == table[2][1] == "0.50 [0.50, 0.50]"
    assert "Across environments" in page.text


def test_charts_hold_the_curves(html, page):
    drawn = charts(html)
    assert set(drawn) <= set(page.ids)
    training = drawn["env-0-training"]
    local, backprop = training["curves"]
    assert (local["colour"], backprop["colour"]) == (["first", 0], ["twin", 0])
    assert (local["dash"], backprop["dash"]) == ("solid", "dash")
    assert len(local["seeds"]) == 3
    assert local["mean"][-1] == pytest.approx(sum(training_return(5120, seed) for seed in range(3)) / 3, rel=1e-4)
    assert [quote["value"] for quote in training["quotes"]] == [495.0]
    assert not training["quotes"][0]["line"]  # 1 M steps there
    names = {name.rpartition("-")[2] for name in drawn if name.startswith("env-0-cells-0-")}
    assert names == {"prefixes", "loss", "td_error", "value", "gradient_norm"}
    assert [curve["name"] for curve in drawn["env-0-cells-0-prefixes"]["curves"]] == ["cell 1", "full network"]
    assert "env-1-greedy" not in drawn
    assert drawn["env-1-training"]["curves"][0]["interval"] is None
    assert drawn["env-1-training"]["curves"][0]["seeds"] == []


def test_every_chart_has_its_numbers_as_a_table(html, page):
    captions = sum("Every number is the last at or before its step." in part for part in page.text.split("\n"))
    assert captions
    assert html.count("Every number is the last at or before its step.</span>") == len(charts(html))
    steps = next(table for table in page.tables if table[0] == ["step", "ad_pqn, local", "ad_pqn, backprop"])
    assert len(steps) == 9
    assert steps[-1][0] == "5,120"


def test_the_same_runs_make_the_same_page(runs, html):
    assert render(runs) == html


def test_nothing_but_links_within_the_page(html):
    own = html.replace(re.search(r"<script>(/\*\*.*?)</script>", html, re.DOTALL)[1], "")
    assert len(own) < 400_000
    assert "http://" not in own
    assert "https://" not in own
    assert "default-src 'none'" in own


def test_a_single_run_of_sac_on_the_host(tmp_path):
    changes = {"net_arch": "8", "learning_starts": "100", "batch_size": "16"}
    page = render(load_runs([make_run(tmp_path, "Pendulum-v1", "sac", "gaussian", changes=changes, cells=1, seeds=1)]))
    assert set(charts(page)) == {
        "env-0-training",
        "env-0-greedy",
        "env-0-cells-0-critic_loss",
        "env-0-cells-0-actor_loss",
        "env-0-cells-0-entropy_coefficient",
    }
    assert "the actor" in Page(page).text
    assert "Cell by cell" not in page


def test_a_run_that_has_nothing_yet(tmp_path):
    html = render(load_runs([make_run(tmp_path, chunks=0, evaluations=0)]), "Nothing")
    page = Page(html)
    assert charts(html) == {}
    assert "CartPole-v1, ad_pqn, local: nothing was learned yet." in page.text
    assert "There is no curve yet" in page.text


def test_a_run_without_meta_facts(tmp_path):
    html = render(
        load_runs([make_run(tmp_path, hardware=None, versions=None, commit=None, command=None, started=None)])
    )
    assert rows(Page(html), "commit")["CartPole-v1, ad_pqn, local"]["hardware"] == "–"


def test_what_a_user_wrote_is_text(tmp_path):
    evil = "</script><img src=x onerror=alert(1)>"
    make_run(tmp_path, name="<b>bold<b>", command=evil, commit=evil)
    make_run(tmp_path, name="other", changes=SMALL | {"learning_rate": "1e-5"})
    html = render(load_runs([tmp_path]), f"{evil} $title ${{x}}")
    assert evil not in html
    assert "<b>" not in html
    page = Page(html)
    assert "ad_pqn/<b>bold<b>" in page.text
    assert f"{evil} $title ${{x}}" in page.text


def test_more_families_than_colours_get_other_lines(tmp_path):
    for number in range(9):
        make_run(tmp_path, name=f"n{number}", changes=SMALL | {"learning_rate": f"1e-{number + 1}"}, chunks=4)
    curves = charts(render(load_runs([tmp_path])))["env-0-training"]["curves"]
    looks = [(tuple(curve["colour"]), curve["dash"]) for curve in curves]
    assert len(set(looks)) == 9


def test_published_numbers_stand_beside_the_same_method_only(tmp_path):
    run, twin = load_runs([make_run(tmp_path), make_run(tmp_path, name="b", changes=SMALL | {"credit": "backprop"})])
    quotes = CHAPTER.quotes(run.config)
    assert {quote.method for quote in quotes} == {"AD", "CleanRL DQN", "ANGC DQN"}
    assert [quote.method for quote in quotes if CHAPTER.is_comparable(run.config, quote)] == ["AD"]
    assert not any(CHAPTER.is_comparable(twin.config, quote) for quote in quotes)
    assert CHAPTER.quotes(dataclasses.replace(run.config, env="Pendulum-v1")) == []


def test_every_preset_and_method_in_the_table_exists():
    agents = {quote.agent for entries in TABLES.values() for quote in entries}
    assert set(COMPARABLE) <= agents
    assert {preset for presets in COMPARABLE.values() for preset in presets} <= set(PRESETS)


def test_markup_escapes_all_but_markup():
    assert tag("p", "<&>", title='"<') == '<p title="&quot;&lt;">&lt;&amp;&gt;</p>'
    assert tag("p", tag("b", "x")) == "<p><b>x</b></p>"
    assert tag("p", hidden=True, id=None, open=False, class_="a", aria_label="l") == (
        '<p hidden class="a" aria-label="l"></p>'
    )
    assert isinstance(join([tag("p")]), Markup)
    assert "<td>&lt;1</td>" in table("<c>", ["a", "b"], [["x", "<1"]])
