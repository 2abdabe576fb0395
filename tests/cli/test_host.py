"""The host loop from end to end: environments of Gymnasium, with both learners."""

import csv
import os
import signal

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from accumbens.cli.run_view import RunView
from accumbens.envs import workers
from accumbens.runs.tables import read_table

CORRIDOR = "test/Corridor-v0"
BROKEN = "test/Broken-v0"
SMALL = ["--net-arch", "6,5", "--num-eval-episodes", 3, "--seeds", 2]
WORDS = {
    "parallel": ["ad_pqn", *SMALL, "--set", "num_envs=4", "rollout_length=16", "num_minibatches=2", "epochs=1"],
    "replay": [
        *("ad_dqn", *SMALL, "--set", "num_envs=4", "train_every=64", "batch_size=8", "learning_starts=128"),
        *("context_length=2", "target_every=128", "replay_capacity=1024"),
    ],
}
BLOCK = 64


class Corridor(gymnasium.Env):
    """Five places; action 2 goes right, action 1 left; the right end pays 1, a step -0.1, and both ends terminate."""

    observation_space = Box(-1, 1, (2,), np.float64)
    action_space = Discrete(2, start=1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = int(self.np_random.integers(1, 4))
        return self.observe(), {}

    def observe(self):
        return np.array([self.place / 2 - 1, 1.0])

    def reward(self):
        return float(self.place == 4) - 0.1

    def step(self, action):
        assert action in (1, 2)
        self.place += 1 if action == 2 else -1
        return self.observe(), self.reward(), self.place in (0, 4), False, {}


class Broken(Corridor):
    """It pays no number from the 300th step of each copy on."""

    steps = 0

    def reward(self):
        self.steps += 1
        return super().reward() if self.steps < 300 else float("nan")


@pytest.fixture(scope="module", autouse=True)
def registered():
    for name, kind in ((CORRIDOR, Corridor), (BROKEN, Broken)):
        gymnasium.register(name, entry_point=kind, max_episode_steps=6)
    yield
    for name in (CORRIDOR, BROKEN):
        del gymnasium.registry[name]


@pytest.fixture(scope="module", params=["parallel", "replay"])
def run(request, tmp_path_factory, cli, registered):
    """A finished run on the corridor: (words, path, outcome)."""
    out = tmp_path_factory.mktemp("host")
    words = ["train", CORRIDOR, *WORDS[request.param], "--total-timesteps", 40 * BLOCK]
    outcome = cli(*words, "--output", out, "--name", "a", "--json")
    assert outcome.code == 0, outcome.err
    return words, out / CORRIDOR / words[2] / "a", outcome


def test_both_learners_train_on_any_gymnasium_environment(run):
    _, path, outcome = run
    assert outcome.json["steps"] == 40 * BLOCK
    assert outcome.json["seeds"] == [0, 1]
    rows = read_table(path / "metrics.csv")
    assert [(int(row["step"]), int(row["seed"])) for row in rows] == [
        (b * BLOCK, s) for b in range(1, 41) for s in (0, 1)
    ]
    assert all(-0.7 <= float(row["mean_return"]) <= 0.9 for row in rows)
    assert all(1 <= float(row["mean_length"]) <= 6 for row in rows)
    assert float(rows[-1]["loss_1"]) > 0
    assert [rows[-2][name] for name in ("mean_return", "loss_1")] != [
        rows[-1][name] for name in ("mean_return", "loss_1")
    ]
    assert int(rows[-1]["updates"]) == {"ad_pqn": 80, "ad_dqn": 39}[outcome.json["algo"]]


def test_the_agents_learn_to_go_right(run, cli):
    _, path, _ = run
    outcome = cli("evaluate", path, "--num-episodes", 20, "--json")
    assert outcome.code == 0
    full = [row["mean_return"] for row in outcome.json["evaluation"] if row["cells"] == 2]
    # Always right pays 0.9, 0.8 or 0.7 from the three first places; random play about 0.15.
    assert max(full) > 0.6


def test_the_same_command_gives_the_same_numbers(run, cli, tmp_path):
    words, path, _ = run
    assert cli(*words, "--output", tmp_path, "--name", "b", "--quiet").code == 0
    for name in ("metrics.csv", "evaluations.csv"):
        mine, others = read_table(tmp_path / CORRIDOR / words[2] / "b" / name), read_table(path / name)
        for row in [*mine, *others]:
            row.pop("wall_seconds", None)
        assert mine == others


@pytest.mark.parametrize("run", ["parallel"], indirect=True)
def test_a_stopped_run_goes_on_with_new_episodes(run, cli, tmp_path, monkeypatch):
    words, path, _ = run

    def stop_at_half(self, step, mean_return, steps_per_second):
        if step == 20 * BLOCK:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(RunView, "progress", stop_at_half)
        outcome = cli(*words, "--output", tmp_path, "--name", "c")
    assert outcome.code == 130
    stopped = tmp_path / CORRIDOR / words[2] / "c"
    outcome = cli("resume", stopped, "--json")
    assert outcome.code == 0
    assert outcome.json["steps"] == 40 * BLOCK
    mine, others = read_table(stopped / "metrics.csv"), read_table(path / "metrics.csv")
    for name in ("step", "seed", "updates", "epsilon", "learning_rate"):
        assert [row[name] for row in mine] == [row[name] for row in others]
    for row, other in zip(mine[:40], others[:40], strict=True):
        assert {**row, "wall_seconds": 0} == {**other, "wall_seconds": 0}
    for seed in (0, 1):
        episodes = [int(row["episodes"]) for row in mine[seed::2]]
        assert episodes == sorted(episodes)


def test_an_environment_that_fails_stops_the_run_and_keeps_the_last_good_checkpoint(cli, tmp_path):
    words = ["train", BROKEN, *WORDS["parallel"], "--total-timesteps", 40 * BLOCK, "--name", "a"]
    outcome = cli(*words, "--checkpoint-seconds", 0)
    assert outcome.code == 1
    assert outcome.err.startswith(f"error: environment {BROKEN!r}, in step ")
    assert ": the reward is nan, which is not a finite number of float32 (Broken, " in outcome.err
    assert outcome.err.endswith("; the last good checkpoint is kept\n")
    path = tmp_path / "runs" / BROKEN / "ad_pqn" / "a"
    with (path / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    # The copies have stepped through a block of 16 steps while it was compiled, so the 300th is in the run's 18th.
    assert steps[-1] == 17 * BLOCK, "nothing of the bad chunk is kept"
    outcome = cli("evaluate", path, "--num-episodes", 1, "--json")
    assert outcome.code == 0
    assert outcome.json["step"] == steps[-1]


@pytest.mark.parametrize(
    ("env", "learner", "discretisation"),
    [("Pendulum-v1", "parallel", "factored"), ("dmc/cartpole-swingup", "replay", "joint")],
)
def test_continuous_control_stops_and_goes_on(env, learner, discretisation, cli, tmp_path, monkeypatch):
    """With several processes: Ctrl-C saves, resuming begins new episodes, and no process is left."""
    if env.startswith("dmc/"):
        pytest.importorskip("dm_control")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    started = []
    start = workers._start
    monkeypatch.setattr(workers, "_start", lambda memory: started.append(start(memory)) or started[-1])
    algo, *settings = WORDS[learner]
    words = ["train", env, algo, *settings, f"discretisation={discretisation}", "--total-timesteps", 6 * BLOCK]
    words += ["--seeds", 1, "--num-eval-episodes", 1, "--eval-frequency", 0]

    def stop(self, step, mean_return, steps_per_second):
        if step == 2 * BLOCK:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(RunView, "progress", stop)
        outcome = cli(*words, "--name", "a")
    assert outcome.code == 130, outcome.err
    path = tmp_path / "runs" / env / algo / "a"
    assert f'discretisation = "{discretisation}"' in (path / "config.toml").read_text()
    outcome = cli("resume", path, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["steps"] == 6 * BLOCK
    assert [int(row["step"]) for row in read_table(path / "metrics.csv")] == [b * BLOCK for b in range(1, 7)]
    assert len(started) >= 6
    assert all(process.returncode == 0 for process, _ in started)
