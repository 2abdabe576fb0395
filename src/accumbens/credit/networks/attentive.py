"""A recurrent network that attends to few of its own past states, and how credit goes back through these alone.

At every step, with the memories m_0 = 0, m_1, … written so far and [·, ·] for concatenation:

    (ĥ, c) = LSTM(x, (h, c));   a = sparse(score(ĥ, m_i));   s = Σ a_i m_i;   h = ĥ + s;   y = W [h, s] + b

and after every `write_every` (k_att) steps h becomes the next memory. All steps read.

The gradient may be cut where (h, c) enters every block of `truncation` (k_trunc) steps; it then goes further back only
through memories that were attended to, from each to the beginning of the block in which it was written.

Reference: Ke et al. (2018), "Sparse attentive backtracking"; the score and the sparsifier as in the released code.
"""

from functools import partial
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num, PRNGKeyArray

from accumbens.credit import marks
from accumbens.credit.losses import step_losses, step_weights
from accumbens.credit.networks.recurrent import random_readout, require_no_hand
from accumbens.credit.networks.recurrent_units import LSTM, Gate
from accumbens.credit.protocol import Activity, Batch, Network, TaskFacts
from accumbens.credit.settings import AttentiveSettings
from accumbens.errors import require

Sparsifier = Literal["threshold", "softmax"]


class AdditiveScore(eqx.Module):
    """w · tanh([ĥ, m]) = w_h · tanh(ĥ) + w_m · tanh(m). So which memories score most does not depend on ĥ."""

    w_h: Float[Array, " hidden"]
    w_m: Float[Array, " hidden"]

    @classmethod
    def create(cls, hidden: int, key: PRNGKeyArray) -> "AdditiveScore":
        """Return weights from N(0, 0.01²), as in the released code."""
        return cls(*(0.01 * jax.random.normal(key, (2, hidden))))

    def key_of(self, m: Float[Array, "*rows hidden"]) -> Float[Array, "*rows 1"]:
        """Return what is needed of a memory: it is computed when the memory is written."""
        return jnp.tanh(m) @ self.w_m[:, None]

    def __call__(self, h: Float[Array, " hidden"], keys: Float[Array, "memories 1"]) -> Float[Array, " memories"]:
        """Return the score of every memory."""
        return jnp.tanh(h) @ self.w_h + keys[:, 0]


class PerceptronScore(eqx.Module):
    """w · tanh(W_h ĥ + W_m m)."""

    W_h: Float[Array, "hidden hidden"]
    W_m: Float[Array, "hidden hidden"]
    w: Float[Array, " hidden"]

    @classmethod
    def create(cls, hidden: int, key: PRNGKeyArray) -> "PerceptronScore":
        """Return weights from U(±1/√hidden)."""
        drawn = jax.random.uniform(key, (2 * hidden + 1, hidden), minval=-1, maxval=1) * hidden**-0.5
        return cls(drawn[:hidden], drawn[hidden:-1], drawn[-1])

    def key_of(self, m: Float[Array, "*rows hidden"]) -> Float[Array, "*rows hidden"]:
        """Return what is needed of a memory: it is computed when the memory is written."""
        return m @ self.W_m

    def __call__(self, h: Float[Array, " hidden"], keys: Float[Array, "memories hidden"]) -> Float[Array, " memories"]:
        """Return the score of every memory."""
        return jnp.tanh(h @ self.W_h + keys) @ self.w


SCORES: dict[str, Any] = {"additive": AdditiveScore, "mlp": PerceptronScore}


class Memories(NamedTuple):
    """Memories, and what their scores need of them."""

    values: Float[Array, "*slots hidden"]
    keys: Float[Array, "*slots key"]


class Attention(eqx.Module):
    """Scores of memories, and the weights of the few that have the largest.

    Attributes:
        score: of a memory in a state.
        top: k_top, memories that are attended to at most.
        sparsifier: `threshold`, max(score - the k_top-th largest score, 0) divided by the sum (so k_top - 1 of them),
            or the scores as they are while there are no more than k_top memories; `softmax` over the k_top largest.
    """

    score: AdditiveScore | PerceptronScore
    top: int = eqx.field(static=True)
    sparsifier: Sparsifier = eqx.field(static=True)

    def weights(self, scores: Float[Array, " top"], written: Int[Array, ""]) -> Float[Array, " top"]:
        """Return a, of the memories with the largest scores in falling order, of which `written` exist."""
        exist = jnp.arange(self.top) < written
        if self.sparsifier == "softmax":
            return jax.nn.softmax(jnp.where(exist, scores, -jnp.inf))
        above = jax.nn.relu(scores - (scores[-1] + 1e-7))
        few = jnp.where(exist, scores, 0.0)
        return jnp.where(written > self.top, above / (above.sum() + 1e-7), few)

    def read(
        self, h: Float[Array, " hidden"], memories: Memories, written: Int[Array, ""]
    ) -> tuple[Float[Array, " hidden"], Float[Array, " top"]]:
        """Return s and a, given the memories attended to, those with the largest scores in falling order."""
        a = self.weights(self.score(h, memories.keys), written)
        return (a[:, None] * memories.values).sum(axis=0), a


class State(NamedTuple):
    """(c, h) of a batch."""

    c: Float[Array, "batch hidden"]
    h: Float[Array, "batch hidden"]


class Chosen(NamedTuple):
    """What a pass forward leaves of a batch.

    Attributes:
        chosen: memories that are attended to at every step.
        written: how many there were then.
        starts: state before every block, [blocks, batch, hidden].
        memories: all of them, [memories, batch, …].
        outputs: at every step.
        weights: of the memories attended to.
    """

    chosen: Int[Array, "steps batch top"]
    written: Int[Array, " steps"]
    starts: State
    memories: Memories
    outputs: Float[Array, "steps batch outputs"]
    weights: Float[Array, "steps batch top"]


class Attentive(Network):
    """An LSTM that attends to its past.

    Attributes:
        layers: the LSTM, the attention, and the readout.
        facts: of the task.
        write_every: k_att.
        truncation: k_trunc.
    """

    layers: tuple[LSTM, Attention, Gate]
    facts: TaskFacts = eqx.field(static=True)
    write_every: int = eqx.field(static=True)
    truncation: int = eqx.field(static=True)

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

    def gates(self) -> Gate:
        """Return weights [4 × hidden, inputs + hidden] and bias of the gates of all units, one kind behind the other.

        So what the units of a layer do at once lies side by side in memory.
        """
        weight, bias = self.layers[0].parameters
        return Gate(jnp.moveaxis(weight, 1, 0).reshape(-1, weight.shape[-1]), bias.T.ravel())

    def choose(self, x: Float[Array, "steps batch inputs"]) -> Chosen:
        """Go forward once; whole blocks of steps.

        Args:
            x: inputs; the number of steps is one of whole blocks.
        """
        (units, attention, readout), gates = self.layers, self.gates()
        steps, batch, _ = x.shape
        # One more than there will be memories: what is written behind the last must not fall on it.
        slots = max(2 + steps // self.write_every, attention.top)
        nothing = jnp.zeros((slots, batch, units.count))
        memories = Memories(nothing, attention.score.key_of(nothing))
        everyone = jnp.arange(batch)[:, None]
        silent = jnp.zeros((batch, units.count))

        def step(carried: Any, now: Any) -> tuple[Any, Any]:
            state, memories, written = carried
            x, t = now
            c, h = marks.activity(units.gate(_sums(gates, state.h, x), state.c), 0)

            def select(h: Array, keys: Array) -> Array:
                scores = jnp.where(jnp.arange(slots) < written, attention.score(h, keys), -jnp.inf)
                return jax.lax.top_k(scores, attention.top)[1]

            chosen = jax.vmap(select, (0, 1))(h, memories.keys)
            seen = jax.tree.map(lambda part: part[chosen, everyone], memories)
            s, a = jax.vmap(attention.read, (0, 0, None))(h, seen, written)
            s = marks.activity(s, 1)
            h = h + s
            outputs = marks.outputs(jax.vmap(readout)(jnp.concatenate([h, s], axis=1)))
            # What is written behind the last memory is not read before it is one.
            new = Memories(h, attention.score.key_of(h))
            memories = jax.tree.map(
                lambda part, one: jax.lax.dynamic_update_index_in_dim(part, one, written, 0), memories, new
            )
            writes = (t + 1) % self.write_every == 0
            return (State(c, h), memories, written + writes), (chosen, written, outputs, a)

        def block(carried: Any, part: Any) -> tuple[Any, Any]:
            # Of the states only those before a block are kept.
            after, found = jax.lax.scan(step, carried, part)
            return after, (carried[0], *found)

        L = self.truncation
        parts = (x.reshape(-1, L, *x.shape[1:]), jnp.arange(steps).reshape(-1, L))
        first = (State(silent, silent), memories, jnp.int32(1))
        (_, memories, _), (starts, *found) = jax.lax.scan(block, first, parts)
        chosen, written, outputs, weights = (part.reshape(steps, *part.shape[2:]) for part in found)
        return Chosen(chosen, written, starts, memories, outputs, weights)

    def predict(self, x: Float[Array, "batch steps inputs"]) -> Float[Array, "batch steps outputs"]:
        """Return logits, or predicted numbers, at every step."""
        return jnp.moveaxis(self.choose(self._steps_first(x)).outputs, 0, 1)[:, : x.shape[1]]

    def attended(self, x: Float[Array, "batch steps inputs"]) -> tuple[Int[Array, "batch steps top"], Array]:
        """Return the steps that every step attends to, from 1 (0 is the empty memory), and their weights."""
        found = self.choose(self._steps_first(x))
        steps, weights = (jnp.moveaxis(part, 0, 1)[:, : x.shape[1]] for part in (found.chosen, found.weights))
        return steps * self.write_every, weights

    def exact_loss(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean loss of the batch; its gradient goes back to the first step, through states and memories."""
        return _exact_loss(self, batch)

    def activities(self, x: Float[Array, "batch steps inputs"]) -> list[Activity]:
        """Return the part of units and of memories attended to that are not zero; attention has an entropy."""
        found = self.choose(self._steps_first(x))
        a = jnp.abs(found.weights)
        share = a / jnp.maximum(a.sum(axis=-1, keepdims=True), 1e-30)
        entropy = jax.scipy.special.entr(share).sum(axis=-1).mean()
        return [
            Activity(jnp.zeros(()), (found.starts.h[1:] != 0).mean()),
            Activity(entropy, (found.weights != 0).mean()),
        ]

    def constrained(self) -> "Attentive":
        """Return the network: nothing constrains it."""
        return self

    def _steps_first(self, x: Float[Array, "batch steps ..."]) -> Float[Array, "whole batch ..."]:
        """Return whole blocks of steps, the last filled up with zeros."""
        missing = -x.shape[1] % self.truncation
        return jnp.moveaxis(jnp.pad(x, ((0, 0), (0, missing), *((0, 0),) * (x.ndim - 2))), 1, 0)


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
    L, every = network.truncation, network.write_every
    x = network._steps_first(batch.x)
    found = network.choose(x)
    memories = found.memories
    everyone = jnp.arange(len(batch.x))[:, None]
    y = jnp.moveaxis(batch.y, 1, 0)
    y = jnp.concatenate([y, jnp.repeat(y[-1:], len(x) - len(y), axis=0)])
    weight = network._steps_first(step_weights(batch.y, network.facts.kind))
    rows = (x, y, weight, found.chosen, found.written, jnp.arange(len(x)))

    def read(attention: Attention, h: Array, seen: Memories, written: Array) -> Array:
        return jax.vmap(attention.read, (0, 0, None))(h, seen, written)[0]

    def again(state: State, now: Any) -> tuple[State, Any]:
        """One step, its memories known."""
        x, seen, written = now
        sums = _sums(gates, state.h, x)
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
            (of_h,) = jax.vjp(lambda h: _sums(gates, h, x), state.h)[1](of_sums)
            of_memories = jax.tree.map(lambda part, now: part.at[chosen, everyone].add(now), of_memories, of_seen)
            more = eqx.tree_at(lambda a: a.score, more, jax.tree.map(jnp.add, more.score, of_score))
            return (jax.tree.map(jnp.add, of_attention, more), of_memories, State(of_c, of_h)), of_sums

        steps = (states, x, sums, h, seen, of_h, of_s, chosen, written, t)
        silent = jax.tree.map(jnp.zeros_like, attention)
        (of_attention, of_memories, of_state), of_sums = jax.lax.scan(
            step, (silent, of_memories, of_state), steps, reverse=True
        )
        (of_gates,) = jax.vjp(lambda gates: jax.vmap(partial(_sums, gates))(states.h, x), gates)[1](of_sums)
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


def _sums(gates: Gate, h: Float[Array, "batch hidden"], x: Float[Array, "batch inputs"]) -> Float[Array, "4 batch _"]:
    """Return what the gates are made of."""
    made = jnp.concatenate([x, h], axis=1) @ gates.weight.T + gates.bias
    return jnp.moveaxis(made.reshape(len(h), 4, -1), 1, 0)


@jax.custom_vjp
def _exact_loss(network: Attentive, batch: Batch) -> Float[Array, ""]:
    return _exact_loss_forward(network, batch)[0]


def _exact_loss_forward(network: Attentive, batch: Batch) -> tuple[Float[Array, ""], Any]:
    return loss_and_gradients(network, batch, cut=False)


def _exact_loss_backward(gradients: Any, cotangent: Num[Array, ""]) -> tuple[Any, None]:
    return jax.tree.map(lambda leaf: cotangent * leaf, gradients), None


_exact_loss.defvjp(_exact_loss_forward, _exact_loss_backward)
