"""What every environment of several agents on the device promises. A new one is tested by being registered."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.envs.teams.protocol import TeamEnvironment
from accumbens.envs.teams.registry import make_team, team_environments
from accumbens.envs.teams.wrappers import auto_reset_team

COPIES = 8

# Battles of many units take long to compile: two stand for all eight.
NAMES = [name for name in team_environments() if not name.startswith("smax/") or name in ("smax/2s3z", "smax/3s_vs_5z")]


@pytest.fixture(scope="module", params=NAMES)
def env(request):
    env = make_team(request.param)
    assert isinstance(env, TeamEnvironment)
    return env


@pytest.fixture(scope="module")
def played(env):
    """Random legal play of many copies with automatic resets: what was seen before, and the outcomes, [steps, ...]."""
    steps = env.facts.max_episode_steps + 5

    def step(carry, key):
        state, seen = carry
        action_key, step_key = jax.random.split(key)
        actions = jax.random.categorical(action_key, jnp.where(seen.legal, 0.0, -jnp.inf)).astype(jnp.int32)
        keys = jax.random.split(step_key, COPIES)
        state, following, outcome = jax.vmap(lambda *of: auto_reset_team(env, *of))(keys, state, actions)
        return (state, following), (seen, outcome)

    def play(key):
        start = jax.vmap(env.reset)(jax.random.split(key, COPIES))
        # The scan itself refuses a state or an observation whose type changes.
        return jax.lax.scan(step, start, jax.random.split(key, steps))

    program = jax.jit(play)
    end, of_steps = program(jax.random.key(0))
    again = program(jax.random.key(0))[1]
    return end, jax.tree.map(np.asarray, of_steps), jax.tree.map(np.asarray, again)


def test_shapes_and_types(env, played):
    facts, agents = env.facts, len(env.facts.agents)
    end, (seen, outcome), _ = played
    start = jax.eval_shape(jax.vmap(env.reset), jax.random.split(jax.random.key(0), COPIES))
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), start) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), end
    )
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(start))
    for shown in (seen, outcome.seen):
        assert shown.observation.shape[1:] == (COPIES, agents, facts.observation_size)
        assert shown.legal.shape[1:] == (COPIES, agents, facts.num_actions)
        assert shown.alive.shape[1:] == (COPIES, agents)
        assert (shown.observation.dtype, shown.legal.dtype, shown.alive.dtype) == (np.float32, bool, bool)
    assert (outcome.rewards.shape[1:], outcome.rewards.dtype) == ((COPIES, agents), np.float32)
    for ends in (outcome.terminated, outcome.truncated):
        assert (ends.shape[1:], ends.dtype) == ((COPIES,), bool)


def test_what_is_seen(env, played):
    seen, outcome = played[1]
    for shown in (seen, outcome.seen):
        assert np.isfinite(shown.observation).all()
        assert shown.legal.any(-1).all(), "at least one action is legal, for the dead as well"
        assert env.facts.masks or shown.legal.all()
        assert (shown.alive.any(-1) | (outcome.terminated if shown is outcome.seen else False)).all()
    if env.facts.masks:
        assert not seen.legal.all()
    assert np.isfinite(outcome.rewards).all()


def test_ends(env, played):
    outcome = played[1][1]
    assert not (outcome.terminated & outcome.truncated).any()
    ended = outcome.terminated | outcome.truncated
    assert ended.any(0).all(), "nobody goes on after max_episode_steps"
    for copy in range(COPIES):
        ends = np.flatnonzero(ended[:, copy])
        lengths = np.diff(np.concatenate([[-1], ends]))
        assert lengths.max() <= env.facts.max_episode_steps
        cut = outcome.truncated[ends, copy]
        assert (lengths[cut] == env.facts.max_episode_steps).all()


def test_the_last_is_truly_seen_and_the_next_begins_anew(played):
    seen, outcome = played[1]
    ended = (outcome.terminated | outcome.truncated)[:-1]
    following, told = seen.observation[1:], outcome.seen.observation[:-1]
    np.testing.assert_array_equal(following[~ended], told[~ended])
    assert (following[ended] != told[ended]).any(axis=(-1, -2)).all()


def test_the_same_keys_play_the_same(played):
    jax.tree.map(np.testing.assert_array_equal, played[1], played[2])


def test_the_facts_cost_nothing(env):
    assert env.facts.name in team_environments()
    assert len(set(env.facts.agents)) == len(env.facts.agents)


def test_it_can_be_drawn(env):
    if env.board is None:
        pytest.skip("has no picture")
    picture = env.board(env.reset(jax.random.key(0))[0])
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
