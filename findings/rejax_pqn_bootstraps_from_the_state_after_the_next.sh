#!/usr/bin/env bash
# rejax's PQN bootstraps from the state after the next one, and across the end of an episode.
#
# Guess: `PQN.calculate_targets` gives the lambda returns of purejaxql, from which its source says it comes: a step's
# target is its reward plus gamma times a mixture of the next state's greatest action value and the next step's
# target; with `td_lambda=0` it is the one-step Q-learning target. After the last step of an episode nothing is added.
# Behaviour (rejax 0.1.3, gymnax 0.0.9, jax 0.10.2): the trajectory holds the action values of the next observation,
# and the loop passes them on by one more step: the value that is mixed in is that of the state two steps on. So with
# `td_lambda=0` the target is r(t) + gamma max Q(s(t+2)), one reward short; for the last step but one of an episode,
# s(t+2) is the first state of another episode, and its value is counted. On a chain of ten states with a reward of 1
# each and a discount of 0.9 the values converge to 10 and 4.1 in turn where 6.5, 6.1, ... are true, and to 10 where
# it is 1.9: the last but one.
# Whom it hurts: whoever takes rejax's PQN for a baseline, the more so the smaller his lambda; with the default of 0.9
# the last steps of an episode are valued by a quarter too much. Only with a lambda of 1 the targets are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile rejax==0.1.3 gymnax==0.0.9 distrax==0.1.9 flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/probe.py" <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
from rejax import PQN
from rejax.algos.pqn import Trajectory


def agent(td_lambda, gamma):
    return PQN.create(env="CartPole-v1", num_envs=1, num_steps=8, num_minibatches=1, td_lambda=td_lambda, gamma=gamma)


def column(values):
    return jnp.asarray(values, jnp.float32)[:, None]


def trajectory(next_values, rewards, done):
    next_q = jnp.stack([column(next_values), column(next_values) - 1], axis=2)  # (steps, environments, actions)
    zeros = jnp.zeros((len(rewards), 1))
    return Trajectory(obs=zeros[..., None], action=zeros.astype(int), next_q=next_q, reward=column(rewards), done=column(done))


def expected(next_values, rewards, done, td_lambda, gamma):
    """Peng's lambda returns, as in purejaxql."""
    targets, target = [], None
    for value, reward, over in reversed(list(zip(next_values, rewards, done))):
        mixed = value if target is None else (1 - td_lambda) * value + td_lambda * target
        target = reward + (0.0 if over else gamma * mixed)
        targets.append(target)
    return np.array(targets[::-1])


shown = True
for name, done in (("no end", [0, 0, 0, 0]), ("an episode ends with the second step", [0, 1, 0, 0])):
    for td_lambda in (0.0, 0.9, 1.0):
        values, rewards = [10.0, 100.0, 1000.0, 10000.0], [1.0] * 4
        found = agent(td_lambda, 0.5).calculate_targets(trajectory(values, rewards, done), jnp.array([values[-1]]))
        found, right = np.asarray(found)[:, 0], expected(values, rewards, done, td_lambda, 0.5)
        print(f"{name}, lambda {td_lambda}: targets {found.round(2)}, expected {right.round(2)}")
        shown &= np.allclose(found, right) == (td_lambda == 1.0)
        if td_lambda == 0.0:
            later = 1 + 0.5 * np.array([100.0, 1000.0, 10000.0, 10000.0])
            shown &= np.allclose(found, np.where(np.array(done) == 1, 1.0, later))

# A chain of ten states, reward 1 for each step, then it begins anew: values that are their own targets, by lambda.
LENGTH, GAMMA = 10, 0.9
true = (1 - GAMMA ** np.arange(LENGTH, 0, -1)) / (1 - GAMMA)
for td_lambda in (0.0, 0.9):
    algorithm, values = agent(td_lambda, GAMMA), np.zeros(LENGTH)
    compute = jax.jit(algorithm.calculate_targets)
    done = ([0] * (LENGTH - 1) + [1]) * 3
    for _ in range(300):
        after = np.tile(np.roll(values, -1), 3)  # each step's next observation: after the end it is the first state again
        found = compute(trajectory(after, [1.0] * len(done), done), jnp.zeros(1))
        values = np.asarray(found)[:LENGTH, 0]  # the first of three episodes in a row
    print(f"chain, lambda {td_lambda}: values {values.round(2)}\n            true values {true.round(2)}")
    shown &= np.abs(values - true).max() > 0.3
    if td_lambda == 0.0:
        shown &= abs(values[0] - 10) < 0.1 and abs(values[1] - true[-5]) < 0.1 and abs(values[-2] - 10) < 0.1
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
