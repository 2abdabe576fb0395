"""The task of classical conditioning: its times, its rewards, the law of its waits, and its true values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from accumbens.envs import registry
from accumbens.envs.conditioning import DELAY, LINE, MAX_EPISODE_STEPS, MEAN_WAIT, WAITING, exact_values, observe

COPIES, STEPS = 64, 4000


@pytest.fixture(scope="module")
def env():
    return registry.make("probe/conditioning")


@pytest.fixture(scope="module")
def played(env):
    """Observations, rewards and ends of long lives with random actions, [copies, steps]; no episode is begun anew."""

    def life(key):
        state, first = env.reset(key)

        def step(state, key):
            state, outcome = env.step(key, state, jax.random.randint(key, (), 0, 2))
            return state, outcome

        _, outcome = jax.lax.scan(step, state, jax.random.split(key, STEPS))
        return first, outcome

    first, outcome = jax.jit(jax.vmap(life))(jax.random.split(jax.random.key(7), COPIES))
    return jax.tree.map(np.asarray, (first, outcome))


def taps(observation):
    """The number of the tap that is on, WAITING if none is."""
    line = observation[..., 1:]
    assert set(np.unique(line)) <= {0.0, 1.0}
    assert line.sum(axis=-1).max() <= 1
    return np.where(line.any(axis=-1), line.argmax(axis=-1), WAITING)


def waits(played):
    """Steps from where the line falls silent to the next cue, of all copies one after the other."""
    tap, found = taps(played[1].observation), []
    for row in tap:
        silent = np.flatnonzero((row[1:] == WAITING) & (row[:-1] == LINE - 1)) + 1
        cues = np.flatnonzero(row == 0)
        found += [cues[cues > start][0] - start for start in silent if (cues > start).any()]
    return np.array(found)


def test_it_begins_in_silence_and_the_surroundings_are_always_seen(played):
    first, outcome = played
    np.testing.assert_array_equal(first, np.broadcast_to(np.eye(LINE + 1)[0], first.shape))
    assert np.all(outcome.observation[..., 0] == 1)


def test_a_cue_runs_down_the_whole_line_and_comes_only_in_silence(played):
    tap = taps(played[1].observation)
    before, after = tap[:, :-1], tap[:, 1:]
    on = before != WAITING
    np.testing.assert_array_equal(after[on], before[on] + 1)
    assert set(np.unique(after[~on])) == {0, WAITING}


def test_the_reward_comes_a_fixed_delay_after_every_cue_and_never_else(played):
    tap, reward = taps(played[1].observation), played[1].reward
    np.testing.assert_array_equal(reward, (tap == DELAY).astype(np.float32))
    cues = (tap == 0)[:, :-DELAY]
    assert cues.sum() > 1000
    np.testing.assert_array_equal(reward[:, DELAY:][cues], 1)


def test_no_action_changes_anything(env):
    def life(key, action):
        state, _ = env.reset(key)
        return jax.lax.scan(lambda state, key: env.step(key, state, action), state, jax.random.split(key, 500))

    one, other = (jax.jit(life)(jax.random.key(3), jnp.int32(action)) for action in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_waits_follow_the_geometric_law(played):
    found = waits(played)
    assert found.min() == 1
    law = stats.geom(1 / MEAN_WAIT)
    edges = law.ppf(np.linspace(0, 1, 11)[1:-1])
    counts = np.bincount(np.searchsorted(edges, found), minlength=10)
    shares = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    # What was cut off at the end of a life would have been a long wait: few of many.
    assert stats.chisquare(counts, shares * len(found)).pvalue > 1e-3
    assert abs(found.mean() - MEAN_WAIT) < 5 * law.std() / np.sqrt(len(found)) + 0.5


@pytest.mark.parametrize("waited", [0, 20, 60])
def test_having_waited_tells_nothing_of_the_cue(waited, played):
    found = waits(played)
    left = found[found > waited] - waited
    share, error = np.mean(left == 1), np.sqrt(1 / MEAN_WAIT / len(left))
    assert abs(share - 1 / MEAN_WAIT) < 4 * error


def test_episodes_are_truncated_on_time_and_never_terminated(played):
    outcome = played[1]
    assert not outcome.terminated.any()
    assert not outcome.truncated[:, : MAX_EPISODE_STEPS - 1].any()
    assert outcome.truncated[:, MAX_EPISODE_STEPS - 1].all()


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.95, 0.999])
def test_exact_values_are_those_worked_out_by_hand(discount):
    g, h = discount, 1 / MEAN_WAIT
    of_cue = g * h / (1 - g * (1 - h))  # a wait discounts by this in the mean
    to_reward, to_silence = g ** (DELAY - 1), g**LINE
    waiting = of_cue * to_reward / (1 - of_cue * to_silence)
    expected = [(g ** (DELAY - 1 - tap) if tap < DELAY else 0) + g ** (LINE - tap) * waiting for tap in range(LINE)] + [
        waiting
    ]
    np.testing.assert_allclose(exact_values(discount), expected, rtol=1e-10, atol=1e-12)


def test_exact_values_are_the_mean_discounted_rewards_of_long_lives(played):
    discount, tap, reward = 0.9, taps(played[1].observation), played[1].reward.astype(np.float64)
    returns = np.zeros((COPIES, STEPS))
    for time in range(STEPS - 2, -1, -1):
        returns[:, time] = reward[:, time + 1] + discount * returns[:, time + 1]
    kept = slice(0, STEPS - 200)  # beyond, the sum is cut off
    for state, value in enumerate(exact_values(discount)):
        assert abs(returns[:, kept][tap[:, kept] == state].mean() - value) < 0.02


def test_what_is_seen_of_a_state():
    seen = np.asarray(observe(jnp.array([[0, LINE - 1, WAITING]])))
    assert seen.shape == (1, 3, LINE + 1)
    np.testing.assert_array_equal(seen[0], [np.eye(LINE + 1)[0] + np.eye(LINE + 1)[1], *seen[0, 1:]])
    np.testing.assert_array_equal(np.flatnonzero(seen[0, 1]), [0, LINE])
    np.testing.assert_array_equal(np.flatnonzero(seen[0, 2]), [0])
