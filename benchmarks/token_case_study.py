"""Learn what every rule of credit for tokens tells the tokens of the case study, by playing it at random.

    uv run python benchmarks/token_case_study.py

The published set-up: uniform play of `text/microwave`, 50,000 steps in 16 environments, 32 steps of each between two
updates, five tokens an action of which the first decides, γ = λ = .95. The critic is a table of the values before every
token, which after every rollout moves by a tenth to the mean of the returns that it was told. All rules see the same
play. Told are mean advantages over the second half, per seed; and those of a table that rests, without sampling: all
episodes, weighted by their probability.

Writes `benchmarks/results/token-case-study/results.csv` and `curves.png` beside it; takes half a minute on one core.
"""

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from accumbens.envs.text.household import CASE, case_episodes
from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import write_table
from accumbens.stats import estimate
from accumbens.td.tokens import RULES, Steps, credit, decay_of

RESULTS = Path(__file__).parent / "results" / "token-case-study"
TOKENS, GAMMA, LAMBDA = 5, 0.95, 0.95
ENVIRONMENTS, ROLLOUT, STEP_SIZE = 16, 32, 0.1
CELLS = [(state, action) for state, (_, actions) in CASE.items() for action in actions]
"""What can be done: states and actions."""

_PLACES: dict[tuple[str, str | None, int], int] = {}
WHICH = np.array(
    [
        [_PLACES.setdefault((state, action if j else None, j), len(_PLACES)) for j in range(TOKENS)]
        for state, action in CELLS
    ]
)
"""Where the table has the value before a token: before the first one nothing is known of the action."""


class Play(NamedTuple):
    """What was done, `[environments, steps]`.

    Attributes:
        cell: which of `CELLS`.
        reward: for it.
        ends: whether the episode does.
        weight: of the step in means.
        beyond: where the table has the value of the next state's first token; not read where the episode ends.
    """

    cell: np.ndarray
    reward: np.ndarray
    ends: np.ndarray
    weight: np.ndarray
    beyond: np.ndarray


def all_episodes() -> Play:
    """Every episode in an environment of its own, weighted by its probability under uniform play."""
    episodes = case_episodes()
    shape = len(episodes), max(map(len, episodes))
    play = Play(np.zeros(shape, int), np.zeros(shape), np.ones(shape, bool), np.zeros(shape), np.zeros(shape, int))
    for i, episode in enumerate(episodes):
        for t, step in enumerate(episode):
            play.cell[i, t] = CELLS.index((step.state, step.action))
            play.reward[i, t], play.ends[i, t] = step.reward, step.ends
            play.weight[i, t] = np.prod([1 / len(CASE[step.state][1]) for step in episode])
    return play


def uniform_play(seed: int, steps: int, environments: int = ENVIRONMENTS, rollout: int = ROLLOUT) -> Play:
    """Rollouts of uniform play, `[updates, environments, steps]`: episodes drawn by their probability, one by one."""
    updates = steps // (environments * rollout)
    every, steps = all_episodes(), updates * rollout
    chance = np.random.default_rng(seed)
    lengths = (every.weight > 0).sum(axis=1)
    parts: list[tuple[np.ndarray, ...]] = []
    for _ in range(environments):
        drawn = chance.choice(len(lengths), size=steps // lengths.min() + 1, p=every.weight[:, 0])
        there = every.weight[drawn] > 0
        parts.append(tuple(of[drawn][there][: steps + 1] for of in (every.cell, every.reward, every.ends)))
    cell, reward, ends = (np.stack(of) for of in zip(*parts, strict=True))
    made = (cell[:, :-1], reward[:, :-1], ends[:, :-1], np.ones((environments, steps)), WHICH[cell[:, 1:], 0])
    return Play(*(of.reshape(environments, updates, rollout).swapaxes(0, 1) for of in made))


def told(name: str, table: jax.Array, play: Play) -> tuple[jax.Array, jax.Array]:
    """Advantages of all tokens, and to what each value of the table would go: the mean of what it was told."""
    rule = RULES[name]
    no = jnp.zeros_like(play.ends)
    lengths = jnp.full(play.cell.shape, TOKENS)
    steps = Steps(lengths, play.reward, play.ends, no, table[play.beyond])
    which = jnp.asarray(WHICH)[play.cell]
    decay = decay_of(rule, GAMMA, LAMBDA)
    found = jax.vmap(lambda values, steps: credit(rule, values, steps, decay))(table[which], steps)
    weight = jnp.broadcast_to(play.weight[..., None], which.shape)
    if rule.level == "action":  # of which only the first token has a value
        weight = weight * (jnp.arange(TOKENS) == 0)
    total = jnp.zeros_like(table).at[which].add(weight * found.returns)
    visits = jnp.zeros_like(table).at[which].add(weight)
    return found.advantages, jnp.where(visits > 0, total / jnp.where(visits > 0, visits, 1), table)


def by_cell(advantages: jax.Array, play: Play) -> tuple[jax.Array, jax.Array]:
    """Weighted sums of advantages, and the weights, per cell."""
    zeros = jnp.zeros((len(CELLS), TOKENS))
    weighted = play.weight[..., None] * advantages
    return zeros.at[play.cell].add(weighted), jnp.zeros(len(CELLS)).at[play.cell].add(play.weight)


def learned(name: str, rollouts: Play) -> np.ndarray:
    """Mean advantages over the second half of learning, `[cells, tokens]`."""

    def update(table: jax.Array, play: Play) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        advantages, target = told(name, table, play)
        return table + STEP_SIZE * (target - table), by_cell(advantages, play)

    _, (sums, weights) = jax.jit(jax.vmap(lambda play: jax.lax.scan(update, jnp.zeros(len(_PLACES)), play)))(rollouts)
    half = sums.shape[1] // 2
    return np.asarray(sums[:, half:].sum(axis=1) / weights[:, half:].sum(axis=1)[..., None])


def settled(name: str) -> np.ndarray:
    """Mean advantages once the table rests, without sampling, `[cells, tokens]`."""
    play = all_episodes()

    def update(_: Any, table: jax.Array) -> jax.Array:
        return table + 0.5 * (told(name, table, play)[1] - table)

    table = jax.jit(lambda: jax.lax.fori_loop(0, 200, update, jnp.zeros(len(_PLACES))))()
    sums, weights = by_cell(told(name, table, play)[0], play)
    return np.asarray(sums / weights[:, None])


def rows(seeds: int, steps: int) -> list[dict[str, Any]]:
    """A row for every rule, seed and cell; without sampling, the seed is empty."""
    plays = [uniform_play(seed, steps) for seed in range(seeds)]
    rollouts = Play(*(np.stack(part) for part in zip(*plays, strict=True)))
    found = []
    for name in RULES:
        for seed, means in [*enumerate(learned(name, rollouts)), ("", settled(name))]:
            for (state, action), tokens in zip(CELLS, means, strict=True):
                numbers = {f"token_{j + 1}": round(float(number), 4) + 0.0 for j, number in enumerate(tokens)}
                found.append({"rule": name, "seed": seed, "state": state, "action": action, **numbers})
    return found


def draw(found: list[dict[str, Any]], picture: Path) -> None:
    """Every rule's table of actions and tokens, shaded by the mean advantage over seeds."""
    cells = [cell for cell in CELLS if len(CASE[cell[0]][1]) > 1]
    figure = Figure((13, 2.9), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(RULES), sharey=True), RULES, strict=True):
        entries = [[tokens_of(found, name, cell, j) for j in range(TOKENS)] for cell in cells]
        shades = [[estimate(entry).mean for entry in row] for row in entries]
        axes.imshow(shades, cmap=colormaps["PuOr_r"], vmin=-0.6, vmax=0.6, aspect="auto")
        for i, row in enumerate(entries):
            for j, entry in enumerate(row):
                mean, interval = estimate(entry)
                text = f"{round(mean, 2) + 0.0:+.2f}\n±{interval:.3f}"
                axes.text(j, i, text, ha="center", va="center", size=6.5, color="white" if abs(mean) > 0.4 else "black")
        axes.set_title(name, fontsize=10)
        axes.set_xticks(range(TOKENS), [str(j + 1) for j in range(TOKENS)])
        axes.set_yticks(range(len(cells)), [f"{state}: {action.split()[0]}" for state, action in cells])
        axes.set_xlabel("token")
        axes.tick_params(length=0)
    save_figure(figure, picture, dpi=150)


def tokens_of(found: list[dict[str, Any]], rule: str, cell: Sequence[str], j: int) -> list[float]:
    """What a token was told, one number per seed."""
    here = [row for row in found if row["rule"] == rule and row["seed"] != "" and (row["state"], row["action"]) == cell]
    return [row[f"token_{j + 1}"] for row in here]


def main() -> None:
    """Learn, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=50_000)
    arguments = parser.parse_args()
    with jax.enable_x64(True):
        found = rows(arguments.seeds, arguments.steps)
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_table(RESULTS / "results.csv", found)
    for name, cell in itertools.product(RULES, CELLS):
        seen = [estimate(tokens_of(found, name, cell, j)) for j in range(TOKENS)]
        print(name, *cell, *(f"{mean:+.3f}±{interval:.3f}" for mean, interval in seen))
    draw(found, RESULTS / "curves.png")


if __name__ == "__main__":
    main()
