"""Against plain loops, and against what is known of every baseline."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.errors import UnknownNameError
from accumbens.td.baselines import BASELINES, EPSILON, baseline_named, group_advantages

EPISODES, TURNS = 4, 3


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def by_loops(baseline, episodes, own, scaled):
    """Advantages of ragged episodes of rewards."""
    longest = max(map(len, episodes))
    told = [[0.0] * len(rewards) for rewards in episodes]
    for t in range(longest):
        there = [i for i, rewards in enumerate(episodes) if len(rewards) > t]
        counted = there if baseline.startswith("turn-") else range(len(episodes))
        earned = {
            i: sum(episodes[i]) if baseline == "episode" else episodes[i][t] if baseline == "turn-rewards" else
            sum(episodes[i][t:])
            for i in counted
        }  # fmt: skip
        for i in there:
            others = [earned[j] for j in counted if own or j != i]
            told[i][t] = earned[i] - (np.mean(others) if others else 0.0)
            if scaled and len(earned) > 1:
                told[i][t] /= np.std(list(earned.values()), ddof=1) + EPSILON
    if baseline == "turn-rewards":
        told = [[sum(row[t:]) for t in range(len(row))] for row in told]
    return told


def arrays(episodes, filler=np.nan):
    padded = np.full((len(episodes), TURNS), filler)
    for row, rewards in zip(padded, episodes, strict=True):
        row[: len(rewards)] = rewards
    return jnp.asarray(padded), jnp.asarray([len(rewards) for rewards in episodes])


rewards = st.integers(-4, 4).map(lambda number: number / 2)
groups = st.lists(st.lists(rewards, min_size=1, max_size=TURNS), min_size=EPISODES, max_size=EPISODES)


@pytest.mark.parametrize("baseline", list(BASELINES))
@settings(max_examples=40, deadline=None)
@given(episodes=groups, own=st.booleans(), scaled=st.booleans())
def test_it_is_what_loops_find(baseline, episodes, own, scaled):
    found = np.asarray(group_advantages(BASELINES[baseline], *arrays(episodes), own, scaled))
    for row, wanted in zip(found, by_loops(baseline, episodes, own, scaled), strict=True):
        # Where all earn the same the deviation is rounding, over which EPSILON stands.
        np.testing.assert_allclose(row[: len(wanted)], wanted, rtol=1e-6, atol=1e-6)
        assert not row[len(wanted) :].any()


@settings(max_examples=40, deadline=None)
@given(episodes=groups, other=st.lists(rewards, min_size=1, max_size=TURNS), t=st.integers(0, TURNS - 1))
def test_what_is_subtracted_from_a_turn_does_not_depend_on_what_comes_of_it(episodes, other, t):
    """But it does where means of later turns are added up, and where the episode's own return is in the mean."""
    changed = [episodes[0][:t] + other, *episodes[1:]]
    if len(changed[0]) > TURNS or min(len(episodes[0]), len(changed[0])) <= t:
        return

    def subtracted(baseline, episodes):
        whole = episodes[0] if baseline == "episode" else episodes[0][t:]
        return sum(whole) - float(group_advantages(BASELINES[baseline], *arrays(episodes))[0, t])

    for baseline in ("episode", "returns", "turn-returns"):
        assert subtracted(baseline, changed) == pytest.approx(subtracted(baseline, episodes))


def test_the_smallest_group_in_which_it_depends():
    """The first episode goes on or does not; the others do, and earn 1 by that."""
    goes_on, stops = [[0, 1], [0, 1], [0, 1]], [[0], [0, 1], [0, 1]]
    for baseline, going, stopping in (("turn-rewards", 0, 0), ("turn-returns", 0, -1), ("returns", 0, -1)):
        for episodes, wanted in ((goes_on, going), (stops, stopping)):
            padded, turns = arrays(episodes)
            assert group_advantages(BASELINES[baseline], padded[:, :2], turns)[0, 0] == wanted


def test_episodes_of_one_turn_are_told_the_same_by_all():
    rewards, turns = jnp.array([[1.0], [0.0], [0.0], [-1.0]]), jnp.ones(4, int)
    for own, wanted in ((False, [4 / 3, 0, 0, -4 / 3]), (True, [1, 0, 0, -1])):
        for baseline in BASELINES:
            np.testing.assert_allclose(
                group_advantages(BASELINES[baseline], rewards, turns, own)[:, 0], wanted, atol=1e-12
            )


@pytest.mark.parametrize("baseline", list(BASELINES))
def test_an_episode_alone(baseline):
    rewards, turns = jnp.array([[1.0, 2.0]]), jnp.array([2])
    first = 3.0
    second = 3.0 if baseline == "episode" else 2.0
    for scaled in (False, True):
        np.testing.assert_array_equal(
            group_advantages(BASELINES[baseline], rewards, turns, scaled=scaled), [[first, second]]
        )
        assert not group_advantages(BASELINES[baseline], rewards, turns, own=True, scaled=scaled).any()


def test_an_unknown_baseline():
    with pytest.raises(UnknownNameError, match="baseline 'turn-return'; did you mean 'turn-returns'"):
        baseline_named("turn-return")
