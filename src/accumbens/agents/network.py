"""What all learners share: asking a stack for values, acting, one optimiser per cell. The update is in `per_cell`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.agents.optimiser import cell_optimiser
from accumbens.agents.protocol import Decision, EnvironmentFacts, LearningMetrics, Memory
from accumbens.agents.settings import CommonSettings
from accumbens.agents.stacks import action_codes
from accumbens.cells import Candidates, Carry, Credit, Stack
from accumbens.td.exploration import epsilon_greedy, no_repeat
from accumbens.td.values import Layout

Rows = Float[Array, "batch observation"]


def layout_of(settings: CommonSettings, env: EnvironmentFacts) -> Layout:
    """Return how the values of an agent are laid out."""
    return Layout(settings.num_quantiles if settings.readout == "quantile" else None, env.action_dimensions)


def has_bytes(env: EnvironmentFacts) -> bool:
    """Return whether all components have the bounds of bytes, 0 and 255, as in pictures."""
    return bool(np.all(np.equal(env.observation_low, 0)) and np.all(np.equal(env.observation_high, 255)))


def make_encoder(settings: CommonSettings, env: EnvironmentFacts) -> Callable[[Array], Rows]:
    """Return `encode(observation [batch, ...]) -> [batch, n]`: float32 vectors, scaled if the settings say so."""
    bounds = (env.observation_low, env.observation_high)
    low, high = (np.broadcast_to(bound, env.observation_shape).ravel().astype(np.float64) for bound in bounds)
    scaled = np.isfinite(low) & np.isfinite(high) & (high > low) & (np.dtype(env.observation_dtype) != np.bool_)
    if settings.scale_observations is None and has_bytes(env):
        low = -high  # so that they are divided by 255, as is usual for pictures
    elif not settings.scale_observations:
        scaled[:] = False
    low, high = np.where(scaled, low, -1.0), np.where(scaled, high, 1.0)
    centre, radius = ((high + low) / 2).astype(np.float32), ((high - low) / 2).astype(np.float32)

    def encode(observation: Array) -> Rows:
        flat = observation.reshape(observation.shape[0], -1).astype(jnp.float32)
        return (flat - centre) / radius if scaled.any() else flat

    return encode


def evaluate(
    stack: Stack,
    observation: Rows,
    carry: Carry,
    credit: Credit,
    candidates: Float[Array, "candidates features"] | None = None,
) -> tuple[Array, Carry]:
    """Return values [batch, cells, (quantiles,) actions] and new carries of a batch.

    Cells that are conditioned on the action value the candidates.
    """
    return jax.vmap(lambda o, c: stack(o, c, credit, candidates))(observation, carry)


class ValueFunction(NamedTuple):
    """How a stack is asked for values.

    Attributes:
        layout: of the values.
        credit: where the gradient stops.
        action_codes: what cells that are conditioned on the action see of each; None if cells are not.
        mean_bootstrap: cells bootstrap from the mean over cells.
        choices: how many actions one choice is among.
    """

    layout: Layout
    credit: Credit
    action_codes: Float[np.ndarray, "actions features"] | None
    mean_bootstrap: bool
    choices: int

    def all(self, stack: Stack, observation: Rows, carry: Carry) -> tuple[Array, Carry]:
        """Return the values of all actions [batch, cells, (quantiles,) actions], and the new carries."""
        codes = None if self.action_codes is None else jnp.asarray(self.action_codes)
        return evaluate(stack, observation, carry, self.credit, codes)

    def taken(self, action: Int[Array, "*dimensions"]) -> Candidates:
        """Return the action taken in one row, as candidates; its value is the mean over them."""
        dimensions = self.layout.action_dimensions
        # The choices of all dimensions are numbered through.
        chosen = action[None] if dimensions is None else action + self.choices * np.arange(dimensions)
        return chosen if self.action_codes is None else jnp.asarray(self.action_codes)[chosen]

    def for_bootstrap(self, values: Array) -> Array:
        """Return the values that each cell's target is made of: its own, or the mean over cells."""
        if not self.mean_bootstrap:
            return values
        return jnp.broadcast_to(values.mean(axis=-1 - self.layout.axes, keepdims=True), values.shape)


def value_function(settings: CommonSettings, env: EnvironmentFacts) -> ValueFunction:
    """Return how the stacks of an agent are asked for values."""
    codes = action_codes(env) if settings.action_conditioning else None
    layout = layout_of(settings, env)
    choices = layout.choices(env.num_actions)
    return ValueFunction(layout, settings.credit, codes, settings.bootstrap == "mean", choices)


def init_memory(settings: CommonSettings, env: EnvironmentFacts, num_envs: int) -> Memory:
    """Return the memory of `num_envs` environments at their episodes' start."""
    return Memory(silent_carry(settings, num_envs), no_repeat(num_envs, env.action_dimensions))


def silent_carry(settings: CommonSettings, num_rows: int) -> Carry:
    """Return the carry of `num_rows` episodes' starts."""
    return tuple(jnp.zeros((num_rows, hidden)) for hidden in settings.net_arch)


def cell_weights(settings: CommonSettings) -> Float[np.ndarray, "cells cells"]:
    """Return the weights by which an agent acts that has cells 1..l alone, in row l-1."""
    num_cells = num_predicting_cells(settings)
    if settings.act_on == "top":
        return np.eye(num_cells, dtype=np.float32)
    weights = np.tril(np.ones((num_cells, num_cells), np.float32))
    return weights / weights.sum(axis=1, keepdims=True)


def num_predicting_cells(settings: CommonSettings) -> int:
    """Return how many cells predict a value."""
    return len(settings.net_arch) if settings.every_cell_predicts else 1


def make_act(settings: CommonSettings, env: EnvironmentFacts, encode: Callable) -> Callable[..., Decision]:
    """Return `act`: ε-greedy on the weighted cells. The carry advances on every step, random actions included."""
    q_function = value_function(settings, env)
    layout, own_weights = q_function.layout, cell_weights(settings)[-1:]

    def act(stack: Stack, memory: Memory, observation, epsilon, key: PRNGKeyArray, cell_weights=None) -> Decision:
        values, carry = q_function.all(stack, encode(observation), memory.carry)
        weights = own_weights if cell_weights is None else cell_weights
        q = jnp.sum(layout.expected(values) * weights[..., None], axis=1)
        action, repeat = epsilon_greedy(key, q, epsilon, memory.repeat, settings.duration_exponent, layout)
        return Decision(action, values, Memory(carry, repeat))

    return act


def learning_rate_schedule(settings: CommonSettings, total_updates: int) -> optax.Schedule:
    """Return the learning rate as a function of the number of updates done."""
    rate, end = settings.learning_rate, settings.learning_rate_end
    if settings.learning_rate_schedule == "constant":
        return optax.constant_schedule(rate)
    if settings.learning_rate_schedule == "linear":
        return optax.linear_schedule(rate, end, total_updates)
    warmup = min(max(1, round(settings.warmup_fraction * total_updates)), total_updates - 1)
    return optax.warmup_cosine_decay_schedule(0.0, rate, warmup, total_updates, end)


def make_optimiser(settings: CommonSettings, schedule: Callable) -> optax.GradientTransformation:
    """Return the optimiser each cell gets its own copy of; the clip sees one cell's gradient only."""
    b1, b2 = settings.adam_b1, settings.adam_b2
    return cell_optimiser(settings.optimiser, schedule, settings.max_gradient_norm, b1, b2)


def init_optimiser_states(optimiser: optax.GradientTransformation, stack: Stack) -> tuple[Any, ...]:
    """Return one optimiser state per cell."""
    return tuple(optimiser.init(eqx.filter(cell, eqx.is_array)) for cell in stack.cells)


def mean_over_updates(metrics: LearningMetrics) -> LearningMetrics:
    """Return the means of metrics stacked along the first axis, and the number of updates.

    Where something is not finite, only the cells of the first such update show it: by the next one it has spread.
    """
    ill = ~jnp.all(jnp.isfinite(metrics.loss) & jnp.isfinite(metrics.gradient_norm), axis=1)
    spread = (jnp.cumsum(ill) > ill)[:, None]
    means = jax.tree.map(lambda x: jnp.where(spread, 0.0, x).mean(axis=0), metrics._replace(updates=None))
    return means._replace(updates=metrics.updates.sum())
