"""Run directories written by hand, whose scores are known: nothing is trained."""

import csv
import json

import pytest

from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS


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
        AGENTS.write(config, path / "config.toml")
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


@pytest.fixture
def make_fit(tmp_path):
    """`make_fit(name, values, …) -> Path`: a fit whose seeds ended with these test accuracies, or losses.

    `first` is the loss of every seed before the first update; an epoch has 10 updates, and a score grows with them.
    """

    def make_fit(
        name, values, task="digits", rule="backprop", *, seed=0, epochs=4, first=None, digest="abc", folder="fits",
        **changes,
    ):  # fmt: skip
        path = tmp_path / folder / name
        path.mkdir(parents=True)
        config = resolve_fit(
            task, rule, seeds=len(values), seed=seed, epochs=epochs, evaluations=epochs,
            changes={key: str(value) for key, value in changes.items()},
        )  # fmt: skip
        FITS.write(config, path / "config.toml")
        (path / "meta.json").write_text(json.dumps({"data_sha256": digest}))
        score = "accuracy" if task == "digits" else "loss"
        losses = first or [2.0 + seed + index for index in range(len(values))]
        rows = [
            {"step": 10 * epoch, "seed": seed + index, "epoch": float(epoch), "learning_loss": 1.0}
            | {f"{split}_loss": losses[index] - epoch / 10 for split in ("train", "valid", "test")}
            | {f"{split}_{score}": value * epoch / epochs for split in ("train", "test") if epoch}
            | ({"test_accuracy": 0.1, "train_accuracy": 0.1} if score == "accuracy" and not epoch else {})
            | {"angle_1": 30.0, "wall_seconds": 1.0}
            for epoch in range(epochs + 1)
            for index, value in enumerate(values)
        ]
        write_rows(path / "metrics.csv", rows)
        return path

    return make_fit
