"""Teams in a report, and compared: runs whose tables were written by hand."""

import sys
from pathlib import Path

import pytest
from read_page import Page, charts, rows

from accumbens.comparison import compare, read_scores
from accumbens.errors import AccumbensError
from accumbens.report import load_runs, render
from accumbens.stats import estimate

sys.path.append(str(Path(__file__).parent.parent / "teams"))
from made_teams import make_team_run

RETURNS = {"distilled": (-6.0, -7.0, -8.5), "idt": (-9.0, -9.5, -11.0), "ipqn": (-12.0, -14.0, -13.0)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    for algo, returns in RETURNS.items():
        make_team_run(out, algo, seeds=3, networks=False, returns=returns)
    make_team_run(out, "idt", env="team/equal-space-3", seeds=3, networks=False, won=0.75)
    return out


@pytest.fixture(scope="module")
def html(folder):
    return render(load_runs([folder]))


def test_results_data_and_settings_are_told(html):
    page = Page(html)
    here = next(t for t in page.tables if t[0][:4] == ["run", "seeds", "updates", "return"] and len(t) == 4)
    assert here[0] == ["run", "seeds", "updates", "return", "loss of held-out actions", "parameters", "wall time"]
    found = {row[0]: row for row in here[1:]}
    for algo, returns in RETURNS.items():
        assert found[algo][3] == f"{estimate(returns):.2f}"
    assert found["distilled"][2] == "16"
    assert found["distilled"][4] == f"{estimate([1.5, 1.6, 1.7]):.3f}"
    assert found["ipqn"][4] == "–"
    won = next(t for t in page.tables if "won (%)" in t[0])
    assert (won[1][0], won[1][won[0].index("won (%)")]) == ("idt", "75.0 ± 0.0")
    data = "data random:7, SHA-256 abc…, 7 episodes: the best episode returns -6, mean over agents, the median -14"
    assert f"team/fill-in-2: {data}; the longest has 20 steps." in page.text
    settings = next(t for t in page.tables if t[0][0] == "setting" and "ipqn" in t[0])
    assert ["algo", *settings[0][1:]] in settings
    assert "Agent by agent" in page.text


def test_every_students_angle_with_the_centralised_direction(html):
    found = rows(Page(html), "agent 1", "agent 2")["distilled"]
    expected = [f"{estimate([angle, angle + 1, angle + 2]):.1f}" for angle in (40.0, 50.0)]
    assert [found["agent 1"], found["agent 2"]] == expected
    drawn = charts(html)
    angles = next(chart for name, chart in drawn.items() if name.endswith("-angle"))
    assert [curve["name"] for curve in angles["curves"]] == ["agent 1", "agent 2"]
    names = {name.rpartition("-")[2] for name in drawn}
    assert {"mean_return", "won", "valid_loss", "kl_loss", "relation_loss", "learning_loss"} <= names
    assert "feature_loss" not in names, "it is zero throughout"


def silent(text):
    raise AssertionError(text)


def test_teams_are_compared_by_their_returns_or_what_they_won(folder):
    found = compare(read_scores([folder / "team/fill-in-2"], None, {}, silent))
    assert {group.name: group.scores["team/fill-in-2"] for group in found.groups} == {
        algo: list(returns) for algo, returns in RETURNS.items()
    }
    assert not found.less_is_better
    pair = next(pair for pair in found.pairs if {pair.x, pair.y} == {"distilled", "idt"})
    assert (pair.difference.point > 0) == (pair.x == "distilled")
    assert not pair.paired
    assert "steps in team/fill-in-2 begin with a teacher's updates where there is one, up to 6" in found.notes
    (run,) = read_scores([folder / "team/equal-space-3"], "won", {}, silent)
    assert run.scores == {0: 0.75, 1: 0.75, 2: 0.75}
    with pytest.raises(AccumbensError, match="there is nothing to compare: no run has won"):
        read_scores([folder / "team/fill-in-2"], "won", {}, lambda text: None)
    losses = read_scores([folder / "team/fill-in-2/idt"], "valid_loss", {}, silent)
    assert losses[0].metric.less_is_better


def test_other_data_are_told(tmp_path):
    paths = [
        make_team_run(tmp_path, algo, networks=False, digest=digest) for algo, digest in (("idt", "a"), ("madt", "b"))
    ]
    notes = compare(read_scores(paths, None, {}, silent)).notes
    assert "teams in team/fill-in-2 did not have the same data: their SHA-256 differs" in notes
    paths[1] = make_team_run(tmp_path, "madt", "b", networks=False, digest="a")
    assert not any("SHA-256" in note for note in compare(read_scores(paths, None, {}, silent)).notes)
