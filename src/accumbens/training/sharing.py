"""What `accumbens export` and `accumbens.load` ask of agents."""

from collections.abc import Mapping
from typing import Any

import jax

from accumbens.agents import stacks
from accumbens.agents.settings import AgentSettings, SACSettings
from accumbens.cells import Stack
from accumbens.envs import registry
from accumbens.errors import AccumbensError
from accumbens.runs.directory import RunDirectory
from accumbens.runs.sharing import Card, Learned, Scores, Sharing
from accumbens.runs.tables import Rows
from accumbens.training.acting import ActingAgent
from accumbens.training.config import RunConfig
from accumbens.training.facts import Facts, facts_of, from_table, to_table
from accumbens.training.kind import AGENTS

CREDIT = {
    "local": "local: every cell learned from its own TD error alone; no gradient passed from one cell to another",
    "backprop": "backprop: the exact twin, trained by backpropagation through all cells",
}


class AgentSharing(Sharing):
    """Agents that act."""

    use = "act(observation)"
    curve = ("mean_return",)
    video = "accumbens.cli.watch_view:film"
    to_table = staticmethod(to_table)
    from_table = staticmethod(from_table)

    def ready(self, learned: Learned, exploration_seed: int = 0) -> ActingAgent:
        """Return an agent that acts; the seed is of its random numbers for ε."""
        return ActingAgent(*learned, exploration_seed=exploration_seed)

    def like(self, config: RunConfig, about: Facts) -> Stack:
        """Return the shapes of the cells."""
        settings = _of_cells(config)
        return jax.eval_shape(lambda: stacks.build_stack(settings, about, jax.random.key(0)))

    def about(self, run: RunDirectory, config: RunConfig) -> Facts:
        """Return the facts of the environment."""
        _of_cells(config)
        return facts_of(config)

    def names(self, document: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Return cell and readout; the environment need not be there."""
        agent = document.get("agent")
        return [(key, agent.get(key)) for key in ("cell", "readout")] if isinstance(agent, dict) else []

    def card(self, run: RunDirectory, learned: Learned, rows: Rows, evaluations: Rows, where: str) -> Card:
        """Return what the card says."""
        config, settings, about = learned.config, _of_cells(learned.config), learned.about
        size = sum(leaf.size for leaf in jax.tree.leaves(learned.network))
        cells = " → ".join(map(str, settings.net_arch))
        scores = _scores(learned, evaluations)
        metrics = []
        if learned.seed in scores.by_seed:
            metrics = [("mean_reward", "{:.2f} +/- {:.2f}".format(*scores.by_seed[learned.seed]))]
        return Card(
            "A value network made of cells, trained with accumbens, in which every layer may learn from an error "
            "signal of its own.",
            {
                "environment": f"`{config.env}`",
                "preset": f"`{config.algo}`",
                "credit": CREDIT[settings.credit],
                "cells": f"{len(settings.net_arch)} × {settings.cell}, {cells} hidden units, {size:,} parameters",
                "steps": f"{learned.step:,} environment steps of this seed",
            },
            scores,
            example(config, where),
            inputs="`agent.values(observation)` are the values of every cell.",
            limits=[
                "It plays this environment and no other, and knows observations as its environment gives them: "
                f"`{about.observation_dtype}` of the shape {list(about.observation_shape)}.",
                f"Values are in units of the reward it learned from, which is {settings.reward_scale:g} × the "
                "environment's.",
            ],
            tags=["reinforcement-learning", "deep-reinforcement-learning", "local-learning", config.env],
            task_type="reinforcement-learning",
            metrics=metrics,
        )


def example(config: RunConfig, where: str) -> list[str]:
    """Return a few lines of Python that play one episode after another."""
    env, settings = config.env, _of_cells(config)
    imports, make = ["accumbens"], f'accumbens.to_gymnasium("{env}")'
    if env in registry.control_suite_environments():
        imports.append("accumbens.envs.control_suite")
        make = f'accumbens.envs.control_suite.ControlSuiteEnvironment("{env}")'
    elif registry.in_gymnasium(env):
        from accumbens.envs.factory import defined_at

        place = defined_at(env)
        imports += [] if place else ["gymnasium"]
        make = f"{place}()" if place else f'gymnasium.make("{env}")'
    named = [name.partition(":")[0] for name in (env, settings.cell, settings.readout) if ":" in name]
    return [
        f"import {', '.join(imports)}",
        *(f"import {module}" for module in dict.fromkeys(named)),
        "",
        f'env, agent = {make}, accumbens.load("{where}")',
        "observation, _ = env.reset(seed=0)",
        "for _ in range(1000):",
        "    observation, reward, terminated, truncated, _ = env.step(agent.act(observation))",
        "    if terminated or truncated:",
        "        observation, _ = env.reset()",
        "        agent.reset()",
    ]


def _of_cells(config: RunConfig) -> AgentSettings:
    if isinstance(config.settings, SACSettings):
        raise AccumbensError("SAC is not made of cells: there is nothing of it to export or to load")
    return config.settings


def _scores(learned: Learned, evaluations: Rows) -> Scores:
    """Return and its standard deviation over episodes of each seed's full network, in the last evaluation."""
    last, full = evaluations[-1]["step"] if evaluations else "", str(len(learned.network.cells))
    rows = [row for row in evaluations if row["step"] == last and row["cells"] == full]
    episodes = rows[0]["episodes"] if rows else 0
    return Scores(
        f"Greedy, mean over {episodes} episodes for each seed; undiscounted, without any scale.",
        ["return", "standard deviation over episodes"],
        {int(row["seed"]): [float(row["mean_return"]), float(row["std_return"])] for row in rows},
        ".1f",
        "Returns",
    )


SHARING = AgentSharing(AGENTS)
