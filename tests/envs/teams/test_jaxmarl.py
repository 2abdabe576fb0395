"""Battles and particle worlds beside JaxMARL's own, with the same keys and actions, and how they end."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.envs.teams import jaxmarl as adapter
from accumbens.envs.teams.registry import jaxmarl_environments, make_team
from accumbens.errors import AccumbensError, UnknownNameError

original = adapter._module("jaxmarl")


def original_smax(scenario):
    smax_env = adapter._module("jaxmarl.environments.smax.smax_env")
    return original.make("HeuristicEnemySMAX", scenario=smax_env.map_name_to_scenario(scenario))


def original_mpe(world):
    return original.make(adapter.MPE[world].identifier)


def theirs_of(name):
    benchmark, _, which = name.partition("/")
    return original_smax(which) if benchmark == "smax" else original_mpe(which)


@pytest.mark.parametrize("name", jaxmarl_environments())
def test_facts_are_those_of_the_original(name):
    facts, theirs = make_team(name).facts, theirs_of(name)
    assert list(facts.agents) == theirs.agents
    assert facts.observation_size == max(theirs.observation_space(agent).shape[0] for agent in theirs.agents)
    assert facts.num_actions == max(theirs.action_space(agent).n for agent in theirs.agents)
    assert facts.max_episode_steps == theirs.max_steps
    assert (facts.won is not None) is name.startswith("smax/")
    sizes = {theirs.action_space(agent).n for agent in theirs.agents}
    assert facts.masks is (name.startswith("smax/") or len(sizes) > 1)


def padded(facts, observations):
    rows = [np.asarray(observations[agent], np.float32) for agent in facts.agents]
    return np.stack([np.pad(row, (0, facts.observation_size - len(row))) for row in rows])


@pytest.mark.parametrize("name", ["smax/3m", *(name for name in jaxmarl_environments() if name.startswith("mpe/"))])
def test_beside_the_original(name):
    env, theirs, generator = make_team(name), theirs_of(name), np.random.default_rng(3)
    facts, step, their_step = env.facts, jax.jit(env.step), jax.jit(theirs.step_env)
    terminated = 0
    for seed in range(3):
        key = jax.random.key(seed)
        state, seen = jax.jit(env.reset)(key)
        observations, their_state = theirs.reset(key)
        for time in range(facts.max_episode_steps):
            np.testing.assert_allclose(seen.observation, padded(facts, observations), atol=1e-6)
            actions = [generator.choice(np.flatnonzero(legal)) for legal in np.asarray(seen.legal)]
            step_key = jax.random.fold_in(key, time)
            state, outcome = step(step_key, state, jnp.array(actions, jnp.int32))
            chosen = {agent: jnp.int32(action) for agent, action in zip(facts.agents, actions, strict=True)}
            observations, their_state, rewards, dones, _ = their_step(step_key, their_state, chosen)
            np.testing.assert_allclose(outcome.rewards, [rewards[agent] for agent in facts.agents], rtol=1e-5)
            seen = outcome.seen
            if name.startswith("smax/"):
                np.testing.assert_array_equal(~seen.alive, [dones[agent] for agent in facts.agents])
                available = theirs.get_avail_actions(their_state)
                np.testing.assert_array_equal(seen.legal, [available[agent] for agent in facts.agents])
                assert bool(outcome.terminated) == bool(dones["__all__"]), "before the limit they agree"
            if outcome.terminated or outcome.truncated:
                break
        np.testing.assert_allclose(seen.observation, padded(facts, observations), atol=1e-6)
        terminated += bool(outcome.terminated)
        if not outcome.terminated:
            assert time + 1 == facts.max_episode_steps
            assert not dones["__all__"], "theirs goes on for one step more"
    assert terminated == (3 if name.startswith("smax/") else 0), "random play loses every battle"


def test_actions_beyond_an_agent_s_own_are_illegal():
    _, seen = make_team("mpe/simple_speaker_listener").reset(jax.random.key(0))
    np.testing.assert_array_equal(seen.legal, [[True] * 3 + [False] * 2, [True] * 5])
    assert not np.asarray(seen.observation)[0, 3:].any()
    assert seen.alive.all()


@pytest.fixture(scope="module")
def battle():
    env = make_team("smax/3m")
    return env, jax.jit(env.step), env.reset(jax.random.key(0))[0]


def after(battle, elapsed=0, dead=()):
    """One step of stopping, from a first state with so many steps behind it, in which some units have no health."""
    _, step, first = battle
    health = first.state.unit_health.at[jnp.array(dead, int)].set(0.0)
    units = first.state.replace(step=jnp.int32(elapsed), unit_health=health, unit_alive=health > 0)
    return step(jax.random.key(1), first.replace(state=units), jnp.full(3, 4))[1]


@pytest.mark.parametrize(
    ("elapsed", "dead", "terminated", "truncated"),
    [
        (98, (), False, False),
        (99, (), False, True),
        (99, (3, 4, 5), True, False),
        (99, (0, 1, 2), True, False),
        (5, (0, 1, 2, 3, 4, 5), True, False),
        (5, (0, 1, 3), False, False),
    ],
)
def test_how_a_battle_ends(battle, elapsed, dead, terminated, truncated):
    outcome = after(battle, elapsed, dead)
    assert (bool(outcome.terminated), bool(outcome.truncated)) == (terminated, truncated)


def test_a_battle_that_is_won_is_told_apart(battle):
    """The reward of the last blow: 1 for winning, none if nobody is left to have won."""
    assert after(battle, dead=(3, 4, 5)).rewards.tolist() == [1.0, 1.0, 1.0]
    assert after(battle, dead=range(6)).rewards.tolist() == [0.0, 0.0, 0.0]
    assert 1.0 < battle[0].facts.won < 2.0, "all the damage and no win, and a win"


def test_the_dead_can_only_stop(battle):
    seen = after(battle, dead=(1,)).seen
    assert seen.alive.tolist() == [True, False, True]
    assert np.flatnonzero(seen.legal[1]).tolist() == [4]
    assert not np.asarray(seen.observation)[1].any()


QUIET = """
import sys, io
sys.stdout, sys.stderr = mine = io.StringIO(), io.StringIO()
began = sys.__stdout__, sys.__stderr__
import jax
from accumbens.envs.teams.registry import make_team
env = make_team("mpe/simple_tag")
assert "jaxmarl" not in sys.modules, "the facts do not need it"
env.reset(jax.random.key(0))
assert "jaxmarl" in sys.modules
assert (sys.stdout, sys.stderr) == mine and (sys.__stdout__, sys.__stderr__) == began
assert not mine[0].getvalue() and not mine[1].getvalue()
"""


def test_importing_it_leaves_the_streams_alone():
    done = subprocess.run([sys.executable, "-W", "error", "-c", QUIET], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("smax/3m", "mpe/simple_tag"):
        with pytest.raises(AccumbensError, match=rf'{name}.*pip install "accumbens\[jaxmarl\]"'):
            make_team(name)


@pytest.mark.parametrize(
    ("make", "name", "nearest"), [(adapter.smax, "2s3x", "2s3z"), (adapter.mpe, "simple_tga", "simple_tag")]
)
def test_unknown_scenarios(make, name, nearest):
    with pytest.raises(UnknownNameError, match=f"did you mean '{nearest}'"):
        make(name)
