"""Audits of every preset, and of agents that were sabotaged: each must be caught, and named."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from facts import facts

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.factory import make_agent
from accumbens.agents.protocol import LearningMetrics
from accumbens.agents.settings import (
    ParallelSettings,
    ReplaySettings,
    SegmentSettings,
    SequenceSettings,
    SettingsWithoutCells,
)
from accumbens.cells import AttentionCell, CellOutput, Stack
from accumbens.cells.protocol import output_of
from accumbens.errors import AccumbensError
from accumbens.presets import PRESETS
from accumbens.training.audit import audit_agent, audit_config, show, small, to_document
from accumbens.training.audit.taps import Disturbance, tap
from accumbens.training.config import resolve_config

LOCAL = "Local: every cell learns from its own TD error alone; no gradient crosses a cell or a time step."
CREDITS = ("local", "backprop")


def configuration(algo, credit=None, env="CartPole-v1", **changes):
    return resolve_config(env, algo, credit=credit, changes={key: str(value) for key, value in changes.items()})


def kinds(audit):
    """What was found, as (kind, source, reached)."""
    return {finding[:3] for finding in audit.findings}


def preset_cases():
    """Every preset with its own credit; with the other one, those that differ in learner, cell or readout."""
    other = {"ad_pqn", "ad_qrdqn_released", "arq", "pqn", "dqn"}
    for algo, credit in itertools.product(
        [algo for algo in PRESETS if not issubclass(PRESETS[algo].learner, SettingsWithoutCells)], CREDITS
    ):
        own = configuration(algo, env="minatar/breakout" if algo.endswith("conv") else "CartPole-v1").settings.credit
        yield pytest.param(algo, credit, marks=[] if credit == own or algo in other else pytest.mark.slow)


@pytest.mark.parametrize(("algo", "credit"), list(preset_cases()))
def test_every_preset(algo, credit):
    config = configuration(algo, credit, "minatar/breakout" if algo.endswith("conv") else "CartPole-v1")
    audit = audit_config(config, measure=False)
    found, cells = audit.dependencies, len(config.settings.net_arch)
    predicting = range(cells) if config.settings.every_cell_predicts else [cells - 1]
    diagonal = np.eye(cells, dtype=bool)
    own = np.zeros_like(diagonal)
    own[predicting] = diagonal[predicting]
    reach = own if credit == "local" else np.tri(cells, dtype=bool) & own.any(axis=1)[:, None]
    learning = np.diag(reach.any(axis=0))

    np.testing.assert_array_equal(found.gradients, reach)
    np.testing.assert_array_equal(found.td_errors(), reach)
    for matrix, expected in zip(found[:2], (own, own), strict=True):
        np.testing.assert_array_equal(matrix, expected)
    np.testing.assert_array_equal(found.updates, learning)
    np.testing.assert_array_equal(found.memories, learning)
    assert not found.time.any()
    assert not found.bypasses.any()
    assert found.predicting == found.acting == tuple(predicting)
    assert bool(found.replay) == isinstance(config.settings, ReplaySettings | SegmentSettings)
    assert bool(found.traces) == isinstance(config.settings, SequenceSettings)
    assert bool(found.target_network) == isinstance(config.settings, ReplaySettings)
    assert {"reward", "terminated", "action"} < set(found.error_data[cells - 1])

    assert audit.holds
    assert audit.is_local == (credit == "local" or cells == 1)
    assert kinds(audit) == {("gradient", i + 1, j + 1) for i, j in np.argwhere(reach & ~diagonal)}
    first = audit.verdict()[0]
    assert first.startswith("One cell" if cells == 1 else "Local" if credit == "local" else "Backprop, as it says")


@pytest.mark.parametrize(
    ("algo", "credit", "changes"),
    [
        ("arq", "local", {}),
        ("ad_qr_pqn", "backprop", {}),
        ("ad_pqn", "local", {"cell": "constant_key"}),
        ("ad_dqn_lambda", "backprop", {"cell": "constant_key"}),
    ],
)
def test_numbers_agree_with_the_walk(algo, credit, changes):
    audit = audit_config(configuration(algo, credit, **changes))
    assert audit.contradictions == []
    assert audit.holds
    reach = np.eye(2, dtype=bool) if credit == "local" else np.tri(2, dtype=bool)
    np.testing.assert_array_equal(audit.jacobian != 0, reach)
    np.testing.assert_array_equal(audit.disturbed, reach)


def in_time(form, credit="local", **changes):
    return configuration("ad_rtu_pqn", credit, "memory/chain-8", time_credit=form, net_arch="8,8,8", **changes)


@pytest.mark.parametrize("form", ["none", "traces"])
def test_no_gradient_crosses_cells_or_goes_back_in_time(form):
    audit = audit_config(in_time(form), measure=False)
    found = audit.dependencies
    np.testing.assert_array_equal(found.gradients, np.eye(3))
    np.testing.assert_array_equal(found.td_errors(), np.eye(3))
    assert not found.time.any()
    assert audit.verdict() == [LOCAL]
    assert (len(found.traces), found.replay) == (9 if form == "traces" else 0, ())


def test_what_goes_back_in_time_is_named():
    audit = audit_config(in_time("bptt"), measure=False)
    np.testing.assert_array_equal(audit.dependencies.gradients, np.eye(3))
    assert kinds(audit) == {("time", cell, cell) for cell in (1, 2, 3)}
    assert audit.holds
    assert not audit.is_local
    assert audit.verdict()[0].startswith("Local in depth: every cell learns from its own TD error alone")


def test_going_back_in_time_without_saying_so_is_caught():
    config = in_time("bptt")
    agent = make_agent(small(config.settings), facts(), 1000, False)
    audit = audit_agent(agent, facts(), "local", truncates=False, measure=False)
    assert not audit.holds
    assert audit.verdict()[0] == "NOT local, although it claims to be."


def test_the_full_twin_goes_back_through_all_cells():
    audit = audit_config(in_time("bptt", "backprop"), measure=False)
    assert audit.dependencies.gradients.sum() > 6, "by way of time, an error also reaches cells above"
    np.testing.assert_array_equal(audit.dependencies.time, np.eye(3) + np.eye(3, k=1))
    assert audit.holds


@pytest.mark.parametrize(
    ("form", "crossing", "traces"),
    [
        ("none", "none, proven: neither in acting nor in learning", None),
        ("traces", "none, proven: neither in acting nor in learning", "the past reaches gradients by traces, made"),
        ("bptt", "crosses, as is said of it", None),
    ],
)
def test_how_time_is_shown(form, crossing, traces):
    shown = show.audit(in_time(form), measured=False).facts
    assert shown["gradient through time"] == crossing
    assert shown["replay"].startswith("none")
    assert (shown.get("traces") or "").startswith(traces or "")
    assert ("traces" in shown) == (traces is not None)


def test_traces_measured():
    audit = audit_config(in_time("traces"))
    assert audit.contradictions == []
    np.testing.assert_array_equal(audit.jacobian != 0, np.eye(3))
    np.testing.assert_array_equal(audit.disturbed, np.eye(3))


def test_contradiction_is_a_failure():
    audit = audit_config(configuration("ad_pqn"), measure=False)
    object.__setattr__(audit, "jacobian", np.ones((2, 2)))
    assert not audit.holds
    assert "contradicts itself" in audit.verdict()[0]


@pytest.mark.parametrize("algo", ["ad_pqn", "ad_dqn"])
def test_a_mean_target_is_a_shared_number_and_no_gradient(algo):
    audit = audit_config(configuration(algo, bootstrap="mean"), measure=False)
    found = audit.dependencies
    assert found.bootstraps.all()
    for matrix in (found.predictions, found.gradients, found.td_errors()):
        np.testing.assert_array_equal(matrix, np.eye(2))
    assert audit.holds
    assert audit.verdict()[0] == LOCAL
    assert "TD targets" in audit.verdict()[1]


def test_cells_without_an_error_learn_nothing():
    audit = audit_config(configuration("ad_pqn", every_cell_predicts=False), measure=False)
    assert audit.is_local
    assert audit.verdict()[1:] == ["Only cell 2 predicts.", "No error reaches cell 1: nothing is learned there."]
    assert not audit.dependencies.updates[:, 0].any()


@pytest.mark.parametrize(
    "changes", [{"stored_carry": True}, {"context_length": 0}, {"recurrent_gain": 0.5, "act_on": "top"}]
)
def test_other_ways_to_keep_the_carry(changes):
    audit = audit_config(configuration("ad_dqn", **changes), measure=False)
    assert audit.is_local
    assert audit.dependencies.acting == ((1,) if "act_on" in changes else (0, 1))
    assert any("carry" in name for name in audit.dependencies.replay) == ("stored_carry" in changes)


def test_continuous_actions_on_the_host():
    audit = audit_config(configuration("ad_pqn", env="Pendulum-v1", discretisation="factored"), measure=False)
    assert audit.verdict()[0] == LOCAL


def test_cells_that_are_alike_are_told_apart_by_their_place():
    """At full size, several updates of several minibatches, cells 2 and 3 of the same shapes."""
    settings = ParallelSettings(net_arch=(6, 6, 6, 6), rank=2, num_envs=2, rollout_length=8, num_minibatches=2)
    audit = audit_agent(make_agent(settings, facts(), 1000, False), facts(), "local", truncates=False, measure=False)
    assert audit.verdict() == [LOCAL]
    np.testing.assert_array_equal(audit.dependencies.td_errors(), np.eye(4))


class Ring(eqx.Module):
    """A cell of somebody else: every unit also listens to its neighbour; values are read by a fixed random matrix."""

    W: jax.Array
    gain: jax.Array
    readout: np.ndarray = eqx.field(static=True)

    def hidden(self, x):
        h = jnp.tanh(x @ self.W)
        return h + self.gain * jnp.roll(h, 1)

    def __call__(self, x, candidates=None):
        h = self.hidden(x)
        return CellOutput(hidden=h, value=h @ self.readout)


class HashableArray(tuple):
    """A constant matrix that may be a static field."""

    def __rmatmul__(self, h):
        return h @ jnp.asarray(self)


def make_ring(inputs, hidden, actions, *, key, **options):
    readout = HashableArray(map(tuple, np.random.default_rng(hidden).normal(size=(hidden, actions)).tolist()))
    return Ring(0.5 * jax.random.normal(key, (inputs, hidden)), jnp.asarray(0.3), readout)


@pytest.mark.parametrize("credit", CREDITS)
def test_a_cell_of_somebody_else(credit, monkeypatch):
    monkeypatch.setitem(stacks.CELLS, "mlp", make_ring)
    audit = audit_config(configuration("ad_pqn", credit, cell="mlp"), measure=credit == "backprop")
    assert audit.names == (("W", "gain"), ("W", "gain"))
    assert audit.is_local == (credit == "local")
    assert audit.holds
    if credit == "backprop":
        np.testing.assert_array_equal(audit.disturbed, np.tri(2, dtype=bool))


@pytest.mark.parametrize("make", [AttentionCell, make_ring], ids=["with chosen", "without"])
def test_taps_see_the_values_of_chosen_actions_and_no_others(make):
    cell, x, actions = make(4, 5, 3, key=jax.random.key(0)), jnp.arange(4.0), jnp.asarray([2])
    tapped = tap(cell, (cell,), Disturbance())
    np.testing.assert_array_equal(output_of(tapped, x, actions).value, output_of(cell, x, actions).value)
    program = jax.make_jaxpr(jax.grad(lambda cell: output_of(cell, x, actions).value.sum()))(tapped)
    named = [equation for equation in program.eqns if equation.primitive.name == "name"]
    shapes = {equation.params["name"]: equation.outvars[0].aval.shape for equation in named}
    assert shapes["audit:prediction:0"] == shapes["audit:error:0"] == (1,)
    assert "audit:bootstrap:0" not in shapes
    assert "audit:gradient:0" in shapes


def test_what_is_not_made_of_cells_cannot_be_audited():
    agent = make_agent(small(ParallelSettings()), facts(), 1000, False)
    plain = agent._replace(network=lambda state: state.stack.cells, act=lambda network, *rest: agent.act(None, *rest))
    with pytest.raises(AccumbensError, match="a network of the kind tuple is not made of cells"):
        audit_agent(plain, facts(), "local", truncates=False, measure=False)
    with pytest.raises(AccumbensError, match="SAC is not made of cells"):
        audit_config(resolve_config("Pendulum-v1", "sac"))


# --- sabotage: each of these claims to be local ---

ORIGINAL_WALK, ORIGINAL_LOSSES = Stack.walk, per_cell.make_losses


def without_stops(self, indices, below, observation, carry, credit, *rest):
    return ORIGINAL_WALK(self, indices, below, observation, carry, "backprop", *rest)


def through_time(self, indices, below, observation, carry, credit, candidates, read=lambda number, values: values):
    """The stack as it is, but the carry is differentiated through."""
    kept, activities = [], []
    for index in indices:
        below = jax.lax.stop_gradient(below)
        below, values = output_of(self.cells[index], self._inputs(index, observation, below, carry), candidates)
        activities.append(below)
        kept.append(read(index, values))
    return kept, tuple(activities)


def advance_through_time(self, observation, carry):
    below, activities = observation, []
    for index, cell in enumerate(self.cells):
        below = cell.hidden(self._inputs(index, observation, below, carry))
        activities.append(below)
    return tuple(activities)


def losses_over_two_steps(settings, env):
    """The losses, of a carry that was computed within them."""
    losses = ORIGINAL_LOSSES(settings, env)

    def unrolled(stack, observation, carry, action, targets):
        return losses(stack, observation, jax.vmap(stack.advance)(observation, carry), action, targets)

    return unrolled


def losses_of_another(settings, env):
    """Cell 2 learns from the TD error of cell 1."""
    q_function = network.value_function(settings, env)

    def losses(stack, observation, carry, action, targets):
        def taken(observation, carry, action):
            return stack(observation, carry, settings.credit, q_function.taken(action))[0].mean(axis=-1)

        values = jax.vmap(taken)(observation, carry, action)
        td_error = targets - values
        second = -values[:, 1] * jax.lax.stop_gradient(td_error[:, 0])
        loss = jnp.stack([jnp.square(td_error[:, 0]), second], axis=1)
        return loss.mean(axis=0), (jnp.abs(td_error).mean(axis=0), values.mean(axis=0))

    return losses


def make_update(before=lambda gradients: gradients, after=lambda cells, states, td_error: (cells, states)):
    """The update of the library with something done to all cells' gradients before, or to their states after."""

    def make(settings, env, optimiser):
        losses = per_cell.make_losses(settings, env)

        def summed(stack, *batch):
            loss, statistics = losses(stack, *batch)
            return loss.sum(), (loss, *statistics)

        def update(stack, optimiser_states, *batch):
            gradients, (loss, td_error, value) = jax.grad(summed, has_aux=True)(stack, *batch)
            cells, states = [], []
            for cell, state, gradient in zip(stack.cells, optimiser_states, before(gradients.cells), strict=True):
                changes, state = optimiser.update(gradient, state)
                cells.append(eqx.apply_updates(cell, changes))
                states.append(state)
            cells, states = after(cells, states, td_error)
            metrics = LearningMetrics(loss, td_error, value, loss, jnp.ones((), jnp.int32))
            return eqx.tree_at(lambda s: s.cells, stack, tuple(cells)), tuple(states), metrics

        return update

    return make


def clip_of_all(norm):
    return make_update(before=lambda gradients: optax.clip_by_global_norm(norm).update(gradients, None)[0])


def share_second_moment(cells, states, td_error):
    """Every cell divides by a second moment that all cells' gradients have gone into."""
    adam = [state[1] for state in states]
    shared = sum(optax.tree.norm(moments.nu) for moments in adam)
    adam = [moments._replace(nu=jax.tree.map(lambda nu: nu + shared, moments.nu)) for moments in adam]
    return cells, [(state[0], moments, *state[2:]) for state, moments in zip(states, adam, strict=True)]


def tell_the_error(cells, states, td_error):
    """Cell 2 is moved by the TD error of cell 1, without any gradient."""
    return [cells[0], jax.tree.map(lambda leaf: leaf + td_error[0], cells[1])], states


SABOTAGE = {
    "no stop at the cells": (
        "ad_pqn",
        {(Stack, "walk"): without_stops, (per_cell, "make_update"): make_update()},
        {("gradient", 2, 1)},
        "A gradient crosses cells: from the error of cell 2 to the parameters of cell 1.",
    ),
    "a clip over all cells": (
        "ad_pqn",
        {(per_cell, "make_update"): clip_of_all(1.0)},
        {("update", 1, 2), ("update", 2, 1), ("memory", 1, 2), ("memory", 2, 1)},
        "The update of cell 2 reads the gradient of cell 1: a clip or a statistic over several cells.",
    ),
    "a clip over all cells that never clips": (
        "ad_dqn",
        {(per_cell, "make_update"): clip_of_all(1e30)},
        {("update", 1, 2), ("update", 2, 1), ("memory", 1, 2), ("memory", 2, 1)},
        "The update of cell 1 reads the gradient of cell 2: a clip or a statistic over several cells.",
    ),
    "a shared second moment": (
        "ad_dqn",
        {(per_cell, "make_update"): make_update(after=share_second_moment)},
        {("memory", 1, 2), ("memory", 2, 1)},
        "The update of cell 2 reads what an optimiser remembers of the gradient of cell 1.",
    ),
    "the error of another": (
        "ad_pqn",
        {(per_cell, "make_losses"): losses_of_another, (per_cell, "make_update"): make_update()},
        {("error", 1, 2)},
        "The error of cell 2 is made of the predicted value of cell 1: it learns from the TD error of another.",
    ),
    "a broadcast error": (
        "ad_pqn",
        {(per_cell, "make_update"): make_update(after=tell_the_error)},
        {("bypass", 1, 2)},
        "The update of cell 2 reads the error of cell 1 by another way than through a gradient.",
    ),
    "a gradient through the carry": (
        "ad_pqn",
        {(Stack, "walk"): through_time},
        {("time", 1, 1), ("time", 1, 2), ("time", 2, 2)},
        "A gradient crosses a time step: from the error of cell 1 to the activity of cell 2 one step ago.",
    ),
    "a gradient through a replayed step": (
        "ad_dqn",
        {
            (Stack, "walk"): through_time,
            (Stack, "advance"): advance_through_time,
            (per_cell, "make_losses"): losses_over_two_steps,
            (per_cell, "make_update"): make_update(),
        },
        {("time", 1, 1), ("time", 1, 2), ("time", 2, 2), ("gradient", 1, 2), ("gradient", 2, 1)},
        "A gradient crosses a time step: from the error of cell 2 to the activity of cell 2 one step ago.",
    ),
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_sabotage_is_caught_and_named(name, monkeypatch):
    algo, patches, findings, sentence = SABOTAGE[name]
    for (owner, attribute), value in patches.items():
        monkeypatch.setattr(owner, attribute, value)
    audit = audit_config(configuration(algo, recurrent_gain=1.0), measure=False)
    assert findings <= kinds(audit)
    if name != "a gradient through a replayed step":
        assert kinds(audit) == findings
    assert not audit.holds
    assert not audit.is_local
    assert audit.verdict()[0] == "NOT local, although it claims to be."
    assert sentence in audit.verdict()
    assert not to_document(audit)["holds"]


@pytest.mark.parametrize(
    ("name", "changed"),
    [("a clip over all cells", np.ones((2, 2))), ("a broadcast error", np.eye(2))],
)
def test_numbers_show_the_sabotage_too(name, changed, monkeypatch):
    """A clip over all cells is active and seen; a TD error told aside is not the error signal that is disturbed."""
    algo, patches, _, _ = SABOTAGE[name]
    for (owner, attribute), value in patches.items():
        monkeypatch.setattr(owner, attribute, value)
    audit = audit_config(configuration(algo))
    np.testing.assert_array_equal(audit.disturbed, changed.astype(bool))
    assert audit.contradictions == []
    assert not audit.holds


def test_document_is_plain():
    document = to_document(audit_config(configuration("ad_dqn"), measure=False))
    assert document["groups"][1]["td_errors_of"] == [2]
    assert document["groups"][0]["parameters"][0] == "activity.W_h"
    assert document["matrices"]["gradients"] == [[1, 0], [0, 1]]
    assert document["jacobian"] is None
    assert document["holds"] is True
