#!/usr/bin/env bash
# In Gymnasium's own JAX vector environments every copy stands still while any other copy is reset, and is paid for it.
#
# Guess: `make_vec("phys2d/CartPole-v1", num_envs=16)` is 16 independent environments with autoreset on the next step, as
# its metadata says: a copy that ended is reset, its reward there is 0, and the other 15 do their step.
# Behaviour (gymnasium 1.3.0, jax 0.10.2, flax 0.12.8): on a step where one copy is reset, all others keep the state that they had,
# whatever their action was, while reward and `terminated` are those of the transition that did not take place; the
# copy that is reset gets the reward 1. With 16 copies and random actions about a third of all steps are such steps, and
# episodes last half as long again as in `CartPole-v1`; with more copies it is worse. The environment alone
# (`gymnasium.make`) and `make_vec("CartPole-v1")` are as they should be.
# Whom it hurts: everybody who trains or evaluates in `make_vec("phys2d/CartPole-v1")`, or wraps a functional environment
# in `FunctionalJaxVectorEnv`: returns are too high, transitions of a third of the data are wrong, and results depend on
# the number of copies. In accumbens `CartPole-v1` is an environment of its own, and `phys2d/…` names are made one by one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gymnasium==1.3.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 flax==0.12.8 pygame==2.6.1
cat > "$folder/play.py" <<'PYTHON'
import gymnasium
import numpy as np


def play(env, steps=200):
    """Random play: steps without motion, of how many; rewards on the steps that reset; lengths of episodes."""
    env.action_space.seed(0)
    before, ended = np.array(env.reset(seed=0)[0]), np.zeros(env.num_envs, bool)
    length, lengths, rewards, still, all_steps = np.zeros(env.num_envs, int), [], set(), 0, 0
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        observation, ends = np.array(observation), np.array(terminated) | np.array(truncated)
        same = (observation == before).all(axis=1)  # a cart under a force never stays exactly where it is
        still, all_steps = still + int(same[~ended].sum()), all_steps + int((~ended).sum())
        rewards |= set(np.array(reward, float)[ended].tolist())
        length[~ended] += 1
        lengths += length[ends & ~ended].tolist()
        length[ends] = 0
        before, ended = observation, ends
    return still, all_steps, rewards, float(np.mean(lengths))


for num_envs in (1, 4, 16):
    for name, mode in (("phys2d/CartPole-v1", None), ("CartPole-v1", "sync")):
        found = play(gymnasium.make_vec(name, num_envs=num_envs, vectorization_mode=mode))
        still, steps, rewards, length = found
        print(f"gymnasium {gymnasium.__version__}, {num_envs:2} x {name}: {still} of {steps} steps without motion; "
              f"rewards of resets {sorted(rewards)}; mean length of episodes {length:.1f}")
        if name == "CartPole-v1":
            assert still == 0 and rewards == {0.0}, found
        else:
            assert rewards == {1.0} and (still > 0) == (num_envs > 1), found
            assert num_envs < 16 or still > steps / 5, found
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/play.py"
