"""The card of an exported agent: a README that says what it is, what it reaches, and how to use it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accumbens.envs import registry
from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import read_table
from accumbens.share.markdown import header, how_it_was_made, mean_line, seeds_line, table
from accumbens.share.weights import named_arrays
from accumbens.training.facts import Facts
from accumbens.training.trained import Trained


def write_card(
    folder: Path,
    run: RunDirectory,
    trained: Trained,
    facts: Facts,
    seed: int,
    meta: Mapping[str, Any],
    repo: str | None,
    licence: str,
) -> None:
    """Write `README.md`, whose header is the Hugging Face Hub's.

    Args:
        folder: the export, whose other files are there.
        run: the run.
        trained: what it had learned.
        facts: of its environment.
        seed: whose network it is.
        meta: of the run.
        repo: `user/repo` on the Hub, if it goes there.
        licence: of the weights.
    """
    config, settings = trained.config, trained.settings
    returns = _final_returns(run, trained)
    numbers = sum(leaf.size for leaf in named_arrays(trained.network(seed)).values())
    cells = " → ".join(map(str, settings.net_arch))
    credit = {
        "local": "local: every cell learned from its own TD error alone; no gradient passed from one cell to another",
        "backprop": "backprop: the exact twin, trained by backpropagation through all cells",
    }[settings.credit]
    sections = [
        _header(config.env, config.algo, returns, seed, licence),
        f"# {config.algo} on {config.env}",
        "A value network made of cells, trained with accumbens, in which every layer may learn from an error signal of "
        "its own.",
        "![One episode, with every cell's value and TD error](video.gif)" if (folder / "video.gif").exists() else "",
        table(
            {
                "environment": f"`{config.env}`",
                "preset": f"`{config.algo}`",
                "credit": credit,
                "cells": f"{len(settings.net_arch)} × {settings.cell}, {cells} hidden units, {numbers:,} parameters",
                "seed": f"{seed}, of the seeds {', '.join(map(str, trained.seeds))} that trained side by side",
                "steps": f"{trained.step:,} environment steps of this seed",
            }
        ),
        "## Returns",
        _returns_text(returns, seed),
        "![Learning curves](curve.png)",
        "## Use it",
        _example(config.env, repo, settings),
        "It needs `pip install accumbens`"
        + (" with the extra `hub`" if repo else "")
        + ", and runs on a CPU or a GPU. "
        "`agent.values(observation)` are the values of every cell. Nothing in this folder is code: the weights are "
        "safetensors, the rest is TOML, CSV and pictures.",
        "## How it was made",
        how_it_was_made(meta),
        "## Limits",
        "- It plays this environment and no other, and knows observations as its environment gives them: "
        f"`{facts.observation_dtype}` of the shape {list(facts.observation_shape)}.\n"
        "- Values are in units of the reward it learned from, which is "
        f"{settings.reward_scale:g} × the environment's.\n" + seeds_line("returns", trained.seeds),
        f"Licence of the weights: {licence}.",
    ]
    (folder / "README.md").write_text("\n\n".join(part for part in sections if part) + "\n", encoding="utf-8")


def _final_returns(run: RunDirectory, trained: Trained) -> dict[int, tuple[float, float, int]]:
    """Mean, standard deviation and number of episodes of each seed's full network in the last evaluation by then."""
    rows = [row for row in read_table(run.evaluations) if int(row["step"]) <= trained.step]
    if not rows:
        return {}
    last, full = rows[-1]["step"], str(trained.agent.num_cells)
    return {
        int(row["seed"]): (float(row["mean_return"]), float(row["std_return"]), int(row["episodes"]))
        for row in rows
        if row["step"] == last and row["cells"] == full
    }


def _header(env: str, algo: str, returns: Mapping[int, tuple[float, float, int]], seed: int, licence: str) -> str:
    tags = ["reinforcement-learning", "deep-reinforcement-learning", "local-learning", env]
    metrics = []
    if seed in returns:
        mean, deviation, _ = returns[seed]
        metrics = [("mean_reward", f"{mean:.2f} +/- {deviation:.2f}")]
    return header(tags, licence, algo, "reinforcement-learning", env, metrics)


def _returns_text(returns: Mapping[int, tuple[float, float, int]], seed: int) -> str:
    if not returns:
        return "It was not evaluated by this step."
    rows = [
        f"| {number}{' (this one)' if number == seed else ''} | {mean:.1f} | {deviation:.1f} |"
        for number, (mean, deviation, _) in returns.items()
    ]
    episodes = next(iter(returns.values()))[2]
    means = [mean for mean, _, _ in returns.values()]
    text = f"Greedy, {episodes} episodes for each seed; undiscounted, without any scale.\n\n"
    text += "\n".join(["| seed | mean return | standard deviation over episodes |", "|---|---|---|", *rows])
    return text + mean_line(means, 1)


def _example(env: str, repo: str | None, settings: Any) -> str:
    """Few lines that play one episode after another."""
    where = f"hf://{repo}" if repo else "."
    imports, make = ["accumbens"], f'accumbens.to_gymnasium("{env}")'
    if env in registry.control_suite_environments():
        imports.append("accumbens.envs.control_suite")
        make = f'accumbens.envs.control_suite.ControlSuiteEnvironment("{env}")'
    elif registry.in_gymnasium(env):
        imports.append("gymnasium")
        make = f'gymnasium.make("{env}")'
    lines = [f"import {', '.join(imports)}"]
    lines += [f"import {name.partition(':')[0]}" for name in (env, settings.cell, settings.readout) if ":" in name]
    lines += [
        "",
        f'env, agent = {make}, accumbens.load("{where}")',
        "observation, _ = env.reset(seed=0)",
        "for _ in range(1000):",
        "    observation, reward, terminated, truncated, _ = env.step(agent.act(observation))",
        "    if terminated or truncated:",
        "        observation, _ = env.reset()",
        "        agent.reset()",
    ]
    return "\n".join(["```python", *dict.fromkeys(lines), "```"])
