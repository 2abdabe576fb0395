"""`accumbens compare` on a committed experiment and on runs that were trained here."""

import shutil
from pathlib import Path

import pytest

from accumbens.runs.tables import read_table

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
CLASSIC = RESULTS / "ad-classic"


@pytest.fixture
def breakout(tmp_path):
    """The runs of one game of the committed experiment."""
    folder = tmp_path / "breakout"
    folder.mkdir()
    for path in (RESULTS / "family").glob("minatar-breakout*pqn-*"):
        if "arq" not in path.name:
            shutil.copy(path, folder)
    return folder


def test_a_table_of_groups_and_one_of_pairs(breakout, cli):
    outcome = cli("compare", breakout)
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.rstrip() for line in outcome.out.splitlines()]
    assert lines[0] == "final_return: mean of the last 100 training episodes; [95 % bootstrap interval]"
    assert lines[2].split() == ["group", "seeds", "envs", "IQM", "mean"]
    assert lines[3].startswith("ad_pqn/backprop      3     1  33.4 [30.5, 36.9]")
    words = [line.split() for line in lines]
    assert [row[:2] for row in words if row[-1:] in (["seed"], ["–"])] == [
        ["ad_pqn/backprop", "ad_pqn/local"],
        ["ad_pqn/backprop", "pqn/backprop"],
        ["ad_pqn/local", "pqn/backprop"],
    ]
    assert any(line.startswith("paired by seed: twins") for line in lines)
    assert lines[-1].startswith("note: fewer than 5 seeds: ad_pqn/backprop (3), ad_pqn/local (3), pqn/backprop (3)")


@pytest.mark.pictures
def test_several_environments_are_put_on_the_scale_of_the_paper(cli, tmp_path):
    figure, table = tmp_path / "f.svg", tmp_path / "c.csv"
    outcome = cli("compare", CLASSIC, "--json", "--figure", figure, "-o", table)
    assert outcome.code == 0
    document = outcome.json
    assert document["normalised"] is True
    assert document["files"] == [str(table), str(figure)]
    assert list(document["scales"]) == ["Acrobot-v1", "CartPole-v1", "MountainCar-v0"]
    assert "0 is a return of -200, 1 of -109" in outcome.err
    assert any("without LunarLander-v3" in note for note in document["notes"])
    local, twin = sorted(document["groups"], key=lambda group: group["group"] != "ad_pqn/local")
    assert (local["group"], twin["group"], local["seeds"]) == ("ad_pqn/local", "ad_pqn/backprop", 5)
    assert not any("fewer than" in note for note in document["notes"])
    assert 0.9 < local["iqm"][0] < 1.1, "as good as the paper's agent"
    (pair,) = document["pairs"]
    assert pair["paired"] is True
    rows = [row["env"] for row in read_table(table)]
    assert rows.count("") == 2 * 4 + 2, "of all environments together"
    assert [rows.count(env) for env in document["scales"]] == [2 * 3] * 3
    assert figure.read_text().count("<svg") == 1


def test_quiet_shows_notes_only(breakout, cli):
    outcome = cli("compare", breakout, "--quiet")
    assert outcome.out == ""
    assert [line.split(":")[0] for line in outcome.err.splitlines()] == ["note"]


def test_trained_runs_can_be_compared_by_any_metric(parallel_run, replay_run, cli):
    for metric in ("final_return", "eval_return"):
        outcome = cli("compare", parallel_run.path, replay_run.path, "--metric", metric, "--by", "algo", "--json")
        assert outcome.code == 0
        groups = outcome.json["groups"]
        assert [group["group"] for group in groups] == ["ad_pqn", "ad_dqn"]
        assert list(groups[0]["runs"][0]["returns"].values()) == parallel_run.outcome.json[metric]
        assert groups[1]["iqm"][1:] == [None, None], "one seed has no interval"
        assert any("different steps, from 2,048 to 8,192" in note for note in outcome.json["notes"])


def test_nothing_is_overwritten_unless_asked(breakout, cli, tmp_path):
    (tmp_path / "mine.csv").write_text("my own")
    words = ["compare", breakout, "--quiet", "-o", tmp_path / "mine.csv"]
    outcome = cli(*words)
    assert outcome.code == 2
    said = "exists already: choose another with -o, or replace it with --force (force=True)"
    assert outcome.err == f"error: {tmp_path}/mine.csv {said}\n"
    assert (tmp_path / "mine.csv").read_text() == "my own"
    assert cli(*words, "--force").code == 0
    assert len(read_table(tmp_path / "mine.csv")) == 3 * 3 + 3 * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no RUN is given"),
        (["nowhere"], "there is nothing at nowhere"),
        (["."], "there is no run at ."),
        ([CLASSIC, "--metric", "final_retur"], "unknown metric 'final_retur'; did you mean 'final_return'?"),
        ([CLASSIC, "--metric", "episodes"], "there is nothing to compare: no run has episodes yet"),
        ([CLASSIC, "--by", "alg"], "unknown setting to group by 'alg'; did you mean 'algo'?"),
        ([CLASSIC, "--by", ""], "unknown setting to group by ''"),
        ([CLASSIC, "--step", "7"], "step=7 cannot be used: the nearest of "),
        ([CLASSIC, "--figure", "f.png", "-o", "f.png"], "figure=f.png cannot be used: the statistics go into the same"),
        ([CLASSIC, "--figure", "f.doc"], "f.doc cannot be drawn: expected a name that ends in .png, .svg, .pdf"),
        ([CLASSIC, "-o", "no/c.csv"], "no/c.csv cannot be written: there is no folder no"),
        ([CLASSIC, "--scale", "none.csv"], "none.csv cannot be read: "),
        (
            [RESULTS / "control"],
            "returns of several environments cannot be averaged, and there is no scale for dmc/cart",
        ),
    ],
)
def test_what_cannot_be_compared_is_one_clear_line(words, message, cli, tmp_path):
    outcome = cli("compare", *words, "--quiet")
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.splitlines()[-1].startswith(f"error: {message}")
    assert list(tmp_path.iterdir()) == []
