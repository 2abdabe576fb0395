"""Work out which baselines of groups leave the policy gradient as it is, and by how much the others change it.

    uv run python benchmarks/turn_baselines.py

Nothing is sampled: all episodes of a small game and all groups of n of them are listed and weighted by their
probability, in float64. The mean over groups of what `accumbens.td.baselines` makes of them is compared with the
gradient of the expected return by automatic differentiation. A policy has one logit for every state with a choice.
Writes `benchmarks/results/turn_baselines.csv`; takes half a minute.

Games are the case study `text/microwave`, in which an episode ends when the microwave is closed or after five steps,
and one in which the agent may say once more what it has said, and earns 1 for that.
"""

import csv
import itertools
import math
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.envs.text.household import CLOSE, OPEN, case_episodes
from accumbens.td.baselines import baseline_named, group_advantages

RESULTS = Path(__file__).parent / "results" / "turn_baselines.csv"
KINDS = {
    "episode": ("episode", {}),
    "episode, own": ("episode", {"own": True}),
    "episode, own, scaled": ("episode", {"own": True, "scaled": True}),
    "episode, mean over its turns": ("episode", {}),
    "returns": ("returns", {}),
    "returns, own": ("returns", {"own": True}),
    "turn-returns": ("turn-returns", {}),
    "turn-returns, own": ("turn-returns", {"own": True}),
    "turn-rewards": ("turn-rewards", {}),
    "turn-rewards, own": ("turn-rewards", {"own": True}),
    "turn-rewards, own, scaled": ("turn-rewards", {"own": True, "scaled": True}),
}
"""By name, the baseline and its options."""

POLICIES = {"microwave": ((0.5, 0.5), (0.9, 0.5), (0.9, 0.9)), "once more": ((0.5,),)}
"""By game, how probable the better choice is in every state with two."""

SIZES = (2, 4, 8)


class Row(NamedTuple):
    """Gradients are those of the logits; the deviation is that of one group's estimate around its mean."""

    game: str
    better_chosen: str
    episodes: int
    baseline: str
    gradient: str
    bias: str
    closed_form: str
    length: float
    angle: float
    deviation: float


class Game(NamedTuple):
    """All episodes of a game, `[episodes, turns]`.

    Attributes:
        logit: which one decides a turn; -1 where there is no choice.
        better: whether the choice was the better one.
        rewards: of the turns.
        turns: of every episode.
    """

    logit: np.ndarray
    better: np.ndarray
    rewards: np.ndarray
    turns: np.ndarray

    def log_probs(self, logits):
        """Log-probabilities of every turn's action."""
        chosen = jax.nn.log_sigmoid(jnp.where(self.better, 1.0, -1.0) * logits[self.logit])
        return jnp.where(self.logit >= 0, chosen, 0.0)

    def chances(self, logits):
        return jnp.exp(self.log_probs(logits).sum(axis=1))

    def expected_return(self, logits):
        return self.chances(logits) @ self.rewards.sum(axis=1)


class Known(NamedTuple):
    """All that is known of a game under a policy. Slopes are with respect to the logits.

    Attributes:
        game: which one.
        chances: how probable every episode is.
        scores: slopes of the log-probability of every turn's action, `[episodes, turns, logits]`.
        slope: of the expected return.
        reached: P_t, the probability that a turn is reached.
        reached_slope: of P_t.
        means: μ_t, the mean reward of a turn where it is reached.
        means_slope: of μ_t.
    """

    game: Game
    chances: jax.Array
    scores: jax.Array
    slope: jax.Array
    reached: jax.Array
    reached_slope: jax.Array
    means: jax.Array
    means_slope: jax.Array


def known(game, policy):
    """What is known under a policy of these probabilities of the better choices; all slopes by autodiff."""
    there = np.arange(game.rewards.shape[1]) < game.turns[:, None]

    def reached(logits):
        return game.chances(logits) @ there

    def means(logits):
        return game.chances(logits) @ game.rewards / reached(logits)

    def look(logits):
        slopes = (jax.jacobian(f)(logits) for f in (game.log_probs, game.expected_return, reached, means))
        scores, slope, reached_slope, means_slope = slopes
        chances = game.chances(logits)
        return Known(game, chances, scores, slope, reached(logits), reached_slope, means(logits), means_slope)

    return jax.jit(look)(jnp.log(jnp.array(policy)) - jnp.log1p(-jnp.array(policy)))._replace(game=game)


def microwave():
    """The case study: logit 0 is that of opening it at first, logit 1 that of closing it in the end."""
    choices = {"shut": (0, OPEN), "open": (-1, None), "filled": (1, CLOSE)}
    rows = [[(*choices[step.state], step.action, step.reward) for step in steps] for steps in case_episodes()]
    return game_of([[(logit, good == done, reward) for logit, good, done, reward in steps] for steps in rows])


def once_more():
    """Nothing is earned by the first turn; logit 0 is that of another one, which earns 1."""
    return game_of([[(0, False, 0.0)], [(0, True, 0.0), (-1, False, 1.0)]])


GAMES = {"microwave": microwave, "once more": once_more}


def game_of(episodes):
    """A game of rows of (logit, whether the better choice was made, reward)."""
    turns = np.array([len(steps) for steps in episodes])
    empty = np.zeros((len(episodes), turns.max()))
    game = Game(empty.astype(int) - 1, empty.astype(bool), empty.copy(), turns)
    for i, steps in enumerate(episodes):
        for t, step in enumerate(steps):
            game.logit[i, t], game.better[i, t], game.rewards[i, t] = step
    return game


class Estimate(NamedTuple):
    """What a baseline makes of the gradient: its mean over groups, and the standard deviation of one group's."""

    mean: np.ndarray
    deviation: float


class Groups(NamedTuple):
    """All groups of some size, whatever the order of their episodes.

    Attributes:
        members: numbers of episodes, `[groups, size]`.
        counts: how often a group has an episode, `[groups, episodes]`.
        orders: in how many orders it can be drawn.
    """

    members: np.ndarray
    counts: np.ndarray
    orders: np.ndarray


def groups_of(game, size):
    members = np.array(list(itertools.combinations_with_replacement(range(len(game.turns)), size)))
    counts = (members[..., None] == np.arange(len(game.turns))).sum(axis=1)
    factorials = np.array([math.factorial(count) for count in range(size + 1)])
    return Groups(members, counts, factorials[size] / factorials[counts].prod(axis=1))


def told(game, groups, kind):
    """The advantages of all turns of all groups."""
    baseline, options = KINDS[kind]
    advantages = jax.jit(jax.vmap(partial(group_advantages, baseline_named(baseline), **options)))
    rewards, turns = game.rewards[groups.members], game.turns[groups.members]
    weight = 1 / turns[..., None] if kind.endswith("mean over its turns") else 1.0
    return np.asarray(advantages(rewards, turns)) * weight


def enumerated(facts, groups, advantages):
    """The expected gradient: the mean over all groups, each as often as it is drawn."""
    weights = groups.orders * np.prod(np.asarray(facts.chances) ** groups.counts, axis=1)
    scores = np.asarray(facts.scores)[groups.members]
    gradients = np.einsum("git,gitl->gl", advantages, scores) / groups.members.shape[1]
    mean = weights @ gradients
    return Estimate(mean, float(np.sqrt(weights @ ((gradients - mean) ** 2).sum(axis=1))))


def closed_form(facts, kind, size):
    """The expected gradient by its formula; None where there is none that is simple."""
    game, chances, scores, exact, reached, reached_slope, means, means_slope = facts
    alone = (1 - reached) ** (size - 1)
    fraction = 1 - (1 - (1 - reached) ** size) / (size * reached)
    to_go = np.cumsum(game.rewards[:, ::-1], axis=1)[:, ::-1]
    match kind:
        case "episode" | "returns" | "turn-returns":
            return exact
        case "episode, own" | "returns, own":
            return (1 - 1 / size) * exact
        case "turn-returns, own":
            return jnp.einsum("e,etl,et,t->l", chances, scores, to_go, fraction)
        case "turn-rewards":
            return exact - ((1 - alone) * means) @ reached_slope
        case "turn-rewards, own":
            return (fraction * reached) @ means_slope
        case "episode, mean over its turns":
            excess = (to_go[:, 0] - chances @ to_go[:, 0]) / game.turns
            return jnp.einsum("e,etl,e->l", chances, scores, excess)
    return None


def rows(sizes=SIZES):
    """All rows of the table."""
    for (name, policies), size in itertools.product(POLICIES.items(), sizes):
        game = GAMES[name]()
        groups, plays = groups_of(game, size), [known(game, policy) for policy in policies]
        for kind in KINDS:
            advantages = told(game, groups, kind)
            for policy, facts in zip(policies, plays, strict=True):
                exact = np.asarray(facts.slope)
                found, formula = enumerated(facts, groups, advantages), closed_form(facts, kind, size)
                shown = (found.mean, found.mean - exact, () if formula is None else formula)
                numbers = (*compared(found.mean, exact), found.deviation)
                place = (name, joined(policy, 1), size, kind)
                yield Row(*place, *map(joined, shown), *(round(number, 4) + 0.0 for number in numbers))


def compared(found, exact):
    """The length of a gradient as a part of the exact one's, and the angle between them in degrees."""
    length = np.linalg.norm(found) / np.linalg.norm(exact)
    if length < 1e-12:
        return 0.0, math.nan
    cosine = found @ exact / (length * (exact @ exact))
    return length, math.degrees(math.acos(min(1.0, max(-1.0, cosine))))


def joined(numbers, digits=5):
    return " ".join(f"{round(float(number), digits) + 0.0:.{digits}f}" for number in numbers)


def main() -> None:
    found = []
    with jax.enable_x64(True):
        for row in rows():
            found.append(row)
            print(*row, sep="  ", flush=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([Row._fields, *found])


if __name__ == "__main__":
    main()
