"""An experiment of three programs, and how its runs are compared with those of another place."""

import csv
import json
import os
import subprocess
import sys

import pytest

SMALL = """
title = "Two credits, and a step that is far too long"
environments = ["CartPole-v1"]
agents = { ad_pqn = ["local", "bad", "backprop"] }
settings = { net_arch = [6, 5], num_envs = 4, rollout_length = 16, num_minibatches = 2, epochs = 1 }
total_timesteps = 4096
num_eval_episodes = 1

[variants]
local = { credit = "local" }
backprop = { credit = "backprop" }
bad = { learning_rate = 1e30, max_gradient_norm = inf }

[budgets.smoke]
seeds = 2

[budgets.desk]
agents = { ad_pqn = ["local", "backprop"] }
total_timesteps = 200_000
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The folder of the experiment file, which is worked in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path


@pytest.fixture
def command():
    """`command(*words)`: `accumbens` with these words, as a process of its own."""
    return lambda *words: [sys.executable, "-m", "accumbens.cli.main", *map(str, words)]


@pytest.fixture
def accumbens(command):
    """`accumbens(*words, **environment)`: run it to its end."""

    def call(*words, **changes):
        return subprocess.run(command(*words), capture_output=True, text=True, env=os.environ | changes, timeout=300)

    return call


@pytest.fixture
def learned():
    """`learned(folder)`: what its runs learned, file by file; all but wall times, machines, commits and commands."""
    return _learned


def _learned(folder):
    found = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.is_dir() or file.name.startswith(".") or file.suffix in (".png", ".svg") or name.startswith("slurm/"):
            continue
        if file.suffix == ".csv":
            with file.open() as lines:
                rows = list(csv.DictReader(lines))
            times = ("commit", "seconds", "wall_seconds", "train_seconds", "compile_seconds", "steps_per_second")
            found[name] = [{key: value for key, value in row.items() if key not in times} for row in rows]
        elif file.name == "meta.json":
            document = json.loads(file.read_text())
            result = document.get("result") or {}
            kept = ("final_return", "eval_return", "steps", "run", "seeds", "interrupted", "test_error")
            found[name] = {key: result.get(key) for key in kept} | {"total": document["total"]}
        else:
            found[name] = file.read_bytes()
    return found
