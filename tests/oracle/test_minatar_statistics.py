"""Random play in our MinAtar games earns as much, and lasts as long, as in the original ones."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from minatar_statistics import FILE, random_play, summary

from accumbens.envs.minatar import GAMES

ORIGINAL = json.loads(FILE.read_text())["random_play"]
NUM_EPISODES = 1_024


def our_random_play(env, num_episodes, key):
    """One whole episode in each of many environments, so that short episodes are not preferred."""

    def step(running):
        t, states, returns, lengths, playing = running
        action_key, step_key = jax.random.split(jax.random.fold_in(key, t))
        actions = jax.random.randint(action_key, (num_episodes,), 0, env.num_actions)
        states, outcome = jax.vmap(env.step)(jax.random.split(step_key, num_episodes), states, actions)
        returns, lengths = returns + playing * outcome.reward, lengths + playing
        return t + 1, states, returns, lengths, playing & ~outcome.terminated

    states, _ = jax.vmap(env.reset)(jax.random.split(jax.random.fold_in(key, 2**31 - 1), num_episodes))
    nothing = jnp.zeros(num_episodes)
    first = (jnp.int32(0), states, nothing, nothing, jnp.ones(num_episodes, bool))
    _, _, returns, lengths, _ = jax.lax.while_loop(lambda running: jnp.any(running[-1]), step, first)
    return {"returns": returns, "lengths": lengths}


def assert_same_mean(ours, theirs):
    """The means agree within four standard errors of their difference."""
    error = np.sqrt(ours["std"] ** 2 / ours["n"] + theirs["std"] ** 2 / theirs["n"])
    assert abs(ours["mean"] - theirs["mean"]) <= 4 * error


@pytest.mark.parametrize("name", GAMES)
def test_random_play_earns_and_lasts_the_same(name):
    env = GAMES[name]()
    played = jax.jit(lambda key: our_random_play(env, NUM_EPISODES, key))(jax.random.key(0))
    for measure, theirs in ORIGINAL[name.removeprefix("minatar/")].items():
        assert_same_mean(summary(np.asarray(played[measure], np.float64)), theirs)


@pytest.mark.parametrize("game", ORIGINAL)
def test_the_file_holds_what_the_original_does(game):
    recorded = ORIGINAL[game]
    num_episodes = min(300, int(100_000 / recorded["lengths"]["mean"]))
    for measure, values in random_play(game, num_episodes, seed=1).items():
        assert_same_mean(summary(values), recorded[measure])
