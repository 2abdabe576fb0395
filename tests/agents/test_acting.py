"""What both learners share outside of learning: encoding observations, acting, memory and schedules."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from facts import facts

from accumbens.agents import network, stacks
from accumbens.agents.factory import make_agent
from accumbens.agents.protocol import Rollout, reset_memory
from accumbens.agents.settings import ParallelSettings, ReplaySettings

ENVS = 4
SETTINGS = ParallelSettings(cell="mlp", net_arch=(3, 2), num_envs=ENVS, rollout_length=4, num_minibatches=2)
OBSERVATION = np.random.default_rng(0).normal(size=(ENVS, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def acting(quick_jit):
    agent = make_agent(SETTINGS, facts(), 1000, False)
    stack = agent.network(quick_jit(agent.init)(jax.random.key(0)))
    return agent, stack, quick_jit(agent.act)


def test_observations_are_flattened_and_left_as_they_are():
    observation = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    encoded = network.make_encoder(SETTINGS, facts((2, 3), low=0, high=10))(jnp.asarray(observation))
    np.testing.assert_array_equal(encoded, observation.reshape(2, 6))


def test_scaling_maps_finite_bounds_to_minus_one_and_one():
    settings = ParallelSettings(scale_observations=True)
    # Bounded, half bounded, unbounded, and of no extent.
    encode = network.make_encoder(settings, facts((4,), low=[2, 0, -np.inf, 3], high=[6, np.inf, np.inf, 3]))
    encoded = encode(jnp.array([[2.0, 7, 7, 3], [6, -7, -7, 3], [5, 1, 1, 3]]))
    np.testing.assert_allclose(encoded, [[-1, 7, 7, 3], [1, -7, -7, 3], [0.5, 1, 1, 3]])


@pytest.mark.parametrize(
    ("high", "asked", "expected"),
    [(255, None, [0, 1]), (255, True, [-1, 1]), (255, False, [0, 255]), (7, None, [0, 7])],
)
def test_bytes_are_divided_by_255_unless_something_else_is_asked_for(high, asked, expected):
    env = facts((2, 1, 1), low=0, high=high)
    encode = network.make_encoder(ParallelSettings(scale_observations=asked), env)
    np.testing.assert_allclose(encode(jnp.array([[[[0.0]], [[high]]]])), [expected])


def test_boolean_observations_are_not_scaled():
    encode = network.make_encoder(ParallelSettings(scale_observations=True), facts((2,), dtype=bool, low=0))
    encoded = encode(jnp.array([[True, False]]))
    assert encoded.dtype == jnp.float32
    np.testing.assert_array_equal(encoded, [[1, 0]])


def test_greedy_on_the_mean_over_cells_or_on_a_weighted_sum(acting):
    agent, stack, act = acting
    memory = agent.init_memory(ENVS)
    decision = act(stack, memory, OBSERVATION, 0.0, jax.random.key(0))
    np.testing.assert_array_equal(decision.action, np.argmax(np.mean(decision.values, axis=1), axis=-1))
    for weights in ([1.0, 0.0], [0.0, 1.0], [0.5, 0.5]):
        weighted = act(stack, memory, OBSERVATION, 0.0, jax.random.key(0), jnp.tile(jnp.array(weights), (ENVS, 1)))
        expected = np.einsum("eca,c->ea", decision.values, weights)
        np.testing.assert_array_equal(weighted.action, expected.argmax(axis=-1))


def test_the_carry_advances_on_random_actions_too(acting):
    agent, stack, act = acting
    greedy, explored = (act(stack, agent.init_memory(ENVS), OBSERVATION, e, jax.random.key(0)) for e in (0.0, 1.0))
    jax.tree.map(np.testing.assert_array_equal, greedy.memory.carry, explored.memory.carry)
    assert all(np.any(hidden) for hidden in explored.memory.carry)
    # One step ago matters for the next step's values.
    following = act(stack, greedy.memory, OBSERVATION, 0.0, jax.random.key(0))
    assert not np.allclose(following.values, greedy.values)


def test_memory_is_silent_after_an_episodes_end(acting):
    agent, stack, act = acting
    memory = act(stack, agent.init_memory(ENVS), OBSERVATION, 0.0, jax.random.key(0)).memory
    memory = memory._replace(repeat=memory.repeat._replace(remaining=jnp.full(ENVS, 7, jnp.int32)))
    after = reset_memory(memory, jnp.array([True, False, True, False]))
    for hidden, before in zip(after.carry, memory.carry, strict=True):
        np.testing.assert_array_equal(hidden[::2], 0)
        np.testing.assert_array_equal(hidden[1::2], before[1::2])
    assert after.repeat.remaining.tolist() == [0, 7, 0, 7]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1e-3, 1e-3, 1e-3, 1e-3]),
        ("linear", [1e-3, 7.75e-4, 5.5e-4, 1e-4]),
        # Up over the first 20 of 100 updates, then half a cosine down.
        ("warmup_cosine", [0, *(1e-4 + 4.5e-4 * (1 + np.cos(np.pi * np.array([5, 30]) / 80))), 1e-4]),
    ],
)
def test_learning_rate_schedules(schedule, expected):
    settings = ParallelSettings(
        learning_rate=1e-3, learning_rate_end=1e-4, learning_rate_schedule=schedule, warmup_fraction=0.2
    )
    rate = network.learning_rate_schedule(settings, 100)
    for update, value in zip((0, 25, 50, 100), expected, strict=True):
        np.testing.assert_allclose(rate(update), value, rtol=1e-5)


def radam(gradients, rate, b1, b2):
    """The changes that RAdam makes to one number. Reference: Liu et al. (2020), algorithm 2."""
    first = second = 0.0
    longest = 2 / (1 - b2) - 1
    for t, gradient in enumerate(gradients, start=1):
        first, second = b1 * first + (1 - b1) * gradient, b2 * second + (1 - b2) * gradient**2
        step, length = first / (1 - b1**t), longest - 2 * t * b2**t / (1 - b2**t)
        if length >= 5:
            known = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            step *= known**0.5 / ((second / (1 - b2**t)) ** 0.5 + 1e-8)
        yield -rate * step


def test_radam_steps_by_the_gradient_until_it_knows_its_variance(quick_jit):
    settings = ParallelSettings(optimiser="radam", learning_rate=0.1, adam_b2=0.999, max_gradient_norm=np.inf)
    optimiser = network.make_optimiser(settings, network.learning_rate_schedule(settings, 1))
    gradients, changes = np.random.default_rng(0).normal(1, 0.5, 12), []
    with jax.enable_x64(True):  # in float32 1 - β₂ᵗ rounds, and a step by 0.6 %
        update, state = quick_jit(optimiser.update), optimiser.init(jnp.zeros(()))
        for gradient in gradients:
            change, state = update(jnp.asarray(gradient), state)
            changes.append(change)
    np.testing.assert_allclose(changes, list(radam(gradients, 0.1, 0.9, 0.999)), rtol=1e-6)


@pytest.mark.parametrize("settings", [SETTINGS, ReplaySettings(net_arch=(3, 2))], ids=["parallel", "replay"])
def test_another_network_takes_the_place_of_all_that_there_are(settings, quick_jit):
    agent = make_agent(settings, facts(), 1000, False)
    state, other = (quick_jit(agent.init)(jax.random.key(seed)) for seed in (0, 1))
    after = agent.with_network(state, agent.network(other))
    jax.tree.map(np.testing.assert_array_equal, agent.network(after), agent.network(other))
    if isinstance(settings, ReplaySettings):
        jax.tree.map(np.testing.assert_array_equal, after.networks.target, agent.network(other))


def test_parallel_learner_counts():
    """100 steps are 6.25 blocks of 16: seven blocks of two epochs of two minibatches."""
    agent = make_agent(SETTINGS, facts(), 100, False)
    assert (agent.num_envs, agent.rollout_length, agent.num_cells) == (ENVS, 4, 2)
    assert [agent.updates_at(block) for block in (0, 1, 7)] == [0, 4, 28]


@pytest.mark.parametrize(
    ("settings", "blocks"),
    [
        (SETTINGS, 7),
        (ReplaySettings(net_arch=(2,), train_every=8, learning_starts=20, updates_per_phase=3), 13),
    ],
    ids=["parallel", "replay"],
)
def test_the_learning_rate_has_its_last_value_with_the_last_update_and_not_before(settings, blocks):
    linear = {"learning_rate": 1.0, "learning_rate_end": 0.25, "learning_rate_schedule": "linear"}
    agent = make_agent(dataclasses.replace(settings, **linear), facts(), 100, False)
    updates = agent.updates_at(blocks)
    rates = [float(agent.learning_rate(count)) for count in (0, updates - 1, updates, updates + 9)]
    np.testing.assert_allclose(rates, [1, 0.25 + 0.75 / updates, 0.25, 0.25], rtol=1e-5)


@pytest.mark.parametrize(
    ("num_envs", "train_every", "learning_starts", "rollout_length", "first_block"),
    [
        (1, 4, 20_000, 4, 4999),  # the paper's: the block that ends at step 20 000
        (2, 4, 21, 2, 5),  # the block that reaches step 24
        (8, 4, 0, 1, 1),  # never the first block, whose steps have no successor yet
    ],
)
def test_replay_learner_counts(num_envs, train_every, learning_starts, rollout_length, first_block):
    settings = ReplaySettings(
        net_arch=(2,),
        num_envs=num_envs,
        train_every=train_every,
        learning_starts=learning_starts,
        updates_per_phase=3,
        epsilon_end=0.1,
        epsilon_fraction=0.5,
    )
    agent = make_agent(settings, facts(), 100_000, False)
    assert agent.rollout_length == rollout_length
    assert [agent.updates_at(first_block + extra) for extra in (-1, 0, 1, 2)] == [0, 0, 3, 6]
    # ε decays from the first update on, over half the run.
    epsilons = [float(agent.epsilon(jnp.asarray(learning_starts + step))) for step in (0, 25_000, 50_000)]
    np.testing.assert_allclose(epsilons, [1, 0.55, 0.1], rtol=1e-5)


def test_acting_on_the_top_cell_alone(quick_jit):
    agent = make_agent(dataclasses.replace(SETTINGS, act_on="top"), facts(), 1000, False)
    stack = agent.network(quick_jit(agent.init)(jax.random.key(0)))
    decision = quick_jit(agent.act)(stack, agent.init_memory(ENVS), OBSERVATION, 0.0, jax.random.key(0))
    np.testing.assert_array_equal(decision.action, np.argmax(decision.values[:, -1], axis=-1))
    np.testing.assert_array_equal(agent.cell_weights, np.eye(2))  # a prefix acts on its own top cell


@pytest.mark.parametrize("readout", ["value", "quantile"])
def test_bootstrapping_from_the_mean_over_cells(readout):
    settings = dataclasses.replace(SETTINGS, readout=readout, num_quantiles=3, bootstrap="mean")
    shape = (ENVS, 2, 3, 2) if readout == "quantile" else (ENVS, 2, 2)
    values = jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
    averaged = network.value_function(settings, facts()).for_bootstrap(values)
    np.testing.assert_allclose(averaged, np.broadcast_to(np.mean(values, axis=1, keepdims=True), shape), rtol=1e-6)
    own = network.value_function(dataclasses.replace(settings, bootstrap="own"), facts())
    np.testing.assert_array_equal(own.for_bootstrap(values), values)


def test_quantiles_are_averaged_over_cells_and_quantiles_when_acting(quick_jit):
    settings = dataclasses.replace(SETTINGS, readout="quantile", num_quantiles=5, loss="quantile_huber")
    agent = make_agent(settings, facts(), 1000, False)
    stack = agent.network(quick_jit(agent.init)(jax.random.key(0)))
    decision = quick_jit(agent.act)(stack, agent.init_memory(ENVS), OBSERVATION, 0.0, jax.random.key(0))
    assert decision.values.shape == (ENVS, 2, 5, 2)
    np.testing.assert_array_equal(decision.action, np.mean(decision.values, axis=(1, 2)).argmax(axis=-1))


FACTORED = {
    "num_actions": 6,
    "action_dimensions": 3,
    "action_features": np.kron(np.eye(3), [[-1.0], [1.0]]).astype(np.float32),
}


@pytest.mark.parametrize("conditioned", [False, True])
def test_values_of_factored_actions(conditioned, quick_jit):
    """Conditioned or not, the value of an action is the mean over dimensions of its choices' values."""
    settings = dataclasses.replace(SETTINGS, cell="attention", action_conditioning=conditioned)
    env = facts(**FACTORED)
    q_function = network.value_function(settings, env)
    carry = network.silent_carry(settings, ENVS)
    action = np.random.default_rng(0).integers(0, 2, (ENVS, 3)).astype(np.int32)

    def values(key):
        stack = stacks.build_stack(settings, env, key)
        everything, _ = q_function.all(stack, jnp.asarray(OBSERVATION), carry)

        def of_row(observation, carry, action):
            return stack(observation, carry, settings.credit, q_function.taken(action))[0].mean(axis=-1)

        return everything, jax.vmap(of_row)(jnp.asarray(OBSERVATION), carry, jnp.asarray(action))

    everything, taken = quick_jit(values)(jax.random.key(0))
    assert everything.shape == (ENVS, 2, 6)
    for env_index, cell in np.ndindex(ENVS, 2):
        choices = [everything[env_index, cell, 2 * d + c] for d, c in enumerate(action[env_index])]
        np.testing.assert_allclose(taken[env_index, cell], np.mean(choices), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("learner", ["parallel", "replay"])
def test_learners_take_factored_actions(learner, quick_jit):
    """One block of steps: the ring stores vectors of choices, and what is learned of is finite."""
    common = {"net_arch": (3, 2), "num_envs": ENVS}
    settings = {
        "parallel": ParallelSettings(**common, rollout_length=4, num_minibatches=2),
        "replay": ReplaySettings(**common, batch_size=8, train_every=ENVS * 4, learning_starts=0, context_length=2),
    }[learner]
    agent = make_agent(settings, facts(**FACTORED, max_episode_steps=50), 1000, True)

    def run(key):
        state = agent.init(key)
        memory = agent.init_memory(ENVS)
        decision = agent.act(agent.network(state), memory, jnp.asarray(OBSERVATION), 0.5, key)

        def steps(x):
            return jnp.broadcast_to(x, (4, *x.shape))

        flags = jnp.zeros((4, ENVS), bool)
        carry, after = jax.tree.map(steps, (memory.carry, decision.memory.carry))
        observation = steps(jnp.asarray(OBSERVATION))
        rollout = Rollout(
            observation, carry, after, steps(decision.values), steps(decision.action), jnp.ones((4, ENVS)), flags,
            flags, observation, jnp.asarray(OBSERVATION), memory.carry,
        )  # fmt: skip
        state, _ = agent.learn(state, rollout, jnp.int32(0), key)
        return agent.learn(state, rollout, jnp.int32(1), key)

    state, metrics = quick_jit(run)(jax.random.key(0))
    assert metrics.updates > 0
    assert np.isfinite(metrics.loss).all()
    if learner == "replay":
        assert state.replay.action.shape[1:] == (ENVS, 3)
