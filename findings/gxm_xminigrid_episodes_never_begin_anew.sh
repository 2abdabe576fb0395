#!/usr/bin/env bash
# gxm's adapter for XLand-MiniGrid never begins a new episode: after its end the first one goes on for ever, and the
# rewards for reaching the goal fall below zero.
#
# Guess: `gxm.make("XMiniGrid/...")` begins a new episode after an end, as the adapters for pgx, gymnax and Brax do and as
# `true_next_obs` ("before any auto-reset") says; and a time limit is `truncated`, as the README says of all of them.
# Behaviour (gxm 0.4.0, xminigrid 0.9.3, jax 0.10.2): `step` calls XLand-MiniGrid's own step, which leaves the new episode
# to its caller, and the adapter never begins one. In 2000 random steps the step counter goes on to 2000, through 57
# "ends"; the time limit of 100 steps comes once and is called `terminated`. The reward of the goal, 1 - 0.9 * steps /
# 100, falls on with the counter: below 0 from step 112 on, -16.57 at last. The same actions with XLand-MiniGrid's own
# wrapper for new episodes give the same first end, and then 23 episodes that reach the goal, 8 that run out of time
# (discount 1), and no negative reward.
# Whom it hurts: whoever trains in these tasks through gxm: all but the first episode are one that never ends, in which
# reaching the goal is punished.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gxm==0.4.0 xminigrid==0.9.3 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/endless.py" <<'PYTHON'
from importlib.metadata import version

import gxm
import jax
import jax.numpy as jnp
import numpy as np
import xminigrid
from xminigrid.wrappers import GymAutoResetWrapper

print("gxm", version("gxm"), "xminigrid", version("xminigrid"))
NAME, STEPS, LIMIT = "MiniGrid-Empty-5x5", 2000, 100
actions = jax.random.randint(jax.random.key(0), (STEPS,), 0, 3)
keys = jax.random.split(jax.random.key(1), STEPS)
adapted = gxm.make(f"XMiniGrid/{NAME}")
original, parameters = xminigrid.make(NAME)
original = GymAutoResetWrapper(original)
assert adapted.env_params.max_steps == parameters.max_steps == LIMIT


@jax.jit
def through_gxm():
    def one(state, now):
        state, step = adapted.step(now[1], state, now[0])
        return state, (state.xminigrid_state.state.step_num, step.reward, step.terminated, step.truncated)

    return jax.lax.scan(one, adapted.init(jax.random.key(2))[0], (actions, keys))[1]


@jax.jit
def in_xminigrid():
    def one(state, action):
        state = original.step(parameters, state, action)
        return state, (state.state.step_num, state.reward, state.last(), state.discount)

    return jax.lax.scan(one, original.reset(parameters, jax.random.key(2)), actions)[1]


count, reward, terminated, truncated = map(np.asarray, through_gxm())
paid = reward != 0
print(f"gxm:       steps counted at the end {count[-1]}; ends {terminated.sum()}, truncated {truncated.sum()}; "
      f"rewards from {reward.min():.2f} to {reward.max():.2f}, negative in {(reward < 0).sum()} of {paid.sum()}")
shown = (count == np.arange(1, STEPS + 1)).all() and not truncated.any() and terminated[LIMIT - 1]
shown &= (terminated == (paid | (count == LIMIT))).all()
shown &= np.allclose(reward[paid], 1 - 0.9 * count[paid] / LIMIT, atol=1e-4) and (reward[paid & (count >= 112)] < 0).all()
shown &= paid.sum() > 20 and reward.min() < -16
first_end = np.argmax(terminated) + 1

count, reward_there, ended, discount = map(np.asarray, in_xminigrid())
by_time, by_goal = int((ended & (discount == 1)).sum()), int((ended & (discount == 0)).sum())
print(f"xminigrid: most steps counted {count.max()}; ends by time {by_time}, at the goal {by_goal}; "
      f"rewards from {reward_there.min():.2f} to {reward_there.max():.2f}")
shown &= count.max() < LIMIT and by_time > 3 and by_goal > 10 and (reward_there >= 0).all() and reward_there.max() > 0.1
same = (reward == reward_there)[:first_end].all() and (terminated == ended)[:first_end].all()
print(f"rewards and ends of the first {first_end} steps are the same:", bool(same))
shown &= same and not ((reward == reward_there).all() or (terminated == ended).all())
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/endless.py"
