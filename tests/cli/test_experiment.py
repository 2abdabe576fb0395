"""`accumbens experiment` from end to end: two that are committed, and a small one that is stopped and has a bad run."""

import csv
import dataclasses
import json
import os
import signal

import pytest

from accumbens.cli.experiment_view import ExperimentView, _printed
from accumbens.experiments.files import committed, load
from accumbens.experiments.reporter import ExperimentReporter
from accumbens.experiments.tables import EndTable
from accumbens.runs.session import Session

SMALL = """
title = "Two credits, and a step that is far too long"
environments = ["CartPole-v1"]
agents = { ad_pqn = ["local", "bad", "backprop"] }
settings = { net_arch = [6, 5], num_envs = 4, rollout_length = 16, num_minibatches = 2, epochs = 1 }
total_timesteps = 2048
num_eval_episodes = 1

[variants]
local = { credit = "local" }
backprop = { credit = "backprop" }
bad = { learning_rate = 1e30, max_gradient_norm = inf }

[budgets.smoke]
seeds = 2

[budgets.desk]
agents = { ad_pqn = ["local", "backprop"] }

[published]
tables = ["ad-classic"]
rows = { AD = ["ad_pqn/local"] }
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.pictures
@pytest.mark.parametrize("name", [pytest.param("ad-classic", marks=pytest.mark.slow), "family"])
def test_a_committed_experiment_in_its_smallest_budget(cli, tmp_path, name):
    runs = load(name, "smoke").runs
    outcome = cli("experiment", name, "--budget", "smoke", "--output", tmp_path, "--quiet", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert len(outcome.out.splitlines()) == 1
    folder = tmp_path / "experiments" / f"{name}-smoke"
    assert outcome.json["folder"] == str(folder)
    assert outcome.json["failed"] == {}
    for run in runs:
        assert (folder / run.label / "config.toml").exists()
        assert (folder / run.label / "checkpoints").is_dir()
    rows = [row for row in read(folder / "summary.csv") if row["algo"]]
    assert [f"{row['env']}/{row['algo']}/{row['variant']}" for row in rows] == [run.label for run in runs]
    for row, run in zip(rows, runs, strict=True):
        assert int(row["steps"]) >= run.config.total_timesteps
        assert int(row["seeds"]) == run.config.seeds
        assert float(row["greedy_return"]) >= 0
    assert {row["published_agent"] for row in rows} >= {"AD"}
    assert (folder / "curves.png").stat().st_size > 10_000
    assert "</svg>" in (folder / "curves.svg").read_text()


def test_a_bad_run_does_not_lose_the_others_and_the_same_command_skips_what_is_done(cli, small, tmp_path):
    command = ["experiment", small, "--budget", "smoke", "--output", tmp_path / "out"]
    outcome = cli(*command, "--export", tmp_path / "results")
    assert outcome.code == 1
    assert "failed      CartPole-v1/ad_pqn/bad: cell " in outcome.out
    assert "is no longer finite" in outcome.out
    for credit in ("local", "backprop"):
        assert f"done        CartPole-v1/ad_pqn/{credit}  return " in outcome.out
    assert "3/3 runs" in outcome.out
    assert "1 failed" in outcome.out
    assert "Guan et al. (2024)" in outcome.out
    assert "few seeds: rough" in outcome.out

    exported = {path.name for path in (tmp_path / "results").iterdir()}
    stem = "CartPole-v1-ad_pqn"
    assert exported >= {"summary.csv", "curves.png", "command.txt"} | {
        f"{stem}-{credit}{ending}"
        for credit in ("local", "backprop")
        for ending in (".csv", ".toml", "_evaluations.csv")
    }
    folder = tmp_path / "out" / "experiments" / "small-smoke"
    whole = read(folder / "CartPole-v1" / "ad_pqn" / "local" / "metrics.csv")
    thinned = read(tmp_path / "results" / f"{stem}-local.csv")
    assert thinned[-1] == whole[-1]
    assert all(row in whole for row in thinned)
    assert (tmp_path / "results" / "summary.csv").read_text() == (folder / "summary.csv").read_text()

    before = {path: path.stat().st_mtime_ns for path in (folder / "CartPole-v1").rglob("*") if "/bad" not in str(path)}
    again = cli(*command, "--only", "*/local", "--json")
    assert again.code == 0
    assert "done before CartPole-v1/ad_pqn/local" in again.err
    assert again.json["interrupted"] is False
    assert [row["variant"] for row in again.json["rows"] if row["algo"]] == ["local", "backprop"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_ctrl_c_saves_the_run_and_the_same_command_goes_on(cli, small, tmp_path, monkeypatch):
    chunk = Session._chunk

    def press(self, state):
        state = chunk(self, state)
        if int(state.iteration) == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return state

    command = ["experiment", small, "--output", tmp_path]
    with monkeypatch.context() as patch:
        patch.setattr(Session, "_chunk", press)
        stopped = cli(*command)
    assert stopped.code == 130
    assert "stopped     CartPole-v1/ad_pqn/local" in stopped.out
    assert "the same command goes on" in stopped.out
    planned = cli(*command, "--dry-run", "--json").json
    assert planned["runs"] == {"CartPole-v1/ad_pqn/local": "at step 1,280", "CartPole-v1/ad_pqn/backprop": "new"}

    outcome = cli(*command)
    assert outcome.code == 0
    assert "done        CartPole-v1/ad_pqn/local" in outcome.out
    folder = tmp_path / "experiments" / "small-desk"
    meta = json.loads((folder / "CartPole-v1/ad_pqn/local/meta.json").read_text())
    assert [session["from_step"] for session in meta["sessions"]] == [0, 1280]
    assert cli(*command, "--dry-run", "--json").json["runs"] == dict.fromkeys(planned["runs"], "done")
    (folder / "curves.png").unlink()
    assert cli(*command, "--draw", "--quiet").out == ""
    assert (folder / "curves.png").exists()


def test_a_dry_run_makes_nothing(cli, tmp_path):
    outcome = cli("experiment", "ad-classic", "--output", tmp_path, "--dry-run", "--only", "*/ad_pqn/*")
    assert outcome.code == 0
    assert "8 runs" in outcome.out
    assert "LunarLander-v3" in outcome.out
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_draw_is_no_error_but_nothing_to_export_is(cli, small, tmp_path):
    drawn = cli("experiment", small, "--output", tmp_path, "--draw")
    assert drawn.code == 0
    assert "AD, published" in drawn.out
    exported = cli("experiment", small, "--output", tmp_path, "--draw", "--export", tmp_path / "results")
    assert exported.code == 2
    assert "there is nothing to export in " in exported.err


def test_a_run_of_other_settings_is_not_drawn(cli, small, tmp_path):
    asked = load(str(small), "smoke")
    run = asked.runs[0]
    other = dataclasses.replace(run.config, total_timesteps=2 * run.config.total_timesteps)
    there = run.kind.create(other, asked.folder(tmp_path), run.variant)
    assert there.path == run.directory(asked.folder(tmp_path)).path
    for more in ([], ["--only", f"*{asked.runs[1].variant}"]):
        outcome = cli("experiment", small, "--budget", "smoke", "--output", tmp_path, "--draw", *more)
        assert outcome.code == 2
        assert f"{there.path} was started with other settings (total_timesteps: " in outcome.err
    assert not (asked.folder(tmp_path) / "summary.csv").exists()


@pytest.mark.parametrize("kind", ["table", "curve", "evaluations", "configuration"])
def test_an_export_writes_over_nothing_of_others(cli, small, tmp_path, kind):
    stem = load(str(small), "smoke").runs[1].label.replace("/", "-")
    name = {"table": "curves.png", "curve": f"{stem}.csv", "evaluations": f"{stem}_evaluations.csv"}
    mine, file, theirs = tmp_path / "mine", tmp_path / "file", name.get(kind, f"{stem}.toml")
    mine.mkdir()
    for path in (file, mine / theirs):
        path.write_text("precious")
    command = ["experiment", small, "--budget", "smoke", "--output", tmp_path / "out", "--export"]
    outcome = cli(*command, mine)
    assert (outcome.code, (mine / theirs).read_text()) == (2, "precious")
    assert outcome.err == f"error: export={mine} cannot be used: its {theirs} is not of an export of an experiment\n"
    outcome = cli(*command, file)
    assert (outcome.code, outcome.err) == (2, f"error: export={file} cannot be used: it must be a folder\n")
    assert not (tmp_path / "out").exists()  # it is said before the work


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ad-minatr"], "unknown experiment 'ad-minatr'; did you mean 'ad-minatar'? Run 'accumbens experiments'"),
        (["family", "--budget", "des"], "unknown budget of family 'des'; did you mean 'desk'?"),
        (["family", "--only", "breakout"], "unknown run (a pattern such as '*/local') 'breakout'"),
        (["none.toml"], "the experiment file none.toml cannot be read: No such file or directory"),
    ],
)
def test_wrong_words(cli, words, message):
    outcome = cli("experiment", *words)
    assert outcome.code == 2
    assert message in outcome.err


def test_experiments_are_listed(cli):
    outcome = cli("experiments")
    assert outcome.code == 0
    assert all(name in outcome.out for name in committed())
    assert set(cli("experiments", "--json").json) == set(committed())


def test_a_row_stands_below_the_title_of_its_panel():
    table = _printed(EndTable(["", "seeds"], {"A [x]": [["a/b", "2"]]}, []))
    assert [column.header for column in table.columns] == ["", "seeds"]
    assert [list(column.cells) for column in table.columns] == [["[bold]A \\[x][/]", "  a/b"], ["", "2"]]


def test_the_view_is_a_reporter():
    assert isinstance(ExperimentView(load("family", "smoke").runs, json=False, quiet=False), ExperimentReporter)
