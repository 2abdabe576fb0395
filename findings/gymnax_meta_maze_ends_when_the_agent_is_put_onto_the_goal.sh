#!/usr/bin/env bash
# gymnax's MetaMaze ends an episode when the agent, after it reached the goal, happens to be put onto the goal again.
#
# Guess: as in the maze of Miconi and others (2019), which its docstring names, reaching the goal gives the reward of
# 10 and puts the agent somewhere at random, and the episode lasts 200 steps in any case.
# Behaviour (gymnax 1.0.1, jax 0.10.2): whether an episode is over is looked up after the agent was put elsewhere, by
# asking whether it is on the goal. The new place is one of all 65 free cells, the goal's included: so one visit to
# the goal in 65 ends the episode (`terminated=True`), without a sign of it in what the agent did, and 64 do not. Of
# 500 episodes on the shortest paths 39 in 100 end early, after 87 steps on the average, and have less than half the
# return of the others.
# Whom it hurts: whoever measures how much is learned within an episode: the better an agent, the more of its episodes
# are cut off at random, so that the returns of good agents are scattered and too small; the value function learns
# that the best action may be followed by nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile gymnax==1.0.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 six==1.17.0
cat > "$folder/probe.py" <<'PYTHON'
from collections import deque

import gymnax
import jax
import jax.numpy as jnp
import numpy as np

env, parameters = gymnax.make("MetaMaze-misc")
free = np.asarray(env.env_map)
moves = np.asarray(env.directions)


def distances(goal):
    found = np.full(free.shape, 10**6)
    found[goal] = 0
    queue = deque([goal])
    while queue:
        cell = queue.popleft()
        for move in moves:
            near = (cell[0] + move[0], cell[1] + move[1])
            if free[near] and found[near] == 10**6:
                found[near] = found[cell] + 1
                queue.append(near)
    return found


table = np.full(free.shape * 2, 10**6)
for goal in map(tuple, np.argwhere(free)):
    table[goal] = distances(goal)
table = jnp.asarray(table)


@jax.jit
@jax.vmap
def episode(key):
    """One episode on the shortest paths: did it go on to the end, its steps, return, and visits to the goal."""
    first, rest = jax.random.split(key)
    _, state = env.reset_env(first, parameters)

    def body(carry, key):
        state, going, steps, total = carry
        near = state.pos + env.directions
        action = jnp.argmin(table[state.goal[0], state.goal[1], near[:, 0], near[:, 1]])
        _, state, reward, over, _ = env.step_env(key, state, action, parameters)
        return (state, going & ~over, steps + going, total + reward * going), None

    (_, going, steps, total), _ = jax.lax.scan(body, (state, True, 0, 0.0), jax.random.split(rest, 200))
    return going, steps, total


whole, steps, returns = map(np.asarray, episode(jax.random.split(jax.random.key(0), 500)))
visits = returns.sum() / 10
ends = (~whole).sum()
print("free cells:", free.sum())
print(f"episodes that ended before 200 steps: {ends} of {len(whole)}, after {steps[~whole].mean():.0f} steps on the average")
print(f"visits to the goal per early end: {visits / ends:.1f}")
print(f"mean return: whole episodes {returns[whole].mean():.0f}, ended early {returns[~whole].mean():.0f}, all {returns.mean():.0f}")
shown = 0.25 < ends / len(whole) < 0.5 and 50 < visits / ends < 85
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
