"""What is learned from: windows of recorded episodes, as they are, and nothing from behind an episode's end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.errors import AccumbensError
from accumbens.teams.windows import draw, draw_transitions, prepare, scale_of, window_at

from .conftest import ACTIONS, AGENTS, SIZE
from .made import made_episodes

CONTEXT = 4
LENGTHS = (7, 2, 4, 1, 9)


@pytest.fixture(scope="module")
def episodes():
    return made_episodes(LENGTHS)


@pytest.fixture(scope="module")
def scale(episodes):
    return scale_of(episodes)


@pytest.fixture(scope="module")
def data(episodes, scale):
    return jax.tree.map(jnp.asarray, prepare(episodes, scale, CONTEXT, 0.4))


def to_go(episodes, episode, step):
    """The rewards of each agent from a step on, in double precision."""
    return episodes.rewards[episode, step : episodes.lengths[episode]].astype(np.float64).sum(axis=0)


def test_scale(episodes, scale):
    """What is usual after t steps is the mean over episodes that last longer, and over agents."""
    apart = []
    for step in range(max(LENGTHS)):
        there = [to_go(episodes, episode, step) for episode, length in enumerate(LENGTHS) if step < length]
        assert scale.usual[step] == pytest.approx(np.mean(there), rel=1e-9)
        apart += list(np.concatenate(there) - np.mean(there))
    assert scale.deviation == pytest.approx(np.sqrt(np.mean(np.square(apart))), rel=1e-9)
    returns = [to_go(episodes, episode, 0).mean() for episode in range(len(LENGTHS))]
    assert scale.best == pytest.approx(max(returns))
    assert scale.median == pytest.approx(np.median(returns))
    assert scale.asked(0.25) == pytest.approx(0.75 * np.median(returns) + 0.25 * max(returns))
    assert scale.steps == 9


def test_where_nothing_differs_the_deviation_is_one(episodes):
    scale = scale_of(episodes._replace(rewards=np.full_like(episodes.rewards, -0.5), lengths=np.full(5, 9)))
    assert scale.deviation == 1
    assert scale.usual == tuple(-0.5 * left for left in range(9, 0, -1))


def test_rewards_behind_the_end_do_not_count(episodes, scale):
    behind = np.arange(9) >= np.array(LENGTHS)[:, None]
    other = episodes._replace(rewards=np.where(behind[:, :, None], 1e6, episodes.rewards))
    assert scale_of(other) == scale
    one, two = (prepare(part, scale, CONTEXT, 0.0) for part in (episodes, other))
    np.testing.assert_array_equal(one.returns[~behind], two.returns[~behind])


def test_which_windows_there_are(data):
    """Every window that an episode has room for; of shorter ones the one that begins with it; some held out."""
    found = {
        name: [tuple(pair) for pair in np.asarray(getattr(data, name)).tolist()] for name in ("learned", "held_out")
    }
    of_each = {0: [0, 1, 2, 3], 1: [0], 2: [0], 3: [0], 4: [0, 1, 2, 3, 4, 5]}
    held_out = {0, 4}  # two of five, evenly spread
    assert found["held_out"] == [(e, start) for e in of_each if e in held_out for start in of_each[e]]
    assert found["learned"] == [(e, start) for e in of_each if e not in held_out for start in of_each[e]]


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.01, 1), (0.2, 1), (0.5, 2), (0.79, 4)])
def test_held_out(episodes, scale, share, count):
    data = prepare(episodes, scale, CONTEXT, share)
    episodes_of = [set(part[:, 0].tolist()) for part in (data.learned, data.held_out)]
    assert len(episodes_of[1]) == count
    assert not episodes_of[0] & episodes_of[1]
    assert episodes_of[0] | episodes_of[1] == set(range(5))


def test_something_is_left_to_learn_from(episodes, scale):
    with pytest.raises(AccumbensError, match=r"held_out=0.99 leaves nothing to learn from: the data have 5 episode"):
        prepare(episodes, scale, CONTEXT, 0.99)
    with pytest.raises(AccumbensError, match=r"held_out=0.1 leaves nothing .* have 1 episode"):
        prepare(type(episodes)(*(part[:1] for part in episodes)), scale, CONTEXT, 0.1)


@pytest.mark.parametrize(("episode", "start"), [(0, 0), (0, 3), (4, 5), (1, 0), (3, 0)])
def test_a_window(episodes, scale, data, episode, start):
    window, action = window_at(data, jnp.int32(episode), jnp.int32(start), CONTEXT)
    for place in range(CONTEXT):
        step = start + place
        if step >= LENGTHS[episode]:
            assert (window.weight[place] == 0).all()
            assert window.legal[place].all(), "or the loss would not be finite"
            continue
        np.testing.assert_array_equal(window.observation[place], episodes.observation[episode, step])
        np.testing.assert_array_equal(window.legal[place], episodes.legal[episode, step])
        np.testing.assert_array_equal(window.weight[place], episodes.alive[episode, step])
        np.testing.assert_array_equal(action[place], episodes.actions[episode, step])
        before = episodes.actions[episode, step - 1] if step else np.full(AGENTS, -1)
        np.testing.assert_array_equal(window.before[place], before)
        told = (to_go(episodes, episode, step) - scale.usual[step]) / scale.deviation
        np.testing.assert_allclose(window.returns[place], told, rtol=1e-5, atol=1e-6)
        assert float(window.time[place]) == pytest.approx(step / 9)


def test_what_is_behind_the_end_changes_nothing_that_has_weight(episodes, scale):
    behind = np.arange(10) > np.array(LENGTHS)[:, None]
    noise = np.where(behind[:, :, None, None], 1e9, episodes.observation).astype(np.float32)
    one, two = (
        jax.tree.map(jnp.asarray, prepare(part, scale, CONTEXT, 0.0))
        for part in (episodes, episodes._replace(observation=noise))
    )
    for episode, length in enumerate(LENGTHS):
        windows = [window_at(data, jnp.int32(episode), jnp.int32(0), CONTEXT) for data in (one, two)]
        inside = np.arange(CONTEXT) < length
        for left, right in zip(*map(jax.tree.leaves, windows), strict=True):
            np.testing.assert_array_equal(left[inside], right[inside])


def test_windows_are_drawn_evenly_from_those_that_may_be(data):
    batch = draw(data.learned, data, CONTEXT, 3000, jax.random.key(0))
    assert batch.action.shape == (3000, CONTEXT, AGENTS)
    assert batch.window.observation.shape == (3000, CONTEXT, AGENTS, SIZE)
    firsts = np.asarray(batch.window.observation[:, 0, 0, 0])  # the number of the episode, see `made`
    counts = [np.mean(firsts == episode) for episode in range(5)]
    assert counts == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0], abs=0.05)


def test_transitions(episodes, scale):
    data = jax.tree.map(jnp.asarray, prepare(episodes, scale, 1, 0.0))
    assert len(data.learned) == sum(LENGTHS)
    found = jax.tree.map(np.asarray, draw_transitions(data, 500, jax.random.key(1)))
    seen = set()
    for i in range(500):
        episode, step = found.observation[i, 0, :2].astype(int)
        seen.add((episode, step))
        np.testing.assert_array_equal(found.observation[i], episodes.observation[episode, step])
        np.testing.assert_array_equal(found.next_observation[i], episodes.observation[episode, step + 1])
        np.testing.assert_array_equal(found.action[i], episodes.actions[episode, step])
        np.testing.assert_array_equal(found.reward[i], episodes.rewards[episode, step])
        np.testing.assert_array_equal(found.legal[i], episodes.legal[episode, step])
        np.testing.assert_array_equal(found.next_legal[i], episodes.legal[episode, step + 1])
        last = step == LENGTHS[episode] - 1
        assert found.terminated[i] == (last and episodes.terminated[episode]), "a limit does not end what is to come"
    assert seen == {(e, step) for e, length in enumerate(LENGTHS) for step in range(length)}
    assert found.legal.shape == (500, AGENTS, ACTIONS)
