"""Our Asterix against the original."""

import minatar_harness as harness
import numpy as np
import pytest

from accumbens.envs.minatar.asterix import GOLD, RIGHTWARD, asterix


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
