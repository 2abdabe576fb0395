"""Credit through time: each form against a gradient that is found another way, in float64; and what each remembers."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from facts import facts

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.factory import make_agent
from accumbens.agents.protocol import Rollout
from accumbens.agents.sequence_q import Sequences, cleared, make_gradient, silent
from accumbens.agents.settings import SequenceSettings
from accumbens.cells.protocol import output_of

NET_ARCH, OBSERVATION, ACTIONS, TIME, ENVS = (9, 7, 6), 3, 2, 10, 4
FACTS = facts((OBSERVATION,), ACTIONS)
SETTINGS = SequenceSettings(
    net_arch=NET_ARCH, rank=2, num_envs=ENVS, rollout_length=TIME, num_minibatches=1, epochs=1, learning_rate=1e-30
)
MEMBERS = {
    "attention": {},
    "quantiles": {"cell": "constant_key", "readout": "quantile", "num_quantiles": 3, "loss": "quantile_huber"},
    "goodness": {"readout": "goodness", "action_conditioning": True, "goodness_width": 4, "forward_gain": 0.5},
    "top": {"cell": "mlp", "every_cell_predicts": False, "input_skip": False, "forward_gain": None},
}


def encode(observation):
    return observation.reshape(observation.shape[0], -1)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@functools.cache
def stack_of(member="attention", **changes):
    settings = dataclasses.replace(SETTINGS, **MEMBERS[member], **changes)
    return jax.tree.map(lambda x: x.astype(np.float64), stacks.build_stack(settings, FACTS, jax.random.key(0)))


def drawn(settings, stack, time=TIME):
    """Episodes of a few steps, begun in silence."""
    rng = np.random.default_rng(0)
    quantiles = (settings.num_quantiles,) if settings.readout == "quantile" else ()
    cells = network.num_predicting_cells(settings)
    traces = stack.no_traces() if settings.time_credit == "traces" else ()
    return Sequences(
        observation=jnp.asarray(rng.normal(size=(time, ENVS, OBSERVATION))),
        action=jnp.asarray(rng.integers(0, ACTIONS, (time, ENVS)), jnp.int32),
        targets=jnp.asarray(rng.normal(size=(time, ENVS, cells, *quantiles))),
        ended=jnp.asarray(rng.random((time, ENVS)) < 0.15),
        carry=tuple(jnp.zeros((ENVS, hidden)) for hidden in NET_ARCH),
        traces=jax.tree.map(lambda x: jnp.zeros((ENVS, *x.shape)), traces),
    )


@functools.cache
def compiled(settings):
    return jax.jit(make_gradient(settings, FACTS, encode))


def gradient_of(settings, stack, sequences):
    return compiled(settings)(stack, sequences)[0]


def cell_by_cell(settings, stack, sequences):
    """The gradient that each cell has if all that it sees of others is given: run alone, back through all time."""
    read_of, q_function = per_cell.make_reading(settings), network.value_function(settings, FACTS)

    def seen(carry, row):
        observation, ended = row
        inputs = jax.vmap(stack.inputs)(observation, carry)
        return cleared(ended, jax.vmap(stack.advance)(observation, carry)), inputs

    _, inputs = jax.lax.scan(seen, sequences.carry, (sequences.observation, sequences.ended))
    gradients = []
    for index, cell in enumerate(stack.cells):
        number = index if settings.every_cell_predicts else 0
        if not settings.every_cell_predicts and index < len(NET_ARCH) - 1:
            gradients.append(jax.tree.map(jnp.zeros_like, cell))
            continue
        start, end = cell.own, cell.own + cell.num_hidden

        def loss_of(cell, number=number, index=index, start=start, end=end):
            def step(own, row):
                x, action, targets, ended = row
                x = jnp.concatenate([x[:, :start], own, x[:, end:]], axis=1)
                output = jax.vmap(lambda x, action: output_of(cell, x, q_function.taken(action)))(x, action)
                losses = jax.vmap(lambda values, targets: read_of(targets)(number, values)[0])(output.value, targets)
                return jnp.where(ended[:, None], 0.0, output.hidden), losses.mean()

            rows = (inputs[index], *sequences[1:4])
            return jax.lax.scan(step, sequences.carry[index], rows)[1].mean()

        gradients.append(jax.grad(loss_of)(cell))
    return tuple(gradients)


@jax.jit
def played(stack, sequences):
    """The rollout of a network that saw these observations."""

    def step(carry, row):
        observation, ended = row
        after = jax.vmap(stack.advance)(observation, carry)
        return cleared(ended, after), (carry, after)

    last, (carry, after) = jax.lax.scan(step, sequences.carry, (sequences.observation, sequences.ended))
    shape = sequences.ended.shape
    return Rollout(
        observation=sequences.observation,
        carry=carry,
        next_carry=after,
        values=jnp.zeros((*shape, len(NET_ARCH), ACTIONS)),
        action=sequences.action,
        reward=jnp.zeros(shape),
        terminated=sequences.ended,
        truncated=jnp.zeros(shape, bool),
        final_observation=sequences.observation,
        last_observation=sequences.observation[-1],
        last_carry=last,
    )


def close(one, other, tolerance=1e-10):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max(initial=1e-3))


@pytest.mark.parametrize("member", MEMBERS)
def test_traces_and_bptt_are_each_cell_s_gradient_through_its_own_past(member):
    settings = dataclasses.replace(SETTINGS, **MEMBERS[member])
    stack = stack_of(member)
    expected = jax.jit(functools.partial(cell_by_cell, settings))(stack, drawn(settings, stack))
    for form in ("traces", "bptt") if member == "attention" else ("traces",):
        chosen = dataclasses.replace(settings, time_credit=form)
        close(gradient_of(chosen, stack, drawn(chosen, stack)).cells, expected)


def test_without_credit_through_time_it_is_another_gradient():
    stack = stack_of()
    none, traces = (
        gradient_of(settings, stack, drawn(settings, stack))
        for settings in (dataclasses.replace(SETTINGS, time_credit=form) for form in ("none", "traces"))
    )
    for cell, other in zip(none.cells, traces.cells, strict=True):
        assert np.abs(cell.units.W - other.units.W).max() > 0.1 * np.abs(other.units.W).max()
        assert np.abs(cell.units.nu - other.units.nu).max() > 0.1 * np.abs(other.units.nu).max()


@pytest.mark.parametrize("steps", [1, 5])
def test_truncated_bptt_is_bptt_on_shorter_blocks(steps):
    stack, settings = stack_of(), dataclasses.replace(SETTINGS, time_credit="bptt")
    sequences = drawn(settings, stack)
    found = gradient_of(dataclasses.replace(settings, bptt_steps=steps), stack, sequences)
    if steps == 1:
        settings = dataclasses.replace(settings, time_credit="none")
        return close(found, gradient_of(settings, stack, sequences))
    carries, total = played(stack, sequences).carry, jax.tree.map(jnp.zeros_like, stack)
    for start in range(0, TIME, steps):
        rows = jax.tree.map(lambda x, start=start: x[start : start + steps], sequences[:4])
        first = tuple(hidden[start] for hidden in carries)
        part = gradient_of(settings, stack, Sequences(*rows, first, ()))
        total = jax.tree.map(lambda sum, x: sum + x * steps / TIME, total, part)
    return close(found, total)


def losses_of(settings, stack, sequences):
    """The sum over cells of their mean losses, by `bptt`, whose losses do not depend on the credit."""
    settings = dataclasses.replace(settings, time_credit="bptt")
    return make_gradient(settings, FACTS, encode)(stack, sequences)[1][0].sum()


def test_the_full_twin_is_the_derivative_of_all_losses():
    """Along a random direction, by a difference: without stops, what the gradient promises is what happens."""
    settings = dataclasses.replace(SETTINGS, time_credit="bptt", credit="backprop")
    stack, rng = stack_of(), np.random.default_rng(5)
    sequences = drawn(settings, stack)
    found = gradient_of(settings, stack, sequences)
    direction = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), stack)
    losses = jax.jit(
        lambda size: losses_of(settings, jax.tree.map(lambda x, d: x + size * d, stack, direction), sequences)
    )
    numerical = (losses(1e-6) - losses(-1e-6)) / 2e-6
    promised = sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(direction), strict=True))
    np.testing.assert_allclose(promised, numerical, rtol=1e-6)


def test_traces_of_one_cell_know_all_of_the_twin():
    """With a single cell there is nothing but its own past: traces are full backpropagation through time."""
    changes = {"net_arch": (9,), "credit": "backprop"}
    stack = jax.tree.map(
        lambda x: x.astype(np.float64),
        stacks.build_stack(dataclasses.replace(SETTINGS, **changes), FACTS, jax.random.key(2)),
    )
    found = []
    for form in ("traces", "bptt"):
        settings = dataclasses.replace(SETTINGS, **changes, time_credit=form)
        sequences = drawn(settings, stack)
        sequences = sequences._replace(carry=sequences.carry[:1], traces=sequences.traces[:1])
        found.append(gradient_of(settings, stack, sequences))
    close(*found)


@functools.cache
def learner():
    """An agent, its compiled learning, and its state with the network of these tests, all in float64."""
    agent = make_agent(SETTINGS, FACTS, 1000, False)
    state = agent.with_network(agent.init(jax.random.key(0)), stack_of())
    return jax.jit(agent.learn), jax.tree.map(lambda x: x.astype(np.float64) if x.dtype == np.float32 else x, state)


def test_traces_go_on_from_block_to_block():
    """Two blocks, each learned from by itself, have the gradient of one of twice the length."""
    stack, (learn, state), bptt = stack_of(), learner(), dataclasses.replace(SETTINGS, time_credit="bptt")
    both = drawn(SETTINGS, stack, 2 * TIME)
    # The agent's own encoder makes float32 of what is seen.
    both = both._replace(observation=both.observation.astype(np.float32))
    first, second = (
        Sequences(*jax.tree.map(lambda x, part=part: x[part], both[:4]), *both[4:])
        for part in (slice(0, TIME), slice(TIME, 2 * TIME))
    )
    rollout = played(stack, first)
    after, _ = learn(state, rollout, jnp.int32(0), jax.random.key(1))
    second = second._replace(carry=rollout.last_carry)
    found = [gradient_of(SETTINGS, stack, part) for part in (first, second._replace(traces=after.traces))]
    close(jax.tree.map(lambda a, b: (a + b) / 2, *found), gradient_of(bptt, stack, both))
    forgetful = gradient_of(SETTINGS, stack, second)
    assert np.abs(forgetful.cells[0].units.W - found[1].cells[0].units.W).max() > 1e-6


def test_where_an_episode_begins_traces_are_forgotten():
    """A run on the host may begin its episodes anew where no step ended; a silent carry tells."""
    stack, (learn, state) = stack_of(), learner()
    sequences = drawn(SETTINGS, stack)
    carry = tuple(hidden.at[1:, 0].set(1e-9) for hidden in sequences.carry)
    np.testing.assert_array_equal(silent(carry), [True, False, False, False])
    rollout = played(stack, sequences)
    stale = state._replace(traces=jax.tree.map(lambda x: x + 7.0, state.traces))
    close(*(learn(each, rollout, jnp.int32(0), jax.random.key(1))[0] for each in (stale, state)), 0)


@pytest.mark.parametrize("form", ["none", "traces", "bptt"])
def test_no_gradient_crosses_cells(form):
    settings = dataclasses.replace(SETTINGS, time_credit=form)
    stack = stack_of()
    sequences = drawn(settings, stack)
    base = gradient_of(settings, stack, sequences)
    for cell in range(3):
        disturbed = sequences._replace(targets=sequences.targets.at[..., cell].add(10.0))
        other = gradient_of(settings, stack, disturbed)
        for index in range(3):
            leaves = zip(jax.tree.leaves(base.cells[index]), jax.tree.leaves(other.cells[index]), strict=True)
            assert any(not np.array_equal(a, b) for a, b in leaves) == (index == cell)


def test_traces_are_read_by_their_own_cell_s_units_alone():
    stack = stack_of()
    sequences = drawn(SETTINGS, stack)
    base = gradient_of(SETTINGS, stack, sequences)
    for cell in range(3):
        traces = list(sequences.traces)
        traces[cell] = jax.tree.map(lambda x: x + 1.0, traces[cell])
        other = gradient_of(SETTINGS, stack, sequences._replace(traces=tuple(traces)))
        for index in range(3):
            for part, read in (("units", index == cell), ("inner", False)):
                pair = (jax.tree.leaves(getattr(each.cells[index], part)) for each in (base, other))
                assert any(not np.array_equal(a, b) for a, b in zip(*pair, strict=True)) == read


def temporary_bytes(form, time):
    """XLA's temporary buffers of one gradient; nothing is computed."""
    settings = dataclasses.replace(SETTINGS, time_credit=form, rollout_length=time)
    stack = stack_of()
    sequences = jax.eval_shape(lambda: drawn(settings, stack, time))
    compiled = jax.jit(make_gradient(settings, FACTS, encode)).lower(stack, sequences).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def test_only_the_way_back_remembers_all_steps():
    short, long = 16, 256
    grown = temporary_bytes("traces", long) - temporary_bytes("traces", short)
    assert grown < (long - short) * 100, "no more than the metrics of every step"
    assert temporary_bytes("bptt", long) - temporary_bytes("bptt", short) > (long - short) * 1000
