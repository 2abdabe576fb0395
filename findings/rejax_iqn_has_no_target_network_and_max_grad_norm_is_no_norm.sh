#!/usr/bin/env bash
# rejax's IQN never uses its target network, and `max_grad_norm` does not bound a norm: it clips each element.
#
# Guess: rejax's IQN takes its targets from the target network that it keeps, as its DQN does, so that `polyak` and
# `target_update_freq` matter; `max_grad_norm`, which all its algorithms have, scales a gradient down to that norm, as
# it does in the code they come from.
# Behaviour (rejax 0.1.3, gymnax 0.0.9, optax 0.2.8, jax 0.10.2): IQN's targets come from the network that is being
# trained. The target network is updated and carried along, and one update is the same to the bit whatever is in it.
# And every optimiser is built with `optax.clip(max_grad_norm)`: each single element of a gradient is cut to that
# size. A gradient with norm 27 passes unchanged through `max_grad_norm=0.5`; one of which one element is large comes
# out turned.
# Whom it hurts: whoever compares IQN with DQN, or sweeps target update parameters (the curves are those of other
# seeds at best); whoever copies `max_grad_norm=0.5` from PPO's published settings, where it is the norm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile rejax==0.1.3 gymnax==0.0.9 distrax==0.1.9 flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/probe.py" <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
import optax
from rejax import DQN, IQN, PPO
from rejax.buffers import Minibatch

key = jax.random.key(0)
shown = True


def parameters_after_update(algorithm, state, batch):
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(jax.jit(algorithm.update)(state, batch).q_ts.params)])


for kind in (DQN, IQN):
    algorithm = kind.create(env="CartPole-v1", batch_size=32, buffer_size=64)
    state = algorithm.init_state(key)
    keys = jax.random.split(key, 3)
    batch = Minibatch(
        obs=jax.random.normal(keys[0], (32, 4)), next_obs=jax.random.normal(keys[1], (32, 4)),
        action=jax.random.randint(keys[2], (32,), 0, 2), reward=jnp.ones(32), done=jnp.zeros(32, bool),
    )
    other = state.replace(q_target_params=jax.tree.map(lambda x: 100 * x + 7, state.q_target_params))
    same = np.array_equal(parameters_after_update(algorithm, state, batch), parameters_after_update(algorithm, other, batch))
    print(kind.__name__, ": one update with another target network gives the same parameters:", same)
    shown &= same == (kind is IQN)

algorithm = PPO.create(env="CartPole-v1", max_grad_norm=0.5)
state = algorithm.init_state(key)


def norm_after_clipping(gradient):
    """What Adam was given: after the first step its first moment is a tenth of it."""
    moments = state.critic_ts.apply_gradients(grads=gradient).opt_state[1][0].mu
    given = jax.tree.map(lambda x: x / 0.1, moments)
    cosine = sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(given), jax.tree.leaves(gradient)))
    before, after = float(optax.global_norm(gradient)), float(optax.global_norm(given))
    return before, after, float(cosine) / before / after


even = jax.tree.map(lambda x: jnp.full_like(x, 0.4), state.critic_ts.params)
before, after, cosine = norm_after_clipping(even)
print(f"PPO, max_grad_norm 0.5, all elements 0.4: norm {before:.1f} before, {after:.1f} after clipping")
shown &= after > 20 and abs(after - before) < 1e-2
leaves, shape = jax.tree.flatten(jax.tree.map(jnp.zeros_like, state.critic_ts.params))
leaves[-1] = leaves[-1].at[(0,) * leaves[-1].ndim].set(5.0)
leaves[0] = jnp.full_like(leaves[0], 0.3)
before, after, cosine = norm_after_clipping(jax.tree.unflatten(shape, leaves))
print(f"one element 5, {leaves[0].size} of 0.3: norm {before:.2f} before, {after:.2f} after; cosine between both {cosine:.3f}")
shown &= after > 0.5 * 1.5 and cosine < 0.9
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
