"""Rules that look back in time in other ways than ours do, and say nothing of it: all are caught."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from accumbens.credit import marks
from accumbens.credit.audit import audit_rule, to_document, verdict
from accumbens.credit.audit.sizes import EXAMPLES, longer_facts
from accumbens.credit.losses import losses, output_error, step_weights
from accumbens.credit.networks.recurrent import Recurrent
from accumbens.credit.protocol import Rule, TaskFacts, Update
from accumbens.credit.rules import online
from accumbens.credit.settings import OnlineSettings, RecurrentSettings

FACTS = TaskFacts("regression", 3, 2, steps=9)
SIMPLE = RecurrentSettings(layers=(4,), units="simple", batch_size=EXAMPLES)


def audit(rule, settings=SIMPLE, longer=None):
    return audit_rule(rule, FACTS, settings, measured=False, longer=longer)


def by_hand(start, after_step, facts=FACTS):
    """A rule for simple units that sees every step once: `after_step(network, kept, t, before, after, x, error)`.

    It returns what is kept and the gradient of the units' weights; `start(units)` is what is kept at first.
    """

    def init(key):
        return Recurrent.create(SIMPLE, facts, key), ()

    def update(network, memory, batch, key):
        units, readout = network.layers

        def step(carried, now):
            (state, kept, gradient), (t, x, y, weight) = carried, now
            after = marks.activity(units(state, x), 0)
            outputs = marks.outputs(readout(units.activity(after)))
            error = weight * output_error(outputs, y, facts.kind) @ readout.weight
            kept, more = after_step(network, kept, t, state[:, 0], after[:, 0], x, error)
            return (after, kept, gradient + more), None

        def of_example(x, y, weight):
            first = (units.silent(), start(units), jnp.zeros_like(units.parameters.weight))
            return jax.lax.scan(step, first, (jnp.arange(len(x)), x, y, weight))[0][2]

        found = jax.vmap(of_example)(batch.x, batch.y, step_weights(batch.y, facts.kind)).sum(axis=0)
        still = jax.tree.map(jnp.zeros_like, network)
        return Update(eqx.tree_at(lambda n: n.layers[0].parameters.weight, still, found), memory, jnp.zeros(()))

    return Rule(init, update)


def slope(v):
    return 1 - jnp.tanh(v) ** 2


def honest():
    """A trace of the input and of the presynaptic activity that fades."""

    def start(units):
        return jnp.zeros_like(units.parameters.weight)

    def after_step(network, trace, t, before, after, x, error):
        trace = 0.9 * trace + jnp.concatenate([x, jnp.tanh(before)])
        return trace, (error * slope(after))[:, None] * trace

    return by_hand(start, after_step)


def windowed(length):
    """The last states are kept, and every error is sent back through them, by hand: memory does not grow."""

    def start(units):
        return jnp.zeros((length + 1, units.count)), jnp.zeros((length, 3))

    def after_step(network, kept, t, before, after, x, error):
        units, (states, inputs) = network.layers[0], kept
        states = jnp.concatenate([states[1:], after[None]])
        inputs = jnp.concatenate([inputs[1:], x[None]])
        delta, total = error, 0.0
        for back in range(1, length + 1):
            delta = delta * slope(states[-back])
            total += jnp.outer(delta, jnp.concatenate([inputs[-back], jnp.tanh(states[-back - 1])]))
            delta = delta @ units.parameters.weight[:, 3:]
        return (states, inputs), total

    return by_hand(start, after_step)


def with_history(facts):
    """All states are written down at computed places, and read again when an error is there."""

    def start(units):
        return jnp.zeros((facts.steps, units.count))

    def after_step(network, history, t, before, after, x, error):
        history = history.at[t].set(jnp.tanh(after))
        older = jax.lax.dynamic_index_in_dim(history, jnp.maximum(t - 5, 0), keepdims=False)
        return history, jnp.outer(error, jnp.concatenate([x, older]))

    return by_hand(start, after_step, facts)


def unrolled():
    """Reverse differentiation of steps that are written out one after the other: there is no loop at all."""

    class Unrolled(Recurrent):
        def predict(self, x):
            units, readout = self.layers

            def of_example(x):
                state, outputs = units.silent(), []
                for row in x:
                    state = marks.activity(units(state, row), 0)
                    outputs.append(marks.outputs(readout(units.activity(state))))
                return jnp.stack(outputs)

            return jax.vmap(of_example)(x)

    def init(key):
        network = Recurrent.create(SIMPLE, FACTS, key)
        return Unrolled(network.layers, network.facts), ()

    def update(network, memory, batch, key):
        def loss(network):
            return losses(network.predict(batch.x), batch.y, FACTS.kind).mean()

        value, gradients = eqx.filter_value_and_grad(loss)(network)
        return Update(gradients, memory, value)

    return Rule(init, update)


def test_a_trace_goes_forward():
    found = audit(honest())
    assert (found.time.direction, found.time.reach, found.time.growth) == ("forward", 1, 0)
    assert any(sentence.startswith("Forward in time only") for sentence in verdict(found))


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_window_that_is_kept_at_hand_is_found_and_measured(length):
    """A window of one step meets what was there one step ago, as an online rule may."""
    found = audit(windowed(length))
    assert (found.time.reach, found.time.growth) == (length, 0)
    assert found.time.direction == ("forward" if length == 1 else "window")
    if length > 1:
        assert f"Looks back in time over at most {length} steps of 9" in " ".join(verdict(found))


def test_a_history_is_found_by_what_it_keeps():
    found = audit(with_history(FACTS), longer=with_history(longer_facts(FACTS)))
    assert (found.time.direction, found.time.growth) == ("whole", 4.0)
    assert any("later errors read it" in sentence for sentence in verdict(found))


def test_steps_without_a_loop():
    found = audit(unrolled())
    assert (found.time.direction, found.time.reach) == ("whole", 8)
    assert to_document(found)["time"]["direction"] == "whole"


def test_an_online_rule_of_ours_that_secretly_looks_back(monkeypatch):
    """The numbers are the same: for diagonal units the exact gradient is what the traces give."""
    settings = OnlineSettings(layers=(4,), batch_size=EXAMPLES)
    rule = online.make_rtrl(settings, FACTS)
    assert audit(rule, settings).time.direction == "forward"

    def update(network, memory, batch, key):
        loss, gradients = eqx.filter_value_and_grad(lambda network: network.exact_loss(batch, key))(network)
        return Update(gradients, memory, loss)

    found = audit(Rule(rule.init, update), settings)
    assert found.time.direction == "whole"
    assert any(sentence.startswith("Looks back in time over the whole sequence") for sentence in verdict(found))

    # Now and then, and a little: one part of one layer's gradient.
    def partly(network, memory, batch, key):
        found, exact = rule.update(network, memory, batch, key), update(network, memory, batch, key)

        def where(network):
            return network.layers[0].parameters.nu

        mixed = where(found.gradients) + 1e-3 * where(exact.gradients)
        return found._replace(gradients=eqx.tree_at(where, found.gradients, mixed))

    assert audit(Rule(rule.init, partly), settings).time.direction == "whole"


def test_without_marks_it_cannot_tell(monkeypatch):
    monkeypatch.setattr(marks, "outputs", lambda made: made)
    found = audit(honest())
    assert found.time.direction == "unknown"
    assert found.kind == "unknown"
