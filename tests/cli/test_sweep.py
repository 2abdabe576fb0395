"""`accumbens sweep` from end to end: points in one program, stopped and continued, and what is refused."""

import csv
import json
import os
import signal

import pytest

from accumbens.cli.sweep_view import SweepView
from accumbens.experiments.reporter import ExperimentReporter
from accumbens.runs.session import Session
from accumbens.sweeps.spec import committed, load

SMALL = ["--set", "net_arch=6,5", "num_envs=4", "rollout_length=16", "num_minibatches=2", "epochs=1"]
AGENT = ["sweep", "CartPole-v1", "--seeds", 2, "--total-timesteps", 2048, "--num-eval-episodes", 1, *SMALL]
AGENT += ["--over", "learning_rate=1e-3,1e-2", "--name", "small"]


def test_two_points_of_an_agent_in_one_program_stopped_and_continued(cli, tmp_path, monkeypatch):
    chunk, chunks = Session._chunk, []

    def press(self, state):
        chunks.append(len(self._books))
        state = chunk(self, state)
        if int(state.iteration) == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return state

    planned = cli(*AGENT, "--output", tmp_path, "--dry-run", "--json")
    seconds = planned.json["seconds"]
    assert 0 < seconds < 3600
    assert f"about 0:{seconds // 60:02}:" in planned.err
    assert planned.json | {"folder": "", "seconds": 0} == {
        **{"sweep": "small", "folder": "", "points": 2, "programs": 1, "inside": ["learning_rate"], "anew": []},
        **{"steps_of_all_seeds": 2048 * 6, "seconds": 0},
    }
    assert "2 points of ad_pqn in CartPole-v1, 2 seeds each, in 1 program" in planned.err
    assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(Session, "_chunk", press)
        stopped = cli(*AGENT, "--output", tmp_path)
    assert stopped.code == 130, stopped.err
    assert set(chunks) == {2}
    assert "the same command goes on" in stopped.out
    outcome = cli(*AGENT, "--output", tmp_path, "--export", tmp_path / "out", "--quiet", "--json")
    assert outcome.code == 0, outcome.err
    assert "stopp" not in outcome.err
    folder = tmp_path / "sweeps" / "small"
    runs = [folder / "CartPole-v1" / "ad_pqn" / f"learning_rate={value}" for value in ("0.001", "0.01")]
    for run in runs:
        meta = json.loads((run / "meta.json").read_text())
        assert [session["from_step"] for session in meta["sessions"]] == [0, 1280]
    found = outcome.json
    assert found["failed"] == found["diverged"] == {}
    assert len(found["rows"]) == 2
    assert len(found["reporting"]["scores"]) == 2
    assert "best of 2 points by 2 seeds: " in found["verdict"][1]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("summary.csv", "effects.csv", "sensitivity.png", "sweep.toml", "command.txt")
    }
    again = cli("sweep", tmp_path / "out" / "sweep.toml", "--name", "small", "--output", tmp_path, "--draw", "--json")
    assert again.code == 0
    assert again.json["rows"] == found["rows"]


def test_a_changed_sweep_of_the_same_name_touches_nothing(cli, tmp_path):
    words = ["sweep", "digits", "backprop", "--over", "learning_rate=0.01,0.1", "--set", "layers=8"]
    words += ["--epochs", "1", "--seeds", "1", "--report-seeds", "0", "--output", tmp_path, "--name", "s"]
    export = tmp_path / "mine"
    export.mkdir()
    (export / "summary.csv").write_text("my own")
    refused = cli(*words, "--export", export)
    assert refused.code == 2
    assert "is not of an export of this sweep" in refused.err
    assert (export / "summary.csv").read_text() == "my own"
    folder = tmp_path / "sweeps/s"
    assert not folder.exists()  # it is said before the work
    assert cli(*words).code == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    changed = [word if word != "layers=8" else "layers=9" for word in words]
    for option in ((), ("--draw",), ("--dry-run",)):
        said = cli(*changed, *option)
        assert said.code == 2
        assert "layers: (8,) there, (9,) asked" in said.err
        assert "--name" in said.err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_sweep_of_a_fit(cli, tmp_path):
    words = ["sweep", "digits", "--over", "learning_rate=0.01,0.1", "--set", "layers=8", "--epochs", 2, "--seeds", 2]
    outcome = cli(*words, "--report-seeds", 0, "--metric", "valid_loss", "--output", tmp_path)
    assert outcome.code == 0, outcome.err
    assert "valid_loss" in outcome.out
    assert "the same point on the same seeds: test_loss" in outcome.out
    assert "its data have made; the second is of other data" in outcome.out
    assert (tmp_path / "sweeps" / "digits-backprop-learning_rate" / "sensitivity.png").exists()


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def last_scores(run):
    """By column, the mean over seeds of the last row of each."""
    rows = table(run / "metrics.csv")
    last = [row for row in rows if row["step"] == rows[-1]["step"]]
    names = ("valid_accuracy", "test_accuracy")
    return {name: sum(float(row[name]) for row in last) / len(last) for name in names}


def test_test_data_choose_nothing(cli, tmp_path):
    """Of a fit: the best is that of the validation data, and the test data are only reported, of other seeds."""
    words = ["sweep", "digits", "--over", "learning_rate=0.001,0.01,0.1", "--set", "layers=8", "--epochs", 1]
    outcome = cli(*words, "--seeds", 2, "--name", "x", "--output", tmp_path, "--json", "--quiet")
    assert outcome.code == 0, outcome.err
    found, folder = outcome.json, tmp_path / "sweeps" / "x" / "digits" / "backprop"
    scores = {value: last_scores(folder / f"learning_rate={value}") for value in ("0.001", "0.01", "0.1")}
    best = max(scores, key=lambda value: scores[value]["valid_accuracy"])
    assert (found["metric"], found["reported"]) == ("valid_accuracy", "test_accuracy")
    assert found["best"] == {"learning_rate": best}
    assert found["rows"][0]["mean"] == pytest.approx(scores[best]["valid_accuracy"])
    reported = last_scores(folder / f"learning_rate={best},seeds=2-3")["test_accuracy"]
    assert found["reporting"]["mean"] == pytest.approx(reported)
    assert "best of 3 points by valid_accuracy of 2 seeds: " in found["verdict"][1]
    assert f"on 2 other seeds: test_accuracy {100 * reported:.2f} " in found["verdict"][1]
    assert "its seeds and data have made; the second is not" in found["verdict"][2]
    rows = table(tmp_path / "sweeps" / "x" / "summary.csv")
    assert [bool(row["valid_accuracy"]) for row in rows] == [True] * 3 + [False]
    assert [bool(row["test_accuracy"]) for row in rows] == [False] * 3 + [True]
    assert float(rows[-1]["test_accuracy"]) == pytest.approx(reported, rel=1e-5)
    asked = cli(
        *words, "--seeds", 2, "--name", "x", "--output", tmp_path, "--json", "--draw", "--metric", "test_accuracy"
    )
    assert "valid_accuracy chooses by other data" in asked.json["verdict"][-1]
    same = cli(*words, "--seeds", 2, "--report-seeds", 0, "--name", "x", "--output", tmp_path, "--json", "--draw")
    assert same.json["reporting"]["mean"] == pytest.approx(scores[best]["test_accuracy"])
    assert "; the same point on the same seeds: test_accuracy" in same.json["verdict"][1]


def test_a_point_that_diverges_leaves_the_others_their_numbers(cli, tmp_path):
    """Of three points one has steps of 10^30; the others learn as they do without it."""
    base = ["sweep", "CartPole-v1", "--seeds", 2, "--report-seeds", 0, "--total-timesteps", 1024, *SMALL]
    base += ["--num-eval-episodes", 1, "--output", tmp_path, "--json", "--quiet"]
    base += ["--set", "max_gradient_norm=inf", "reward_scale=1.0"]
    words = [*base, "--name", "three", "--over", "learning_rate=1e-3,1e-2,1e30"]
    outcome = cli(*words)
    assert outcome.code == 0, outcome.err
    found, folder = outcome.json, tmp_path / "sweeps" / "three"
    assert [row["state"] for row in found["rows"]] == ["done", "done", "diverged"]
    assert found["rows"][2]["settings"] == {"learning_rate": "1e+30"}
    assert (found["failed"], list(found["diverged"])) == ({}, ["CartPole-v1/ad_pqn/learning_rate=1e+30"])
    alone = cli(*base, "--name", "two", "--over", "learning_rate=1e-3,1e-2")
    assert alone.code == 0, alone.err
    for value in ("0.001", "0.01"):
        losses = [first_losses(where, f"learning_rate={value}") for where in (folder, folder.with_name("two"))]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if "CartPole" in str(path)}
    again = cli(*words)
    assert again.json | {"folder": ""} == found | {"folder": ""}
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if "CartPole" in str(path)} == before


def first_losses(folder, variant):
    """Losses of both seeds in the first two rows of each."""
    rows = table(folder / "CartPole-v1" / "ad_pqn" / variant / "metrics.csv")
    columns = [name for name in rows[0] if "loss" in name]
    assert columns
    return [float(row[name]) for row in rows[:4] for name in columns]


def test_a_script_for_slurm_whose_last_step_goes_on_with_the_reporting_seeds(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    halving = ["--search", "halving", "--eta", 2]
    refused = cli(*AGENT, *halving, "--slurm", "job.sh")
    assert refused.code == 2
    assert "slurm=job.sh cannot be used: rounds that depend on each other need --ray" in refused.err
    assert "part=0 cannot be used: rounds that" in cli(*AGENT, *halving, "--part", 0).err
    assert cli(*AGENT, "--slurm", "job.sh", "--draw").code == 2
    asked = cli(*AGENT, "--side-by-side", 2, "--slurm", "job.sh", "--json", "--quiet")
    assert asked.code == 0, asked.err
    assert "rows" not in asked.json
    text = (tmp_path / "job.sh").read_text()
    assert "#SBATCH --array=0-1\n" in text
    assert 'exec "${command[@]}"\n' in text
    for index in (1, 0):
        done = cli(*AGENT, "--side-by-side", 2, "--part", index, "--json", "--quiet")
        assert (done.code, done.json["failed"]) == (0, {}), done.err
        assert len(list((tmp_path / "runs/sweeps/small/CartPole-v1/ad_pqn").iterdir())) == 2 - index
    assert not (tmp_path / "runs/sweeps/small/summary.csv").exists()
    last = cli(*AGENT, "--side-by-side", 2, "--json", "--quiet")
    assert last.code == 0, last.err
    assert [row["state"] for row in last.json["rows"]] == ["done", "done"]
    assert len(last.json["reporting"]["scores"]) == 2


def test_a_sweep_of_a_team(cli, tmp_path):
    words = ["sweep", "team/fill-in-2", "idt", "--over", "learning_rate=1e-4,1e-3", "--data", "random:30"]
    words += ["--updates", 2, "--evaluations", 1, "--num-eval-episodes", 2, "--seeds", 1, "--report-seeds", 0]
    outcome = cli(*words, "--output", tmp_path, "--json", "--quiet")
    assert outcome.code == 0, outcome.err
    assert [row["step"] for row in outcome.json["rows"]] == [2, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["quik"], "unknown sweep 'quik'; did you mean 'quick'? Run 'accumbens sweeps'"),
        (["CartPole-v1"], "nothing is varied of CartPole-v1: give --over"),
        (["quick", "--seeds", "3"], "--seeds cannot be used with quick: what a sweep of a file"),
        (["quick", "--set", "num_envs=3"], "--set cannot be used with quick"),
        (["quick", "--name", "a/b"], "name='a/b' cannot be used: it must be a single folder name"),
        (["CartPole-v1", "--over", "learning_rate"], "--over 'learning_rate' cannot be used: expected key=value"),
        (["CartPole-v1", "--over", "discount=.9,.99", "discount=.8,.9"], "--over gives discount twice"),
        (["CartPole-v1", "--over", "discont=.9,.99"], "unknown setting 'discont'; did you mean 'discount'"),
        (["CartPole-v1", "--over", "discount=.9,.99", "--epochs", "3"], "--epochs is not for CartPole-v1"),
        (["CartPol-v1", "--over", "discount=.9,.99"], "did you mean 'CartPole-v1'"),
        (["quick", "--side-by-side", "0", "--dry-run"], "side_by_side=0 cannot be used: it must be >= 1"),
    ],
)
def test_wrong_words(cli, words, message):
    outcome = cli("sweep", *words)
    assert outcome.code == 2
    assert message in outcome.err


def test_sweeps_are_listed(cli):
    outcome = cli("sweeps")
    assert outcome.code == 0
    assert all(name in outcome.out for name in committed())
    assert set(cli("sweeps", "--json").json) == set(committed())


def test_the_view_is_a_reporter():
    assert isinstance(SweepView("all points", load("quick").runs, 1.0, json=False, quiet=False), ExperimentReporter)
