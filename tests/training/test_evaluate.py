"""Evaluation on the device and on the host, with an agent and an environment whose returns are known by hand."""

from contextlib import closing

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from gymnasium.spaces import Box, Discrete

from accumbens.agents import network
from accumbens.agents.protocol import Agent, Decision, Memory
from accumbens.agents.settings import ParallelSettings
from accumbens.envs.protocol import Environment, Step
from accumbens.td.exploration import epsilon_greedy, no_repeat
from accumbens.training import evaluate
from accumbens.training.evaluate import make_device_evaluation, prefix_weights
from accumbens.training.host_evaluation import HostEvaluation

NAME = "test/Draw-v0"
REWARDS = np.array([1.0, 10.0, 100.0], np.float32)
# Alone, cell 1 prefers action 0; the mean of cells 1 and 2 action 1; the mean of all three action 2.
VALUES = np.array([[1.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 9.0]], np.float32)


def agent_of_known_values(num_cells=3, duration_exponent=None):
    """An agent whose state is a table of values; its only cell of carry counts the steps of the episode."""

    def init_memory(num_envs):
        return Memory((jnp.zeros((num_envs, 1)),), no_repeat(num_envs))

    def act(table, memory, observation, epsilon, key, cell_weights=None):
        counted = memory.carry[0] + 1
        # The environment shows the steps taken; were the carry not reset or advanced, the values would turn around.
        right = observation[:, 1] == memory.carry[0][:, 0]
        values = jnp.where(right[:, None, None], table, -table)
        q = jnp.einsum("eca,ec->ea", values, cell_weights)
        action, repeat = epsilon_greedy(key, q, epsilon, memory.repeat, duration_exponent)
        return Decision(action, values, Memory((counted,), repeat))

    return Agent(
        init=lambda key: jnp.asarray(VALUES[:num_cells]),
        init_memory=init_memory,
        act=act,
        learn=lambda *_: None,
        epsilon=lambda step: step * 0.0,
        learning_rate=optax.constant_schedule(0.0),
        network=lambda state: state,
        with_network=lambda state, network: network,
        num_envs=1,
        rollout_length=1,
        num_cells=num_cells,
        cell_weights=network.cell_weights(ParallelSettings(net_arch=(1,) * num_cells)),
        updates_at=lambda iteration: 0,
        cut_off=lambda state, iteration: state,
    )


def length_of(draw):
    """Episodes last 1 to 4 steps, drawn at the start."""
    return 1 + np.floor(4 * draw)


def draw_environment(max_episode_steps=None, endless=False, windfall=0.0):
    """Observes (the episode's draw, steps taken); pays by the action, plus the draw, plus at first the windfall;
    terminates after `length_of`."""

    def observe(state):
        return jnp.stack([state[0], state[1]])

    def reset(key):
        state = jnp.stack([jax.random.uniform(key), 0.0])
        return state, observe(state)

    def step(key, state, action):
        state = state.at[1].add(1)
        ended = (state[1] >= 1 + jnp.floor(4 * state[0])) & (not endless)
        reward = jnp.asarray(REWARDS)[action] + state[0] + jnp.where(state[1] == 1, windfall, 0)
        return state, Step(observe(state), reward, ended, jnp.zeros((), bool))

    low, high = np.zeros(2, np.float32), np.full(2, np.inf, np.float32)
    return Environment(NAME, reset, step, (2,), np.dtype(np.float32), low, high, 3, max_episode_steps)


class Draw(gymnasium.Env):
    """The same environment as Gymnasium has it."""

    observation_space = Box(0, np.inf, (2,), np.float32)
    action_space = Discrete(3)
    endless = False
    windfall = 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = np.array([self.np_random.random(), 0], np.float32)
        return self.state.copy(), {}

    def step(self, action):
        self.state[1] += 1
        ended = bool(self.state[1] >= length_of(self.state[0])) and not self.endless
        reward = float(REWARDS[action] + self.state[0]) + self.windfall * (self.state[1] == 1)
        return self.state.copy(), reward, ended, False, {}


@pytest.fixture(params=["device", "host"])
def evaluation(request, monkeypatch):
    """`evaluation(num_episodes, epsilon, endless, windfall, **choices) -> Evaluation` of the agent above, in either
    loop."""

    def on_device(num_episodes, epsilon=0.0, endless=False, windfall=0.0, **choices):
        env, agent = draw_environment(endless=endless, windfall=windfall), agent_of_known_values(**choices)
        return jax.jit(make_device_evaluation(env, agent, num_episodes))(agent.init(None), epsilon)

    def on_host(num_episodes, epsilon=0.0, endless=False, windfall=0.0, **choices):
        agent = agent_of_known_values(**choices)
        drawn = type("Drawn", (Draw,), {"endless": endless, "windfall": windfall})
        monkeypatch.setitem(gymnasium.registry, NAME, gymnasium.envs.registration.EnvSpec(NAME, drawn))
        with closing(HostEvaluation(NAME, agent, 1, num_episodes)) as play:
            return jax.tree.map(lambda part: part[0], play(agent.init(None)[None], epsilon))

    return on_device if request.param == "device" else on_host


def test_weights_are_means_over_the_first_cells():
    np.testing.assert_allclose(
        prefix_weights(agent_of_known_values(), 2),
        [[1, 0, 0], [1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 3, 1 / 3]],
        rtol=1e-6,
    )


def test_every_prefix_acts_on_the_mean_of_its_cells_and_meets_the_same_first_states(evaluation):
    returns, lengths, cut = (np.asarray(part) for part in evaluation(50))
    assert not cut.any()
    assert returns.shape == lengths.shape == (3, 50)
    assert (lengths[0] == lengths).all(), "how long an episode lasts is drawn with its first state"
    assert set(lengths[0]) == {1, 2, 3, 4}
    draws = returns / lengths - REWARDS[:, None]  # what is paid beyond the action's reward
    assert (draws > 0).all()
    np.testing.assert_allclose(draws, draws[:1].repeat(3, axis=0), atol=2e-5)
    np.testing.assert_array_equal(lengths[0], length_of(draws[0]))
    assert len(set(np.round(draws[0], 4))) == 50, "every episode has its own first state"


def test_the_same_evaluation_twice_is_the_same(evaluation):
    for part, other in zip(evaluation(5, 0.5), evaluation(5, 0.5), strict=True):
        np.testing.assert_array_equal(part, other)


def test_every_agent_meets_the_same_first_states(evaluation):
    small, large = evaluation(50, num_cells=1), evaluation(50, num_cells=3)
    np.testing.assert_array_equal(small.lengths[0], large.lengths[0])
    np.testing.assert_allclose(small.returns[0], large.returns[0], rtol=1e-6)


@pytest.mark.parametrize("duration_exponent", [None, 1.5])
def test_epsilon_is_the_share_of_random_actions_also_of_agents_that_repeat_them(
    evaluation, duration_exponent, monkeypatch
):
    monkeypatch.setattr(evaluate, "LONGEST_EPISODE", 40)
    greedy, noisy = (
        evaluation(100, epsilon, endless=True, duration_exponent=duration_exponent).returns for epsilon in (0.0, 0.1)
    )
    per_step = REWARDS[0] + np.mean(np.asarray(noisy)[0] - np.asarray(greedy)[0]) / 40
    # 4000 steps of standard deviation 18. With repeats about a third of the actions would be random.
    np.testing.assert_allclose(per_step, 0.9 * REWARDS[0] + 0.1 * REWARDS.mean(), atol=1)


def test_epsilon_makes_actions_random(evaluation):
    returns, lengths, _ = evaluation(200, epsilon=1.0)
    per_step = np.asarray(returns).sum(axis=1) / np.asarray(lengths).sum(axis=1)
    # Mean 37.5 with a standard deviation of about 45 over about 500 steps.
    np.testing.assert_allclose(per_step, REWARDS.mean() + 0.5, atol=10)


def test_no_reward_is_lost_beside_a_large_return(evaluation, monkeypatch):
    """In float32 a return of 2^25 plus 1.5 is 2^25; what is left of 40 such steps must be there all the same."""
    monkeypatch.setattr(evaluate, "LONGEST_EPISODE", 40)
    small, large = (
        np.asarray(evaluation(20, endless=True, windfall=windfall).returns)[0] for windfall in (0.0, 2.0**25)
    )
    assert (small > 40).all()
    np.testing.assert_allclose(large - 2.0**25, small, atol=6)  # a float32 is one of every 4 numbers there


def test_an_episode_without_end_is_cut(evaluation, monkeypatch):
    monkeypatch.setattr(evaluate, "LONGEST_EPISODE", 7)
    returns, lengths, cut = evaluation(4, endless=True)
    assert np.all(cut), "it says so"
    np.testing.assert_array_equal(lengths, np.full((3, 4), 7))
    np.testing.assert_allclose(np.asarray(returns) // 7, REWARDS[:, None].repeat(4, axis=1))


def test_a_time_limit_cuts_on_the_device():
    env = draw_environment(max_episode_steps=3, endless=True)
    _, lengths, _ = make_device_evaluation(env, agent_of_known_values(), 2)(jnp.asarray(VALUES))
    np.testing.assert_array_equal(lengths, np.full((3, 2), 3))


def test_every_prefix_meets_the_same_noise_on_the_device():
    env = draw_environment(max_episode_steps=5, endless=True)

    def step(key, state, action):
        state, outcome = env.step(key, state, action)
        return state, outcome._replace(reward=jax.random.uniform(key))

    play = make_device_evaluation(env._replace(step=step), agent_of_known_values(), 4)
    returns = np.asarray(play(jnp.asarray(VALUES)).returns)
    np.testing.assert_array_equal(returns, returns[:1].repeat(3, axis=0))
    assert len(set(returns[0])) == 4, "each episode has its own"
