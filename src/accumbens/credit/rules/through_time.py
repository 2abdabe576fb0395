"""Backpropagation through time, whole and truncated: the rules that others are measured by."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, PRNGKeyArray

from accumbens.credit.losses import step_losses, step_weights
from accumbens.credit.networks.controlled import Reaching
from accumbens.credit.networks.recurrent import Recurrent
from accumbens.credit.protocol import Batch, Kind, Rule, TaskFacts, Update
from accumbens.credit.settings import PenalisedSettings, TruncatedSettings
from accumbens.errors import require


def make_backprop_through_time(settings: PenalisedSettings, facts: TaskFacts) -> Rule:
    """Return the rule: the exact gradient of the mean loss. Memory grows with the number of steps.

    Raises:
        AccumbensError: there is not one hidden layer, a number cannot be used, or `units` is none and the task
            has not its own, or the reverse.
    """
    if facts.controlled:
        own = "none on a task that moves a hand, whose network has rectified rate units"
        require("units", settings.units, own, settings.units is None)
    else:
        require("units", "none", "one of the others on this task", settings.units is not None)
    bound = settings.max_gradient_norm
    require("max_gradient_norm", bound, "none, or > 0", bound is None or bound > 0)
    for name in ("weight_penalty", "activity_penalty"):
        require(name, getattr(settings, name), ">= 0", getattr(settings, name) >= 0)
    create = Reaching.create if facts.controlled else Recurrent.create

    def init(key: PRNGKeyArray) -> tuple[Recurrent | Reaching, tuple[()]]:
        return create(settings, facts, key), ()

    def penalised(network: Recurrent | Reaching, batch: Batch, key: PRNGKeyArray) -> tuple[Array, Array]:
        loss = network.exact_loss(batch, key)
        penalty = jnp.zeros(())
        if settings.weight_penalty:
            norms = map(jnp.linalg.norm, jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array)))
            penalty += settings.weight_penalty * sum(norms)
        if settings.activity_penalty:
            penalty += settings.activity_penalty * network.mean_square_activity(batch, key)
        return loss + penalty, loss

    def update(network: Recurrent | Reaching, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        gradients, loss = eqx.filter_grad(penalised, has_aux=True)(network, batch, key)
        if bound is not None:
            gradients, _ = optax.clip_by_global_norm(bound).update(gradients, optax.EmptyState())
        return Update(gradients, memory, loss)

    return Rule(init, update)


def make_truncated_backprop_through_time(settings: TruncatedSettings, facts: TaskFacts) -> Rule:
    """Return the rule: the sequence is cut into blocks of `truncation` steps, and no gradient crosses a cut.

    A block is differentiated before the next begins, so memory is that of one block.

    Raises:
        AccumbensError: there is not one hidden layer, or `truncation` is below 1.
    """
    require("truncation", settings.truncation, ">= 1", settings.truncation >= 1)

    def init(key: PRNGKeyArray) -> tuple[Recurrent, tuple[()]]:
        return Recurrent.create(settings, facts, key), ()

    def update(network: Recurrent, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        weights = step_weights(batch.y, facts.kind)
        blocks, rest = divmod(batch.x.shape[1], settings.truncation)
        state = jax.vmap(lambda _: network.layers[0].silent())(batch.x[:, 0])

        def block(carried: Any, part: Any) -> tuple[Any, None]:
            state, loss, gradients = carried
            loss_of: Any = eqx.filter_value_and_grad(_loss_of_block, has_aux=True)
            (more, state), found = loss_of(network, state, *part, facts.kind)
            return (state, loss + more, jax.tree.map(jnp.add, gradients, found)), None

        parts = (batch.x, batch.y, weights)
        carried = (state, jnp.zeros(()), jax.tree.map(jnp.zeros_like, eqx.filter(network, eqx.is_inexact_array)))
        if blocks:
            carried, _ = jax.lax.scan(block, carried, tuple(_in_blocks(part, settings.truncation) for part in parts))
        if rest:
            carried, _ = block(carried, tuple(part[:, -rest:] for part in parts))
        return Update(carried[2], memory, carried[1])

    return Rule(init, update)


def _in_blocks(part: Array, length: int) -> Array:
    """Return [blocks, batch, steps of a block, ...] of all but the last steps, which fill no block."""
    blocks = part.shape[1] // length
    whole = part[:, : blocks * length]
    return jnp.moveaxis(whole.reshape(len(part), blocks, length, *part.shape[2:]), 1, 0)


def _loss_of_block(
    network: Recurrent, state: Array, x: Array, y: Array, weights: Array, kind: Kind
) -> tuple[Array, Array]:
    """Return the part of the batch's loss that is in some steps, and the state after them."""
    seen = jax.vmap(network.follow)(x, state)
    return (weights * step_losses(seen.outputs, y, kind)).sum(), seen.state
