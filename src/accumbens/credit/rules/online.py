"""Online rules: every unit carries traces of its parameters forward in time, and meets every error as it arises.

With the state s_i of unit i and its own parameters p_i, the trace is E_i = ds_i/dp_i, followed by

    E_i(t) = D_i(t) E_i(t-1) + ∂s_i(t)/∂p_i,     D_i(t) = ds_i(t)/ds_i(t-1),

and the update is the sum over steps of L_i(t) E_i(t) with the learning signal L_i(t) = ∂loss(t)/∂s_i(t). Nothing is
remembered of earlier steps but the traces: memory does not depend on how long a sequence is.

What D_i counts is the difference between the rules. Where units do not see one another, D_i is all there is, and the
update is the exact gradient (real-time recurrent learning). Where they do, `snap-1` keeps of the recurrent connections
what leads from a unit to itself, and `e-prop` nothing: only what passes within the unit.

Reference: Williams & Zipser (1989); Bellec et al. (2020); Menick et al. (2021).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit import marks
from accumbens.credit.losses import output_error, step_losses, step_weights
from accumbens.credit.networks.recurrent import Recurrent
from accumbens.credit.networks.recurrent_units import Units
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.settings import RecurrentSettings
from accumbens.errors import require


def make_rtrl(settings: RecurrentSettings, facts: TaskFacts) -> Rule:
    """Return the rule for units that do not see one another: the exact gradient, forward in time.

    Raises:
        AccumbensError: the units see one another, or there is not one hidden layer.
    """
    require("units", settings.units, "diagonal with this rule, or use snap-1 or e-prop", settings.units == "diagonal")
    return _make(settings, facts, own_connection=False)


def make_snap_1(settings: RecurrentSettings, facts: TaskFacts) -> Rule:
    """Return the rule: a trace counts what leads from a unit to itself, over its connection to itself too.

    Raises:
        AccumbensError: there is not one hidden layer.
    """
    return _make(settings, facts, own_connection=True)


def make_e_prop(settings: RecurrentSettings, facts: TaskFacts) -> Rule:
    """Return the rule: a trace counts what passes within a unit, no recurrent connection.

    Raises:
        AccumbensError: there is not one hidden layer.
    """
    return _make(settings, facts, own_connection=False)


def advance(
    units: Units, state: Float[Array, "units numbers"], traces: Any, x: Float[Array, " inputs"], own_connection: bool
) -> tuple[Float[Array, "units numbers"], Any]:
    """Return the next state and traces of one example.

    Args:
        units: of the layer.
        state: one step ago.
        traces: like the units' parameters, with [units, numbers] in front: derivative of the state.
        x: input.
        own_connection: count the connection of a unit to itself.
    """
    inputs = units.inputs(state, x)

    def one(number: Array, parameters: Any, own: Array) -> Array:
        seen = inputs
        if own_connection and units.connected:
            start = x.size + number * units.emitted
            seen = jax.lax.dynamic_update_slice(inputs, units.emit(own), (start,))
        return units.unit(parameters, own, seen)

    numbers = jnp.arange(units.count)
    after = jax.vmap(one)(numbers, units.parameters, state)
    immediate, D = jax.vmap(jax.jacrev(one, argnums=(1, 2)))(numbers, units.parameters, state)
    traces = jax.tree.map(lambda E, now: jnp.einsum("nab,nb...->na...", D, E) + now, traces, immediate)
    return after, traces


def no_traces(units: Units) -> Any:
    """Return the traces of one example before its first step."""
    return jax.tree.map(lambda p: jnp.zeros((units.count, units.numbers, *p.shape[1:]), p.dtype), units.parameters)


def _make(settings: RecurrentSettings, facts: TaskFacts, own_connection: bool) -> Rule:
    def init(key: PRNGKeyArray) -> tuple[Recurrent, tuple[()]]:
        return Recurrent.create(settings, facts, key), ()

    def step(network: Recurrent, carried: Any, now: tuple[Array, Array, Array]) -> tuple[Any, Array]:
        """One step of one example: the gradient so far and the loss."""
        (state, traces, gradients), (x, y, weight) = carried, now
        units, readout = network.layers
        state, traces = advance(units, state, traces, x, own_connection)
        state = marks.activity(state, 0)
        activity, to_state = jax.vjp(units.activity, state)
        outputs = marks.outputs(readout(activity))
        error = jnp.where(weight > 0, weight * output_error(outputs, y, facts.kind), 0.0)
        (L,) = to_state(error @ readout.weight)
        of_units = jax.tree.map(lambda E: jnp.einsum("na,na...->n...", L, E), traces)
        found = (of_units, type(readout)(jnp.outer(error, activity), error))
        return (state, traces, jax.tree.map(jnp.add, gradients, found)), weight * step_losses(outputs, y, facts.kind)

    def update(network: Recurrent, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        units, readout = network.layers

        def of_example(*rows: Array) -> tuple[Any, Array]:
            nothing = jax.tree.map(jnp.zeros_like, (units.parameters, readout))
            first = (units.silent(), no_traces(units), nothing)
            (_, _, gradients), loss = jax.lax.scan(lambda *given: step(network, *given), first, rows)
            return gradients, loss.sum()

        gradients, loss = jax.vmap(of_example)(batch.x, batch.y, step_weights(batch.y, facts.kind))
        of_units, of_readout = jax.tree.map(lambda leaf: leaf.sum(axis=0), gradients)
        found = eqx.tree_at(lambda n: (n.layers[0].parameters, n.layers[1]), network, (of_units, of_readout))
        return Update(found, memory, loss.sum())

    return Rule(init, update)
