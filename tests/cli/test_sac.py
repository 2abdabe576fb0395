"""Soft actor-critic from the command line. What needs SBX is skipped where it is not installed."""

import importlib.util
import math
import signal

import jax
import numpy as np
import pytest

from accumbens.agents.settings import SACSettings
from accumbens.cli.run_view import RunView
from accumbens.errors import AccumbensError
from accumbens.runs.tables import read_table
from accumbens.training import sac_learner
from accumbens.training.config import resolve_config
from accumbens.training.job import make_job
from accumbens.training.kind import AGENTS

needs_sbx = pytest.mark.skipif(importlib.util.find_spec("sbx") is None, reason="needs the extra sac")

WORDS = ["train", "Pendulum-v1", "sac", "--total-timesteps", 600, "--net-arch", "8,9", "--num-eval-episodes", 2]
WORDS += ["--set", "learning_starts=100", "batch_size=16", "train_every=3", "replay_capacity=300", "--quiet"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"credit": "local"}, "credit=local cannot be used: it must be backprop"),
        ({"changes": {"num_envs": "2", "train_every": "3"}}, "train_every=3 cannot be used: it must be a multiple of "),
        ({"changes": {"entropy_coefficient": "0"}}, "entropy_coefficient=0.0 cannot be used: it must be > 0 and fin"),
        ({"changes": {"target_rate": "1.5"}}, "target_rate=1.5 cannot be used: it must be from 0 to 1"),
        ({"changes": {"batch_size": "0"}}, "batch_size=0 cannot be used: it must be >= 1"),
        ({"changes": {"learning_rate": "inf"}}, "learning_rate=inf cannot be used: it must be > 0 and finite"),
        ({"changes": {"learning_start": "9"}}, "unknown setting 'learning_start'; did you mean 'learning_starts'?"),
        ({"changes": {"trace_decay": "0.9"}}, "unknown setting 'trace_decay'"),
        ({"net_arch": []}, "net_arch=() cannot be used: it must be at least one number >= 1"),
    ],
)
def test_settings_that_cannot_be_used_are_named(changes, message):
    with pytest.raises(AccumbensError) as error:
        resolve_config("Pendulum-v1", "sac", **changes)
    assert str(error.value).startswith(message)


def test_a_configuration_survives_its_file(tmp_path):
    changes = {"entropy_coefficient": "0.2", "net_arch": "7"}
    config = resolve_config("dmc/walker-walk", "sac", seeds=3, changes=changes)
    assert config.settings == SACSettings(entropy_coefficient=0.2, net_arch=(7,), learning_starts=5000)
    AGENTS.write(config, tmp_path / "config.toml")
    assert AGENTS.read(tmp_path / "config.toml") == config


def test_a_dry_run_counts_without_making_anything(cli, monkeypatch):
    monkeypatch.setattr(sac_learner, "require_sac", lambda: None)
    outcome = cli(*WORDS, "--dry-run", "--json")
    assert outcome.code == 0, outcome.err
    # Pendulum: 3 observations, 1 action; the actor has a mean and a deviation per action, a critic sees both.
    actor, critic = 4 * 8 + 9 * 9 + 10 * 2, 5 * 8 + 9 * 9 + 10
    assert outcome.json["plan"] == {
        "steps_per_block": 3,
        "blocks": 200,
        "chunk_blocks": 1,
        "updates": 200 - 33,
        "cell_parameters": [actor, critic, critic],
        "replay_bytes": 300 * 4 * (3 + 3 + 1 + 3),
        "replay_rows": 300,
        "notes": [],
    }
    assert "parameters of critic 2     131" in outcome.err
    assert "learning_starts" in outcome.err


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            "CartPole-v1",
            "environment 'CartPole-v1' has discrete actions; needed are continuous ones, such as Pendulum-v1",
        ),
        (
            "FrozenLake-v1",
            "environment 'FrozenLake-v1' has the action space Discrete(4); needed is a Box with finite bounds",
        ),
    ],
)
def test_discrete_actions_are_refused(cli, env, message):
    outcome = cli("train", env, "sac", "--dry-run")
    assert (outcome.code, outcome.err) == (2, f"error: {message}\n")


@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_without_sbx_the_error_says_how_to_install_it(cli, monkeypatch, tmp_path, more):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = cli(*WORDS, *more)
    assert outcome.code == 2
    assert outcome.err.startswith("error: algorithm 'sac' needs SBX, which is not installed: run 'uv sync --extra sac'")
    assert """'pip install "accumbens[sac]"'""" in outcome.err
    assert not list(tmp_path.iterdir())


def test_algos_name_the_learner(cli):
    line = next(line for line in cli("algos").out.splitlines() if line.startswith("sac "))
    assert line.split()[1] == "actor-critic"


@pytest.fixture(scope="module")
def run(cli, tmp_path_factory):
    """Two seeds, uninterrupted: (path, outcome)."""
    out = tmp_path_factory.mktemp("sac")
    outcome = cli(*WORDS, "--seeds", 2, "--output", out, "--name", "a", "--json")
    assert outcome.code == 0, outcome.err
    return out / "Pendulum-v1" / "sac" / "a", outcome


@needs_sbx
def test_a_run_is_like_any_other(run):
    path, outcome = run
    names = {"config.toml", "meta.json", "metrics.csv", "evaluations.csv", "curve.png", "checkpoints", ".lock"}
    assert {file.name for file in path.iterdir()} == names
    result = outcome.json
    assert {key: result[key] for key in ("algo", "credit", "seeds", "steps", "interrupted")} == {
        "algo": "sac",
        "credit": "backprop",
        "seeds": [0, 1],
        "steps": 600,
        "interrupted": False,
    }
    rows = read_table(path / "metrics.csv")
    assert len(rows) == 2 * 200
    for seed in ("0", "1"):
        mine = [row for row in rows if row["seed"] == seed]
        assert [int(row["step"]) for row in mine] == list(range(3, 601, 3))
        assert [int(row["updates"]) for row in mine] == [0] * 33 + list(range(1, 168))
        assert [int(row["episodes"]) for row in mine[::67]] == [0, 1, 2], "an episode of Pendulum has 200 steps"
        assert [row["epsilon"] for row in mine] == ["1.0"] * 34 + ["0.0"] * 166
        assert [math.isnan(float(row["critic_loss"])) for row in mine] == [row["updates"] == "0" for row in mine]
        assert -2000 < float(mine[-1]["mean_return"]) < 0
    evaluations = read_table(path / "evaluations.csv")
    assert [(row["step"], row["seed"], row["cells"]) for row in evaluations[-2:]] == [
        ("600", "0", "1"),
        ("600", "1", "1"),
    ]
    assert {row["mean_length"] for row in evaluations} == {"200.0"}
    assert result["eval_return"] == [float(row["mean_return"]) for row in evaluations[-2:]]


@needs_sbx
def test_a_seed_learns_the_same_alone(run, cli, tmp_path):
    assert cli(*WORDS, "--seed", 1, "--output", tmp_path, "--name", "b").code == 0
    alone = tmp_path / "Pendulum-v1" / "sac" / "b"
    for name in ("metrics.csv", "evaluations.csv"):
        mine = read_table(alone / name)
        others = [row for row in read_table(run[0] / name) if row["seed"] == "1"]
        for row in [*mine, *others]:
            row.pop("wall_seconds", None)
        assert mine == others


@needs_sbx
def test_a_checkpoint_holds_the_networks_and_the_replay(run):
    directory, config = AGENTS.open(run[0])
    trainer = make_job(config)
    try:
        fresh = trainer.init()
        untrained = [np.array(leaf) for leaf in jax.tree.leaves(fresh.seeds[0].networks)]
        state = trainer.restore([directory], pytest.fail)
        trainer.require_finite_parameters(state)
        assert trainer.step_of(state) == 600
        sizes = [sum(leaf.size for leaf in jax.tree.leaves(network.params)) for network in state.seeds[0].networks]
        actor, *critics = trainer.plan.cell_parameters
        assert sizes == [actor, sum(critics), 1], "the plan counts what SBX makes; the last is the entropy coefficient"
        trained = jax.tree.leaves(state.seeds[0].networks)
        assert any((before != after).any() for before, after in zip(untrained, trained, strict=True))
        for seed in state.seeds:
            assert (seed.full, seed.position, seed.updates, seed.episodes) == (True, 0, 167, 3)
            assert np.abs(seed.replay["observations"]).max(axis=(1, 2)).min() > 0, "no row is empty"
            follows = seed.replay["next_observations"][:-1] == seed.replay["observations"][1:]
            assert follows.all(axis=(1, 2)).sum() == 298, "but for one end of an episode"
            assert seed.replay["timeouts"].sum() == seed.replay["dones"].sum() == 2
        assert not np.array_equal(*(seed.replay["observations"] for seed in state.seeds))
        assert trainer.play(state).returns.mean(axis=(1, 2)).tolist() == pytest.approx(run[1].json["eval_return"])
    finally:
        trainer.close()


@needs_sbx
def test_a_stopped_run_goes_on(run, cli, tmp_path, monkeypatch):
    presses = [signal.SIGINT]

    def progress(self, step, mean_return, steps_per_second):
        while step == 450 and presses:
            signal.raise_signal(presses.pop())

    monkeypatch.setattr(RunView, "progress", progress)
    outcome = cli(*WORDS, "--output", tmp_path, "--name", "c", "--json", "--checkpoint-seconds", 1000)
    path = tmp_path / "Pendulum-v1" / "sac" / "c"
    assert (outcome.code, outcome.json["steps"], outcome.json["interrupted"]) == (130, 450, True)
    before = read_table(path / "metrics.csv")

    outcome = cli("resume", path, "--json", "--quiet")
    assert (outcome.code, outcome.json["steps"], outcome.json["interrupted"]) == (0, 600, False)
    after = read_table(path / "metrics.csv")
    assert after[: len(before)] == before
    assert [int(row["step"]) for row in after] == list(range(3, 601, 3))
    assert [int(row["updates"]) for row in after] == [0] * 33 + list(range(1, 168))
    assert [int(row["episodes"]) for row in after[-2:]] == [2, 2], "the episode that was stopped at 50 is forgotten"

    shown = cli("evaluate", path, "--num-episodes", 3, "--epsilon", 1, "--json", "--quiet")
    assert shown.code == 0
    assert [(row["cells"], row["episodes"], row["mean_length"]) for row in shown.json["evaluation"]] == [(1, 3, 200.0)]


@needs_sbx
def test_a_loss_that_is_not_finite_stops_the_run(cli, tmp_path):
    words = [*WORDS[:-1], "learning_rate=1e30", "--quiet"]
    outcome = cli(*words, "--output", tmp_path, "--name", "d")
    assert outcome.code == 1
    assert "_loss of seed 0 is no longer finite (NaN or Inf) at step 1" in outcome.err
    assert outcome.err.endswith("there is no checkpoint yet\n")
