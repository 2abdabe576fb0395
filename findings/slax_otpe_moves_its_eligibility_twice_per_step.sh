#!/usr/bin/env bash
# Slax's OTPE moves its eligibility trace twice in every step, so its gradient is wrong from the first step on.
#
# Guess: DenseOTPE keeps the trace of DenseOSTL (how the membrane depends on the weights, E[t] = dv/dv' * E[t-1] + dv/dw)
# and adds a leaky sum of the resulting derivatives of the spikes, R[t] = leak * R[t-1] + ds[t]/dw, as in the paper that it
# names. At the first step there is no past, and the gradient is that of backpropagation.
# Behaviour (slax 0.0.1, jax 0.4.25): the trace is moved twice in each step, and ds/dw is taken between the two. So the
# input of the step counts as if it had been there a step before, too: at the first step the gradient is 1 + leak *
# (1 - s') times backpropagation's (s' is the surrogate derivative), 1.56 to 1.88 times with a leak of 0.88. And the past is
# forgotten twice as fast: six steps after an input 0.21 of its trace is left, not 0.46. DenseOSTL's gradient is that of
# backpropagation at every step, and NumPy's OTPE with the trace moved twice that of DenseOTPE, both to 1e-5.
# Whom it hurts: whoever compares online rules for spiking networks: what is called OTPE there is another rule, with a
# larger step and a shorter memory. Slax's own test asks for no more than a cosine similarity of 0.85.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# Slax needs `jax.tree_map`, which later versions of JAX do not have.
"$folder/venv/bin/pip" install --quiet slax==0.0.1 jax==0.4.25 jaxlib==0.4.25 flax==0.8.1 optax==0.2.1 chex==0.1.85 \
    orbax-checkpoint==0.5.3 numpy==1.26.4 scipy==1.12.0
cat > "$folder/traces.py" <<'PYTHON'
from importlib.metadata import version

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import slax
from jax.tree_util import tree_leaves, tree_map, tree_structure, tree_unflatten

print("slax", version("slax"), "jax", version("jax"))
INPUTS, NEURONS, STEPS, TAU, SLOPE, SEEDS = 5, 4, 7, 2.0, 25, 10
LEAK = float(nn.sigmoid(TAU))


def layer():
    return [nn.Dense(NEURONS, use_bias=False), slax.LIF(init_tau=TAU, spike_fn=slax.fast_sigmoid(SLOPE))]


plain = slax.connect(layer())
ostl, otpe = slax.connect([slax.DenseOSTL(layer())]), slax.connect([slax.DenseOTPE(layer(), LEAK)])


def step(net, weights, carry, now):
    spikes, changed = net.apply({"params": weights, "carry": carry}, now, mutable="carry")
    return spikes.sum(), changed["carry"]


def fresh(net, key):
    """Weights and an empty memory."""
    variables = net.init(key, jnp.zeros(INPUTS))
    return variables["params"], tree_map(jnp.zeros_like, variables["carry"])


def online(rule, weights, x):
    """The derivative of each step's spikes as the rule has it, going forward."""
    like, carry = fresh(rule, jax.random.PRNGKey(0))
    weights = tree_unflatten(tree_structure(like), tree_leaves(weights))
    found = []
    for now in x:
        gradient, carry = jax.jacrev(lambda weights: step(rule, weights, carry, now), has_aux=True)(weights)
        found.append(np.asarray(tree_leaves(gradient)[0]))
    return np.stack(found)


def backpropagated(weights, x):
    """The same by backpropagation through time."""

    def last(weights, until):
        carry = fresh(plain, jax.random.PRNGKey(0))[1]
        for now in x[:until]:
            spikes, carry = step(plain, weights, carry, now)
        return spikes

    return np.stack([np.asarray(tree_leaves(jax.grad(last)(weights, until))[0]) for until in range(1, len(x) + 1)])


def in_numpy(weights, x, moves):
    """What each step's spikes depend on, without and with OTPE's leaky sum, and the trace, which is moved so many times."""
    weights = np.asarray(tree_leaves(weights)[0], float)
    membrane, trace, total = np.zeros(NEURONS), np.zeros_like(weights), np.zeros_like(weights)
    derivatives, sums, traces = [], [], []
    for now in np.asarray(x, float):
        before = LEAK * membrane + now @ weights
        surrogate = (SLOPE * np.abs(before - 1) + 1) ** -2
        for move in range(moves):
            if move == moves - 1:
                derivative = surrogate * (LEAK * trace + now[:, None])
            trace = (1 - surrogate) * (LEAK * trace + now[:, None])
        membrane = before - (before >= 1)
        total = LEAK * total + derivative
        derivatives.append(derivative), sums.append(total), traces.append(trace)
    return np.stack(derivatives), np.stack(sums), np.stack(traces), surrogate


def gap(found, wanted):
    return np.abs(found - wanted).max() / np.abs(wanted).max()


gaps, ratios, shown = np.zeros((SEEDS, 4)), [], True
for seed in range(SEEDS):
    key = jax.random.PRNGKey(seed)
    x, weights = jax.random.uniform(key, (STEPS, INPUTS)), fresh(plain, key)[0]
    exact, of_otpe = backpropagated(weights, x), online(otpe, weights, x)
    derivatives, once, *_ = in_numpy(weights, x, 1)
    _, twice, *_ = in_numpy(weights, x, 2)
    gaps[seed] = gap(online(ostl, weights, x), exact), gap(derivatives, exact), gap(of_otpe, twice), gap(of_otpe, once)
    surrogate = in_numpy(weights, x[:1], 1)[-1]
    ratios.append(of_otpe[0] / exact[0])
    shown &= np.allclose(ratios[-1], 1 + LEAK * (1 - surrogate), atol=1e-4)
print("largest gaps, of the largest number: OSTL to backpropagation {:.0e}, NumPy to it {:.0e}, OTPE to NumPy's with the trace "
      "moved twice {:.0e}; smallest to that with it moved once {:.2f}".format(*gaps[:, :3].max(0), gaps[:, 3].min()))
print(f"OTPE at the first step: {np.min(ratios):.2f} to {np.max(ratios):.2f} times backpropagation, as by 1 + leak * (1 - s')")
shown &= gaps[:, :3].max() < 1e-5 and gaps[:, 3].min() > 0.05 and np.min(ratios) > 1.01 and np.max(ratios) > 1.8

# One weak input, then silence: how much of its trace is left.
pulse = jnp.zeros((STEPS, INPUTS)).at[0].set(0.01)
weights, left = fresh(plain, jax.random.PRNGKey(0))[0], {}
for name, rule in (("OSTL", ostl), ("OTPE", otpe)):
    like, carry = fresh(rule, jax.random.PRNGKey(0))
    own, traces = tree_unflatten(tree_structure(like), tree_leaves(weights)), []
    for now in pulse:
        _, carry = jax.jacrev(lambda weights: step(rule, weights, carry, now), has_aux=True)(own)
        found = jax.tree_util.tree_flatten_with_path(carry)[0]
        traces.append(next(np.asarray(value) for path, value in found if "'E'" in jax.tree_util.keystr(path)).mean())
    left[name] = np.array(traces) / traces[0]
    print(f"{name}: of the trace there is left", left[name].round(2))
shown &= np.allclose(left["OSTL"], LEAK ** np.arange(STEPS), atol=0.01)
shown &= np.allclose(left["OTPE"], LEAK ** (2 * np.arange(STEPS)), atol=0.01)
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/traces.py"
