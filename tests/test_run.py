"""A run in Python: everything that can be done with it, and what a callback is told; environments made by a script."""

import csv
import importlib
import inspect
import json
import sys
from contextlib import closing

import gymnasium
import numpy as np
import pytest

import accumbens
from accumbens.cli.main import main
from accumbens.cli.run_view import RunView
from accumbens.envs.factory import register_factory
from accumbens.envs.gymnasium import HostEnvironments
from accumbens.errors import AccumbensError
from accumbens.runs import launch
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS

TINY = {"net_arch": [6, 5], "num_envs": 2, "rollout_length": 16, "num_minibatches": 2, "epochs": 1}
SIZES = {"total_timesteps": 640, "seeds": 2, "num_eval_episodes": 2}


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def run(tmp_path_factory, told):
    out = tmp_path_factory.mktemp("runs")
    return accumbens.train("CartPole-v1", out=out, name="a", callback=told.append, **SIZES, **TINY)


def test_a_callback_is_told_of_every_chunk(run, told):
    steps = run.curve().steps.tolist()
    assert [progress.step for progress in told] == steps
    assert {progress.total for progress in told} == {640}
    assert {progress.run.path for progress in told} == {run.path}
    np.testing.assert_equal([progress.score for progress in told], np.nanmean(run.curve().values, axis=0).tolist())


@pytest.mark.parametrize("raised", [StopIteration, SystemExit])
def test_what_a_callback_raises_ends_the_run_and_loses_nothing(run, tmp_path, raised):
    def enough(progress):
        if progress.step >= 320:
            raise raised(progress.step)

    with pytest.raises(raised, match="320"):
        accumbens.train("CartPole-v1", out=tmp_path, name="a", callback=enough, **SIZES, **TINY)
    stopped = accumbens.open_run(tmp_path / "CartPole-v1/ad_pqn/a")
    assert stopped.load().step == 320
    assert stopped.curve("mean_return")[0][-1] == 320
    assert stopped.resume().result.steps == 640
    mine, others = stopped.metrics(), run.metrics()
    for name in set(others) - {"wall_seconds"}:
        np.testing.assert_array_equal(mine[name], others[name])


def test_what_another_reporter_raises_ends_the_run_at_once(tmp_path):
    """As that of a worker whose run another one has taken over, and which must write nothing more."""

    class Overtaken(RunView):
        def progress(self, step, score, per_second):
            raise AccumbensError("another worker has taken over")

    changes = {name: str(value).strip("[]") for name, value in TINY.items()}
    config = resolve_config("CartPole-v1", "ad_pqn", total_timesteps=640, changes=changes)
    with pytest.raises(AccumbensError, match="another worker has taken over"):
        launch.start(AGENTS, config, Overtaken(json=True, quiet=True), out=tmp_path, name="a")
    left = tmp_path / "CartPole-v1" / "ad_pqn" / "a"
    assert not list((left / "checkpoints").iterdir())
    assert json.loads((left / "meta.json").read_text()).get("result") is None


def test_a_frame_is_the_file(run):
    pytest.importorskip("pandas")
    frame = run.to_frame()
    with (run.path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(frame.columns) == list(rows[0])
    assert frame["step"].tolist() == [int(row["step"]) for row in rows]
    np.testing.assert_equal(frame["mean_return"].to_numpy(), [float(row["mean_return"]) for row in rows])


def test_a_frame_needs_pandas(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(AccumbensError, match="to_frame needs pandas, which is not installed"):
        run.to_frame()


def test_compare_report_watch_and_export(run, tmp_path):
    (group,) = run.compare(metric="final_return").groups
    np.testing.assert_allclose(np.sort(group.scores["CartPole-v1"]), np.sort(run.scores()["mean_return"]))
    assert [len(found.scores) for found in run.compare(run.path, by=["algo"]).groups] == [1]
    page = run.report(output=tmp_path / "page.html")
    assert "CartPole-v1" in page.read_text()
    with pytest.raises(AccumbensError, match="exists"):
        run.report(output=page)
    assert run.watch(tmp_path / "play.gif", max_steps=3).read_bytes()[:3] == b"GIF"
    agent = accumbens.load(run.export(tmp_path / "agent", seed=1))
    observation = np.zeros(4, np.float32)
    np.testing.assert_array_equal(agent.values(observation), run.load(seed=1).values(observation))


def test_an_audit_is_of_the_runs_own_configuration(run):
    audit = run.audit(measured=False)
    assert audit.holds
    assert audit.local


class Bandit(gymnasium.Env):
    """One step: the second arm pays. It is a script's, whatever imports the tests."""

    __module__ = "__main__"

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(1, np.float32), {}

    def step(self, action):
        return np.ones(1, np.float32), float(action == 1), True, False, {}


@pytest.fixture(autouse=True)
def registry():
    before = dict(gymnasium.registry)
    yield
    for name in set(gymnasium.registry) - set(before):
        del gymnasium.registry[name]


def test_an_environment_that_a_script_makes_is_trained_on(tmp_path):
    run = accumbens.train(Bandit, out=tmp_path, name="a", **SIZES | {"total_timesteps": 64}, **TINY)
    assert run.path == tmp_path / "Bandit-v0/ad_pqn/a"
    assert run.config.env == "Bandit-v0"
    assert run.load().act(np.ones(1)) in (0, 1)


def test_a_run_is_read_where_its_environment_is_not_registered(tmp_path, capsys):
    path = accumbens.train(Bandit, out=tmp_path, name="a", **SIZES | {"total_timesteps": 64}, **TINY).path
    del gymnasium.registry["Bandit-v0"]
    run = accumbens.open_run(path)
    assert run.config.env == "Bandit-v0"
    assert run.curve().steps[-1] == run.evaluations().steps[-1] == run.result.steps
    assert len(run.compare(metric="final_return").groups) == 1
    assert "Bandit-v0" in run.report(output=tmp_path / "page.html").read_text()
    with pytest.raises(SystemExit):
        main(["runs", str(tmp_path), "--json"])
    assert '"finished"' in capsys.readouterr().out
    for plays in (run.evaluate, run.resume, run.watch, run.export, run.audit):
        with pytest.raises(AccumbensError, match=r"environment 'Bandit-v0' of .* is not registered in this process"):
            plays()
    gymnasium.register("Bandit-v0", entry_point=Bandit)
    assert run.evaluate(num_episodes=1).lengths.max() == 1


def test_an_environment_that_is_made_already():
    train = inspect.unwrap(accumbens.train)  # without the tests' own check of types
    with pytest.raises(AccumbensError, match=r"is an environment already: give its class, env=Bandit, or a function"):
        train(Bandit())
    with pytest.raises(AccumbensError, match="env=3 cannot be used: give a name, or a class or a function"):
        train(3)


def test_a_factory_is_registered_once_and_may_be_defined_again():
    def make():
        return Bandit()

    name = register_factory(make)
    assert name == "test_a_factory_is_registered_once_and_may_be_defined_again_make-v0"
    assert register_factory(make) == name
    first = gymnasium.registry[name].entry_point

    def again():
        return Bandit()

    again.__qualname__ = make.__qualname__
    assert register_factory(again) == name
    assert gymnasium.registry[name].entry_point is not first
    again.__qualname__ = "MountainCarContinuous"
    with pytest.raises(AccumbensError, match="has an environment 'MountainCarContinuous-v0' already"):
        register_factory(again)


def test_what_can_be_imported_lives_in_several_processes(tmp_path, monkeypatch):
    module = "gymnasium.envs.classic_control.mountain_car"
    source = f"from {module} import MountainCarEnv\nclass Two(MountainCarEnv): pass\n"
    (tmp_path / "of_their_own.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    name = register_factory(importlib.import_module("of_their_own").Two)
    assert name == "of_their_own:Two-v0"
    assert gymnasium.registry["Two-v0"].entry_point == "of_their_own:Two"
    with closing(HostEnvironments(name, 2, 0, num_workers=2)) as envs:
        assert envs.reset().shape == (2, 2)
