"""What both learners share: building the stack, acting, one optimiser per cell, and the per-cell update."""

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens import registration
from accumbens.agents.protocol import Decision, EnvironmentFacts, LearningMetrics, Memory
from accumbens.agents.settings import CommonSettings
from accumbens.cells import (
    AttentionCell,
    Carry,
    Cell,
    Convolution,
    Credit,
    DotCell,
    GoodnessReadout,
    MLPCell,
    QuantileReadout,
    Readout,
    ScalarReadout,
    Stack,
)
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.td.exploration import epsilon_greedy, no_repeat
from accumbens.td.losses import expectile, huber, quantile_huber, squared
from accumbens.td.values import Layout

CELLS: dict[str, Callable[..., Cell]] = {"attention": AttentionCell, "dot": DotCell, "mlp": MLPCell}
Rows = Float[Array, "batch observation"]


def build_stack(settings: CommonSettings, env: EnvironmentFacts, key: PRNGKeyArray) -> Stack:
    """Return an untrained stack for encoded observations of `env`."""

    build, takes = _cell_maker(settings)

    def make_cell(inputs: int, hidden: int, actions: int, *, key: PRNGKeyArray, convolution: Convolution | None = None):
        options: dict[str, Any] = {
            "readout": make_readout(settings, hidden),
            "action_features": action_codes(env).shape[1] if settings.action_conditioning else None,
            "layer_norm": settings.layer_norm,
            "convolution": convolution,
            "rank": settings.rank,
            "standardise": settings.standardise,
        }
        return build(inputs, hidden, actions, key=key, **{name: options[name] for name in takes(options)})

    def make_first_cell(inputs: int, hidden: int, actions: int, *, key: PRNGKeyArray):
        convolution = None
        if settings.convolution is not None:
            if len(env.observation_shape) != 3 or min(env.observation_shape[:2]) < 3:
                raise AccumbensError(
                    f"convolution={settings.convolution} cannot be used: it needs images of at least 3 × 3 pixels, and "
                    f"the observation's shape is {env.observation_shape}"
                )
            rows, columns, channels = env.observation_shape
            image_key, key = jax.random.split(key)
            convolution = Convolution((rows, columns, channels), settings.convolution, key=image_key)
        return make_cell(inputs, hidden, actions, key=key, convolution=convolution)

    return Stack(
        make_cell,
        math.prod(env.observation_shape),
        settings.net_arch,
        env.num_actions,
        key=key,
        make_first_cell=make_first_cell,
        input_skip=settings.input_skip,
        forward_gain=settings.forward_gain,
        recurrent_gain=settings.recurrent_gain,
        every_cell_predicts=settings.every_cell_predicts,
    )


def _cell_maker(settings: CommonSettings) -> tuple[Callable[..., Cell], Callable[[Iterable[str]], list[str]]]:
    """Return what makes cells, and which of some options it takes: those that its parameters name.

    Raises:
        UnknownNameError: no cell has that name.
        AccumbensError: a registered cell cannot be used with these settings.
    """
    name = settings.cell
    build = CELLS.get(name) or registration.CELLS.get(name)
    if build is None:
        raise UnknownNameError("cell", name, [*CELLS, *registration.CELLS.names()])
    parameters = inspect.signature(build).parameters.values()
    named = {parameter.name for parameter in parameters}
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    if name not in CELLS and not takes_all:
        needed = {"key": True, "readout": True, "action_features": settings.action_conditioning}
        for option, is_needed in (needed | {"convolution": settings.convolution is not None}).items():
            if is_needed and option not in named:
                raise AccumbensError(f"cell={name} cannot be used with these settings: it takes no argument {option!r}")
    return build, lambda options: [option for option in options if takes_all or option in named]


def make_readout(settings: CommonSettings, hidden: int) -> Readout:
    """Return the readout of a cell with `hidden` units.

    Raises:
        UnknownNameError: no readout has that name.
    """
    if settings.readout == "value":
        return ScalarReadout(settings.value_scale)
    if settings.readout == "quantile":
        return QuantileReadout(settings.num_quantiles, settings.value_scale)
    if settings.readout == "goodness":
        return GoodnessReadout(
            settings.goodness_width or hidden,
            settings.goodness,
            value_scale=settings.value_scale,
            value_offset=settings.value_offset,
        )
    make = registration.READOUTS.get(settings.readout)
    if make is None:
        ours = ["value", "quantile", "goodness"]
        raise UnknownNameError("readout", settings.readout, [*ours, *registration.READOUTS.names()])
    return make(hidden, value_scale=settings.value_scale)


def action_codes(env: EnvironmentFacts) -> Float[np.ndarray, "actions features"]:
    """Return what a conditioned cell sees of each action: its features, or one-hot where actions have none."""
    return np.eye(env.num_actions, dtype=np.float32) if env.action_features is None else env.action_features


def layout_of(settings: CommonSettings, env: EnvironmentFacts) -> Layout:
    """Return how the values of an agent are laid out."""
    return Layout(settings.num_quantiles if settings.readout == "quantile" else None, env.action_dimensions)


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


def evaluate(
    stack: Stack,
    observation: Rows,
    carry: Carry,
    credit: Credit,
    candidates: Float[Array, "*batch candidates features"] | None = None,
) -> tuple[Array, Carry]:
    """Return values [batch, cells, (quantiles,) actions] and new carries of a batch.

    Cells that are conditioned on the action value the candidates: the same for all rows, or for each row its own.
    """
    axis = 0 if candidates is not None and candidates.ndim == 3 else None
    step = jax.vmap(lambda o, c, a: stack(o, c, credit, a), in_axes=(0, 0, axis))
    return step(observation, carry, candidates)


class ValueFunction(NamedTuple):
    """How a stack is asked for values.

    Attributes:
        layout: of the values.
        credit: where the gradient stops.
        action_codes: what cells that are conditioned on the action see of each; None if cells are not.
        mean_bootstrap: cells bootstrap from the mean over cells.
    """

    layout: Layout
    credit: Credit
    action_codes: Float[np.ndarray, "actions features"] | None
    mean_bootstrap: bool

    def all(self, stack: Stack, observation: Rows, carry: Carry) -> tuple[Array, Carry]:
        """Return the values of all actions [batch, cells, (quantiles,) actions], and the new carries."""
        codes = None if self.action_codes is None else jnp.asarray(self.action_codes)
        return evaluate(stack, observation, carry, self.credit, codes)

    def taken(self, stack: Stack, observation: Rows, carry: Carry, action: Array) -> Array:
        """Return the values of the actions taken, [batch, cells] or [batch, cells, quantiles].

        Cells that are conditioned on the action compute no others.
        """
        if self.action_codes is None:
            values, _ = self.all(stack, observation, carry)
            return self.layout.at(values, action[:, None])
        dimensions = self.layout.action_dimensions
        if dimensions is None:
            chosen = action[:, None]
        else:  # the choices of all dimensions are numbered through
            chosen = action + self.layout.choices(len(self.action_codes)) * np.arange(dimensions)
        candidates = jnp.asarray(self.action_codes)[chosen]
        values, _ = evaluate(stack, observation, carry, self.credit, candidates)
        return values.mean(axis=-1)

    def for_bootstrap(self, values: Array) -> Array:
        """Return the values that each cell's target is made of: its own, or the mean over cells."""
        if not self.mean_bootstrap:
            return values
        return jnp.broadcast_to(values.mean(axis=-1 - self.layout.axes, keepdims=True), values.shape)


def value_function(settings: CommonSettings, env: EnvironmentFacts) -> ValueFunction:
    """Return how the stacks of an agent are asked for values."""
    codes = action_codes(env) if settings.action_conditioning else None
    return ValueFunction(layout_of(settings, env), settings.credit, codes, settings.bootstrap == "mean")


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
    scale = {"adam": optax.scale_by_adam, "radam": optax.scale_by_radam}[settings.optimiser]
    return optax.chain(
        optax.clip_by_global_norm(settings.max_gradient_norm),
        scale(b1=settings.adam_b1, b2=settings.adam_b2, eps=1e-8),
        optax.scale_by_learning_rate(schedule),
    )


def init_optimiser_states(optimiser: optax.GradientTransformation, stack: Stack) -> tuple[Any, ...]:
    """Return one optimiser state per cell."""
    return tuple(optimiser.init(eqx.filter(cell, eqx.is_array)) for cell in stack.cells)


def make_losses(settings: CommonSettings, env: EnvironmentFacts) -> Callable:
    """Return the loss of every predicting cell, as a function of the stack's parameters.

    `losses(stack, observation [B, n], carry, action [B], targets [B, cells] or [B, cells, quantiles])
    -> (loss, (td_error, value))`, each [cells]: the mean loss, the mean size of the (expected) TD error, and the mean
    (expected) value of the actions taken.
    """
    q_function = value_function(settings, env)
    threshold = settings.huber_threshold
    loss_of: dict[str, Callable] = {
        "squared": lambda value, target: squared(target - value),
        "huber": lambda value, target: huber(target - value, threshold),
        "quantile_huber": lambda value, target: quantile_huber(value, target, threshold),
        "expectile": expectile,
    }
    element_loss = loss_of[settings.loss]

    def losses(stack: Stack, observation, carry, action, targets):
        values = q_function.taken(stack, observation, carry, action)
        expected, expected_targets = values, targets
        if settings.readout == "quantile":
            expected, expected_targets = values.mean(axis=-1), targets.mean(axis=-1)
        td_error = jnp.abs(expected_targets - expected).mean(axis=0)
        return element_loss(values, targets).mean(axis=0), (td_error, expected.mean(axis=0))

    return losses


def make_update(settings: CommonSettings, env: EnvironmentFacts, optimiser: optax.GradientTransformation) -> Callable:
    """Return one update of every cell from its own TD error.

    `update(stack, optimiser_states, observation [B, n], carry, action [B], targets [B, cells, (quantiles)])
    -> (stack, optimiser_states, LearningMetrics)`.
    """
    losses = make_losses(settings, env)

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
