"""Classic control on the device against Gymnasium's own, transition by transition."""

import itertools
from contextlib import nullcontext

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from accumbens.envs import registry

NAMES = ["CartPole-v1", "Acrobot-v1", "MountainCar-v0"]
FIELDS = {
    "CartPole-v1": ("x", "x_dot", "theta", "theta_dot"),
    "Acrobot-v1": ("joint_angle1", "joint_angle2", "velocity_1", "velocity_2"),
    "MountainCar-v0": ("position", "velocity"),
}
FALL = 12 * 2 * np.pi / 360
# For every component of the state: the range to draw from, and values that thresholds and clips make special.
RANGES = {
    "CartPole-v1": [(-2.4, 2.4), (-6, 6), (-FALL, FALL), (-6, 6)],
    "Acrobot-v1": [(-np.pi, np.pi), (-np.pi, np.pi), (-4 * np.pi, 4 * np.pi), (-9 * np.pi, 9 * np.pi)],
    "MountainCar-v0": [(-1.2, 0.5), (-0.07, 0.07)],
}
SPECIAL = {
    "CartPole-v1": [(-2.4, -2.39, 0, 2.39, 2.4), (-5, 0, 5), (-FALL, -0.2, 0, 0.2, FALL), (-5, 0, 5)],
    "Acrobot-v1": [(-np.pi, 0, 1, np.pi), (-np.pi, 0, 2, np.pi), (-4 * np.pi, 0, 12, 4 * np.pi), (-9 * np.pi, 0, 28)],
    "MountainCar-v0": [(-1.2, -1.199, -1.14, -0.52, 0.43, 0.499), (-0.07, -0.0005, 0, 0.0005, 0.07)],
}
RANDOM_STATES = 4000


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def ours(name):
    return registry.make(name)


@pytest.fixture(scope="module")
def theirs(name):
    env = gymnasium.make(name)
    yield env
    env.close()


def state_at(env, vector):
    """Our state in which the simulator is at `vector` and no step of the episode has been taken."""
    timed, _ = env.reset(jax.random.key(0))
    return timed._replace(state=timed.state.replace(**dict(zip(FIELDS[env.name], vector, strict=True))))


def vector_of(env, timed):
    return jnp.stack([getattr(timed.state, field) for field in FIELDS[env.name]], axis=-1)


@pytest.fixture(scope="module")
def transitions(name, theirs):
    """States and actions, and what Gymnasium makes of them: next states, observations, rewards, terminated."""
    rng = np.random.default_rng(0)
    low, high = np.array(RANGES[name], float).T
    states = np.concatenate([rng.uniform(low, high, (RANDOM_STATES, len(low))), [*itertools.product(*SPECIAL[name])]])
    actions = rng.integers(theirs.action_space.n, size=len(states))
    simulator = theirs.unwrapped
    outcomes = []
    for state, action in zip(states, actions, strict=True):
        simulator.reset(seed=0)
        simulator.state = state.copy()
        observation, reward, terminated, _, _ = simulator.step(int(action))
        outcomes.append((np.array(simulator.state, float), observation, reward, terminated))
    return states, actions, *(np.array(column) for column in zip(*outcomes, strict=True))


def distance_to_termination(name, state):
    """How far a next state is from the boundary between going on and terminating."""
    if name == "CartPole-v1":
        return np.minimum(abs(abs(state[:, 0]) - 2.4), abs(abs(state[:, 2]) - FALL))
    if name == "Acrobot-v1":
        return abs(-np.cos(state[:, 0]) - np.cos(state[:, 0] + state[:, 1]) - 1)
    return np.minimum(abs(state[:, 0] - 0.5), np.where(state[:, 0] > 0.49, abs(state[:, 1]), 1))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_transitions_are_gymnasiums(name, ours, transitions, precision):
    # In float32, Acrobot's fourth-order integration loses digits at the largest velocities.
    tolerance = 1e-11 if precision == "float64" else 1e-3 if name == "Acrobot-v1" else 2e-6
    states, actions, next_states, observations, rewards, terminated = transitions
    with jax.enable_x64(True) if precision == "float64" else nullcontext():
        step = jax.vmap(lambda vector, action: ours.step(jax.random.key(0), state_at(ours, vector), action))
        timed, outcome = jax.jit(step)(jnp.asarray(states, precision), jnp.asarray(actions, jnp.int32))
        reached = np.asarray(vector_of(ours, timed))
        assert reached.dtype == precision

    difference = reached - next_states
    if name == "Acrobot-v1":  # -π and π are the same angle
        difference[:, :2] = (difference[:, :2] + np.pi) % (2 * np.pi) - np.pi
    assert np.max(abs(difference) / np.maximum(1, abs(next_states))) < tolerance
    assert outcome.observation.dtype == observations.dtype == np.float32
    tolerance = max(tolerance, 1e-6)
    np.testing.assert_allclose(outcome.observation, observations, rtol=tolerance, atol=tolerance)

    clear = distance_to_termination(name, next_states) > tolerance
    assert clear.mean() > 0.98
    assert 40 < terminated.sum() < len(terminated) - 40
    np.testing.assert_array_equal(np.asarray(outcome.terminated)[clear], terminated[clear])
    np.testing.assert_array_equal(np.asarray(outcome.reward)[clear], rewards[clear])
    assert not np.any(outcome.truncated)


def resist(observation):
    return (observation[2] + 0.5 * observation[3] + 0.05 * observation[0] + 0.1 * observation[1] > 0).astype(int)


def push_along(observation):
    return 2 * (observation[-1] > 0).astype(int)


POLICIES = {
    "balance": ("CartPole-v1", resist, (500, "truncated")),
    "fall": ("CartPole-v1", lambda _: np.int32(1), (9, "terminated")),
    "hang": ("Acrobot-v1", lambda _: 1, (500, "truncated")),
    "swing": ("Acrobot-v1", push_along, (65, "terminated")),
    "idle": ("MountainCar-v0", lambda _: 1, (200, "truncated")),
    "climb": ("MountainCar-v0", push_along, (169, "terminated")),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_episodes_are_gymnasiums(policy):
    name, act, (expected_length, expected_end) = POLICIES[policy]
    theirs, ours = gymnasium.make(name), registry.make(name)
    first, _ = theirs.reset(seed=1)
    observation, start, episode = first, np.array(theirs.unwrapped.state, float), []
    while not episode or not (episode[-1][2] or episode[-1][3]):
        observation, reward, terminated, truncated, _ = theirs.step(int(act(observation)))
        episode.append((observation, reward, terminated, truncated))
    theirs.close()
    assert (len(episode), "terminated" if terminated else "truncated") == (expected_length, expected_end)

    def follow(carry, _):
        timed, observation = carry
        timed, outcome = ours.step(jax.random.key(0), timed, jnp.asarray(act(observation), jnp.int32))
        return (timed, outcome.observation), outcome

    with jax.enable_x64(True):
        _, outcome = jax.lax.scan(follow, (state_at(ours, jnp.asarray(start)), jnp.asarray(first)), length=len(episode))
    observations, rewards, terminated, truncated = map(np.array, zip(*episode, strict=True))
    # The pole is unstable: after 500 steps, rounding of 1e-16 has grown to a visible difference.
    np.testing.assert_allclose(outcome.observation[:200], observations[:200], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(outcome.reward, rewards)
    np.testing.assert_array_equal(outcome.terminated, terminated)
    np.testing.assert_array_equal(outcome.truncated, truncated)


@pytest.mark.parametrize("about_to_terminate", [False, True])
def test_last_allowed_step_truncates_unless_it_terminates(name, ours, about_to_terminate):
    edge = {"CartPole-v1": (2.39, 5.0, 0, 0), "Acrobot-v1": (np.pi, 0, 0, 0), "MountainCar-v0": (0.49, 0.07)}[name]
    state = state_at(ours, jnp.asarray(edge if about_to_terminate else np.zeros(len(edge)), jnp.float32))
    step = jax.jit(ours.step)
    for elapsed, is_last in ((ours.max_episode_steps - 2, False), (ours.max_episode_steps - 1, True)):
        timed = state._replace(elapsed=jnp.asarray(elapsed, jnp.int32))
        _, outcome = step(jax.random.key(0), timed, jnp.asarray(1, jnp.int32))
        assert bool(outcome.terminated) == about_to_terminate
        assert bool(outcome.truncated) == (is_last and not about_to_terminate)


def test_first_states_are_distributed_as_gymnasiums(ours, theirs):
    count = 3000
    expected = np.array([theirs.unwrapped.reset(seed=seed)[0] for seed in range(count)])
    timed, observations = jax.jit(jax.vmap(ours.reset))(jax.random.split(jax.random.key(1), count))
    observations = np.asarray(observations)
    for column, reference in zip(observations.T, expected.T, strict=True):
        if reference.std() == 0:
            assert set(column) == set(reference)
        else:
            assert stats.ks_2samp(column, reference).pvalue > 0.01
    vectors = np.asarray(vector_of(ours, timed))
    varied = vectors[:, vectors.std(axis=0) > 0]
    assert np.all(abs(np.atleast_2d(np.corrcoef(varied.T)) - np.eye(varied.shape[1])) < 0.06)
    assert not np.any(timed.elapsed)


def test_static_facts_are_gymnasiums(ours, theirs):
    space = theirs.observation_space
    assert (ours.observation_shape, ours.observation_dtype) == (space.shape, space.dtype)
    np.testing.assert_allclose(ours.observation_low, space.low, rtol=1e-6)
    np.testing.assert_allclose(ours.observation_high, space.high, rtol=1e-6)
    assert ours.num_actions == theirs.action_space.n
    assert ours.max_episode_steps == theirs.spec.max_episode_steps
