"""Fill-In and Equal Space: beside a second implementation, what holds of any play, and what they are worth."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_teams import PlainEqualSpace, PlainFillIn

from accumbens.envs.teams.equal_space import EqualSpaceState, equal_space, penalty
from accumbens.envs.teams.fill_in import FillInState, distinct, fill_in
from accumbens.errors import AccumbensError


def states_and_steps(env, first, actions):
    """Play from a first state: all states, the first included, and all steps."""
    step, states, outcomes = jax.jit(env.step), [first], []
    for chosen in actions:
        state, outcome = step(jax.random.key(0), states[-1], jnp.asarray(chosen, jnp.int32))
        states.append(state)
        outcomes.append(jax.tree.map(np.asarray, outcome))
        if outcome.terminated or outcome.truncated:
            break
    return states, outcomes


@pytest.mark.parametrize(("agents", "size", "horizon"), [(2, 5, 20), (4, 5, 20), (1, 2, 5), (6, 3, 30), (3, 7, 40)])
def test_fill_in_beside_plain_python(agents, size, horizon):
    env, generator, ends = fill_in(agents, size, horizon), np.random.default_rng(agents), []
    reset = jax.jit(env.reset)
    for seed in range(12):
        first, seen = reset(jax.random.key(seed))
        plain = PlainFillIn(size, horizon, first.positions)
        np.testing.assert_allclose(seen.observation, plain.seen(), rtol=1e-6)
        actions = generator.integers(5, size=(horizon, agents))
        states, outcomes = states_and_steps(env, first, actions)
        for chosen, state, outcome in zip(actions, states[1:], outcomes, strict=False):
            observation, rewards, terminated, truncated = plain.step(chosen)
            np.testing.assert_allclose(outcome.seen.observation, observation, rtol=1e-6)
            np.testing.assert_array_equal(outcome.rewards, rewards)
            assert (bool(outcome.terminated), bool(outcome.truncated)) == (terminated, truncated)
            owners = np.zeros((size, size), np.int8)
            for place, index in plain.owner.items():
                owners[place] = index + 1
            np.testing.assert_array_equal(state.filled_by, owners)
        ends.append(bool(outcomes[-1].terminated))
        assert outcomes[-1].terminated != outcomes[-1].truncated
        assert len(outcomes) == horizon or outcomes[-1].terminated
    if size <= 3:
        assert any(ends), "small grids are covered at random"


@pytest.mark.parametrize(("agents", "horizon"), [(3, 25), (5, 40)])
def test_equal_space_beside_double_precision(agents, horizon):
    env, generator = equal_space(agents, horizon), np.random.default_rng(agents)
    for seed in range(8):
        first, seen = env.reset(jax.random.key(seed))
        plain = PlainEqualSpace(horizon, first.positions)
        np.testing.assert_allclose(seen.observation, plain.seen(), atol=1e-6)
        # Pushed in one direction for a while, so that they come to the border.
        actions = np.repeat(generator.integers(5, size=(horizon // 5 + 1, agents)), 5, axis=0)[:horizon]
        outcomes = states_and_steps(env, first, actions)[1]
        assert len(outcomes) == horizon
        for chosen, outcome in zip(actions, outcomes, strict=True):
            observation, rewards, terminated, truncated = plain.step(chosen)
            np.testing.assert_allclose(outcome.seen.observation, observation, atol=2e-5)
            np.testing.assert_allclose(outcome.rewards, rewards, atol=2e-5)
            assert (bool(outcome.terminated), bool(outcome.truncated)) == (terminated, truncated)
        assert np.abs(plain.places).max() == 1.0 or seed, "the border is reached"


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31 - 1), st.sampled_from([(2, 5), (4, 5), (3, 3)]))
def test_what_holds_of_any_play_of_fill_in(seed, shape):
    agents, size = shape
    env = fill_in(agents, size, 20)
    first, _ = env.reset(jax.random.key(seed))
    actions = np.random.default_rng(seed).integers(5, size=(20, agents))
    states, outcomes = states_and_steps(env, first, actions)
    filled = np.array([int((state.filled_by > 0).sum()) for state in states])
    assert filled[0] == agents == len({tuple(place) for place in np.asarray(first.positions).tolist()})
    assert ((np.diff(filled) >= 0) & (np.diff(filled) <= agents)).all()
    rewards = np.stack([outcome.rewards for outcome in outcomes])
    assert set(np.unique(rewards)) <= {0.0, -1.0}
    np.testing.assert_array_equal(rewards.sum(1), np.diff(filled) - agents, "who fills is paid, nobody else")
    for before, after in itertools.pairwise(states):
        kept = np.asarray(before.filled_by) > 0
        np.testing.assert_array_equal(np.asarray(after.filled_by)[kept], np.asarray(before.filled_by)[kept])
    assert env.facts.max_episode_steps == 20


def test_two_that_enter_a_cell_at_once():
    env = fill_in(3)
    state = FillInState(jnp.array([[2, 1], [2, 3], [1, 2]]), jnp.zeros((5, 5), jnp.int8), jnp.zeros((), jnp.int32))
    after, outcome = env.step(jax.random.key(0), state, jnp.array([1, 3, 2]))
    np.testing.assert_array_equal(after.positions, [[2, 2]] * 3)
    np.testing.assert_array_equal(outcome.rewards, [0, -1, -1], "the lowest index")
    assert int(after.filled_by[2, 2]) == 1
    _, outcome = env.step(jax.random.key(0), after, jnp.array([0, 0, 4]))
    np.testing.assert_array_equal(outcome.rewards, [0, -1, -1], "whoever stays is paid nothing")


def test_the_best_is_a_cell_for_every_agent_at_every_step():
    """Two agents that begin in the right places and share the grid return -0.5 on average, as said."""
    env = fill_in(2)
    # One snake of 25 cells, cut behind the 13th.
    snake = [(row, column if row % 2 == 0 else 4 - column) for row in range(5) for column in range(5)]
    paths = [snake[:13][::-1], [*snake[13:], snake[-1]]]
    moves = {(-1, 0): 0, (0, 1): 1, (1, 0): 2, (0, -1): 3, (0, 0): 4}
    actions = [[moves[tuple(np.subtract(path[time + 1], path[time]))] for path in paths] for time in range(12)]
    filled = np.zeros((5, 5), np.int8)
    filled[snake[12]], filled[snake[13]] = 1, 2
    first = FillInState(jnp.array([snake[12], snake[13]]), jnp.asarray(filled), jnp.zeros((), jnp.int32))
    outcomes = states_and_steps(env, first, actions)[1]
    assert (len(outcomes), bool(outcomes[-1].terminated), bool(outcomes[-1].truncated)) == (12, True, False)
    assert np.stack([outcome.rewards for outcome in outcomes]).sum(0).mean() == -0.5


def test_starts_are_evenly_drawn():
    drawn = np.asarray(jax.vmap(lambda key: distinct(key, 4, 3))(jax.random.split(jax.random.key(0), 24_000)))
    orders, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(orders) == 24
    assert all(len(set(order)) == 3 for order in orders.tolist())
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)


def test_an_equilateral_triangle_is_paid_most():
    height = np.sqrt(3) / 2
    places = jnp.array([[-0.5, -height / 2], [0.5, -height / 2], [0.0, height / 2]])
    env = equal_space(3)
    state = EqualSpaceState(places, jnp.zeros((3, 2)), jnp.zeros((), jnp.int32))
    _, outcome = env.step(jax.random.key(0), state, jnp.full(3, 4))
    np.testing.assert_allclose(outcome.rewards, np.zeros(3), atol=1e-6)
    collapsed = state._replace(positions=jnp.zeros((3, 2)))
    _, outcome = env.step(jax.random.key(0), collapsed, jnp.full(3, 4))
    np.testing.assert_allclose(outcome.rewards, -np.ones(3), atol=1e-6)
    assert np.isfinite(outcome.seen.observation).all(), "also where all are in one place"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 2.8), min_size=3, max_size=3))
def test_the_penalty_is_zero_only_at_the_target(distances):
    found = float(penalty(jnp.array(distances, jnp.float32)))
    assert found >= max(abs(distance - 1) for distance in distances) / 2 - 1e-5
    assert found <= 3 * max(abs(distance - 1) for distance in distances) + 1e-5


def test_equal_space_sees_only_the_nearest():
    env = equal_space(3)
    places = jnp.array([[0.0, 0.0], [0.5, 0.0], [-0.9, 0.0]])
    moved = places.at[2].set(jnp.array([-0.8, 0.7]))
    seen = []
    for positions in (places, moved):
        state = EqualSpaceState(positions, jnp.zeros((3, 2)), jnp.zeros((), jnp.int32))
        seen.append(np.asarray(env.step(jax.random.key(0), state, jnp.full(3, 4))[1].seen.observation))
    np.testing.assert_array_equal(seen[0][:2], seen[1][:2], "where the third is says nothing to the first two")
    np.testing.assert_allclose(seen[0][:, 4:], [[0.5, 0], [-0.5, 0], [0.9, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fill_in(25), r"agents=25 .*from 1 to 24"),
        (lambda: fill_in(0), r"agents=0 .*from 1 to 24"),
        (lambda: fill_in(1, size=1), r"size=1 .*>= 2"),
        (lambda: fill_in(2, horizon=0), r"horizon=0 .*>= 1"),
        (lambda: equal_space(2), r"agents=2 .*>= 3"),
        (lambda: equal_space(3, 0), r"horizon=0 .*>= 1"),
    ],
)
def test_sizes_that_cannot_be(make, message):
    with pytest.raises(AccumbensError, match=message):
        make()


def test_names_tell_what_is_unusual():
    assert [fill_in(2).facts.name, fill_in(3, 4, 9).facts.name] == ["team/fill-in-2", "team/fill-in-3-4x4-9"]
    assert [equal_space().facts.name, equal_space(4, 9).facts.name] == ["team/equal-space-3", "team/equal-space-4-9"]


def test_pictures():
    env = fill_in(2)
    owners = jnp.zeros((5, 5), jnp.int8).at[0, 0].set(1).at[4, 4].set(2)
    apart = FillInState(jnp.array([[0, 0], [4, 4]]), owners, jnp.zeros((), jnp.int32))
    picture = env.board(apart)
    assert (picture.shape, picture.dtype) == ((240, 240, 3), np.uint8)
    first, second = picture[24, 24], picture[216, 216]
    assert (first != second).any(), "agents have colours of their own"
    assert (picture[100, 100] == 255).all(), "an empty cell is white"
    assert len({(255, 255, 255), tuple(first), tuple(picture[5, 5])}) == 3, "a filled cell is pale"
    together = env.board(apart._replace(positions=jnp.array([[2, 2], [2, 2]])))
    np.testing.assert_array_equal(together[120, [112, 128]], [first, second], "side by side")
    space = equal_space(3)
    state = EqualSpaceState(jnp.array([[-1.0, 1.0], [1.0, 1.0], [0.0, -1.0]]), jnp.zeros((3, 2)), jnp.int32(0))
    picture = space.board(state)
    assert (picture.shape, picture.dtype) == ((320, 320, 3), np.uint8)
    assert len({tuple(picture[y, x]) for x, y in ((16, 16), (304, 16), (160, 304))}) == 3
    assert tuple(picture[16, 160]) == (0, 90, 220), "the upper two are too far apart: blue"
