"""Our Breakout against the original."""

import jax
import jax.numpy as jnp
import minatar
import minatar_harness as harness
import numpy as np

from accumbens.envs.minatar.breakout import FULL_WALL, State, breakout

DIRECTIONS = {(-1, -1): 0, (1, -1): 1, (1, 1): 2, (-1, 1): 3}


def attributes(state):
    bricks = np.zeros((10, 10))
    bricks[1:4] = [[state.wall >> (10 * row + column) & 1 for column in range(10)] for row in range(3)]
    return {
        "pos": state.paddle,
        "ball_x": state.ball_x,
        "ball_y": state.ball_y,
        "ball_dir": DIRECTIONS[int(state.velocity_x), int(state.velocity_y)],
        "last_x": state.trail_x,
        "last_y": state.trail_y,
        "strike": state.striking,
        "brick_map": bricks,
    }


def answers(draws, original):
    return [int(draws.right)]


def player(state, key):
    """Go where the falling ball will land, or, so that it takes new ways, to the column before."""
    fall = 9 - state.ball_y - jax.random.bernoulli(key)
    reach = (state.ball_x + state.velocity_x * fall) % 20
    target = jnp.where(state.velocity_y > 0, jnp.minimum(reach, 19 - reach), state.ball_x)
    return jnp.where(target < state.paddle, 1, jnp.where(target > state.paddle, 2, 0))


BREAKOUT = harness.Correspondence(breakout(), attributes, answers, player)


def test_follows_the_original_at_random():
    recording = harness.play_at_random(breakout(), seed=0, num_steps=10_000)
    assert harness.assert_follows(BREAKOUT, recording) > 500


def test_follows_the_original_through_cleared_walls():
    recording = harness.play_well(BREAKOUT, seed=1, num_steps=20_000)
    harness.assert_follows(BREAKOUT, recording)
    rebuilt = (recording.state.game.wall == FULL_WALL)[1:] & (np.diff(recording.state.game.wall) != 0)
    assert np.sum(rebuilt & ~recording.step.terminated[:-1]) >= 3


def test_follows_the_original_from_any_state():
    """Such as the rebuilding of a wall in the very frame in which the ball is missed."""
    keys = jax.random.split(jax.random.key(3), 10)
    x, y, trail_x, trail_y, paddle = (jax.random.randint(key, (5_000,), 0, 10) for key in keys[:5])
    walls = jax.random.bits(keys[5], (5_000,), jnp.uint32).astype(jnp.int32) & FULL_WALL
    sparse = jax.random.randint(keys[6], (5_000,), 0, 3)
    states = State(
        paddle=paddle,
        ball_x=x,
        ball_y=jnp.minimum(y, 8),
        velocity_x=jax.random.choice(keys[7], jnp.array([-1, 1]), (5_000,)),
        velocity_y=jax.random.choice(keys[8], jnp.array([-1, 1]), (5_000,)),
        trail_x=trail_x,
        trail_y=trail_y,
        wall=jnp.where(sparse == 0, 0, jnp.where(sparse == 1, FULL_WALL, walls)),
        striking=jax.random.bernoulli(keys[9], shape=(5_000,)),
    )
    step = harness.assert_steps_follow(BREAKOUT, states, jax.random.key(4))
    assert np.sum(step.terminated) > 100
    assert np.sum(step.reward) > 100


def test_actions_stick_as_in_the_original():
    game = breakout()
    recording = harness.play(game, lambda t, state, key: t * t // 3 % 3, seed=2, num_steps=2_000)
    original = minatar.Environment("breakout")
    original.random = original.env.random = harness.Dictated()

    def reset(chance):
        original.random.answers = answers(chance.draws, original)
        original.reset()
        original.last_action = 0  # the one deviation: the original remembers the last episode's last action

    reset(recording.first_chance)
    names = original.minimal_action_set()
    for t in range(2_000):
        original.random.answers = [0.05 if recording.chance.sticks[t] else 0.5]
        reward, terminal = original.act(names[t * t // 3 % 3])
        assert original.last_action == names[recording.state.last_action[t]]
        assert (reward, terminal) == (recording.step.reward[t], recording.step.terminated[t])
        np.testing.assert_array_equal(original.state(), recording.step.observation[t])
        if terminal:
            reset(harness.at(recording.restart_chance, t))
    assert np.sum(recording.chance.sticks) > 100


def test_follows_the_original_in_trained_play():
    recording = harness.play_trained(BREAKOUT)
    assert len(recording.step.reward) >= 10_000
    harness.assert_follows(BREAKOUT, recording)
