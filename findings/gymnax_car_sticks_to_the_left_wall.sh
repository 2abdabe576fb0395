#!/usr/bin/env bash
# gymnax's MountainCarContinuous keeps a car's speed at the left wall, so it stays there for 50 steps and more.
#
# Guess: `MountainCarContinuous-v0` of gymnax has the dynamics of Gymnasium's, step by step, as its CartPole-v1, Acrobot-v1,
# MountainCar-v0 and Pendulum-v1 have (all five compared from equal states with equal actions: the others agree to 2e-6).
# Behaviour (gymnax 1.0.1, gymnasium 1.3.0, jax 0.10.2): in Gymnasium a car that reaches the left end stops there, and the
# next push to the right moves it. In gymnax it keeps its negative velocity, and as long as that lasts it is pushed
# against the wall: the rule that sets the velocity to 0 asks for the goal's position. Who pushes the way he moves is at
# the wall for 1 step in Gymnasium and for 50 to 78 in gymnax, and reaches the goal after 106 to 109 and 156 to 187.
# Whom it hurts: whoever compares returns of this task between gymnax and Gymnasium (each step costs 0.1 a²), or trains
# in one and evaluates in the other. accumbens takes CartPole, Acrobot and MountainCar from gymnax, which agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gymnax==1.0.1 gymnasium==1.3.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 six==1.17.0
cat > "$folder/drive.py" <<'PYTHON'
from importlib.metadata import version

import gymnasium
import gymnax
import jax
import jax.numpy as jnp
import numpy as np

LEFT = -1.2
theirs, parameters = gymnax.make("MountainCarContinuous-v0")
step = jax.jit(theirs.step_env)
original = gymnasium.make("MountainCarContinuous-v0").unwrapped
shown = True
for seed in range(5):
    start, _ = original.reset(seed=seed)
    steps, at_wall, goal = 0, 0, False
    while not goal:
        push = 1.0 if original.state[1] >= 0 else -1.0
        observation, _, goal, _, _ = original.step(np.array([push], np.float32))
        steps, at_wall = steps + 1, at_wall + bool(observation[0] <= LEFT + 1e-6)
    _, state = theirs.reset_env(jax.random.key(seed), parameters)
    state = state.replace(position=jnp.float32(start[0]), velocity=jnp.float32(start[1]))
    steps_there, at_wall_there, goal = 0, 0, False
    while not goal:
        push = jnp.array([1.0 if float(state.velocity) >= 0 else -1.0])
        _, state, _, goal, *_ = step(jax.random.key(0), state, push, parameters)
        steps_there, at_wall_there = steps_there + 1, at_wall_there + bool(float(state.position) <= LEFT + 1e-6)
    print(f"start {start[0]:.3f}: Gymnasium {version('gymnasium')} {steps} steps to the goal, {at_wall} at the wall; "
          f"gymnax {version('gymnax')} {steps_there}, {at_wall_there}")
    shown &= at_wall == 1 and at_wall_there > 40 and steps_there > 1.3 * steps
raise SystemExit(0 if shown else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/drive.py"
