"""Our Freeway against the original."""

import jax
import jax.numpy as jnp
import minatar_harness as harness
import numpy as np
import pytest

from accumbens.envs.minatar.freeway import State, freeway


def attributes(state):
    velocity = np.where(state.rightward, 1, -1) * state.period
    return {
        "pos": state.chicken,
        "move_timer": state.pause,
        "terminate_timer": 2500 - state.frame,
        "cars": [[state.car_x[i], i + 1, state.car_wait[i], velocity[i]] for i in range(8)],
    }


def answers(draws, original):
    return [draws.period.copy(), np.where(draws.rightward, 0.75, 0.25)]


def player(state, key):
    """Cross, and seldom step back."""
    return jnp.where(jax.random.bernoulli(key, 0.9), 1, 2)


FREEWAY = harness.Correspondence(freeway(), attributes, answers, player)


def test_follows_the_original_at_random():
    recording = harness.play_at_random(freeway(), seed=0, num_steps=4 * 2501)
    assert harness.assert_follows(FREEWAY, recording) == 4


def test_follows_the_original_across_the_road():
    recording = harness.play_well(FREEWAY, seed=1, num_steps=4 * 2501)
    harness.assert_follows(FREEWAY, recording)
    assert np.sum(recording.step.reward) > 50


def test_follows_the_original_from_any_state():
    """Such as an arrival in the last frame, or a car that comes where the chicken goes."""
    keys = jax.random.split(jax.random.key(2), 7)
    period = jax.random.randint(keys[0], (5_000, 8), 1, 6)
    states = State(
        chicken=jax.random.randint(keys[1], (5_000,), 1, 10),
        pause=jax.random.randint(keys[2], (5_000,), 0, 3),
        frame=jax.random.randint(keys[3], (5_000,), 2490, 2501),
        car_x=jax.random.randint(keys[4], (5_000, 8), 0, 10),
        car_wait=jax.random.randint(keys[5], (5_000, 8), 0, 6) % (period + 1),
        period=period,
        rightward=jax.random.bernoulli(keys[6], shape=(5_000, 8)),
    )
    step = harness.assert_steps_follow(FREEWAY, states, jax.random.key(3))
    assert np.sum(step.terminated) > 100
    assert np.sum(step.reward) > 50


@pytest.mark.parametrize("frame", [2499, 2500])
def test_ends_after_2501_frames(frame):
    game = freeway()
    draws = game.draw(jnp.zeros(game.num_words, jnp.uint32))
    state = game.begin(draws)._replace(frame=jnp.int32(frame))
    _, _, terminated = game.advance(state, jnp.int32(0), draws)
    assert terminated == (frame == 2500)


def test_follows_the_original_in_trained_play():
    recording = harness.play_trained(FREEWAY)
    assert len(recording.step.reward) >= 10_000
    harness.assert_follows(FREEWAY, recording)
