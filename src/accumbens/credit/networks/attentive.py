"""How credit goes back in a network that attends to its past: within blocks of steps, and through what it attended to.

The gradient may be cut where (h, c) enters every block of `truncation` (k_trunc) steps; it then goes further back only
through memories that were attended to, from each to the beginning of the block in which it was written.

Reference: Ke et al. (2018), "Sparse attentive backtracking".
"""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num, PRNGKeyArray

from accumbens.credit import marks
from accumbens.credit.losses import step_losses, step_weights
from accumbens.credit.networks.attending import SCORES, Attending, Attention, Memories, State, sums_of
from accumbens.credit.networks.recurrent import random_readout, require_no_hand
from accumbens.credit.networks.recurrent_units import LSTM, Gate
from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.settings import AttentiveSettings
from accumbens.errors import require


class Attentive(Attending):
    """An LSTM that attends to its past."""

    @classmethod
    def create(cls, settings: AttentiveSettings, facts: TaskFacts, key: PRNGKeyArray) -> "Attentive":
        """Return a network with random weights.

        Raises:
            AccumbensError: there is not one hidden layer, a number is too small, or the task is to move a hand.
        """
        require_no_hand(facts)
        require(
            "layers", ",".join(map(str, settings.layers)) or "none", "one number: the units", len(settings.layers) == 1
        )
        for name, least in (("truncation", 1), ("write_every", 1), ("attended", 2)):
            require(name, getattr(settings, name), f">= {least}", getattr(settings, name) >= least)
        (hidden,) = settings.layers
        units_key, attention_key, readout_key = jax.random.split(key, 3)
        layers = (
            LSTM.create(facts.inputs, hidden, units_key),
            Attention(SCORES[settings.score].create(hidden, attention_key), settings.attended, settings.sparsifier),
            random_readout(readout_key, 2 * hidden, facts.outputs),
        )
        return cls(layers, facts, settings.write_every, settings.truncation)

    def exact_loss(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean loss of the batch; its gradient goes back to the first step, through states and memories."""
        return _exact_loss(self, batch)

    def constrained(self) -> "Attentive":
        """Return the network: nothing constrains it."""
        return self


def loss_and_gradients(network: Attentive, batch: Batch, cut: bool) -> tuple[Float[Array, ""], Attentive]:
    """Return the mean loss of a batch and its gradient, from memory that grows with the number of memories.

    The sequence is gone through once forward, and once backward in blocks: each is run anew from its first state with
    the memories that were chosen, and then pulls its gradient back step by step. The gradient of a memory is summed
    until the step is reached that wrote it. Weights are met by whole blocks, as sums over steps of what reached a gate
    times what it saw.

    Args:
        network: of one seed.
        batch: of sequences.
        cut: no gradient crosses from one block into an earlier one but through memories.
    """
    (units, attention, readout), gates = network.layers, network.gates()
    x = network.steps_first(batch.x)
    L, every = network.block(len(x)), network.write_every
    found = network.choose(x)
    memories = found.memories
    everyone = jnp.arange(len(batch.x))[:, None]
    y = jnp.moveaxis(batch.y, 1, 0)
    y = jnp.concatenate([y, jnp.repeat(y[-1:], len(x) - len(y), axis=0)])
    weight = network.steps_first(step_weights(batch.y, network.facts.kind))
    rows = (x, y, weight, found.chosen, found.written, jnp.arange(len(x)))

    def read(attention: Attention, h: Array, seen: Memories, written: Array) -> Array:
        return jax.vmap(attention.read, (0, 0, None))(h, seen, written)[0]

    def again(state: State, now: Any) -> tuple[State, Any]:
        """One step, its memories known."""
        x, seen, written = now
        sums = sums_of(gates, state.h, x)
        c, h = marks.activity(units.gate(sums, state.c), 0)
        s = marks.activity(read(attention, h, seen, written), 1)
        return State(c, h + s), (state, sums, h + s, s)

    def loss_of(readout: Gate, h: Array, s: Array, y: Array, weight: Array) -> Array:
        outputs = marks.outputs(jax.vmap(jax.vmap(readout))(jnp.concatenate([h, s], axis=-1)))
        return (weight * step_losses(outputs, y, network.facts.kind)).sum()

    def block(carried: Any, part: Any) -> tuple[Any, Any]:
        of_memories, of_state = carried
        start, (x, y, weight, chosen, written, t) = part
        seen = jax.tree.map(lambda part: part[chosen, everyone], memories)
        _, (states, sums, h, s) = jax.lax.scan(again, start, (x, seen, written))
        loss, pull = jax.vjp(lambda readout, h, s: loss_of(readout, h, s, y, weight), readout, h, s)
        of_readout, of_h, of_s = pull(jnp.ones(()))

        def step(carried: Any, now: Any) -> tuple[Any, Any]:
            of_attention, of_memories, of_state = carried
            state, x, sums, h, seen, of_h, of_s, chosen, written, t = now
            of_h = of_h + of_state.h
            # The step that writes a memory is given all that reached it.
            slot = (t + 1) // every
            written_here = Memories(*(part[slot] * ((t + 1) % every == 0) for part in of_memories))
            _, pull = jax.vjp(lambda score, h: score.key_of(h), attention.score, h)
            of_score, of_key = pull(written_here.keys)
            of_h = of_h + written_here.values + of_key

            def gated(attention: Attention, sums: Array, c: Array, seen: Memories) -> tuple[Array, Array, Array]:
                c, h = units.gate(sums, c)
                s = read(attention, h, seen, written)
                return c, h + s, s

            _, pull = jax.vjp(gated, attention, sums, state.c, seen)
            more, of_sums, of_c, of_seen = pull((of_state.c, of_h, of_s))
            (of_h,) = jax.vjp(lambda h: sums_of(gates, h, x), state.h)[1](of_sums)
            of_memories = jax.tree.map(lambda part, now: part.at[chosen, everyone].add(now), of_memories, of_seen)
            more = eqx.tree_at(lambda a: a.score, more, jax.tree.map(jnp.add, more.score, of_score))
            return (jax.tree.map(jnp.add, of_attention, more), of_memories, State(of_c, of_h)), of_sums

        steps = (states, x, sums, h, seen, of_h, of_s, chosen, written, t)
        silent = jax.tree.map(jnp.zeros_like, attention)
        (of_attention, of_memories, of_state), of_sums = jax.lax.scan(
            step, (silent, of_memories, of_state), steps, reverse=True
        )
        (of_gates,) = jax.vjp(lambda gates: jax.vmap(partial(sums_of, gates))(states.h, x), gates)[1](of_sums)
        if cut:
            of_state = jax.tree.map(jnp.zeros_like, of_state)
        return (of_memories, of_state), (loss, (of_gates, of_attention, of_readout))

    def backward(carried: Any, part: Any) -> tuple[Any, Array]:
        gradients, *carried = carried
        carried, (loss, more) = block(carried, part)
        return (jax.tree.map(jnp.add, gradients, more), *carried), loss

    blocks = len(x) // L
    nothing = jax.tree.map(
        jnp.zeros_like, ((gates, attention, readout), memories, jax.tree.map(lambda part: part[0], found.starts))
    )
    parts = (found.starts, tuple(part.reshape(blocks, L, *part.shape[1:]) for part in rows))
    ((of_gates, *others), *_), losses = jax.lax.scan(backward, nothing, parts, reverse=True)
    (gradients,) = jax.vjp(Attentive.gates, network)[1](of_gates)
    return losses.sum(), eqx.tree_at(lambda n: n.layers[1:], gradients, tuple(others))


@jax.custom_vjp
def _exact_loss(network: Attentive, batch: Batch) -> Float[Array, ""]:
    return _exact_loss_forward(network, batch)[0]


def _exact_loss_forward(network: Attentive, batch: Batch) -> tuple[Float[Array, ""], Any]:
    return loss_and_gradients(network, batch, cut=False)


def _exact_loss_backward(gradients: Any, cotangent: Num[Array, ""]) -> tuple[Any, None]:
    return jax.tree.map(lambda leaf: cotangent * leaf, gradients), None


_exact_loss.defvjp(_exact_loss_forward, _exact_loss_backward)
