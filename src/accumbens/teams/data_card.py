"""What is in a data set of a team: its statistics, and the card that tells them to people."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.teams.episodes import Episodes

CARD = "README.md"
"""The card, in the folder of a data set."""

DECIMALS = 2
"""Observations count as the same if they are after rounding to as many decimals."""

_QUANTILES = {"5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95}


class Statistics:
    """Returns, lengths, ends and coverage, gathered part by part.

    Attributes:
        episodes: how many there are so far.
    """

    def __init__(self, facts: TeamFacts):
        """Begin with no episode."""
        self._facts = facts
        self.episodes = 0
        self._returns: list[np.ndarray] = []
        self._lengths: list[np.ndarray] = []
        self._seeds: list[np.ndarray] = []
        self._terminated = 0
        self._seen: list[set[int]] = [set() for _ in facts.agents]
        self._moments = np.zeros(len(facts.agents), np.int64)
        self._actions = np.zeros((len(facts.agents), facts.num_actions), np.int64)
        self._deaths = np.zeros(len(facts.agents), np.int64)

    def add(self, episodes: Episodes) -> None:
        """Count more episodes."""
        self.episodes += len(episodes.lengths)
        self._returns.append(episodes.returns().astype(np.float64))
        self._lengths.append(episodes.lengths)
        self._seeds.append(episodes.seeds)
        self._terminated += int(episodes.terminated.sum())
        inside = np.arange(episodes.actions.shape[1]) < episodes.lengths[:, None]
        last = episodes.alive[np.arange(len(episodes.lengths)), episodes.lengths]
        self._deaths += (~last).sum(axis=0)
        for agent in range(len(self._facts.agents)):
            acts = inside & episodes.alive[:, :-1, agent]
            rows = np.round(episodes.observation[:, :-1, agent][acts], DECIMALS) + 0.0  # -0 is 0
            self._seen[agent].update(hash(row.tobytes()) for row in rows)
            self._moments[agent] += len(rows)
            self._actions[agent] += np.bincount(episodes.actions[..., agent][acts], minlength=self._facts.num_actions)

    def document(self) -> dict[str, Any]:
        """Return all that was counted, of at least one episode.

        Returns:
            `episodes`, `steps`, `seeds` (first and last), `length` and `return` (mean over agents), each with mean, sd,
            min, quantiles and max; `agents` (of each: mean and sd of its return, the share of the observations it
            acted on that are distinct, the entropy of its actions in bits, the share of episodes it died in),
            `terminated`, `truncated`, and `won`, the share of episodes; None if nothing is won.
        """
        returns, lengths = np.concatenate(self._returns), np.concatenate(self._lengths)
        seeds, mean = np.concatenate(self._seeds), returns.mean(axis=1)
        agents = {}
        for agent, name in enumerate(self._facts.agents):
            counts = self._actions[agent]
            shares = counts[counts > 0] / max(counts.sum(), 1)
            agents[name] = {
                "return_mean": float(returns[:, agent].mean()),
                "return_sd": float(returns[:, agent].std()),
                "distinct_observations": len(self._seen[agent]) / max(int(self._moments[agent]), 1),
                "action_entropy_bits": float(-(shares * np.log2(shares)).sum() + 0.0),
                "died": int(self._deaths[agent]) / self.episodes,
            }
        return {
            "episodes": self.episodes,
            "steps": int(lengths.sum()),
            "seeds": [int(seeds[0]), int(seeds[-1])],
            "length": _summary(lengths),
            "return": _summary(mean),
            "agents": agents,
            "terminated": self._terminated,
            "truncated": self.episodes - self._terminated,
            "won": None if self._facts.won is None else float((mean >= self._facts.won).mean()),
        }


def _summary(values: np.ndarray) -> dict[str, float]:
    quantiles = {name: float(np.quantile(values, share)) for name, share in _QUANTILES.items()}
    low, high = float(values.min()), float(values.max())
    return {"mean": float(values.mean()), "sd": float(values.std()), "min": low} | quantiles | {"max": high}


def card_text(dataset_id: str, facts: TeamFacts, card: Mapping[str, Any]) -> str:
    """Return the card, in Markdown.

    Args:
        dataset_id: what Minari calls the data set.
        facts: of the team.
        card: `made`, what `Statistics.document` returns, and `digest`.
    """
    masks = "some are illegal at times" if facts.masks else "all are legal always"
    about = {
        "environment": f"`{facts.name}`",
        "agents": f"{len(facts.agents)}: {', '.join(facts.agents)}",
        "observation": f"{facts.observation_size} numbers of each agent",
        "actions": f"{facts.num_actions} of each agent; {masks}",
        "time limit": f"{facts.max_episode_steps:,} steps",
        "episodes": f"{card['episodes']:,}: {card['terminated']:,} terminated, {card['truncated']:,} truncated",
        "steps": f"{card['steps']:,}",
        "seeds": "{} to {}".format(*card["seeds"]),
    }
    if card["won"] is not None:
        about["won"] = f"{card['won']:.1%} of the episodes: a return of at least {facts.won:g}"
    made = {str(name): f"`{value}`" for name, value in card["made"].items()}
    summaries = {"return, mean over agents": card["return"], "length": card["length"]}
    names = list(card["return"])
    agents = [
        [name, *(f"{row[key]:.4g}" for key in ("return_mean", "return_sd", "distinct_observations")),
         f"{row['action_entropy_bits']:.3f}", f"{row['died']:.1%}"]
        for name, row in card["agents"].items()
    ]  # fmt: skip
    parts = [
        f"# {dataset_id}",
        f"Episodes of {facts.name}, a team of {len(facts.agents)} agents, as a Minari data set.",
        _table(["", ""], about.items()),
        "## How it was made",
        _table(["", ""], made.items()),
        "## Returns and lengths",
        _table(["", *names], ([name, *(f"{row[key]:.4g}" for key in names)] for name, row in summaries.items())),
        "## Agents",
        _table(["agent", "mean return", "sd", "distinct observations", "entropy of actions (bits)", "died"], agents),
        f"Distinct: the share of the observations that the agent acted on, rounded to {DECIMALS} decimals, that are "
        f"different from all others; the entropy of {facts.num_actions} equally frequent actions is "
        f"{np.log2(facts.num_actions):.3f} bits.",
        "## Use",
        "```python\nimport minari\n\n"
        'data = minari.MinariDataset("data")  # or minari.load_dataset("' + dataset_id + '"), where Minari keeps it\n'
        "episode = data[0]  # observations and actions by agent; episode.rewards is the mean over the agents\n"
        'episode.infos["rewards"], episode.infos["alive"]  # [steps, agents] and [steps + 1, agents]\n```',
        "`accumbens` takes the path of this folder for its data; the id only while the folder lies where Minari keeps "
        "data sets.",
        f"SHA-256 of the episodes, as accumbens reads them: `{card['digest']}`",
        "## Licence",
        "What was recorded is yours to license; the environment's own licence says what may be done with its content.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(columns: Any, rows: Any) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
