#!/usr/bin/env bash
# gymnax's wrappers for Gymnasium and dm_env hide how an episode ends: its last observation is the next episode's
# first.
#
# Guess: `GymnaxToGymWrapper` is a Gymnasium environment: when `step` says terminated or truncated, its observation is
# the last one of that episode, and `reset` begins the next. `GymnaxToDmEnvWrapper` says when an episode is over.
# Behaviour (gymnax 1.0.1, gymnasium 1.3.0, jax 0.10.2): the environment resets itself within `step`, and the wrapper
# hands on what it returns: at every end the observation is the first of another episode (which is thrown away by the
# `reset` that follows); the true one is only in `info["final_observation"]`, which Gymnasium does not know. In the
# dm_env wrapper's time steps there is no step type, and the discount is 1 at a truncation: Pendulum is one endless
# episode whose state jumps every 200 steps.
# Whom it hurts: who bootstraps at truncations from the observation that `step` returned, as Gymnasium tells him to:
# he takes the value of a fresh start instead; who stores these transitions (a Minari data set, a model of the
# dynamics): one false transition per episode; and whoever learns from the dm_env wrapper in a task with a time limit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile gymnax==1.0.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 six==1.17.0 gymnasium==1.3.0
cat > "$folder/probe.py" <<'PYTHON'
import gymnax
import jax
import jax.numpy as jnp
import numpy as np
from gymnax.wrappers import GymnaxToDmEnvWrapper, GymnaxToGymWrapper

shown = True
for name, action in (("CartPole-v1", 1), ("Pendulum-v1", jnp.array([1.0])), ("FrozenLake-misc", 2)):
    env, parameters = gymnax.make(name)
    wrapped = GymnaxToGymWrapper(env, parameters, seed=0)
    wrapped.reset(seed=0)
    wrong = 0
    for _ in range(5):
        steps, over = 0, False
        while not over:
            observation, _, terminated, truncated, info = wrapped.step(action)
            steps, over = steps + 1, bool(terminated) or bool(truncated)
        last = np.asarray(info["final_observation"])
        wrong += not np.array_equal(observation, last)
        assert np.array_equal(observation, np.asarray(env.get_obs(wrapped.env_state) if name != "FrozenLake-misc"
                                                      else wrapped.env_state.position)) and int(wrapped.env_state.time) == 0
        wrapped.reset()
    print(name, ": ends", 5, ", observation not of that episode", wrong, "; the last: terminated", bool(terminated),
          "truncated", bool(truncated), "observation", np.round(observation, 3), "instead of", np.round(last, 3))
    shown &= wrong == 5

env, parameters = gymnax.make("Pendulum-v1")
wrapped = GymnaxToDmEnvWrapper(env)
step = wrapped.reset(jax.random.key(0), parameters)
names = sorted(step.__dict__)
discounts, begun = set(), []
for number in range(1, 1001):
    step = wrapped.step(jax.random.key(number), step, jnp.array([0.0]), parameters)
    discounts.add(float(step.discount))
    if int(step.state.time) == 0:
        begun.append(number)
print("dm_env: fields", names, "; discounts in 1000 steps of Pendulum", discounts,
      "; another episode begins in step", begun)
shown &= discounts == {1.0} and begun == [200, 400, 600, 800, 1000]
shown &= "step_type" not in names and not hasattr(step, "last")
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
