"""A small sweep to change, and a stand-in for training that leaves the files of a run."""

import math

import pytest

from accumbens.experiments import execute as module
from accumbens.runs.health import NotFiniteError
from accumbens.runs.tables import Table
from accumbens.sweeps.spec import resolve
from accumbens.training.kind import AGENTS

_ = AGENTS.experimenting  # what is imported while `make_plan` is played would keep the stand-in


@pytest.fixture
def document():
    """Six points of an agent."""
    return {
        "environment": "CartPole-v1",
        "agent": "ad_pqn",
        "total_timesteps": 900,
        "settings": {"net_arch": [6, 5], "num_envs": 4, "rollout_length": 16, "num_minibatches": 2, "epochs": 1},
        "seeds": 3,
        "over": {"learning_rate": [1e-4, 1e-3, 1e-2], "trace_decay": [0.5, 0.9]},
    }


@pytest.fixture
def make(document):
    """`make(**changes) -> Sweep`, each laid over the document; None leaves a key out."""

    def call(**changes):
        return resolve("mine", {key: value for key, value in (document | changes).items() if value is not None})

    return call


class StandIn:
    """Plays training: the score of a run is `score(config, seed, step)`, and its blocks are of 50 steps.

    Attributes:
        calls: the variants of every program, where they stood, and to where they went.
        interrupt: a variant whose program stops half-way, once.
    """

    def __init__(self):
        self.calls, self.interrupt, self.half = [], None, 100
        self.score = lambda config, seed, step: 0.0

    def __call__(self, kind, configs, report, *, out, names, checkpoint_seconds, origins, until):
        results, stops = [], self.interrupt in names
        self.interrupt = None if stops else self.interrupt
        starts = set()
        for config, name in zip(configs, names, strict=True):
            path = kind.folder(config, out) / name
            run = kind.open(path)[0] if path.exists() else kind.create(config, out, name)
            Table(run.evaluations, ["step", "seed", "cells", "episodes", "mean_return"])
            table = Table(run.metrics, ["step", "seed", "mean_return", "wall_seconds"])
            total, begun = config.total_timesteps, (run.read_meta().get("result") or {"steps": 0})["steps"]
            starts.add(begun)
            end = min(total, 50 * math.ceil(until * total / 50))
            end = begun + self.half if stops else end
            failed = None
            for step in sorted({*range(begun + 50, end, 50), end}):
                rows = [
                    {"step": step, "seed": seed, "mean_return": self.score(config, seed, step), "wall_seconds": 1}
                    for seed in config.seed_list()
                ]
                if any(math.isinf(row["mean_return"]) for row in rows):
                    failed = NotFiniteError(f"cell 1 of seed 0 is no longer finite at step {step}")
                    break
                table.append(rows)
            returns = [float(self.score(config, seed, end)) for seed in config.seed_list()]
            result = kind.result(
                **{"env": config.env, "algo": config.algo, "credit": "local", "seeds": config.seed_list()},
                **{"steps": end, "final_return": returns, "eval_return": returns, "wall_seconds": 1.0},
                **{"steps_per_second": 1.0, "run": str(path), "interrupted": end < total},
            )
            if failed is None:
                run.write_meta(total=total, result=result.document())
            results.append(failed or result)
        self.calls.append((list(names), starts, until))
        if len(configs) == 1 and isinstance(results[0], Exception):
            raise results[0]
        return results


@pytest.fixture
def trained(monkeypatch):
    """A stand-in for training."""
    stand_in = StandIn()
    monkeypatch.setattr(module, "start_or_resume_together", stand_in)
    monkeypatch.setattr("accumbens.training.plan.make_plan", lambda config: None)
    return stand_in
