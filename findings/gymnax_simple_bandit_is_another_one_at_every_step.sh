#!/usr/bin/env bash
# gymnax's SimpleBandit-bsuite shuffles its arms at every step, so no arm is better than another and nothing is learned.
#
# Guess: as in bsuite, whose SimpleBandit it is "a JAX implementation" of, each of the 11 arms pays a fixed reward from 0 to
# 1, drawn once for the life of the environment; an agent that tries them all and keeps to the best has 1 from then on,
# and `total_regret` adds up over the steps.
# Behaviour (gymnax 1.0.1, bsuite 0.3.6, jax 0.10.2): every step ends an episode, `step` then resets, and the reset draws a
# new order of the arms and sets `total_regret` back to 0. Nothing in the observation (always 1) tells the order. Who
# tries each arm 20 times and keeps to the best mean gets 1 in bsuite at every later step, for each of 20 seeds, and 0.5
# on average in gymnax, like who draws at random; and the state shows a regret of 0 after every step.
# Whom it hurts: whoever compares agents' learning or exploration on it: all have the same score, the best one's regret
# per step is that of chance. (`step_env`, which does not reset, keeps the arms.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gymnax==1.0.1 bsuite==0.3.6 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 six==1.17.0
cat > "$folder/arms.py" <<'PYTHON'
from importlib.metadata import version

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
from bsuite.environments.bandit import SimpleBandit

print("gymnax", version("gymnax"), "bsuite", version("bsuite"))
ARMS, TRIES, LATER, SEEDS = 11, 20, 1000, 20
env, parameters = gymnax.make("SimpleBandit-bsuite")
trials = jnp.tile(jnp.arange(ARMS), TRIES)


def in_gymnax(key, step):
    """The regret in the state after each step, and the rewards after every arm has been tried, of the arm that seemed best."""
    state = env.reset(key, parameters)[1]

    def one(state, now):
        state, reward = step(now[0], state, now[1])
        return state, (reward, state.total_regret)

    keys = jax.random.split(jax.random.fold_in(key, 1), trials.size + LATER)
    state, (tried, regret) = jax.lax.scan(one, state, (keys[: trials.size], trials))
    best = jnp.argmax(jnp.zeros(ARMS).at[trials].add(tried))
    _, (later, regret_later) = jax.lax.scan(one, state, (keys[trials.size :], jnp.full(LATER, best)))
    return jnp.concatenate([regret, regret_later]), later


def resets(key, state, arm):
    _, state, reward, *_ = env.step(key, state, arm, parameters)
    return state, reward


def keeps(key, state, arm):
    _, state, reward, *_ = env.step_env(key, state, arm, parameters)
    return state, reward


def in_bsuite(seed):
    """The same agent; the rewards after every arm has been tried."""
    game, total, later = SimpleBandit(mapping_seed=seed), np.zeros(ARMS), []
    for arm in [*np.asarray(trials)]:
        game.reset()
        total[arm] += game.step(arm).reward
    for _ in range(LATER):
        game.reset()
        later.append(game.step(total.argmax()).reward)
    return np.array(later), game.bsuite_info()["total_regret"]


keys = jax.random.split(jax.random.key(0), SEEDS)
regret, later = map(np.asarray, jax.jit(jax.vmap(lambda key: in_gymnax(key, resets)))(keys))
_, kept = map(np.asarray, jax.jit(jax.vmap(lambda key: in_gymnax(key, keeps)))(keys))
means = later.mean(1)
print(f"gymnax, step:     mean reward of the best arm {means.mean():.3f}, by seed {means.min():.3f} to {means.max():.3f}; "
      f"regret in the state at most {regret.max():.1f}")
print(f"gymnax, step_env: {kept.mean():.3f}, by seed {kept.mean(1).min():.3f} to {kept.mean(1).max():.3f}")
original = [in_bsuite(seed) for seed in range(SEEDS)]
of_trials = TRIES * (1 - np.linspace(0, 1, ARMS)).sum()
print(f"bsuite:           {np.mean([rewards.mean() for rewards, _ in original]):.3f}; "
      f"regret {original[0][1]:.1f}, that of the trials {of_trials:.1f}")
shown = (np.abs(means - 0.5) < 0.05).all() and (regret == 0).all() and len(np.unique(later[0].round(1))) == ARMS
shown &= np.allclose(kept, 1) and all((rewards == 1).all() for rewards, _ in original)
shown &= all(abs(total - of_trials) < 1e-6 for _, total in original)
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/arms.py"
