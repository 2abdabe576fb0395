"""A recurrent network that attends to few of its own past states.

At every step, with the memories m_0 = 0, m_1, … written so far and [·, ·] for concatenation:

    (ĥ, c) = LSTM(x, (h, c));   a = sparse(score(ĥ, m_i));   s = Σ a_i m_i;   h = ĥ + s;   y = W [h, s] + b

and after every `write_every` (k_att) steps h becomes the next memory. All steps read.

Reference: Ke et al. (2018), "Sparse attentive backtracking"; the score and the sparsifier as in the released code.
"""

import dataclasses
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.credit import marks
from accumbens.credit.networks.recurrent_units import LSTM, Gate
from accumbens.credit.protocol import Activity, Network, TaskFacts

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
        top: k_top, memories that are attended to at most; of fewer, all are.
        sparsifier: `threshold`, max(score - the k_top-th largest score, 0) divided by the sum (so k_top - 1 of them),
            or the scores as they are while there are no more than k_top memories; `softmax` over the k_top largest.
    """

    score: AdditiveScore | PerceptronScore
    top: int = eqx.field(static=True)
    sparsifier: Sparsifier = eqx.field(static=True)

    def weights(self, scores: Float[Array, " top"], written: Int[Array, ""]) -> Float[Array, " top"]:
        """Return a, of the memories with the largest scores in falling order, of which `written` exist."""
        exist = jnp.arange(len(scores)) < written
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


class Attending(Network):
    """An LSTM that attends to its past, but for how credit goes back.

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
        slots = 2 + steps // self.write_every
        top = min(attention.top, slots)
        nothing = jnp.zeros((slots, batch, units.count))
        memories = Memories(nothing, attention.score.key_of(nothing))
        everyone = jnp.arange(batch)[:, None]
        silent = jnp.zeros((batch, units.count))

        def step(carried: Any, now: Any) -> tuple[Any, Any]:
            state, memories, written = carried
            x, t = now
            c, h = marks.activity(units.gate(sums_of(gates, state.h, x), state.c), 0)

            def select(h: Array, keys: Array) -> Array:
                scores = jnp.where(jnp.arange(slots) < written, attention.score(h, keys), -jnp.inf)
                return jax.lax.top_k(scores, top)[1]

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

        L = self.block(steps)
        parts = (x.reshape(-1, L, *x.shape[1:]), jnp.arange(steps).reshape(-1, L))
        first = (State(silent, silent), memories, jnp.int32(1))
        (_, memories, _), (starts, *found) = jax.lax.scan(block, first, parts)
        chosen, written, outputs, weights = (part.reshape(steps, *part.shape[2:]) for part in found)
        return Chosen(chosen, written, starts, memories, outputs, weights)

    def predict(self, x: Float[Array, "batch steps inputs"]) -> Float[Array, "batch steps outputs"]:
        """Return logits, or predicted numbers, at every step."""
        return jnp.moveaxis(self.choose(self.steps_first(x)).outputs, 0, 1)[:, : x.shape[1]]

    def attended(self, x: Float[Array, "batch steps inputs"]) -> tuple[Int[Array, "batch steps top"], Array]:
        """Return the steps that every step attends to, from 1 (0 is the empty memory), and their weights."""
        found = self.choose(self.steps_first(x))
        steps, weights = (jnp.moveaxis(part, 0, 1)[:, : x.shape[1]] for part in (found.chosen, found.weights))
        return steps * self.write_every, weights

    def activities(self, x: Float[Array, "batch steps inputs"]) -> list[Activity]:
        """Return the part of units and of memories attended to that are not zero; attention has an entropy."""
        steps = x.shape[1]
        found = dataclasses.replace(self, truncation=steps).choose(jnp.moveaxis(x, 1, 0))
        # The memories that were written, and behind them the last state.
        states = found.memories.values[1 : 1 - (-steps // self.write_every)]
        a = jnp.abs(found.weights)
        share = a / jnp.maximum(a.sum(axis=-1, keepdims=True), 1e-30)
        entropy = jax.scipy.special.entr(share).sum(axis=-1).mean()
        return [
            Activity(jnp.zeros(()), (states != 0).mean()),
            Activity(entropy, (found.weights != 0).mean()),
        ]

    def block(self, steps: int) -> int:
        """Return the steps of a block: `truncation`, or all steps if there are fewer."""
        return min(self.truncation, steps)

    def steps_first(self, x: Float[Array, "batch steps ..."]) -> Float[Array, "whole batch ..."]:
        """Return whole blocks of steps, the last filled up with zeros."""
        missing = -x.shape[1] % self.block(x.shape[1])
        return jnp.moveaxis(jnp.pad(x, ((0, 0), (0, missing), *((0, 0),) * (x.ndim - 2))), 1, 0)


def sums_of(gates: Gate, h: Float[Array, "batch hidden"], x: Float[Array, "batch inputs"]) -> Float[Array, "4 batch _"]:
    """Return what the gates are made of."""
    made = jnp.concatenate([x, h], axis=1) @ gates.weight.T + gates.bias
    return jnp.moveaxis(made.reshape(len(h), 4, -1), 1, 0)
