"""The work of an agent's run, as the session sees it: the same with and without cells."""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from accumbens.agents.settings import SACSettings
from accumbens.agents.token_settings import TokenSettings
from accumbens.runs.job import Job
from accumbens.training.config import RunConfig
from accumbens.training.evaluate import Evaluation
from accumbens.training.plan import Plan

S = TypeVar("S")

FEW_BLOCKS = 8
"""A run of so few blocks is not measured before it begins."""

MEASURED_BLOCKS = 2
"""A run is measured over so many blocks, unless its first chunk is no longer and tells as much."""


class AgentJob(Job[S]):
    """Blocks of steps, and greedy evaluations of every prefix of cells.

    Attributes:
        plan: its sizes.
        num_cells: cells that an evaluation distinguishes.
    """

    config: RunConfig
    plan: Plan
    num_cells: int
    evaluation_columns = ("cells", "episodes", "mean_return", "std_return", "mean_length", "cut")
    keeps_every_network = True

    def __init__(self, config: RunConfig, plan: Plan):
        """Take the sizes of the run."""
        self.config, self.plan = config, plan
        self.seeds = config.seed_list()
        self.total = plan.blocks * plan.steps_per_block
        self.notes = plan.notes

    @abstractmethod
    def run_blocks(self, state: S, blocks: int, warn: Callable[[str], None]) -> tuple[S, list[dict[str, Any]]]:
        """Run that many blocks and wait for them; `warn` is told what the user should know, once.

        Returns:
            the state, and for each seed a row with `columns`.

        Raises:
            NotFiniteError: something stopped being finite.
        """

    @abstractmethod
    def play(self, state: S, epsilon: float = 0.0) -> Evaluation:
        """Let the agents of all seeds play, `epsilon` of their actions at random; the leading axis is of seeds."""

    def advance(self, state: S, evaluated: int, warn: Callable[[str], None]) -> tuple[S, list[dict[str, Any]], float]:
        """Run one chunk; the score is the mean return of the last 100 episodes."""
        blocks = min(self.plan.chunk_blocks, self.plan.blocks - self.step_of(state) // self.plan.steps_per_block)
        state, rows = self.run_blocks(state, blocks, warn)
        returns = np.array([row["mean_return"] for row in rows])
        score = float(np.nanmean(returns)) if np.isfinite(returns).any() else math.nan
        return state, [{"seed": seed} | row for seed, row in zip(self.seeds, rows, strict=True)], score

    def is_due(self, before: int, after: int) -> bool:
        """Return whether an evaluation is due: every `eval_frequency` steps, and at the end."""
        frequency = self.config.eval_frequency
        passed = before >= 0 and frequency > 0 and after // frequency > before // frequency
        return passed or after == self.total

    def evaluate(self, state: S, evaluated: int) -> tuple[S, list[dict[str, Any]]]:
        """Play greedily; return one row per seed and prefix of cells."""
        return state, evaluation_rows(self.play(state), self.seeds)


class MeasuredJob(AgentJob[S]):
    """A job whose speed is measured before it begins.

    Attributes:
        learns_at_once: from its first block on.
    """

    learns_at_once = False

    @abstractmethod
    def compile(self) -> None:
        """Compile what a chunk needs."""

    @abstractmethod
    def measure_speed(self) -> float:
        """Return blocks per second while learning, of what is compiled already."""

    def prepare(self) -> float | None:
        """Compile, and return steps per second of each seed while learning; 0 of a run that is over before long."""
        self.compile()
        if self.plan.blocks <= FEW_BLOCKS:
            return 0.0
        if self.learns_at_once and self.plan.chunk_blocks <= MEASURED_BLOCKS:
            return None
        return self.measure_speed() * self.plan.steps_per_block


def make_job(config: RunConfig) -> AgentJob[Any]:
    """Return what trains this run.

    Raises:
        AccumbensError: the environment cannot be used, a size does not fit it, or a package is missing.
    """
    if isinstance(config.settings, SACSettings):
        from accumbens.training.sac import SACTrainer

        return SACTrainer(config, config.settings)
    if isinstance(config.settings, TokenSettings):
        from accumbens.training.text import TextTrainer

        return TextTrainer(config, config.settings)
    from accumbens.training.trainer import Trainer

    return Trainer(config)


def evaluation_rows(evaluation: Evaluation, seeds: list[int]) -> list[dict[str, Any]]:
    """Return one row per seed and prefix of cells; `cut` counts the episodes that had not ended."""
    returns, lengths, cut = map(np.asarray, evaluation)
    return [
        {
            "seed": seed,
            "cells": cells + 1,
            "episodes": returns.shape[-1],
            "mean_return": float(returns[index, cells].mean()),
            "std_return": float(returns[index, cells].std()),
            "mean_length": float(lengths[index, cells].mean()),
            "cut": int(cut[index, cells].sum()),
        }
        for index, seed in enumerate(seeds)
        for cells in range(returns.shape[1])
    ]
