"""A recurrent network that attends to few of its own past states, and how credit goes back through these alone.

At every step, with the memories m_0 = 0, m_1, … written so far and [·, ·] for concatenation:

    (ĥ, c) = LSTM(x, (h, c));   a = sparse(score(ĥ, m_i));   s = Σ a_i m_i;   h = ĥ + s;   y = W [h, s] + b

and after every `write_every` (k_att) steps h becomes the next memory. All steps read.

The gradient may be cut where (h, c) enters every block of `truncation` (k_trunc) steps; it then goes further back only
through memories that were attended to, from each to the beginning of the block in which it was written.

Reference: Ke et al. (2018), "Sparse attentive backtracking"; the score and the sparsifier as in the released code.
"""

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


class Step(NamedTuple):
    """What one step makes: the next state, the outputs, and the weights of the memories attended to."""

    state: Float[Array, "hidden 2"]
    outputs: Float[Array, " outputs"]
    weights: Float[Array, " top"]


class Chosen(NamedTuple):
    """What a pass forward leaves of a batch.

    Attributes:
        memories: which are attended to at every step.
        written: how many there were then.
        starts: state before every block.
        values: of all memories.
        outputs: at every step.
        weights: of the memories attended to.
    """

    memories: Int[Array, "steps batch top"]
    written: Int[Array, " steps"]
    starts: Float[Array, "blocks batch hidden 2"]
    values: Float[Array, "memories batch hidden"]
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
        require("layers", ",".join(map(str, settings.layers)), "one number: the units", len(settings.layers) == 1)
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

    def step(
        self,
        state: Float[Array, "hidden 2"],
        x: Float[Array, " inputs"],
        memories: Float[Array, "top hidden"],
        written: Int[Array, ""],
    ) -> Step:
        """Return one step, given the memories attended to, those with the largest scores in falling order."""
        units, attention, readout = self.layers
        c, h = marks.activity(units(state, x), 0).T
        a = attention.weights(attention.score(h, attention.score.key_of(memories)), written)
        s = marks.activity(a @ memories, 1)
        return Step(jnp.stack([c, h + s], axis=1), marks.outputs(readout(jnp.concatenate([h + s, s]))), a)

    def choose(self, x: Float[Array, "steps batch inputs"]) -> Chosen:
        """Go forward once; whole blocks of steps.

        Args:
            x: inputs; the number of steps is one of whole blocks.
        """
        units, attention, _ = self.layers
        steps, batch, _ = x.shape
        # One more than there will be memories: what is written behind the last must not fall on it.
        slots = max(2 + steps // self.write_every, attention.top)
        values = jnp.zeros((slots, batch, units.count))
        keys = attention.score.key_of(values)
        state = jnp.zeros((batch, units.count, 2))

        def step(carried: Any, now: Any) -> tuple[Any, Any]:
            state, values, keys, written = carried
            x, t = now

            def select(state: Array, x: Array, keys: Array) -> Array:
                h = marks.activity(units(state, x), 0)[:, 1]
                scores = jnp.where(jnp.arange(slots) < written, attention.score(h, keys), -jnp.inf)
                return jax.lax.top_k(scores, attention.top)[1]

            chosen = jax.vmap(select, (0, 0, 1))(state, x, keys)
            memories = values[chosen, jnp.arange(batch)[:, None]]
            after = jax.vmap(self.step, (0, 0, 0, None))(state, x, memories, written)
            h = after.state[:, :, 1]
            writes = (t + 1) % self.write_every == 0
            # What is written behind the last memory is not read before it is one.
            values = jax.lax.dynamic_update_index_in_dim(values, h, written, 0)
            keys = jax.lax.dynamic_update_index_in_dim(keys, attention.score.key_of(h), written, 0)
            return (after.state, values, keys, written + writes), (chosen, written, state, after.outputs, after.weights)

        first = (state, values, keys, jnp.int32(1))
        (_, values, _, _), found = jax.lax.scan(step, first, (x, jnp.arange(steps)))
        chosen, written, states, outputs, weights = found
        return Chosen(chosen, written, states[:: self.truncation], values, outputs, weights)

    def predict(self, x: Float[Array, "batch steps inputs"]) -> Float[Array, "batch steps outputs"]:
        """Return logits, or predicted numbers, at every step."""
        return jnp.moveaxis(self.choose(self._steps_first(x)).outputs, 0, 1)[:, : x.shape[1]]

    def attended(self, x: Float[Array, "batch steps inputs"]) -> tuple[Int[Array, "batch steps top"], Array]:
        """Return the steps that every step attends to, from 1 (0 is the empty memory), and their weights."""
        found = self.choose(self._steps_first(x))
        steps, weights = (jnp.moveaxis(part, 0, 1)[:, : x.shape[1]] for part in (found.memories, found.weights))
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
            Activity(jnp.zeros(()), (found.starts[1:, :, :, 1] != 0).mean()),
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

    The blocks are gone through once forward, and once backward, each being run anew from its first state with the
    memories that were chosen.

    Args:
        network: of one seed.
        batch: of sequences.
        cut: no gradient crosses from one block into an earlier one but through memories.
    """
    L, every = network.truncation, network.write_every
    x = network._steps_first(batch.x)
    found = network.choose(x)
    blocks, size = len(x) // L, len(batch.x)

    def in_blocks(part: Array) -> Array:
        return part.reshape(blocks, L, *part.shape[1:])

    y = jnp.moveaxis(batch.y, 1, 0)
    y = jnp.concatenate([y, jnp.repeat(y[-1:], len(x) - len(y), axis=0)])
    rows = (
        x,
        y,
        network._steps_first(step_weights(batch.y, network.facts.kind)),
        found.memories,
        found.written,
        jnp.arange(len(x)),
    )

    def block(network: Attentive, start: Array, seen: Array, rows: Any) -> tuple[Array, tuple[Array, Array]]:
        """The loss in a block, and the activity at its steps and the state behind it."""
        begin = rows[-1][0]

        def step(carried: Any, now: Any) -> tuple[Any, Array]:
            state, local = carried
            seen, (x, y, weight, chosen, written, t) = now
            # A memory that was written in this block is read from there, for there the gradient goes on.
            place = chosen * every - 1 - begin
            here = jax.nn.one_hot(place, L)
            memories = jnp.where((place >= 0)[..., None], jnp.einsum("bkl,lbh->bkh", here, local), seen)
            after = jax.vmap(network.step, (0, 0, 0, None))(state, x, memories, written)
            local = jax.lax.dynamic_update_index_in_dim(local, after.state[:, :, 1], t - begin, 0)
            return (after.state, local), (weight * step_losses(after.outputs, y, network.facts.kind)).sum()

        local = jnp.zeros((L, size, network.layers[0].count))
        (state, local), losses = jax.lax.scan(step, (start, local), (seen, rows))
        return losses.sum(), (local, state)

    def backward(carried: Any, part: Any) -> tuple[Any, Array]:
        gradients, of_memories, of_state = carried
        start, rows = part
        chosen, t = rows[3], rows[-1]
        everyone = jnp.arange(size)[:, None]
        seen, to_memories = jax.vjp(lambda values: values[chosen, everyone], found.values)
        loss, pull, _ = _vjp(block, network, start, seen, rows)
        written = (t + 1) % every == 0
        of_local = jnp.where(written[:, None, None], of_memories[(t + 1) // every], 0.0)
        more, of_start, of_seen = pull((of_local, jnp.zeros_like(of_state) if cut else of_state))
        of_memories = of_memories + to_memories(of_seen)[0]
        return (jax.tree.map(jnp.add, gradients, more), of_memories, of_start), loss

    nothing = jax.tree.map(jnp.zeros_like, network)
    first = (nothing, jnp.zeros_like(found.values), jnp.zeros_like(found.starts[0]))
    parts = (found.starts, tuple(in_blocks(part) for part in rows))
    (gradients, _, _), losses = jax.lax.scan(backward, first, parts, reverse=True)
    return losses.sum(), gradients


def _vjp(block: Any, network: Attentive, start: Array, seen: Array, rows: Any) -> Any:
    """The loss of a block, and what pulls back cotangents of its activity and last state (that of the loss is 1)."""
    (loss, ends), pull = jax.vjp(lambda *given: block(*given, rows), network, start, seen)
    return loss, lambda cotangents: pull((jnp.ones(()), cotangents)), ends


@jax.custom_vjp
def _exact_loss(network: Attentive, batch: Batch) -> Float[Array, ""]:
    return _exact_loss_forward(network, batch)[0]


def _exact_loss_forward(network: Attentive, batch: Batch) -> tuple[Float[Array, ""], Any]:
    return loss_and_gradients(network, batch, cut=False)


def _exact_loss_backward(gradients: Any, cotangent: Num[Array, ""]) -> tuple[Any, None]:
    return jax.tree.map(lambda leaf: cotangent * leaf, gradients), None


_exact_loss.defvjp(_exact_loss_forward, _exact_loss_backward)
