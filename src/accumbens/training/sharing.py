"""What `accumbens export` and `accumbens.load` ask of agents."""

from collections.abc import Mapping
from typing import Any

import jax

from accumbens.agents import stacks
from accumbens.agents.settings import AgentSettings, SettingsWithoutCells
from accumbens.agents.token_settings import SMALL, TokenSettings
from accumbens.envs import registry
from accumbens.errors import AccumbensError
from accumbens.generator import make_key
from accumbens.runs.directory import RunDirectory
from accumbens.runs.sharing import Card, Learned, Scores, Sharing
from accumbens.runs.tables import Rows
from accumbens.training import facts, text_agent
from accumbens.training.acting import ActingAgent
from accumbens.training.config import RunConfig
from accumbens.training.kind import AGENTS
from accumbens.training.text_agent import ActingLanguageAgent, Vocabulary

CREDIT = {
    "local": "local: every cell learned from its own TD error alone; no gradient passed from one cell to another",
    "backprop": "backprop: the exact twin, trained by backpropagation through all cells",
}


class AgentSharing(Sharing):
    """Agents that act."""

    use = "act(observation)"
    curve = ("mean_return",)
    video = "accumbens.cli.watch_view:film"

    def used(self, learned: Learned) -> str:
        """Return how it acts: on observations, and in words among the admissible actions."""
        words = isinstance(learned.about, Vocabulary)
        return "act(observation, admissible_actions)" if words else self.use

    @staticmethod
    def to_table(about: facts.Facts | Vocabulary) -> dict[str, Any]:
        """Return the facts of an environment, or its vocabulary, as a table of TOML."""
        return text_agent.to_table(about) if isinstance(about, Vocabulary) else facts.to_table(about)

    @staticmethod
    def from_table(table: Mapping[str, Any]) -> facts.Facts | Vocabulary:
        """Return what `to_table` wrote."""
        return text_agent.from_table(table) if "pieces" in table else facts.from_table(table)

    def ready(self, learned: Learned, exploration_seed: int = 0) -> ActingAgent | ActingLanguageAgent:
        """Return an agent that acts; the seed is of its random numbers."""
        if isinstance(learned.about, Vocabulary):
            return ActingLanguageAgent(*learned, draws=exploration_seed)
        return ActingAgent(*learned, exploration_seed=exploration_seed)

    def like(self, config: RunConfig, about: facts.Facts | Vocabulary) -> Any:
        """Return the shapes of the cells, or of what learns of a language model."""
        if isinstance(about, Vocabulary):
            return text_agent.learned_shapes(text_agent.language_from(_of_tokens(config), about))
        settings = _of_cells(config)
        return jax.eval_shape(lambda: stacks.build_stack(settings, about, make_key(0)))

    def about(self, run: RunDirectory, config: RunConfig) -> facts.Facts | Vocabulary:
        """Return the facts of the environment, or its vocabulary."""
        if isinstance(config.settings, TokenSettings):
            recorded = run.read_meta().get("vocabulary")
            if recorded is None:
                raise AccumbensError(f"{run.meta} does not say the vocabulary: the run has not begun")
            return text_agent.from_table(recorded)
        _of_cells(config)
        return facts.facts_of(config)

    def names(self, document: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Return cell and readout; the environment need not be there."""
        agent = document.get("agent")
        return [(key, agent.get(key)) for key in ("cell", "readout")] if isinstance(agent, dict) else []

    def card(self, run: RunDirectory, learned: Learned, rows: Rows, evaluations: Rows, where: str) -> Card:
        """Return what the card says."""
        if isinstance(learned.about, Vocabulary):
            return _language_card(learned, evaluations, where)
        config, settings, about = learned.config, _of_cells(learned.config), learned.about
        size = sum(leaf.size for leaf in jax.tree.leaves(learned.network))
        cells = " → ".join(map(str, settings.net_arch))
        scores = _scores(evaluations)
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
    if isinstance(config.settings, SettingsWithoutCells):
        noun = config.settings.noun
        raise AccumbensError(f"{noun} is not made of cells: there is nothing of them to export or to load")
    return config.settings


def _of_tokens(config: RunConfig) -> TokenSettings:
    if not isinstance(config.settings, TokenSettings):
        raise AccumbensError("only a language agent has a vocabulary: the files do not belong together")
    return config.settings


def _language_card(learned: Learned, evaluations: Rows, where: str) -> Card:
    config, settings = learned.config, _of_tokens(learned.config)
    size = sum(leaf.size for leaf in jax.tree.leaves(learned.network))
    model = f"{settings.blocks} blocks of width {settings.width}, from scratch"
    if settings.model != SMALL:
        model = f"`{settings.model}`, frozen, with corrections of rank {settings.lora_rank} of q and v"
    scores = _scores(evaluations)
    metrics = [
        ("mean_reward", "{:.2f} +/- {:.2f}".format(*found)) for found in [scores.by_seed.get(learned.seed)] if found
    ]
    return Card(
        "A language agent, trained with accumbens, in which every token of an action may learn from an error signal of "
        "its own.",
        {
            "environment": f"`{config.env}`",
            "preset": f"`{config.algo}`",
            "model": model,
            "parameters that learned": f"{size:,}, those of the critic included",
            "steps": f"{learned.step:,} environment steps of this seed",
        },
        scores,
        [
            "import accumbens, gymnasium",
            "",
            f'env, agent = gymnasium.make("{config.env}"), accumbens.load("{where}")',
            "observation, info = env.reset(seed=0)",
            "for _ in range(100):",
            '    action = agent.act(observation, info["admissible_actions"])',
            "    observation, reward, terminated, truncated, info = env.step(action)",
            "    if terminated or truncated:",
            "        observation, info = env.reset()",
        ],
        inputs="`agent.probabilities(observation, actions)` says how likely it does each of them.",
        limits=["It knows the words of this environment; others are spelled letter by letter, or mean what they did."],
        tags=["reinforcement-learning", "deep-reinforcement-learning", "language-agent", config.env],
        task_type="reinforcement-learning",
        metrics=metrics,
    )


def _scores(evaluations: Rows) -> Scores:
    """Return and its standard deviation over episodes of each seed's full network, in the last evaluation."""
    last, full = (evaluations[-1]["step"], evaluations[-1]["cells"]) if evaluations else ("", "")
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
