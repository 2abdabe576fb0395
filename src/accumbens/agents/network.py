"""What both learners share: building the stack, acting, one optimiser per cell, and the per-cell update."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.agents.protocol import Decision, EnvironmentFacts, LearningMetrics, Memory
from accumbens.agents.settings import CommonSettings
from accumbens.cells import AttentionCell, Carry, Credit, DotCell, MLPCell, Stack
from accumbens.td.exploration import epsilon_greedy, no_repeat
from accumbens.td.losses import LOSSES

Rows = Float[Array, "batch observation"]


def build_stack(settings: CommonSettings, env: EnvironmentFacts, key: PRNGKeyArray) -> Stack:
    """Return an untrained stack for encoded observations of `env`."""
    options: dict[str, Any] = {"value_scale": settings.value_scale}
    if settings.cell != "dot":
        options["layer_norm"] = settings.layer_norm
    if settings.cell == "attention":
        options |= {"rank": settings.rank, "standardise": settings.standardise}
    cell = {"attention": AttentionCell, "dot": DotCell, "mlp": MLPCell}[settings.cell]
    return Stack(
        partial(cell, **options),
        math.prod(env.observation_shape),
        settings.net_arch,
        env.num_actions,
        key=key,
        input_skip=settings.input_skip,
        forward_gain=settings.forward_gain,
        recurrent_gain=settings.recurrent_gain,
        every_cell_predicts=settings.every_cell_predicts,
    )


def make_encoder(settings: CommonSettings, env: EnvironmentFacts) -> Callable[[Array], Rows]:
    """Return `encode(observation [batch, ...]) -> [batch, n]`: float32 vectors, scaled if the settings say so."""
    bounds = (env.observation_low, env.observation_high)
    low, high = (np.broadcast_to(bound, env.observation_shape).ravel().astype(np.float64) for bound in bounds)
    scaled = settings.scale_observations & np.isfinite(low) & np.isfinite(high) & (high > low)
    scaled &= np.dtype(env.observation_dtype) != np.bool_
    low, high = np.where(scaled, low, -1.0), np.where(scaled, high, 1.0)
    centre, radius = ((high + low) / 2).astype(np.float32), ((high - low) / 2).astype(np.float32)

    def encode(observation: Array) -> Rows:
        flat = observation.reshape(observation.shape[0], -1).astype(jnp.float32)
        return (flat - centre) / radius if scaled.any() else flat

    return encode


def evaluate(stack: Stack, observation: Rows, carry: Carry, credit: Credit) -> tuple[Array, Carry]:
    """Return values [batch, cells, actions] and new carries of a batch."""
    return jax.vmap(lambda o, c: stack(o, c, credit))(observation, carry)


def init_memory(settings: CommonSettings, num_envs: int) -> Memory:
    """Return the memory of `num_envs` environments at their episodes' start."""
    carry = tuple(jnp.zeros((num_envs, hidden)) for hidden in settings.net_arch)
    return Memory(carry, no_repeat(num_envs))


def make_act(settings: CommonSettings, encode: Callable, network: Callable[[Any], Stack]) -> Callable[..., Decision]:
    """Return `act`: ε-greedy on the mean over cells. The carry advances on every step, random actions included."""

    def act(state, memory: Memory, observation, epsilon, key: PRNGKeyArray, cell_weights=None) -> Decision:
        values, carry = evaluate(network(state), encode(observation), memory.carry, settings.credit)
        q = values.mean(axis=1) if cell_weights is None else jnp.einsum("eca,ec->ea", values, cell_weights)
        action, repeat = epsilon_greedy(key, q, epsilon, memory.repeat, settings.duration_exponent)
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
    scale = {"adam": optax.scale_by_adam, "radam": optax.scale_by_radam}[settings.optimiser]
    return optax.chain(
        optax.clip_by_global_norm(settings.max_gradient_norm),
        scale(b1=settings.adam_b1, b2=settings.adam_b2, eps=1e-8),
        optax.scale_by_learning_rate(schedule),
    )


def init_optimiser_states(optimiser: optax.GradientTransformation, stack: Stack) -> tuple[Any, ...]:
    """Return one optimiser state per cell."""
    return tuple(optimiser.init(eqx.filter(cell, eqx.is_array)) for cell in stack.cells)


def make_losses(settings: CommonSettings) -> Callable:
    """Return the loss of every predicting cell, as a function of the stack's parameters.

    `losses(stack, observation [B, n], carry, action [B], targets [B, cells]) -> (loss, (td_error, value))`, each
    [cells]: the mean loss, the mean size of the TD error, and the mean value of the actions taken.
    """
    element_loss = LOSSES[settings.loss]

    def losses(stack: Stack, observation, carry, action, targets):
        values, _ = evaluate(stack, observation, carry, settings.credit)
        q = jnp.take_along_axis(values, action[:, None, None], axis=-1)[..., 0]
        td_error = targets - q
        return element_loss(td_error).mean(axis=0), (jnp.abs(td_error).mean(axis=0), q.mean(axis=0))

    return losses


def make_update(settings: CommonSettings, optimiser: optax.GradientTransformation) -> Callable:
    """Return one update of every cell from its own TD error.

    `update(stack, optimiser_states, observation [B, n], carry, action [B], targets [B, cells])
    -> (stack, optimiser_states, LearningMetrics)`.
    """
    losses = make_losses(settings)

    def summed(stack: Stack, *batch):
        # With local credit no path leads from one cell's loss to another cell's parameters, so the gradient of the
        # sum is every cell's own gradient.
        loss, statistics = losses(stack, *batch)
        return loss.sum(), (loss, *statistics)

    def update(stack: Stack, optimiser_states, observation, carry, action, targets):
        gradients, (loss, td_error, value) = jax.grad(summed, has_aux=True)(stack, observation, carry, action, targets)
        cells, states = [], []
        for cell, state, gradient in zip(stack.cells, optimiser_states, gradients.cells, strict=True):
            changes, state = optimiser.update(gradient, state)
            cells.append(eqx.apply_updates(cell, changes))
            states.append(state)
        # An error that is the top cell's alone has its gradient in all cells.
        of_one_error = gradients.cells if settings.every_cell_predicts else [gradients.cells]
        norms = jnp.stack([optax.tree.norm(gradient) for gradient in of_one_error])
        metrics = LearningMetrics(loss, td_error, value, norms, jnp.ones((), jnp.int32))
        return eqx.tree_at(lambda s: s.cells, stack, tuple(cells)), tuple(states), metrics

    return update


def mean_over_updates(metrics: LearningMetrics) -> LearningMetrics:
    """Return the means of metrics stacked along the first axis, and the number of updates.

    Where something is not finite, only the cells of the first such update show it: by the next one it has spread.
    """
    ill = ~jnp.all(jnp.isfinite(metrics.loss) & jnp.isfinite(metrics.gradient_norm), axis=1)
    spread = (jnp.cumsum(ill) > ill)[:, None]
    means = jax.tree.map(lambda x: jnp.where(spread, 0.0, x).mean(axis=0), metrics._replace(updates=None))
    return means._replace(updates=metrics.updates.sum())
