"""The update of all learners: every cell from its own TD error, one cell after the other.

With local credit a cell is evaluated, differentiated and changed before the next begins, so that memory does not grow
with depth.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from accumbens.agents.network import value_function
from accumbens.agents.protocol import EnvironmentFacts, LearningMetrics
from accumbens.agents.settings import CommonSettings
from accumbens.cells import Stack
from accumbens.td.losses import expectile, huber, quantile_huber, squared


def make_reading(settings: CommonSettings) -> Callable:
    """Return how a cell's values become its loss.

    `reading(targets [cells, (quantiles)])` is what `Stack.walk` reads values by: `read(number, values) ->
    (loss, (td_error, value))`, the loss of the predicting cell of that number, the size of its (expected) TD error,
    and the (expected) value of the action taken.
    """
    threshold = settings.huber_threshold
    loss_of: dict[str, Callable] = {
        "squared": lambda value, target: squared(target - value),
        "huber": lambda value, target: huber(target - value, threshold),
        "quantile_huber": lambda value, target: quantile_huber(value, target, threshold),
        "expectile": expectile,
    }
    element_loss = loss_of[settings.loss]

    def mean(value: Array) -> Array:
        return value.mean(axis=-1) if settings.readout == "quantile" else value

    def reading(targets: Array) -> Callable[[int, Array], Any]:
        def read(number: int, values: Array):
            value, target = values.mean(axis=-1), targets[number]
            return element_loss(value, target), (jnp.abs(mean(target) - mean(value)), mean(value))

        return read

    return reading


def make_block_losses(settings: CommonSettings, env: EnvironmentFacts) -> Callable:
    """Return the losses of some cells, one above the other.

    `losses(stack, indices, below, observation [B, n], carry, action [B], targets [B, cells, (quantiles)])
    -> ((loss, (td_error, value)), activity)`: a list with the mean loss of every predicting cell among `indices`, the
    mean size of its (expected) TD error, and the mean (expected) value of the actions taken; and the activity of the
    last of the cells, whose `below` is that of the cell under the first.
    """
    q_function, reading = value_function(settings, env), make_reading(settings)

    def losses(stack: Stack, indices: range, below, observation, carry, action, targets):
        def of_row(below, observation, carry, action, targets):
            candidates = q_function.taken(action)
            read = reading(targets)
            kept, activities = stack.walk(indices, below, observation, carry, settings.credit, candidates, read)
            return kept, activities[-1]

        kept, activity = jax.vmap(of_row)(below, observation, carry, action, targets)
        return jax.tree.map(lambda x: x.mean(axis=0), kept), activity

    return losses


def make_losses(settings: CommonSettings, env: EnvironmentFacts) -> Callable:
    """Return the loss of every predicting cell, as a function of the stack's parameters.

    `losses(stack, observation [B, n], carry, action [B], targets [B, cells] or [B, cells, quantiles])
    -> (loss, (td_error, value))`, each [cells]; see `make_block_losses`.
    """
    losses_of = make_block_losses(settings, env)

    def losses(stack: Stack, observation, *rows):
        kept, _ = losses_of(stack, range(len(stack.cells)), observation, observation, *rows)
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *kept)

    return losses


def wait_for(done: Array, tree: Any) -> Any:
    """Return the tree, its arrays unchanged to the bit but not to be had before the number `done` is.

    XLA's CPU compiler drops `optimization_barrier` before it decides on an order (jaxlib 0.10.2), and computes what
    does not depend on a cell's loss long before it is needed, for all cells at once.
    """
    number = jax.lax.optimization_barrier(jax.lax.bitcast_convert_type(done.astype(jnp.float32), jnp.int32))
    zero = number & ~number

    def waiting(x: Array) -> Array:
        if x.dtype not in (jnp.float32, jnp.int32):
            return x
        bits = jax.lax.bitcast_convert_type(x, jnp.int32) | zero
        return jax.lax.bitcast_convert_type(bits, x.dtype)

    return jax.tree.map(waiting, tree)


def make_update(settings: CommonSettings, env: EnvironmentFacts, optimiser: optax.GradientTransformation) -> Callable:
    """Return one update of every cell from its own TD error.

    `update(stack, optimiser_states, observation [B, n], carry, action [B], targets [B, cells, (quantiles)])
    -> (stack, optimiser_states, LearningMetrics)`.

    The cells are taken in blocks: with local credit every cell is one, without all cells are. A block is evaluated,
    differentiated and changed before the next begins, whose input is the activity before the change. So what must be
    remembered for the gradient is that of one block, and does not grow with the number of cells.
    """
    losses_of = make_block_losses(settings, env)
    num_cells = len(settings.net_arch)
    size = 1 if settings.credit == "local" else num_cells

    def update(stack: Stack, optimiser_states, observation, carry, action, targets):
        cells, states, kept, norms = [], [], [], []
        below = observation
        for first in range(0, num_cells, size):
            indices = range(first, first + size)
            block = slice(first, first + size)
            read = stack.cells[block]
            if norms:  # matrices would be copied
                vectors, matrices = eqx.partition(read, lambda leaf: leaf.ndim < 2)
                seen = (vectors, below, observation, carry, action)
                vectors, below, observation, carry, action = wait_for(norms[-1], seen)
                read = eqx.combine(vectors, matrices)

            def summed(read, *rows, indices=indices):
                there = stack.cells[: indices.start] + read + stack.cells[indices.stop :]
                of_block, activity = losses_of(eqx.tree_at(lambda s: s.cells, stack, there), indices, *rows)
                return sum((loss for loss, _ in of_block), jnp.zeros(())), (of_block, activity)

            gradients, (of_block, below) = jax.grad(summed, has_aux=True)(
                read, below, observation, carry, action, targets
            )
            for cell, state, gradient in zip(stack.cells[block], optimiser_states[block], gradients, strict=True):
                changes, state = optimiser.update(gradient, state)
                cells.append(eqx.apply_updates(cell, changes))
                states.append(state)
                norms.append(optax.tree.norm(gradient))
            kept += of_block
        loss, (td_error, value) = jax.tree.map(lambda *leaves: jnp.stack(leaves), *kept)
        # An error that is the top cell's alone has its gradient in all cells.
        norms = jnp.stack(norms) if settings.every_cell_predicts else optax.tree.norm(norms)[None]
        metrics = LearningMetrics(loss, td_error, value, norms, jnp.ones((), jnp.int32))
        return eqx.tree_at(lambda s: s.cells, stack, tuple(cells)), tuple(states), metrics

    return update
