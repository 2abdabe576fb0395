"""The library in Python: what the command line does, with arrays instead of files."""

import csv
import dataclasses
import inspect
import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import accumbens
from accumbens import api
from accumbens.cli.main import main
from accumbens.errors import AccumbensError, UnknownNameError

TINY = {"net_arch": [6, 5], "num_envs": 2, "rollout_length": 16, "num_minibatches": 2, "epochs": 1}
SIZES = {"total_timesteps": 2e3, "seed": 1, "seeds": 2, "num_eval_episodes": 2, "eval_frequency": 1024}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return accumbens.train("CartPole-v1", out=out, name="a", learning_rate=np.float32(0.5e-3), **SIZES, **TINY)


@pytest.mark.parametrize("name", ["net_arch", "layers"])
def test_units_of_layers_have_both_names(name, monkeypatch):
    monkeypatch.setattr(api, "_start", lambda kind, config, *options: config)
    train, fit = map(inspect.unwrap, (accumbens.train, accumbens.fit))  # without the tests' own check of types
    assert train("CartPole-v1", **{name: [8, 4]}).settings.net_arch == (8, 4)
    assert fit("digits", **{name: [8, 4]}).rule_settings.layers == (8, 4)
    for begin in (train, fit):
        with pytest.raises(AccumbensError, match=f"{name}='wide' cannot be used"):
            begin("CartPole-v1", **{name: ["wide"]})
        with pytest.raises(AccumbensError, match="are names of the same: give one of them"):
            begin("CartPole-v1", layers=[4], net_arch=[4])


def test_a_run_is_that_of_the_command_line(run, tmp_path):
    words = ["train", "CartPole-v1", "ad_pqn", "--total-timesteps", "2000", "--seed", "1", "--seeds", "2"]
    words += ["--num-eval-episodes", "2", "--eval-frequency", "1024", "--net-arch", "6,5", "--quiet"]
    words += ["--set", "num_envs=2", "rollout_length=16", "num_minibatches=2", "epochs=1"]
    words += [f"learning_rate={np.float32(0.5e-3).item()!r}", "--output", str(tmp_path), "--name", "a"]
    with redirect_stdout(io.StringIO()), pytest.raises(SystemExit):
        main(words)
    other = accumbens.open_run(tmp_path / "CartPole-v1" / "ad_pqn" / "a")
    assert other.config == run.config
    np.testing.assert_array_equal(other.curve().values, run.curve().values)
    for path in (other.path, run.path):
        assert (path / "checkpoints").is_dir()
    one, two = (next(iter(sorted((path / "snapshots").glob("*"), reverse=True))) for path in (other.path, run.path))
    assert one.read_bytes() == two.read_bytes()


def test_curves_are_the_files(run):
    with (run.path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    curve = run.curve()
    assert curve.values.shape == (2, len(curve.steps))
    for row in rows:
        there = curve.values[int(row["seed"]) - 1, curve.steps.tolist().index(int(row["step"]))]
        np.testing.assert_equal(there, float(row["mean_return"]))
    with (run.path / "evaluations.csv").open() as file:
        rows = list(csv.DictReader(file))
    evaluations = run.evaluations()
    assert evaluations.steps.tolist() == [1024, 2016]
    assert evaluations.returns.shape == (2, 2, 2)
    for row in rows:
        index = int(row["seed"]) - 1, evaluations.steps.tolist().index(int(row["step"])), int(row["cells"]) - 1
        assert evaluations.returns[index] == float(row["mean_return"])


def test_what_a_run_knows(run):
    assert (run.seeds, run.config.env, run.config.settings.net_arch) == ([1, 2], "CartPole-v1", (6, 5))
    assert run.result is not None
    assert (run.result.steps, run.result.run) == (2016, str(run.path))
    assert repr(run) == f"Run({str(run.path)!r})"
    assert run.path == Path(run.result.run)
    assert run.resume().result == run.result  # complete: nothing is left to do
    assert run.load(seed=2).seed == 2


def test_evaluation(run):
    played = run.evaluate(num_episodes=3)
    assert played.returns.shape == played.lengths.shape == played.cut.shape == (2, 2, 3)
    assert not played.cut.any()
    np.testing.assert_array_equal(played.returns, played.lengths)  # as CartPole rewards
    assert isinstance(played.returns, np.ndarray)
    assert not np.array_equal(run.evaluate(3, epsilon=1.0).returns, played.returns)


def test_it_is_silent_without_a_terminal_and_shows_progress_if_asked(run, tmp_path, capsys):
    path = tmp_path / "runs"
    accumbens.train("CartPole-v1", out=path, name="quiet", **SIZES, **TINY, learning_rate=0.5e-3)
    assert capsys.readouterr() == ("", "")
    accumbens.train("CartPole-v1", out=path, name="shown", progress=True, **SIZES, **TINY, learning_rate=0.5e-3)
    printed = capsys.readouterr()
    assert printed.out == ""  # standard output is the caller's
    assert "greedy return" in printed.err
    assert "2,016/2,016 steps" in printed.err or "2,016/2,000 steps" in printed.err


BAD = {
    "env": ({"env": "CartPole-v9"}, UnknownNameError, "unknown environment 'CartPole-v9'; did you mean 'CartPole-v1'"),
    "algo": ({"algo": "ad_pq"}, UnknownNameError, "unknown algorithm 'ad_pq'; did you mean 'ad_pqn'"),
    "setting": ({"learning_rat": 1}, UnknownNameError, "unknown setting 'learning_rat'; did you mean 'learning_rate'"),
    "word": ({"credit": "globl"}, UnknownNameError, "unknown value of credit 'globl'"),
    "cell": ({"cell": "attentoin"}, UnknownNameError, "unknown value of cell 'attentoin'; did you mean 'attention'"),
    "text": ({"learning_rate": "fast"}, AccumbensError, "learning_rate='fast' cannot be used: expected a number"),
    "kind": (
        {"learning_rate": {"a": 1}},
        AccumbensError,
        r"learning_rate=\{'a': 1\} cannot be used: expected a number",
    ),
    "steps": ({"total_timesteps": "many"}, AccumbensError, "total_timesteps='many' cannot be used: expected a whole"),
    "fraction": ({"total_timesteps": 2.5}, AccumbensError, "total_timesteps='2.5' cannot be used: expected a whole"),
    "flag": ({"layer_norm": 1}, AccumbensError, "layer_norm='1' cannot be used: expected true or false"),
    "whole": ({"seeds": True}, AccumbensError, "seeds='true' cannot be used: expected a whole number"),
    "none": ({"seeds": None}, AccumbensError, "seeds='none' cannot be used: expected a whole number"),
    "sizes": ({"net_arch": ["wide"]}, AccumbensError, "net_arch='wide' cannot be used: expected numbers such as"),
    "range": ({"discount": 2.0}, AccumbensError, "discount=2.0 cannot be used: it must be from 0 to 1"),
    "nan": ({"learning_rate": float("nan")}, AccumbensError, "learning_rate=nan cannot be used"),
    "name": ({"name": "a/b"}, AccumbensError, "name='a/b' cannot be used: it must be a single folder name"),
    "track": ({"track": "paper"}, UnknownNameError, "unknown value of track 'paper'"),
    "seconds": ({"checkpoint_seconds": "soon"}, AccumbensError, "checkpoint_seconds='soon' cannot be used"),
    "no word": ({"credit": 5}, UnknownNameError, "unknown value of credit '5'"),
}


@pytest.mark.parametrize("case", BAD)
def test_arguments_that_cannot_be_used(tmp_path, case):
    arguments, error, message = BAD[case]
    words = {"env": "CartPole-v1", "algo": "ad_pqn", "total_timesteps": 64, "out": tmp_path} | TINY | arguments
    with pytest.raises(error, match=message):
        inspect.unwrap(accumbens.train)(**words)  # without the tests' own check of types
    assert not list(tmp_path.rglob("config.toml"))


def test_a_run_of_that_name_is_not_overwritten(run):
    before = (run.path / "metrics.csv").read_bytes()
    with pytest.raises(AccumbensError, match="exists already"):
        accumbens.train("CartPole-v1", out=run.path.parents[2], name="a", **SIZES, **TINY, learning_rate=0.5e-3)
    assert (run.path / "metrics.csv").read_bytes() == before


def test_what_is_no_run(tmp_path, run):
    with pytest.raises(AccumbensError, match="there is no run at"):
        accumbens.open_run(tmp_path / "nowhere")
    for arguments, message in (
        ({"num_episodes": 0}, "num_episodes=0 cannot be used: it must be >= 1"),
        ({"epsilon": 2}, "epsilon=2.0 cannot be used: it must be from 0 to 1"),
        ({"num_episodes": "all"}, "num_episodes='all' cannot be used: expected a whole number"),
    ):
        with pytest.raises(AccumbensError, match=message):
            inspect.unwrap(api.Run.evaluate)(run, **arguments)


def test_a_stopped_run_does_not_pass_for_a_whole_one(run, monkeypatch):
    stopped = dataclasses.replace(run.result, interrupted=True, steps=64)
    monkeypatch.setattr(api.launch, "start", lambda *_, **__: stopped)
    with pytest.raises(KeyboardInterrupt, match=r"stopped at step 64: accumbens.open_run\('.*'\).resume\(\)"):
        accumbens.train("CartPole-v1", **TINY)
