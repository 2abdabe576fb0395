"""The pictures of runs: which panels they have."""

import sys
from pathlib import Path

import pytest

from accumbens.teams import curves
from accumbens.teams.kind import TEAMS

sys.path.append(str(Path(__file__).parent))
from made_teams import make_team_run

PANELS = {
    "idt": ["Return of an agent, greedy", "Loss of actions (nats)"],
    "ipqn": ["Return of an agent, greedy", "Losses"],
    "distilled": [
        "Return of an agent, greedy",
        "Episodes won",
        "Loss of actions (nats)",
        "Loss towards the teacher",
        "Angle with the teacher's direction",
    ],
}


@pytest.mark.parametrize("algo", PANELS)
def test_there_is_a_panel_for_what_there_is(algo, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(curves, "save_figure", lambda figure, *_, **__: drawn.append(figure))
    won = 0.5 if algo == "distilled" else float("nan")
    path = make_team_run(tmp_path, algo, networks=False, returns=(-3.0, -5.0), won=won)
    run, config = TEAMS.open(path)
    TEAMS.draw(config, run.metrics, run.evaluations, path / "curve.png")
    (figure,) = drawn
    assert [axes.get_title() for axes in figure.axes] == PANELS[algo]
    assert figure.get_suptitle() == f"team/fill-in-2: {algo}, 2 seeds, mean and range"
    first = figure.axes[0]
    assert first.lines[0].get_ydata()[-1] == -4.0
    shaded = [text.get_text() for text in first.get_legend().get_texts()] if first.get_legend() else []
    assert shaded == (["the teacher learns"] if algo == "distilled" else [])
    if algo == "distilled":
        assert [text.get_text() for text in figure.axes[-1].get_legend().get_texts()] == ["agent 1", "agent 2"]
