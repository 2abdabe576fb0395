"""The arcade games beside Octax's own, step by step, and how their episodes end."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.envs import octax as adapter
from accumbens.envs import registry
from accumbens.envs.octax import ACTIONS, GAMES, arcade
from accumbens.errors import AccumbensError

pytest.importorskip("octax", reason="needs the extra octax")

from octax.environments import create_environment

NAMES = list(ACTIONS)
STEPS = 400


@pytest.fixture(scope="module", params=NAMES)
def game(request):
    """A game and its original, both with compiled steps, and the original's state that ours stands for."""
    env = arcade(request.param)
    step = jax.jit(env.step)
    with adapter._quiet():
        theirs, _ = create_environment(request.param)
        first, _, _ = theirs.reset(jax.random.key(0))
        their_step = jax.jit(theirs.step).lower(first, jnp.int32(0)).compile()
    return env, theirs, step, lambda key, state, action: their_step(state.replace(rng=key), action)


def pooled(frames):
    """The observation for frames [4, columns, rows], computed pixel by pixel."""
    seen = np.zeros((16, 32, 4), bool)
    for frame, column, row in zip(*np.nonzero(frames), strict=True):
        seen[row // 2, column // 2, frame] = True
    return seen


def actions_of(env, seed, steps=STEPS):
    """Random actions, each held for some steps, as random ones alone bring a player nowhere."""
    generator = np.random.default_rng(seed)
    return np.repeat(generator.integers(env.num_actions, size=steps), generator.integers(1, 9, size=steps))[:steps]


def test_listed_games_are_those_that_are_implemented():
    assert [name for name in registry.device_environments() if name.startswith("octax/")] == list(GAMES)
    assert registry.octax_environments() == list(GAMES)


def test_facts_are_those_of_the_original(game):
    env, theirs, *_ = game
    assert env.num_actions == theirs.num_actions
    assert env.max_episode_steps == theirs.max_num_steps_per_episodes
    assert (theirs.frame_skip, theirs.pad_frame(jnp.zeros((64, 32), bool)).shape) == (4, (4, 64, 32))
    assert theirs.disable_delay, "its timers would run out to 255"


@pytest.mark.parametrize("seed", range(2))
def test_beside_the_original(game, seed):
    env, theirs, step, their_step = game
    key = jax.random.key(seed)
    state, observation = env.reset(key)
    their_state, frames, _ = theirs.reset(key)
    ends, rewards = 0, 0
    for time, action in enumerate(actions_of(env, seed)):
        np.testing.assert_array_equal(observation, pooled(np.asarray(frames)))
        step_key = jax.random.fold_in(key, time)
        state, outcome = step(step_key, state, jnp.int32(action))
        their_state, frames, reward, terminated, truncated, _ = their_step(step_key, their_state, jnp.int32(action))
        observation = outcome.observation
        np.testing.assert_array_equal(observation, pooled(np.asarray(frames)), err_msg="the true final one at an end")
        assert outcome.reward == reward
        assert outcome.terminated == terminated
        assert not outcome.truncated
        assert not truncated
        rewards += reward != 0
        if terminated:
            ends += 1
            state, observation = env.reset(key)
            their_state, frames, _ = theirs.reset(key)
    assert rewards > 0
    if env.name in ("octax/brix", "octax/spacejam"):
        assert ends > 0


def test_the_time_limit_truncates_as_the_original_s_does(game):
    """After step 4500 of an episode that has not terminated, and not after the one before."""
    env, theirs, step, their_step = game
    key = jax.random.key(0)
    (state, _), (their_state, _, _) = env.reset(key), theirs.reset(key)
    for elapsed, ends in ((4498, False), (4499, True)):
        _, outcome = step(key, state._replace(elapsed=jnp.int32(elapsed)), jnp.int32(0))
        *_, terminated, truncated, _ = their_step(key, their_state.replace(time=jnp.int32(elapsed)), jnp.int32(0))
        assert (bool(outcome.terminated), bool(outcome.truncated)) == (False, ends)
        assert (bool(terminated), bool(truncated)) == (False, ends)


def test_an_end_in_the_last_step_is_no_truncation():
    env = arcade("brix")
    step, key = jax.jit(env.step), jax.random.key(0)
    state, _ = env.reset(key)
    for time in range(100):
        before = state
        state, outcome = step(jax.random.fold_in(key, time), state, jnp.int32(2))
        if outcome.terminated:
            break
    assert outcome.terminated, "who never moves loses the ball"
    _, late = step(jax.random.fold_in(key, time), before._replace(elapsed=jnp.int32(4499)), jnp.int32(2))
    assert late.terminated
    assert not late.truncated


def test_copies_are_single_games(game):
    """Copies take turns on a processor; each is as if it were alone."""
    env, _, step, _ = game
    keys = jax.random.split(jax.random.key(5), 3)
    actions = jnp.arange(3) % env.num_actions
    states = jax.vmap(env.reset)(keys)[0]
    many = jax.jit(jax.vmap(env.step))
    ones = [env.reset(key)[0] for key in keys]
    for time in range(30):
        now = jax.vmap(lambda key, time=time: jax.random.fold_in(key, time))(keys)
        states, outcomes = many(now, states, actions)
        for index in range(3):
            ones[index], outcome = step(now[index], ones[index], actions[index])
            jax.tree.map(np.testing.assert_array_equal, outcome, jax.tree.map(lambda x, i=index: x[i], outcomes))


def test_seeds_side_by_side_are_single_ones():
    env = arcade("pong")
    keys = jax.random.split(jax.random.key(1), (2, 3))
    states, _ = jax.vmap(jax.vmap(env.reset))(keys)
    actions = jnp.array([[0, 1, 2], [2, 1, 0]])
    _, outcomes = jax.jit(jax.vmap(jax.vmap(env.step)))(keys, states, actions)
    for seed in range(2):
        _, alone = jax.jit(jax.vmap(env.step))(
            keys[seed], jax.tree.map(lambda leaf, seed=seed: leaf[seed], states), actions[seed]
        )
        jax.tree.map(np.testing.assert_array_equal, alone, jax.tree.map(lambda x, seed=seed: x[seed], outcomes))


def test_all_episodes_begin_alike_and_the_keys_decide_the_rest():
    env = arcade("pong")
    step = jax.jit(env.step)

    def play(seed):
        key, seen = jax.random.key(seed), []
        state, observation = env.reset(key)
        for time in range(40):
            seen.append(np.asarray(observation))
            state, outcome = step(jax.random.fold_in(key, time), state, jnp.int32(2))
            observation = outcome.observation
        return np.stack(seen)

    np.testing.assert_array_equal(play(0), play(0))
    assert np.any(play(0) != play(1))
    np.testing.assert_array_equal(play(0)[0], play(1)[0])


@pytest.mark.parametrize("missing", ["octax", "cv2"])
def test_without_the_extra_it_says_which(monkeypatch, missing):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else object())
    with pytest.raises(AccumbensError, match=r"'octax/brix' needs Octax .*pip install .accumbens\[octax\]"):
        registry.make("octax/brix")


LAZY = """
import sys
from accumbens.envs import registry
env = registry.make("octax/pong")
assert env.observation_shape == (16, 32, 4) and "octax" not in sys.modules, "the facts do not need it"
import jax
step = jax.jit(lambda key: env.step(key, env.reset(key)[0], 0))  # it is imported while this is traced
step(jax.random.key(0))
assert "octax" in sys.modules
jax.jit(jax.vmap(env.step, (0, None, None)))(jax.random.split(jax.random.key(0), 2), env.reset(jax.random.key(0))[0], 1)
"""


def test_it_is_imported_where_it_is_first_played_and_says_nothing():
    done = subprocess.run([sys.executable, "-W", "error", "-c", LAZY], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_with_64_bits_it_plays_the_same():
    env = arcade("brix")

    def play(steps=30):
        key, seen = jax.random.key(2), []
        state, _ = env.reset(key)
        step = jax.jit(env.step)
        for time in range(steps):
            state, outcome = step(jax.random.fold_in(key, time), state, jnp.int32(time % 3))
            assert outcome.reward.dtype == jnp.float32
            seen.append(np.asarray(outcome.observation))
        return np.stack(seen)

    short = play()
    with jax.enable_x64(True):
        np.testing.assert_array_equal(play(), short)
