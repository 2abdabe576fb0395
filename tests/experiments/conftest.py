"""A small experiment file to change, and run directories filled by hand."""

import pytest
import tomli_w

from accumbens.runs.tables import Table


def small():
    """Two runs of the parallel learner in one environment."""
    return {
        "title": "Two credits on CartPole",
        "environments": ["CartPole-v1"],
        "agents": {"ad_pqn": ["local", "backprop"]},
        "settings": {"net_arch": [6, 5], "num_envs": 4, "rollout_length": 16, "num_minibatches": 2, "epochs": 1},
        "variants": {"local": {"credit": "local"}, "backprop": {"credit": "backprop"}},
        "budgets": {"desk": {"total_timesteps": 1024, "seeds": 2, "num_eval_episodes": 1}},
        "published": {"tables": ["ad-classic"], "rows": {"AD": ["ad_pqn/local"]}},
    }


@pytest.fixture
def document():
    return small()


@pytest.fixture
def fits():
    """Five fits of two rules on one task."""
    return {
        "title": "Two rules on digits",
        "tasks": ["digits"],
        "rules": {"coagent": ["1-co", "2-co", "2-co-g"], "backprop": ["1", "2"]},
        "epochs": 3,
        "panels": "layers",
        "settings": {"learning_rate": 0.5},
        "variants": {
            "1": {"layers": [6]},
            "1-co": {"layers": [6], "baseline": "none"},
            "2": {"layers": [6, 5]},
            "2-co": {"layers": [6, 5], "baseline": "none"},
            "2-co-g": {"layers": [6, 5], "baseline": "global"},
        },
        "budgets": {"desk": {"seeds": 2}},
        "published": {"source": "a paper", "test_error": {"digits/coagent/2-co": 1.5}},
    }


@pytest.fixture
def write(tmp_path):
    """`write(document) -> path`."""

    def call(document, name="mine"):
        path = tmp_path / f"{name}.toml"
        path.write_text(tomli_w.dumps(document), encoding="utf-8")
        return path

    return call


@pytest.fixture
def pretend():
    """`pretend(folder, run, returns)`: leave the files of a run whose seeds ended with these returns."""

    def call(folder, run, returns, step=1024, result=True):
        there = run.directory(folder)
        there.path.mkdir(parents=True)
        run.kind.write(run.config, there.config)
        seeds = run.config.seed_list()
        columns = ["step", "seed", "mean_return", "wall_seconds"]
        rows = [
            {"step": at, "seed": seed, "mean_return": value * at / step, "wall_seconds": at / 100}
            for at in (step // 2, step)
            for seed, value in zip(seeds, returns, strict=True)
        ]
        Table(there.metrics, columns).append(rows)
        evaluations = [
            {"step": at, "seed": seed, "cells": cells, "mean_return": 10 * cells + value}
            for at in (step // 2, step)
            for seed, value in zip(seeds, returns, strict=True)
            for cells in (1, 2)
        ]
        Table(there.evaluations, ["step", "seed", "cells", "mean_return"]).append(evaluations)
        record = {
            "env": run.config.env,
            "algo": run.config.algo,
            "credit": run.config.settings.credit,
            "seeds": seeds,
            "steps": step,
            "final_return": returns,
            "eval_return": [20 + value for value in returns],
            "wall_seconds": step / 100,
            "steps_per_second": 100.0,
            "run": "elsewhere",
            "interrupted": not result,
        }
        there.write_meta(commit="abc", result=record)
        return there

    return call
