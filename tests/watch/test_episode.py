"""An instant has the picture, the value of what is chosen there, and the TD error and reward that came with it."""

from collections import deque

import numpy as np
import pytest
from PIL import Image

from accumbens.errors import AccumbensError
from accumbens.training.play import DeviceArena, play
from accumbens.watch.episode import instants, record, watched
from accumbens.watch.stage import make_stage


@pytest.mark.parametrize("truncated", [False, True])
def test_td_error_and_reward_stand_with_the_state_they_came_with(moments, truncated):
    episode = record(instants(moments(5, truncated)), 100)
    assert episode.num_steps == 5
    assert [instant.time for instant in episode.instants] == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal([instant.observation[0] for instant in episode.instants], range(6))
    np.testing.assert_allclose(episode.values[:5], [[10 + t, 20 + t] for t in range(5)])
    np.testing.assert_allclose(episode.td_errors[1:], [[0.1 * t, -0.1 * t] for t in range(5)])
    np.testing.assert_array_equal(episode.rewards, [0, 1, 2, 3, 4, 5])
    assert [instant.episode_return for instant in episode.instants] == [0, 1, 3, 6, 10, 15]
    assert episode.episode_return == 15


@pytest.mark.parametrize(("truncated", "how"), [(False, "terminated"), (True, "truncated")])
def test_nothing_is_chosen_at_the_end_and_nothing_led_to_the_beginning(moments, truncated, how):
    episode = record(instants(moments(3, truncated)), 100)
    first, last = episode.instants[0], episode.instants[-1]
    assert first.td_error is None
    assert first.reward == 0
    assert last.taken is None
    assert last.action is None
    assert np.isnan(episode.td_errors[0]).all()
    assert np.isnan(episode.values[-1]).all()
    assert [instant.ended for instant in episode.instants] == ["", "", "", how]


def test_a_cut_episode_has_no_end(moments):
    episode = record(instants(moments(10)), 4)
    assert episode.num_steps == 4
    assert episode.ended == ""
    assert episode.instants[-1].taken is not None
    assert episode.episode_return == 1 + 2 + 3 + 4


def test_an_episode_of_one_step(moments):
    episode = record(instants(moments(1)), 4)
    assert episode.num_steps == 1
    assert episode.ended == "terminated"


def test_a_film_stays_in_step_and_the_next_episode_s_first_picture_is_not_shown(moments):
    film = deque()

    def filmed():
        film.append(Image.new("L", (1, 1), 0))
        for t, moment in enumerate(moments(3)):
            film.append(Image.new("L", (1, 1), t + 1))
            if t == 2:
                film.append(Image.new("L", (1, 1), 99))
            yield moment

    shown = [instant.picture.getpixel((0, 0)) for instant in instants(filmed(), film)]
    assert shown == [0, 1, 2, 3]


def test_what_is_watched_is_what_is_played(untrained, monkeypatch):
    played, asked = [], []

    def remembered(*words, **named):
        asked.append(named)
        for moment in play(*words, **named):
            played.append(moment)
            yield moment

    monkeypatch.setattr("accumbens.watch.episode.play", remembered)
    trained = untrained("CartPole-v1")
    episode = record(watched(trained, make_stage(trained, 3, (100, 100)), seed=1, epsilon=0.2), 6)
    assert asked == [{"seed": 1, "epsilon": 0.2}]
    first = DeviceArena("CartPole-v1", 1, 3).reset()[0]
    np.testing.assert_array_equal(episode.instants[0].observation, first)
    np.testing.assert_array_equal(episode.values[:6], [moment.taken[0] for moment in played[:6]])
    np.testing.assert_array_equal(episode.td_errors[1:], [moment.td_error[0] for moment in played[:6]])
    np.testing.assert_array_equal(episode.instants[6].observation, played[5].next_observation[0])


def test_a_seed_that_the_run_has_not(untrained):
    trained = untrained("CartPole-v1")
    with pytest.raises(AccumbensError, match="seed=7 cannot be used: the run has 0, 1"):
        next(watched(trained, make_stage(trained, 0, (100, 100)), seed=7))
