"""The device loop: one program, the same numbers however it is cut into chunks or seeds, a stop at the first NaN."""

import dataclasses
import functools
import typing

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import environment, table

from accumbens.agents.factory import make_agent
from accumbens.agents.protocol import Decision, LearningMetrics
from accumbens.agents.settings import ParallelSettings, ReplaySettings, SegmentSettings, SequenceSettings
from accumbens.envs.protocol import Step
from accumbens.runs.health import NotFiniteError
from accumbens.training.device import RunState, make_device_loop
from accumbens.training.health import require_finite

# Two first states, ends of both kinds, and loops.
ENV = environment(
    table(
        [
            ([1, 0], (0, 1), (1, 2)),
            ([0, 1], (1, "end"), (0, ("cut", 3))),
            ([1, 1], (2, 0), (-1, "end")),
            ([0.5, 0.5], (1, 3)),
        ],
        first=(0, 2),
    )
)
COMMON = {"net_arch": (5, 4), "rank": 2, "epsilon_fraction": 1.0, "duration_exponent": 2.0}
SETTINGS = {
    "parallel": ParallelSettings(**COMMON, num_envs=4, rollout_length=3, epochs=2, num_minibatches=2),
    # Learns from the block that reaches step 16, the fourth; copies into the target network after every third.
    "replay": ReplaySettings(
        **COMMON,
        num_envs=2,
        train_every=4,
        updates_per_phase=2,
        batch_size=8,
        learning_starts=16,
        target_every=12,
        replay_capacity=100,
        context_length=2,
    ),
    # Learns from the block that reaches step 36, the third; the replay holds four.
    "segments": SegmentSettings(
        **COMMON,
        num_envs=4,
        rollout_length=3,
        epochs=2,
        num_minibatches=2,
        segments=6,
        priority_exponent=0.6,
        learning_starts=30,
        replay_capacity=48,
    ),
    "sequences": SequenceSettings(**COMMON, num_envs=4, rollout_length=3, epochs=2, num_minibatches=2),
}
LEARNERS = list(SETTINGS)
SEEDS = (0, 1, 2**32 - 1)


class Program(typing.NamedTuple):
    agent: typing.Any
    init: typing.Callable
    chunk: typing.Callable
    traces: list


@pytest.fixture(scope="module")
def program(quick_jit):
    """The loop of a learner, compiled; a function of it is called once for each time it is traced."""

    @functools.cache
    def compiled(learner, credit="local"):
        agent = make_agent(dataclasses.replace(SETTINGS[learner], credit=credit), ENV, 400, truncates=True)
        loop = make_device_loop(ENV, agent)
        traces = []

        def chunk(run, blocks):
            traces.append(blocks)
            return loop.chunk(run, blocks)

        init, chunk = quick_jit(loop.init), quick_jit(chunk)
        return Program(agent, lambda seeds=SEEDS: init(jnp.asarray(seeds, jnp.uint32)), chunk, traces)

    return compiled


def assert_equal(one, other):
    """To the bit."""
    jax.tree.map(np.testing.assert_array_equal, one, other)


def same(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def assert_close(one, other):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), one, other)


def of_seed(run, index):
    return jax.tree.map(lambda x: x[index : index + 1], run.seeds)


@pytest.mark.parametrize("learner", LEARNERS)
def test_cut_into_chunks_it_is_the_same_run_by_the_same_program(learner, program):
    _, init, chunk, traces = program(learner)
    whole, metrics = chunk(init(), jnp.asarray(8))
    run = init()
    for blocks in (1, 4, 2, 1):
        run, last = chunk(run, jnp.asarray(blocks))
    assert_equal(whole, run)
    assert len(traces) == 1
    assert int(run.iteration) == 8
    np.testing.assert_array_equal(metrics.episodes, last.episodes)
    np.testing.assert_array_equal(metrics.mean_return, last.mean_return)


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_same_seeds_give_the_same_run(learner, program):
    _, init, chunk, _ = program(learner)
    assert_equal(*(chunk(init(), jnp.asarray(8)) for _ in range(2)))


@pytest.mark.parametrize("learner", LEARNERS)
def test_seeds_side_by_side_are_the_runs_of_each_alone(learner, program):
    agent, init, chunk, _ = program(learner)
    together, metrics = chunk(init(), jnp.asarray(6))
    stacks = [jax.tree.leaves(agent.network(of_seed(together, index).agent)) for index in range(3)]
    assert not any(np.array_equal(stacks[0][0], other[0]) for other in stacks[1:])
    for index in (0, 2):
        alone, own_metrics = chunk(init(SEEDS[index : index + 1]), jnp.asarray(6))
        assert_close(of_seed(together, index), alone.seeds)
        assert_close(jax.tree.map(lambda x, i=index: x[i : i + 1], metrics), own_metrics)


@pytest.mark.parametrize("learner", LEARNERS)
def test_counts(learner, program):
    agent, init, chunk, _ = program(learner)
    run = init()
    for block in range(6):
        run, metrics = chunk(run, jnp.asarray(1))
        updates = agent.updates_at(block + 1) - agent.updates_at(block)
        expected = {"parallel": 4, "replay": 2 * (block >= 3), "segments": 4 * (block >= 2), "sequences": 4}
        assert updates == expected[learner]
        np.testing.assert_array_equal(metrics.learning.updates, updates)
        assert np.all((np.asarray(metrics.learning.gradient_norm) > 0) == (updates > 0))
    # Every update moved every cell's optimiser.
    state = run.seeds.agent
    part = state if learner == "parallel" else state.networks if learner == "replay" else state.learner
    for _, adam, _ in part.optimiser_states:
        np.testing.assert_array_equal(adam.count, agent.updates_at(6))


def test_the_target_network_is_copied_every_so_many_steps(program):
    _, init, chunk, _ = program("replay")
    run = init()
    assert_equal(run.seeds.agent.networks.target, run.seeds.agent.networks.stack)
    for block in range(1, 10):
        before = run.seeds.agent.networks.target
        run, _ = chunk(run, jnp.asarray(1))
        networks = run.seeds.agent.networks
        assert_equal(networks.target, networks.stack if block % 3 == 0 else before)
        assert same(networks.target, networks.stack) == (block % 3 == 0 or block < 4)


def test_twins_see_the_same_noise_until_they_have_learned(program):
    """Before the first update the twins are equal to the bit in all they are and see, after it only in the noise."""
    (_, init, chunk, _), (_, twin_init, twin_chunk, _) = program("replay"), program("replay", "backprop")
    run, twin = init(), twin_init()
    assert_equal(run, twin)
    (run, _), (twin, _) = chunk(run, jnp.asarray(3)), twin_chunk(twin, jnp.asarray(3))
    # The activity is computed by two programs, which may round differently.
    assert_close(run.seeds.memory.carry, twin.seeds.memory.carry)
    assert_equal(run.seeds.memory.repeat, twin.seeds.memory.repeat)
    assert_equal(run.seeds._replace(memory=None), twin.seeds._replace(memory=None))
    (run, _), (twin, _) = chunk(run, jnp.asarray(1)), twin_chunk(twin, jnp.asarray(1))
    top, twin_top = (r.seeds.agent.networks.stack.cells[1] for r in (run, twin))
    bottom, twin_bottom = (r.seeds.agent.networks.stack.cells[0] for r in (run, twin))
    assert not same(bottom, twin_bottom)
    assert not same(top, twin_top)  # from the second update on, for what comes from below is no longer the same


@pytest.mark.parametrize("cell", [0, 1])
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_value_that_is_not_finite_stops_the_chunk_and_names_the_cell(learner, cell, program):
    agent, init, chunk, _ = program(learner)
    run, _ = chunk(init(), jnp.asarray(5))

    def readout(run):
        found = agent.network(run.seeds.agent).cells[cell]
        return getattr(found, "inner", found).W_z2

    ill = eqx.tree_at(readout, run, readout(run).at[1, 0, 0].set(jnp.nan))
    stopped, metrics = chunk(ill, jnp.asarray(10))
    assert int(stopped.iteration) == 6
    expected = np.full((3, 2), -1)
    expected[1, cell] = 5
    np.testing.assert_array_equal(metrics.first_bad_block, expected)
    steps = agent.num_envs * agent.rollout_length
    with pytest.raises(NotFiniteError, match=rf"cell {cell + 1} of seed 1 .* at step {6 * steps};"):
        require_finite(metrics, list(SEEDS), steps)


def test_a_healthy_chunk_raises_nothing(program):
    _, init, chunk, _ = program("parallel")
    _, metrics = chunk(init(), jnp.asarray(2))
    np.testing.assert_array_equal(metrics.first_bad_block, -1)
    require_finite(metrics, list(SEEDS), 12)


def branches(jaxpr):
    """All conditionals of a program, with the programs of their branches."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "cond":
            yield equation
        for parameter in equation.params.values():
            for inner in parameter if isinstance(parameter, (tuple, list)) else [parameter]:
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from branches(inner)


@pytest.mark.parametrize("learner", ["replay", "segments"])
def test_learning_stays_a_branch_however_many_seeds(learner, program):
    """Before learning starts nothing is learned and thrown away: the counter is shared, so `cond` is no `select`."""
    agent, init, _, _ = program(learner)
    loop = make_device_loop(ENV, agent)
    run = init()
    assert len(list(branches(jax.make_jaxpr(loop.chunk)(run, jnp.asarray(1)).jaxpr))) == 1
    # Seeds with a counter of their own would lose it.
    batched = jax.vmap(lambda seeds, iteration: loop.chunk(RunState(seeds, iteration), jnp.asarray(1)))
    own = jax.tree.map(lambda x: x[:, None], run.seeds), jnp.arange(3)
    assert not list(branches(jax.make_jaxpr(batched)(*own).jaxpr))


@pytest.mark.parametrize("learner", LEARNERS)
def test_epsilon_decays_with_the_steps_of_all_environments(program, learner):
    loop, settings = program(learner), SETTINGS[learner]
    run, block, begin = (
        loop.init(),
        loop.agent.num_envs * loop.agent.rollout_length,
        getattr(settings, "learning_starts", 0),
    )
    for blocks in (1, 4, 6):
        run, report = loop.chunk(run, blocks)
        step = (int(run.iteration) - 1) * block  # the first of the last block
        decayed = np.clip((step - begin) / 400, 0, 1)
        expected = settings.epsilon_start + decayed * (settings.epsilon_end - settings.epsilon_start)
        np.testing.assert_allclose(report.epsilon, np.full(len(SEEDS), expected), rtol=1e-6)
    assert 0 < decayed < 1


def test_every_draw_is_another_one():
    """Over steps, environments, blocks and seeds; for the environments' noise, exploration and learning."""
    blocks, time, envs = 4, 3, 2
    real = make_agent(ParallelSettings(net_arch=(1,), num_envs=envs, rollout_length=time), ENV, 1, truncates=True)

    def act(state, memory, observation, epsilon, key, cell_weights=None):
        return Decision(jax.random.randint(key, (envs,), 0, 2**31 - 1), jnp.zeros((envs, 1, 2)), memory)

    def learn(seen, rollout, iteration, key):
        number = jax.random.uniform(key)
        seen = jax.tree.map(lambda all, now: all.at[iteration].set(now), seen, (rollout.reward, rollout.action, number))
        return seen, LearningMetrics(*jnp.zeros((4, 1)), updates=jnp.int32(1))

    def step(key, state, action):
        no = jnp.zeros((), bool)
        return state, Step(jnp.zeros(ENV.observation_shape), jax.random.uniform(key), no, no)

    nothing = jnp.zeros((blocks, time, envs)), jnp.zeros((blocks, time, envs), jnp.int32), jnp.zeros(blocks)
    agent = real._replace(init=lambda key: nothing, act=act, learn=learn, network=lambda state: state)
    loop = make_device_loop(ENV._replace(step=step), agent)
    run, _ = loop.chunk(loop.init(jnp.asarray(SEEDS, jnp.uint32)), jnp.asarray(blocks))
    for draws in run.seeds.agent:
        assert len(np.unique(draws)) == draws.size
