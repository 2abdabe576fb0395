"""What the audit measures, against derivatives written out by hand in float64 NumPy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.audit import audit_rule, measure, small_facts, small_settings
from accumbens.credit.audit.program import trace
from accumbens.credit.audit.replay import has_marks_in_loops, replay
from accumbens.credit.losses import losses, output_error
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.registry import RULES

FACTS = small_facts(TaskFacts("classification", 64, 10))
EXAMPLES = 5


def small(name, **changes):
    settings = small_settings(dataclasses.replace(RULES[name].settings, **changes))
    return RULES[name].make(settings, FACTS), settings


@pytest.fixture(scope="module")
def backprop():
    """Backpropagation through one hidden layer: its audit, and the point it was measured at."""
    rule, _ = small("backprop", layers=(64,))
    program = trace(rule, FACTS, EXAMPLES)
    return program, measure.draw(rule, FACTS, program, EXAMPLES), audit_rule(rule, FACTS)


def softmax(z):
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def written_out(point):
    """W, b, V, c, x, y of a network with one hidden layer, and what it does, in float64."""
    W, b, V, c, x = (np.asarray(array, np.float64) for array in point.arguments[:5])
    y = np.asarray(point.arguments[5])
    z = x @ W.T + b
    h = np.maximum(z, 0)
    p = softmax(h @ V.T + c)
    return W, V, x, z > 0, h, p, p - np.eye(V.shape[0])[y]


def test_direct_derivative_of_backprop(backprop):
    """dW = Σ (Vᵀ e m) xᵀ / B depends on V as written, with x, m and e held: e_k m_i x_j / B."""
    _, point, audit = backprop
    _, _, x, m, _, _, e = written_out(point)
    weight = np.einsum("bk,bi,bj->kij", e, m, x) / EXAMPLES
    bias = np.einsum("bk,bi->ki", e, m) / EXAMPLES
    expected = np.sqrt(np.square(weight).sum() + np.square(bias).sum())
    np.testing.assert_allclose(audit.measured.direct[0, 1], expected, rtol=1e-4)
    assert audit.measured.direct[1, 0] == audit.measured.direct[0, 0] == audit.measured.direct[1, 1] == 0


def test_derivative_by_way_of_activity(backprop):
    """dV = Σ e hᵀ / B: V reaches it through e alone, by de_k / dV_lj = p_k (δ_kl - p_l) h_j; c through e, too."""
    _, point, audit = backprop
    *_, h, p, _ = written_out(point)
    of_outputs = np.einsum("bk,kl->bkl", p, np.eye(p.shape[1])) - np.einsum("bk,bl->bkl", p, p)
    seen = np.concatenate([h, np.ones((EXAMPLES, 1))], axis=1)  # what the weights and the bias multiply
    whole = np.einsum("bkl,bi,bj->kilj", of_outputs, seen, seen) / EXAMPLES
    np.testing.assert_allclose(audit.measured.by_activity[1, 1], np.sqrt(np.square(whole).sum()), rtol=1e-4)


def test_outputs_are_of_so_many_dimensions_as_their_softmax(backprop):
    _, _, audit = backprop
    assert audit.measured.error_dimensions == (FACTS.outputs - 1, FACTS.outputs - 1)


def test_what_changes_is_what_is_read(backprop):
    _, _, audit = backprop
    changed = {label: layers.tolist() for label, layers in audit.measured.changed.items()}
    assert changed == {
        "weights:0": [False, False],
        "weights:1": [True, False],
        "x": [True, False],
        "y": [True, True],
        "epoch": [False, False],
        "key": [False, False],
        "activity:0": [True, True],
        "outputs": [True, True],
        "scalar": [False, False],
    }
    assert audit.contradictions == []


def test_a_fault_of_the_audit_is_said(backprop):
    """Numbers that show what the walk has excluded: here because the walk is robbed of a label."""
    _, _, audit = backprop
    updates = tuple(labels - {"weights:1"} for labels in audit.reading.updates)
    wrong = dataclasses.replace(audit, reading=dataclasses.replace(audit.reading, updates=updates)).contradictions
    assert "another weights:1 changed the update of layer 1" in wrong
    assert "the update of layer 1 has a derivative by the weights of layer 2" in wrong
    updates = tuple(labels - {"outputs"} for labels in audit.reading.updates)
    wrong = dataclasses.replace(audit, reading=dataclasses.replace(audit.reading, updates=updates)).contradictions
    assert "the update of layer 1 has a derivative by the outputs" in wrong


def test_a_replay_with_nothing_replaced_is_the_program(backprop, quick_jit):
    program, point, _ = backprop
    rule, _ = small("backprop", layers=(64,))
    network, memory = jax.eval_shape(rule.init, jax.random.key(0))
    structure = jax.tree.structure((network, memory))
    network, memory = jax.tree.unflatten(structure, point.arguments[:4])
    x, y, epoch, key = point.arguments[4:]
    expected = jax.tree.leaves(quick_jit(rule.update)(network, memory, Batch(x, y, epoch), key).gradients)
    found = quick_jit(lambda arguments: replay(program.jaxpr, arguments, lambda label, value: value))(point.arguments)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_dimensions_of_what_is_told(dimensions):
    """GEVB whose error vector is first projected on a plane, or on a line."""
    rule, _ = small("gevb", layers=(64,))
    basis = jnp.asarray(np.linalg.qr(np.random.default_rng(0).normal(size=(FACTS.outputs, dimensions)))[0], jnp.float32)

    def update(network, memory, batch, key):
        trace = network.forward(batch.x)
        e = output_error(trace.outputs, batch.y, FACTS.kind) @ basis @ basis.T
        told = [jnp.ones_like(trace.gates[0]), jnp.ones_like(trace.outputs[:, :1])]
        return Update(network.gradients(trace, e, told), memory, losses(trace.outputs, batch.y, FACTS.kind).mean())

    audit = audit_rule(Rule(rule.init, update), FACTS)
    assert audit.rows[0].dimensions == dimensions
    assert audit.rows[0].error == ("scalar" if dimensions == 1 else "vector")
    assert audit.contradictions == []


def test_coagents_are_told_one_number():
    rule, settings = small("coagent", layers=(64, 64), units="gaussian")
    audit = audit_rule(rule, FACTS, settings)
    assert audit.measured.error_dimensions[:2] == (1, 1)
    off_diagonal = ~np.eye(3, dtype=bool)
    assert (audit.measured.direct[off_diagonal] == 0).all()
    assert (np.diag(audit.measured.direct) > 0).all()
    assert audit.measured.changed["scalar"].all()
    assert audit.contradictions == []


def test_random_directions_give_the_norm_of_many_numbers(backprop, monkeypatch):
    program, point, audit = backprop
    monkeypatch.setattr(measure, "DIRECTIONS", 20)  # of 44 numbers of the output layer
    estimated = measure.measure(program, point).direct
    np.testing.assert_allclose(estimated[0, 1], audit.measured.direct[0, 1], rtol=0.5)
    assert ((estimated == 0) == (audit.measured.direct == 0)).all()


def test_marks_in_loops_are_found():
    rule, _ = small("gevb", layers=(64,))
    network, _ = jax.eval_shape(rule.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((EXAMPLES, FACTS.inputs), jnp.float32)

    def looped(network, x):
        return jax.lax.scan(lambda carry, _: (carry + network.predict(x).sum(), None), 0.0, None, length=9)[0]

    def called(network, x):
        return jax.jit(lambda network, x: network.predict(x))(network, x)

    assert has_marks_in_loops(jax.make_jaxpr(looped)(network, x))
    assert not has_marks_in_loops(jax.make_jaxpr(called)(network, x))
