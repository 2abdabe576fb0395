#!/usr/bin/env bash
# The reward of a step of gymnax's PointRobot is that of the place before the step: the action has no say in it.
#
# Guess: as in other goal reaching tasks the reward of a step is for where the action leads: the distance to the goal
# from the new position with `dense_reward=True`, else 1 for stepping into the goal's circle.
# Behaviour (gymnax 1.0.1, jax 0.10.2): the distance is measured from the position before the move. All actions of one
# state have the same reward. Who steps into the circle gets 0, and 1 for whatever he does next (also for running
# away); it is then put elsewhere. Who arrives with the 100th step gets nothing, and what the 100th action does is
# never paid for.
# Whom it hurts: whoever learns with a discount of 0, fits a model of rewards on (next observation), computes the
# reward anew from the stored next position (hindsight relabelling), or uses one-step eligibility: for the sparse
# reward the action that arrives is not the one that is rewarded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile gymnax==1.0.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 six==1.17.0
cat > "$folder/probe.py" <<'PYTHON'
import gymnax
import jax
import jax.numpy as jnp
import numpy as np

env, parameters = gymnax.make("PointRobot-misc")
step = jax.jit(env.step_env)
key = jax.random.key(3)
shown = True

dense = parameters.replace(dense_reward=True)
_, state = env.reset(key, dense)
rewards = []
for angle in np.linspace(0, 2 * np.pi, 9)[:-1]:
    action = 0.1 * jnp.array([np.cos(angle), np.sin(angle)], jnp.float32)
    _, after, reward, *_ = step(key, state, action, dense)
    rewards.append(float(reward))
    distance = float(jnp.linalg.norm(after.pos - after.goal))
    print(f"dense, direction {np.degrees(angle):3.0f}: reward {reward:.4f}, minus the new distance {-distance:.4f}")
before = float(jnp.linalg.norm(state.pos - state.goal))
print(f"minus the distance before the step: {-before:.4f}")
shown &= len(set(rewards)) == 1 and abs(rewards[0] + before) < 1e-6

_, state = env.reset(key, parameters)
outside = state.replace(pos=state.goal * (1 - 0.25 / float(jnp.linalg.norm(state.goal))))
towards = 0.1 * state.goal
_, inside, reward, *_ = step(key, outside, towards, parameters)
print("sparse: step from distance", round(float(jnp.linalg.norm(outside.pos - state.goal)), 3), "to",
      round(float(jnp.linalg.norm(inside.pos - state.goal)), 3), ": reward", float(reward))
_, after, late, *_ = step(key, inside, -towards, parameters)
print("then a step straight away from the goal: reward", float(late))
shown &= float(reward) == 0.0 and float(late) == 1.0

last = outside.replace(time=jnp.float32(99))
_, _, reward, terminated, truncated, info = env.step(key, last, towards, parameters)
print("arriving with the 100th step: reward", float(reward), "truncated", bool(truncated))
shown &= float(reward) == 0.0 and bool(truncated)
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
