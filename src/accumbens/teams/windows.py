"""Data of a team on the device, and windows of consecutive steps out of them."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from accumbens.errors import AccumbensError
from accumbens.teams.episodes import Episodes
from accumbens.teams.model import Window


class Scale(NamedTuple):
    """What of the data those must know who play.

    Returns to go are told as (R - μ_t) / σ: in most data they differ much more from one step to the next than from
    episode to episode, and what matters is whether one is better than is usual then.

    Attributes:
        usual: μ_t, the mean return to go after t steps; of an agent, over episodes that last so long.
        deviation: σ, of the difference; 1 if there is none.
        median, best: of the returns of episodes, mean over agents.
        steps: of the longest episode.
    """

    usual: tuple[float, ...]
    deviation: float
    median: float
    best: float
    steps: int

    def asked(self, ambition: float) -> float:
        """Return the return that is so far from the median, 0, to the best, 1."""
        return self.median + ambition * (self.best - self.median)


class Data(NamedTuple):
    """Episodes on the device, and which windows there are.

    Attributes:
        observation, legal, alive, actions, rewards, lengths, terminated: as in `Episodes`.
        returns: the sum of rewards from each step on, as they are told; see `Scale`.
        learned, held_out: episode and first step of every window; those of episodes held out teach nothing.
        horizon: steps of the longest episode, which times are divided by.
    """

    observation: Float[Array, "episodes times agents observation"]
    legal: Bool[Array, "episodes times agents actions"]
    alive: Bool[Array, "episodes times agents"]
    actions: Int[Array, "episodes steps agents"]
    rewards: Float[Array, "episodes steps agents"]
    returns: Float[Array, "episodes steps agents"]
    lengths: Int[Array, " episodes"]
    terminated: Bool[Array, " episodes"]
    learned: Int[Array, "windows 2"]
    held_out: Int[Array, "other_windows 2"]
    horizon: Float[Array, ""]


class Batch(NamedTuple):
    """Windows to learn from.

    Attributes:
        window: what was seen.
        action: what was done.
    """

    window: Window
    action: Int[Array, "*batch steps agents"]


class Transitions(NamedTuple):
    """Single steps to learn from."""

    observation: Float[Array, "batch agents observation"]
    action: Int[Array, "batch agents"]
    reward: Float[Array, "batch agents"]
    terminated: Bool[Array, " batch"]
    next_observation: Float[Array, "batch agents observation"]
    next_legal: Bool[Array, "batch agents actions"]
    legal: Bool[Array, "batch agents actions"]


def scale_of(episodes: Episodes) -> Scale:
    """Return what must be known of the data beside them."""
    to_go, inside = _returns_to_go(episodes), _inside(episodes)
    count = np.maximum(inside.sum(axis=0), 1)
    usual = (to_go.mean(axis=2) * inside).sum(axis=0) / count
    apart = (to_go - usual[:, None])[inside]
    deviation = float(np.sqrt(np.square(apart).mean())) if apart.size else 0.0
    returns = episodes.returns().mean(axis=1)
    known = (float(np.median(returns)), float(returns.max()), int(episodes.lengths.max()))
    return Scale(tuple(usual.tolist()), deviation or 1.0, *known)


def scale_from(table: Mapping[str, Any]) -> Scale:
    """Return what `Scale._asdict` made a table of.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """
    usual, numbers = tuple(map(float, table["usual"])), [float(table[name]) for name in ("deviation", "median", "best")]
    deviation, median, best = numbers
    scale = Scale(usual, deviation, median, best, int(table["steps"]))
    if not usual or not all(map(math.isfinite, (*usual, *numbers))) or scale.deviation <= 0 or scale.steps < 1:
        raise ValueError("the scale of the data is none")
    return scale


def _inside(episodes: Episodes) -> Bool[np.ndarray, "episodes steps"]:
    return np.arange(episodes.actions.shape[1]) < episodes.lengths[:, None]


def _returns_to_go(episodes: Episodes) -> Float[np.ndarray, "episodes steps agents"]:
    rewards = episodes.rewards * _inside(episodes)[:, :, None]
    return np.flip(np.cumsum(np.flip(rewards, axis=1), axis=1, dtype=np.float64), axis=1)


def prepare(episodes: Episodes, scale: Scale, context: int, held_out: float) -> Data:
    """Put episodes where windows can be taken from; the arrays are NumPy's yet.

    Args:
        episodes: at least one, and two if some are held out.
        scale: of the data.
        context: steps of a window. Windows begin at every step that as many follow; of shorter episodes at the first.
        held_out: share of the episodes, evenly spread, that are held out; at least one unless it is 0.

    Raises:
        AccumbensError: no episode is left to learn from.
    """
    count = len(episodes.lengths)
    others = max(1, round(held_out * count)) if held_out else 0
    if others >= count:
        raise AccumbensError(f"held_out={held_out} leaves nothing to learn from: the data have {count} episode(s)")
    apart = np.zeros(count, bool)
    apart[np.linspace(0, count - 1, others).round().astype(int)] = True

    def windows(chosen: np.ndarray) -> Int[np.ndarray, "windows 2"]:
        pairs = [
            (episode, start)
            for episode in np.flatnonzero(chosen)
            for start in range(max(1, int(episodes.lengths[episode]) - context + 1))
        ]
        return np.array(pairs, np.int32).reshape(-1, 2)

    arrays: dict[str, Any] = {
        "observation": episodes.observation.astype(np.float32),
        "legal": episodes.legal,
        "alive": episodes.alive,
        "actions": episodes.actions.astype(np.int32),
        "rewards": episodes.rewards.astype(np.float32),
        "returns": ((_returns_to_go(episodes) - np.array(scale.usual)[:, None]) / scale.deviation).astype(np.float32),
        "lengths": episodes.lengths.astype(np.int32),
        "terminated": episodes.terminated,
        "learned": windows(~apart),
        "held_out": windows(apart),
        "horizon": np.float32(scale.steps),
    }
    return Data(**arrays)


def draw(windows: Int[Array, "windows 2"], data: Data, context: int, size: int, key: PRNGKeyArray) -> Batch:
    """Return windows that are drawn with replacement; which there are is `data.learned` or `data.held_out`."""
    episode, start = jnp.moveaxis(windows[jax.random.randint(key, (size,), 0, len(windows))], 1, 0)
    return jax.vmap(lambda one, first: window_at(data, one, first, context))(episode, start)


def window_at(data: Data, episode: Int[Array, ""], start: Int[Array, ""], context: int) -> Batch:
    """Return a window; steps behind the episode's end have no weight."""
    steps = start + jnp.arange(context)
    inside = steps < data.lengths[episode]
    at = jnp.minimum(steps, data.actions.shape[1] - 1)
    before = jnp.where((steps > 0)[:, None], data.actions[episode, jnp.maximum(at - 1, 0)], -1)
    window = Window(
        observation=data.observation[episode, at],
        before=before,
        returns=data.returns[episode, at],
        time=steps / data.horizon,
        # Behind the end all is legal: of no action the loss would not be finite, whatever its weight.
        legal=data.legal[episode, at] | ~inside[:, None, None],
        weight=(inside[:, None] & data.alive[episode, at]).astype(jnp.float32),
    )
    return Batch(window, data.actions[episode, at])


def draw_transitions(data: Data, size: int, key: PRNGKeyArray) -> Transitions:
    """Return single steps of `data.learned`, which has windows of one step."""
    episode, step = jnp.moveaxis(data.learned[jax.random.randint(key, (size,), 0, len(data.learned))], 1, 0)
    return Transitions(
        observation=data.observation[episode, step],
        action=data.actions[episode, step],
        reward=data.rewards[episode, step],
        terminated=data.terminated[episode] & (step == data.lengths[episode] - 1),
        next_observation=data.observation[episode, step + 1],
        next_legal=data.legal[episode, step + 1],
        legal=data.legal[episode, step],
    )
