"""Run directories written by hand, whose scores are known: nothing is trained."""

import csv

import pytest

from accumbens.training.config import resolve_config, write_config


def write_rows(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def make(tmp_path):
    """`make(name, env, algo, returns, …) -> Path`: a run whose seeds ended with these returns."""

    def make(
        name, returns, env="CartPole-v1", algo="ad_pqn", *, seed=0, step=1024, credit="local", greedy=None, **changes
    ):
        path = tmp_path / "runs" / name
        path.mkdir(parents=True)
        config = resolve_config(
            env, algo, seeds=len(returns), seed=seed, total_timesteps=step, credit=credit,
            changes={key: str(value) for key, value in changes.items()},
        )  # fmt: skip
        write_config(config, path / "config.toml")
        rows = [
            {"step": at, "seed": seed + index, "mean_return": value * at / step, "wall_seconds": 1}
            for at in (step // 2, step)
            for index, value in enumerate(returns)
        ]
        write_rows(path / "metrics.csv", rows)
        if greedy is not None:
            rows = [
                {"step": at, "seed": seed + index, "cells": cells, "episodes": 10, "mean_return": value * cells}
                for at in (step // 2, step)
                for index, value in enumerate(greedy)
                for cells in (1, 2)
            ]
            write_rows(path / "evaluations.csv", rows)
        return path

    return make
