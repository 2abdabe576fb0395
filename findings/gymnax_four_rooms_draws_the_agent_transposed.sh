#!/usr/bin/env bash
# In gymnax's FourRooms with visual observations the agent is drawn at its mirror image, often on a wall.
#
# Guess: with `use_visual_obs=True` both planes of the observation have the same axes: plane 1 shows the agent where
# it is in the map of plane 0.
# Behaviour (gymnax 1.0.1, jax 0.10.2): the agent of row y, column x is drawn at row x, column y. The map is not its
# own transpose, so of the 104 free cells 9 are shown with the agent on a wall, and the actions look turned: "up"
# moves the drawn agent to the left, along doors that are elsewhere in the picture. And the goal is in neither plane,
# though with `resample_goal_pos=True` it is another one in each episode.
# Whom it hurts: whoever trains a convolutional network, a world model or a successor representation on these pictures
# (what is free and where one can go do not agree), or compares it with one trained on the coordinates.
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

env, parameters = gymnax.make("FourRooms-misc", use_visual_obs=True)
parameters = parameters.replace(fail_prob=0.0, resample_goal_pos=True)
_, state = env.reset(jax.random.key(0), parameters)
transposed = on_a_wall = 0
for cell in np.asarray(env.coords):
    walls, agent = np.moveaxis(np.asarray(env.get_obs(state.replace(pos=jnp.asarray(cell)))), 2, 0)
    (drawn,) = np.argwhere(agent)
    assert walls[tuple(cell)] == 0, "the map itself says that the cell is free"
    transposed += (drawn == cell[::-1]).all()
    on_a_wall += walls[tuple(drawn)] == 1
print("free cells:", len(env.coords), "; agent drawn at [x, y] instead of [y, x]:", transposed, "; on a wall:", on_a_wall)

middle = state.replace(pos=jnp.array([10, 3]))
moves = {}
for action, name in enumerate(("up", "right", "down", "left")):
    observation, after, *_ = env.step_env(jax.random.key(1), middle, action, parameters)
    before = np.argwhere(np.asarray(env.get_obs(middle))[:, :, 1])[0]
    moves[name] = (np.argwhere(np.asarray(observation)[:, :, 1])[0] - before).tolist()
    print(name, ": position moves by", (np.asarray(after.pos) - [10, 3]).tolist(), ", drawn agent by", moves[name])

goals = [env.reset(jax.random.key(seed), parameters) for seed in range(20)]
number = len({tuple(np.asarray(start.goal).tolist()) for _, start in goals})
pictures = len({np.asarray(observation).tobytes() for observation, _ in goals})
print("20 resets: different goals", number, ", different pictures", pictures)
shown = transposed == len(env.coords) and on_a_wall == 9 and moves["up"] == [0, -1] and number > 10 and pictures == 1
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
