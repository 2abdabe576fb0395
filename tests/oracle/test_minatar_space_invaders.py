"""Our Space Invaders against the original."""

import jax
import jax.numpy as jnp
import minatar_harness as harness
import numpy as np
import pytest

from accumbens.envs.minatar.space_invaders import FIRE, Draws, State, space_invaders

GAME = space_invaders()
COLUMNS = np.arange(10)


def board(rows):
    return (rows[:, None] >> COLUMNS & 1).astype(float)


def attributes(state):
    return {
        "pos": state.cannon,
        "f_bullet_map": board(state.shots),
        "e_bullet_map": board(state.bombs),
        "alien_map": board(state.aliens),
        "alien_dir": 1 if state.aliens_go_right else -1,
        "enemy_move_interval": state.march_interval,
        "alien_move_timer": state.march_timer,
        "alien_shot_timer": state.bomb_timer,
        "ramp_index": 12 - state.march_interval,
        "shot_timer": state.reload_timer,
    }


def answers(draws, original):
    return []


def player(state, key):
    """Look ahead: one action, then another one held; prefer survival, then hits, then to stand below aliens."""
    first, held = jnp.divmod(jnp.arange(16), 4)

    def value(first, held):
        def frame(carry, t):
            state, alive, total = carry
            state, reward, terminated = GAME.advance(state, jnp.where(t == 0, first, held), Draws())
            alive = alive & ~terminated
            return (state, alive, total + alive * (10 + reward)), None

        (end, _, total), _ = jax.lax.scan(frame, (state, jnp.array(True), 0.0), jnp.arange(9))
        occupied = jax.lax.reduce_or(end.aliens, (0,)) >> COLUMNS & 1
        return total - 0.1 * jnp.min(jnp.where(occupied, jnp.abs(end.cannon - COLUMNS), 10))

    return first[jnp.argmax(jax.vmap(value)(first, held))]


SPACE_INVADERS = harness.Correspondence(GAME, attributes, answers, player)


def test_follows_the_original_at_random():
    recording = harness.play_at_random(GAME, seed=0, num_steps=10_000)
    assert harness.assert_follows(SPACE_INVADERS, recording) > 150


def test_follows_the_original_through_faster_waves():
    recording = harness.play_well(SPACE_INVADERS, seed=1, num_steps=12_000)
    harness.assert_follows(SPACE_INVADERS, recording)
    assert np.min(recording.state.game.march_interval) == 6


def test_follows_the_original_to_the_ground():
    """Aliens that nobody shoots land, which ends the episode; the cannon avoids their bombs."""

    def pacifist(t, state, key):
        action = player(state, key)
        return jnp.where(action == FIRE, 0, action)

    recording = harness.play(GAME, pacifist, seed=2, num_steps=3_000)
    harness.assert_follows(SPACE_INVADERS, recording)
    aliens = recording.state.game.aliens[recording.step.terminated]
    assert np.any(aliens[:, 9] != 0)


@pytest.mark.parametrize("density", [0.05, 0.4])
def test_follows_the_original_from_any_state(density):
    """Such as two hits at once, aliens on the ground, or a last alien shot while the others' bomb hits the cannon."""
    num_states = 3_000
    rng = np.random.default_rng(3)

    def rows(density):
        return np.sum((rng.random((num_states, 10, 10)) < density) << COLUMNS, axis=-1, dtype=np.int32)

    def integers(low, high):
        return rng.integers(low, high, num_states, np.int32)

    aliens = rows(density)
    aliens[:, 0] |= np.where(np.any(aliens, axis=1), 0, 1 << integers(0, 10))
    states = State(
        cannon=integers(0, 10),
        aliens=aliens,
        aliens_go_right=rng.random(num_states) < 0.5,
        shots=rows(0.2),
        bombs=rows(0.05),
        march_interval=integers(6, 13),
        march_timer=integers(0, 2),
        bomb_timer=integers(0, 2),
        reload_timer=integers(0, 2),
    )
    step = harness.assert_steps_follow(SPACE_INVADERS, states, jax.random.key(4))
    assert np.sum(step.terminated) > 100
    assert np.max(step.reward) > 1


def test_follows_the_original_without_ramping():
    game = space_invaders(difficulty_ramping=False)
    correspondence = SPACE_INVADERS._replace(game=game, options={"ramping": False})
    recording = harness.play(game, lambda t, state, key: player(state, key), seed=1, num_steps=3_000)
    harness.assert_follows(correspondence, recording)
    assert np.sum(recording.step.reward) > 24, "no wave was cleared"


def test_follows_the_original_in_trained_play():
    recording = harness.play_trained(SPACE_INVADERS)
    assert len(recording.step.reward) >= 10_000
    harness.assert_follows(SPACE_INVADERS, recording)
