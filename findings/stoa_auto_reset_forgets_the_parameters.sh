#!/usr/bin/env bash
# stoa's AutoResetWrapper forgets the parameters: only the first episode begins with those that one passes.
#
# Guess: `reset(key, env_params)` and `step(state, action, env_params)` both take parameters, so the reset that the
# wrapper does within `step` uses the ones given to that `step`, as its CachedAutoResetWrapper and
# OptimisticResetVmapWrapper do.
# Behaviour (stoa-env 0.1.2, jax 0.10.2): it calls `reset(key)` alone. The transitions go by the parameters that are
# passed, and from the second episode on each begins with the environment's defaults. Nothing is said.
# Whom it hurts: whoever randomises domains, makes curricula or tests generalisation over parameters that matter at
# the reset (level, goal, start, length): from the second episode on he trains on the default task, with the dynamics
# of another; under `VmapWrapper(..., vectorize_over_env_params=True)` all copies do, each after its own first
# episode.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile stoa-env==0.1.2 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/probe.py" <<'PYTHON'
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from stoa import AutoResetWrapper, Environment, StepType, TimeStep
from stoa.core_wrappers.optimistic_auto_reset import OptimisticResetVmapWrapper
from stoa.core_wrappers.auto_reset import CachedAutoResetWrapper
from stoa.core_wrappers.vmap import VmapWrapper
from stoa.spaces import ArraySpace, DiscreteSpace


@struct.dataclass
class Parameters:
    start: jax.Array
    speed: jax.Array


@struct.dataclass
class State:
    place: jax.Array
    time: jax.Array
    rng_key: jax.Array


DEFAULT = Parameters(start=jnp.float32(0), speed=jnp.float32(1))


class Line(Environment):
    """A car that begins at `start` and moves by `speed`; an episode has three steps."""

    def reset(self, rng_key, env_params=None):
        parameters = DEFAULT if env_params is None else env_params
        state = State(jnp.asarray(parameters.start), jnp.int32(0), rng_key)
        return state, TimeStep(StepType.FIRST, jnp.float32(0), jnp.float32(1), state.place, {})

    def step(self, state, action, env_params=None):
        parameters = DEFAULT if env_params is None else env_params
        state = State(state.place + parameters.speed, state.time + 1, state.rng_key)
        over = state.time == 3
        step_type = jnp.where(over, StepType.TERMINATED, StepType.MID)
        return state, TimeStep(step_type, jnp.float32(0), 1.0 - over.astype(jnp.float32), state.place, {})

    def observation_space(self, env_params=None):
        return ArraySpace(shape=(), dtype=jnp.float32)

    def action_space(self, env_params=None):
        return DiscreteSpace(num_values=1)

    def state_space(self, env_params=None):
        raise NotImplementedError


def observations(env, parameters, action, keys, steps=7):
    state, step = env.reset(keys, parameters)
    seen = [np.asarray(step.observation).tolist()]
    for _ in range(steps):
        state, step = env.step(state, action, parameters)
        seen.append(np.asarray(step.observation).tolist())
    return seen


wanted = Parameters(start=jnp.float32(100), speed=jnp.float32(10))
key = jax.random.key(0)
plain = observations(AutoResetWrapper(Line()), wanted, 0, key)
print("AutoResetWrapper:      ", plain)
cached = observations(CachedAutoResetWrapper(Line()), wanted, 0, key)
print("CachedAutoResetWrapper:", cached)
many = Parameters(start=jnp.array([100.0, 200.0, 300.0]), speed=jnp.array([10.0, 20.0, 30.0]))
each = VmapWrapper(AutoResetWrapper(Line()), num_envs=3, vectorize_over_env_params=True)
batch = observations(each, many, jnp.zeros(3, jnp.int32), key)
print("three sets of parameters under VmapWrapper:", batch)
shown = plain == [100.0, 110.0, 120.0, 0.0, 10.0, 20.0, 0.0, 10.0]
shown &= cached == [100.0, 110.0, 120.0, 100.0, 110.0, 120.0, 100.0, 110.0]
shown &= batch[0] == [100.0, 200.0, 300.0] and batch[3] == [0.0, 0.0, 0.0] == batch[6]
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
