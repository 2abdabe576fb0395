"""Our Asterix against the original."""

import jax
import jax.numpy as jnp
import minatar_harness as harness
import numpy as np
import pytest

from accumbens.envs.minatar.asterix import DIRECTIONS, GOLD, KINDS, RIGHTWARD, State, asterix


def attributes(state):
    entities = [None] * 8
    for direction, kind, y in np.argwhere(state.things):
        x = int(state.things[direction, kind, y]).bit_length() - 1
        assert state.things[direction, kind, y] == 1 << x
        assert entities[y - 1] is None
        entities[y - 1] = [x, y, direction == RIGHTWARD, kind == GOLD]
    return {
        "player_x": state.player_x,
        "player_y": state.player_y,
        "entities": entities,
        "shot_timer": 0,
        "spawn_speed": state.spawn_interval,
        "spawn_timer": state.spawn_timer,
        "move_speed": state.move_interval,
        "move_timer": state.move_timer,
        "ramp_timer": state.ramp_timer,
        "ramp_index": state.ramp,
    }


def answers(draws, original):
    def choose(num_empty):
        return (int(draws.place) >> 8) * num_empty >> 24

    return [0.25 if draws.direction == RIGHTWARD else 0.75, 0.25 if draws.kind == GOLD else 0.75, choose]


ASTERIX = harness.Correspondence(asterix(), attributes, answers, harness.look_ahead(asterix(), depth=2))


def test_follows_the_original_at_random():
    recording = harness.play_at_random(asterix(), seed=0, num_steps=10_000)
    assert harness.assert_follows(ASTERIX, recording) > 50


def test_follows_the_original_to_the_greatest_difficulty():
    recording = harness.play_well(ASTERIX, seed=3, num_steps=20_000)
    harness.assert_follows(ASTERIX, recording)
    assert np.min(recording.state.game.move_interval) == 1
    assert np.min(recording.state.game.spawn_interval) == 1
    assert np.sum(recording.step.reward) > 50


@pytest.mark.parametrize("ramping", [True, False])
def test_follows_the_original_with_and_without_ramping(ramping):
    game = asterix(difficulty_ramping=ramping)
    correspondence = ASTERIX._replace(game=game, options={"ramping": ramping})
    recording = harness.play(game, lambda t, state, key: ASTERIX.player(state, key), seed=2, num_steps=3_000)
    harness.assert_follows(correspondence, recording)
    assert (np.max(recording.state.game.ramp) > 0) == ramping


@pytest.mark.parametrize("density", [0.5, 1.0])
def test_follows_the_original_from_any_state(density):
    """Such as a screen without an empty row, or gold and enemies that come from either side."""
    keys = jax.random.split(jax.random.key(4), 11)

    def integers(i, low, high):
        return jax.random.randint(keys[i], (5_000,), low, high)

    def rows(values):
        return jnp.pad(values, ((0, 0), (1, 1)))

    cells = rows(1 << jax.random.randint(keys[0], (5_000, 8), 0, 10))
    present = rows(jax.random.bernoulli(keys[1], density, (5_000, 8)))
    direction, kind = (rows(jax.random.randint(key, (5_000, 8), 0, 2)) for key in jax.random.split(keys[2]))
    direction, kind = direction[:, None, None], kind[:, None, None]
    states = State(
        player_x=integers(3, 0, 10),
        player_y=integers(4, 1, 9),
        things=jnp.where((direction == DIRECTIONS) & (kind == KINDS) & present[:, None, None], cells[:, None, None], 0),
        spawn_timer=integers(5, 0, 3),
        spawn_interval=integers(6, 1, 11),
        move_timer=integers(7, 0, 3),
        move_interval=integers(8, 1, 6),
        ramp_timer=integers(9, -1, 3),
        ramp=integers(10, 0, 12),
    )
    step = harness.assert_steps_follow(ASTERIX, states, jax.random.key(5))
    assert np.sum(step.terminated) > 100
    assert np.sum(step.reward) > 100


def test_follows_the_original_in_trained_play():
    recording = harness.play_trained(ASTERIX)
    assert len(recording.step.reward) >= 10_000
    harness.assert_follows(ASTERIX, recording)
