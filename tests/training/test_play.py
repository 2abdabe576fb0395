"""Playing with a trained network: what every cell thinks is what the agent computes, and its TD error is δ."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.agents import network
from accumbens.training.acting import ActingAgent
from accumbens.training.config import resolve_config
from accumbens.training.facts import facts_of
from accumbens.training.plan import environment_facts, make_agent_and_plan
from accumbens.training.play import DeviceArena, Mind, make_arena, play
from accumbens.training.trained import Trained

SMALL = {"num_envs": "4", "rank": "2"}
CASES = {
    "one value": ("CartPole-v1", "ad_pqn", SMALL),
    "quantiles": ("CartPole-v1", "ad_qr_pqn", SMALL | {"num_quantiles": "5"}),
    "the mean over cells": ("CartPole-v1", "ad_pqn", SMALL | {"bootstrap": "mean", "reward_scale": "0.5"}),
    "conditioned on the action": ("Acrobot-v1", "arq_pqn", SMALL | {"goodness_width": "4"}),
    "factored, on the host": ("dmc/walker-walk", "ad_pqn", SMALL),
}


class Remembering:
    """An arena that keeps the last true next observation."""

    def __init__(self, arena):
        self.num_envs, self.reset, self.close, self._step = arena.num_envs, arena.reset, arena.close, arena.step

    def step(self, action):
        observation, outcome = self._step(action)
        self.final = outcome.final_observation
        return observation, outcome


def untrained(env, algo, changes, seeds=2):
    config = resolve_config(env, algo, seeds=seeds, net_arch=(8, 6), changes=changes)
    agent, _ = make_agent_and_plan(config)
    facts, _ = environment_facts(config.env, config.settings.discretisation)
    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    networks = jax.vmap(lambda key: agent.network(agent.init(key)))(keys)
    return Trained(config, config.settings, facts, config.seed_list(), agent, networks, 0)


@pytest.mark.parametrize("case", CASES)
def test_every_cell_s_td_error_is_r_plus_discounted_next_value_minus_value(case):
    trained = untrained(*CASES[case])
    arena = make_arena(trained, num_envs=3, seed=1)
    moments = list(itertools.islice(play(trained, arena, seed=1, epsilon=0.5), 12))
    arena.close()
    settings, dimensions = trained.settings, trained.facts.action_dimensions
    for now, following in itertools.pairwise(moments):
        going_on = ~(now.terminated | now.truncated)
        assert going_on.any()
        values = following.values.astype(np.float64)
        if settings.bootstrap == "mean":
            values = values.mean(axis=1, keepdims=True) + 0 * values
        best = values.max(axis=-1)
        if dimensions is not None:
            best = values.reshape(*values.shape[:2], dimensions, -1).max(axis=-1).mean(axis=-1)
        delta = settings.reward_scale * now.reward[:, None] + settings.discount * best - now.taken
        np.testing.assert_allclose(now.td_error[going_on], delta[going_on], rtol=1e-4, atol=1e-4)


def test_values_and_activity_are_those_of_the_stack_and_the_carry_goes_on():
    trained = untrained(*CASES["one value"])
    moments = list(itertools.islice(play(trained, make_arena(trained, 2, 0), seed=1), 4))
    encode = network.make_encoder(trained.settings, trained.facts)
    for now, following in itertools.pairwise(moments):
        values, hidden = jax.vmap(trained.network(1))(encode(jnp.asarray(now.observation)), now.carry)
        np.testing.assert_allclose(now.values, values, atol=1e-5)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), now.hidden, hidden)
        jax.tree.map(np.testing.assert_array_equal, following.carry, now.hidden)
        np.testing.assert_array_equal(now.action, now.values.mean(axis=1).argmax(axis=-1))


def test_a_terminal_step_has_no_bootstrap_and_the_next_begins_in_silence():
    trained = untrained(*CASES["one value"])
    moments = list(itertools.islice(play(trained, make_arena(trained, 8, 0), epsilon=1.0), 40))
    ends = [(now, following) for now, following in itertools.pairwise(moments) if now.terminated.any()]
    assert ends
    for now, following in ends:
        ended = now.terminated
        delta = trained.settings.reward_scale * now.reward[:, None] - now.taken
        np.testing.assert_allclose(now.td_error[ended], delta[ended], atol=1e-5)
        assert all(np.all(np.asarray(hidden)[ended] == 0) for hidden in following.carry)
        assert np.abs(following.observation[ended]).max() <= 0.05, "CartPole's first states"


def test_a_truncated_step_bootstraps_from_the_true_final_observation():
    trained = untrained("MountainCar-v0", "ad_pqn", SMALL)
    arena = Remembering(make_arena(trained, 1, 0))
    last = next(now for now in play(trained, arena, epsilon=1.0) if now.truncated.any() or now.terminated.any())
    assert last.truncated.all()
    without = trained.settings.reward_scale * last.reward[:, None] - last.taken
    stack, encode = trained.network(0), network.make_encoder(trained.settings, trained.facts)
    values, _ = jax.vmap(stack)(encode(jnp.asarray(arena.final)), last.hidden)
    bootstrap = trained.settings.discount * values.max(axis=-1)
    np.testing.assert_allclose(last.td_error, without + bootstrap, rtol=1e-4)


def test_epsilon_is_the_share_of_random_actions_also_of_agents_that_repeat_them():
    trained = untrained("MountainCar-v0", "ad_pqn", {"duration_exponent": "1.5"}, seeds=1)
    acting = ActingAgent(trained.config, facts_of(trained.config), trained.network(0), 0, 0)
    mind, stack = Mind(trained, epsilon=0.1), trained.network(0)
    num_envs, memory, shares = 400, trained.agent.init_memory(400), {"mind": [], "agent": []}
    observation = np.tile(np.float32([[-0.5, 0.01]]), (num_envs, 1))
    for time in range(25):
        greedy = acting.values(observation).mean(axis=1).argmax(axis=1)
        shares["agent"].append(acting.act(observation, epsilon=0.1) != greedy)
        thought = mind.decide(stack, memory, jnp.asarray(observation), jnp.int32(time))
        memory = thought.memory
        shares["mind"].append(np.asarray(thought.action) != np.asarray(thought.values).mean(axis=1).argmax(axis=1))
    for share in shares.values():  # of 10,000: a third of what is drawn at random is the greedy action
        np.testing.assert_allclose(np.mean(share), 0.1 * 2 / 3, atol=0.01)
    acting.act(observation, epsilon=1.0)
    greedy = acting.values(observation).mean(axis=1).argmax(axis=1)
    np.testing.assert_array_equal(acting.act(observation), greedy)


def test_it_is_the_same_every_time_and_seeds_differ():
    trained = untrained(*CASES["one value"])
    mind = Mind(trained, epsilon=0.3)

    def observations(arena, seed):
        return np.stack([now.observation for now in itertools.islice(play(trained, arena, seed=seed, mind=mind), 10)])

    arena = DeviceArena("CartPole-v1", 2, 5)
    first = observations(arena, 0)
    np.testing.assert_array_equal(first, observations(arena, 0))
    assert not np.array_equal(first[0], observations(DeviceArena("CartPole-v1", 2, 6), 0)[0])
    assert not np.array_equal(first, observations(arena, 1)), "another seed's network"
