#!/usr/bin/env bash
# In gymnax's Pong doing nothing earns the most; and the ball leaves the board through the top, which does not reflect
# it.
#
# Guess: `Pong-misc` pays +1 for a point won and -1 for a point lost, or at least more for winning than for losing;
# the ball starts in some direction at random, and is reflected at the top as at the bottom.
# Behaviour (gymnax 1.0.1, jax 0.10.2): the reward is 1 for each step but the one that ends a rally, and 0 for that
# one, whoever won. Each episode begins with the same ball, which flies level between the middles of both paddles, so
# the agent that never moves keeps it there for ever: 1000 steps, a return of 1000, the most there is. Who hits the
# ball with the upper part of his paddle sends it up: it passes row 0 and goes on to rows below zero, where no paddle
# can come (a paddle's middle stays within rows 2 to 27), while the observation shows it in row 0; only row 30
# reflects it.
# Whom it hurts: whoever reports returns of this task (a policy that ignores what it sees is optimal), or takes it for
# a test of vision or of credit assignment; whoever learns to win: it costs him all the rewards to come.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile gymnax==1.0.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 six==1.17.0
cat > "$folder/probe.py" <<'PYTHON'
import gymnax
import jax
import numpy as np

env, parameters = gymnax.make("Pong-misc")
step = jax.jit(env.step_env)
key = jax.random.key(0)

starts = {tuple(np.asarray(env.reset(jax.random.key(seed), parameters)[1].ball_velocity).tolist()) for seed in range(50)}
print("velocities (down, right) of the ball at 50 starts:", starts)

_, _, _, _, _, _ = env.step(key, env.reset(key, parameters)[1], 0, parameters)
state = env.reset(key, parameters)[1]
total, steps, over = 0.0, 0, False
while not over:
    _, state, reward, terminated, truncated, _ = env.step(key, state, 0, parameters)
    total, steps, over = total + float(reward), steps + 1, bool(terminated | truncated)
print("doing nothing: steps", steps, "return", total, "terminated", bool(terminated))


def play(offset):
    """Keep the paddle's middle `offset` rows below the ball; the states and rewards of one rally."""
    _, state = env.reset(key, parameters)
    rows, rewards = [], []
    for _ in range(1000):
        target = float(state.ball_position[0]) + offset
        middle = float(state.paddle_centers[0])
        action = 2 if target > middle else 1 if target < middle else 0
        observation, state, reward, terminated, _ = step(key, state, action, parameters)
        rows.append(float(state.ball_position[0]))
        rewards.append(float(reward))
        if terminated:
            break
    return rows, rewards, state, observation


rows, rewards, state, observation = play(2)
winner = "agent" if float(state.ball_position[1]) > 0 else "opponent"
print("hit with the upper end: rally of", len(rows), "steps, least row", min(rows), "most", max(rows), "; won by", winner,
      "; return", sum(rewards), "last reward", rewards[-1], "; rows of the ball seen in the last observation",
      np.unique(np.argwhere(np.asarray(observation)[:, :, 1])[:, 0]))
below, rewards_below, state_below, _ = play(-2)
winner_below = "agent" if float(state_below.ball_position[1]) > 0 else "opponent"
print("hit with the lower end: rally of", len(below), "steps, least row", min(below), "most", max(below), "; won by",
      winner_below, "; return", sum(rewards_below), "last reward", rewards_below[-1])
shown = len(starts) == 1 and steps == 1000 and total == 1000.0 and not bool(terminated)
shown &= min(rows) < -3 and rewards[-1] == 0.0 and sum(rewards) < 1000 and 29 <= max(below) < 31
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
