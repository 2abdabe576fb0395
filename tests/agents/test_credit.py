"""Where the gradient stops, seen from outside: in the losses, and in what one update of each learner changes."""

import dataclasses
import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from facts import facts
from family import FAMILY, GOODNESS, READOUTS

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.factory import make_agent
from accumbens.agents.parallel_q import ParallelState
from accumbens.agents.protocol import Rollout
from accumbens.agents.replay_q import Networks, make_double_q_update
from accumbens.agents.settings import ParallelSettings, ReplaySettings
from accumbens.replay.ring import Windows
from accumbens.training.audit.measure import loss_jacobian

CREDITS = ("local", "backprop")
NET_ARCH = (5, 4, 3)
OBSERVATION, ACTIONS, TIME, ENVS = 3, 2, 4, 2
BATCH = TIME * ENVS
FACTS = facts((OBSERVATION,), ACTIONS)
COMMON = {"net_arch": NET_ARCH, "rank": 2}
PARALLEL = ParallelSettings(**COMMON, num_envs=ENVS, rollout_length=TIME, epochs=1, num_minibatches=1)
REPLAY = ReplaySettings(**COMMON, batch_size=BATCH, context_length=1)

# Parameters that the values depend on, but not the activity.
READOUT = {"attention": lambda cell: cell.W_z2, "dot": lambda cell: cell.W_att, "mlp": lambda cell: cell.W_q}

# Entry (i, j): does an error in cell i reach the parameters of cell j?
REACH = {"local": np.eye(3, dtype=bool), "backprop": np.tri(3, dtype=bool)}


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def carry(seed, *leading):
    return tuple(normal(seed + level, *leading, hidden) for level, hidden in enumerate(NET_ARCH))


def flags(*shape):
    return np.random.default_rng(9).random(shape) < 0.2


def stack_of(settings, seed):
    """A stack with weights drawn by NumPy, which takes no compilation."""
    rng = np.random.default_rng(seed)
    shapes = eqx.filter_eval_shape(stacks.build_stack, settings, FACTS, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(scale=0.5, size=leaf.shape), leaf.dtype), shapes)


def optimiser_states_of(settings, stack):
    optimiser = network.make_optimiser(settings, network.learning_rate_schedule(settings, 1000))
    return optimiser, network.init_optimiser_states(optimiser, stack)


ACTION = np.arange(BATCH, dtype=np.int32) % ACTIONS
ROLLOUT = Rollout(
    observation=normal(1, TIME, ENVS, OBSERVATION),
    carry=carry(2, TIME, ENVS),
    next_carry=carry(3, TIME, ENVS),
    values=None,  # see `parallel_program`
    action=ACTION.reshape(TIME, ENVS),
    reward=normal(5, TIME, ENVS),
    terminated=np.zeros((TIME, ENVS), bool),
    truncated=flags(TIME, ENVS),
    final_observation=normal(6, TIME, ENVS, OBSERVATION),
    last_observation=normal(7, ENVS, OBSERVATION),
    last_carry=carry(8, ENVS),
)
WINDOWS = Windows(
    context=normal(1, 1, BATCH, OBSERVATION),
    context_valid=np.ones((1, BATCH), bool),
    observation=normal(2, BATCH, OBSERVATION),
    action=ACTION,
    reward=normal(3, BATCH),
    terminated=flags(BATCH),
    truncated=np.zeros(BATCH, bool),
    next_observation=normal(4, BATCH, OBSERVATION),
    carry=None,
)


def parallel_program(settings, jit):
    """`learn(cell)`: stack, optimiser states and metrics after a phase with other targets in that cell, if not None."""
    stack = stack_of(settings, 0)
    _, states = optimiser_states_of(settings, stack)
    learn = jit(make_agent(settings, FACTS, 10**6, False).learn)

    quantiles = (settings.num_quantiles,) if settings.readout == "quantile" else ()

    def disturbed(cell):
        values = normal(4, TIME, ENVS, 3, *quantiles, ACTIONS)
        if cell is not None:
            values[:, :, cell] += 1e4
        rollout = ROLLOUT._replace(values=values)
        after, metrics = learn(ParallelState(stack, states), rollout, jnp.asarray(0), jax.random.key(1))
        return after.stack, after.optimiser_states, metrics

    return disturbed


def replay_program(settings, jit):
    """The same for the replay learner, whose targets are disturbed by way of the target network's readout."""
    stack, target = stack_of(settings, 0), stack_of(settings, 1)
    optimiser, states = optimiser_states_of(settings, stack)
    encode = network.make_encoder(settings, FACTS)
    update = jit(make_double_q_update(settings, FACTS, encode, per_cell.make_update(settings, FACTS, optimiser)))

    def disturbed(cell):
        where = READOUT[settings.cell]
        other = target if cell is None else eqx.tree_at(lambda s: where(s.cells[cell]), target, replace_fn=jnp.cos)
        after, metrics = update(Networks(stack, other, states), WINDOWS)
        return after.stack, after.optimiser_states, metrics

    return disturbed


@pytest.fixture(scope="module")
def program(quick_jit):
    @functools.cache
    def compiled(learner, member, credit):
        make, settings = {"parallel": (parallel_program, PARALLEL), "replay": (replay_program, REPLAY)}[learner]
        return make(dataclasses.replace(settings, **FAMILY[member], credit=credit), quick_jit)

    return compiled


def differs(one, other):
    """Whether any number differs, to the bit."""
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return any(not np.array_equal(a, b) for a, b in leaves)


MEMBERS = FAMILY | {
    f"attention, {goodness}, conditioned": FAMILY["attention, goodness, conditioned"] | {"goodness": goodness}
    for goodness in GOODNESS
}


# The parallel learner sees every pair of cell, readout and conditioning; the replay learner, which shares its losses
# and its update, each of them once. With `-m slow`, both see the rest of the family.
PAIRS = {
    "parallel": {
        "attention, value",
        "attention, quantile, conditioned",
        "attention, goodness, conditioned",
        "dot, value, conditioned",
        "dot, quantile",
        "dot, goodness",
        "mlp, value",
        "mlp, quantile",
        "mlp, goodness",
    },
    "replay": {"attention, value", "dot, quantile, conditioned", "mlp, goodness"},
}


@pytest.mark.parametrize(
    ("member", "credit"),
    [
        *((member, "local") for member in MEMBERS),
        *((member, "backprop") for member in MEMBERS if member in PAIRS["parallel"]),
        *(
            pytest.param(member, "backprop", marks=pytest.mark.slow)
            for member in MEMBERS
            if member not in PAIRS["parallel"]
        ),
    ],
)
def test_jacobian_of_the_losses(member, credit):
    settings = ParallelSettings(**COMMON, **MEMBERS[member], credit=credit)
    np.testing.assert_array_equal(loss_jacobian(settings, FACTS, BATCH) != 0, REACH[credit])


slow = [
    pytest.param(learner, member, credit, marks=pytest.mark.slow)
    for learner, member, credit in [
        *((learner, member, "local") for learner in PAIRS for member in FAMILY if member not in PAIRS[learner]),
        *itertools.product(["replay"], ["attention, quantile", "attention, goodness"], ["backprop"]),
    ]
]


@pytest.mark.parametrize(
    ("learner", "member", "credit"),
    [
        *((learner, member, "local") for learner in PAIRS for member in FAMILY if member in PAIRS[learner]),
        *(("parallel", f"attention, {readout}", "backprop") for readout in READOUTS),
        ("replay", "attention, value", "backprop"),
        *slow,
    ],
)
def test_what_an_error_in_one_cell_changes(learner, member, credit, program):
    """Another target for cell i, however far off, leaves the learning of cell j as it was, to the bit."""
    learn = program(learner, member, credit)
    stack, states, _ = learn(None)
    reach = np.zeros((3, 3), bool)
    for i in range(3):
        other_stack, other_states, _ = learn(i)
        for j in range(3):
            reach[i, j] = differs((stack.cells[j], states[j]), (other_stack.cells[j], other_states[j]))
    np.testing.assert_array_equal(reach, REACH[credit])


@pytest.mark.parametrize("credit", CREDITS)
def test_every_cell_is_clipped_by_itself(credit, program):
    learn = program("parallel", "attention, value", credit)
    for disturbed in (None, 0, 2):
        _, states, metrics = learn(disturbed)
        for level, (_, adam, _) in enumerate(states):
            # After one step the first moment is a tenth of the clipped gradient.
            clipped = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(adam.mu))) / 0.1
            raw = metrics.gradient_norm[level]
            np.testing.assert_allclose(clipped, min(raw, PARALLEL.max_gradient_norm), rtol=1e-4)
    assert metrics.gradient_norm[2] > 1e3


@pytest.mark.parametrize("learner", ["parallel", "replay"])
def test_twins(learner, program):
    """Same values, targets and losses before the first update; the top cell learns the same from it."""
    (local, local_states, metrics), (twin, twin_states, twin_metrics) = (
        program(learner, "attention, value", credit)(None) for credit in CREDITS
    )
    for name in ("loss", "td_error", "value"):
        np.testing.assert_allclose(getattr(metrics, name), getattr(twin_metrics, name), rtol=1e-5)
    np.testing.assert_allclose(metrics.gradient_norm[2], twin_metrics.gradient_norm[2], rtol=1e-5)
    top, twin_top = (
        jax.tree.leaves((stack.cells[2], states[2])) for stack, states in ((local, local_states), (twin, twin_states))
    )
    for one, other in zip(top, twin_top, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    for level in (0, 1):
        assert not np.isclose(metrics.gradient_norm[level], twin_metrics.gradient_norm[level], rtol=1e-3)
