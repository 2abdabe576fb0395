#!/usr/bin/env bash
# Spyx's spike rate loss compares a rate with a count, so that only a neuron that fires at every step is good enough.
#
# Guess, from its own description ("mean squared error of the mean spike rate"; sparsity: "the percentage of the time you
# want the neurons to spike"): mse_spikerate(sparsity=0.25) is 0 for a neuron that fires in a quarter of the steps where it
# should and never where it should not.
# Behaviour (spyx 1.0.0, jax 0.10.2): the mean over T steps is compared with 0.25 * T, so with 25 spikes per step where T
# is 100. The quarter has a loss of 306.3, and each spike more makes it less: the best that binary spikes can do is to
# fire at every step, with 288.0. It is 0 there, where T is 4; and only for T = 1 it is what is described. Losses are not
# comparable over sequences' lengths either: silence costs 0.03, 312.5, 31250 with T = 1, 100, 1000.
# Whom it hurts: whoever trains with it for sparse activity, or reports how much energy a network of Spyx needs: the
# setting for sparsity asks for saturation, and the gradient grows with T.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet spyx==1.0.0 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/rate.py" <<'PYTHON'
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
from spyx.fn import mse_spikerate

print("spyx", version("spyx"), "jax", version("jax"))
SPARSITY, CLASSES, RIGHT = 0.25, 2, 0
target = jnp.array([RIGHT])
loss = mse_spikerate(SPARSITY)


def spikes(count, steps):
    """[batch, time, class]: so many spikes of the right neuron, spread over the time, and none of the other."""
    train = np.zeros((1, steps, CLASSES), np.float32)
    train[0, np.linspace(0, steps - 1, count).round().astype(int), RIGHT] = 1
    assert train.sum() == count
    return jnp.asarray(train)


def described(train, goal=SPARSITY):
    wanted = np.zeros(CLASSES)
    wanted[RIGHT] = goal
    return float(((np.asarray(train)[0].mean(0) - wanted) ** 2).mean())


shown = True
for steps in (4, 100, 1000):
    counts = sorted({0, steps // 4, steps // 2, steps})
    trains = [spikes(count, steps) for count in counts]
    found = [float(loss(train, target)) for train in trains]
    slopes = [float(jax.grad(lambda train: loss(train, target))(train)[0, 0, RIGHT]) for train in trains]
    wanted = [described(train) for train in trains]
    print(f"{steps} steps:", ", ".join(f"{count} spikes {value:.5g} (described {want:.3g})"
                                       for count, value, want in zip(counts, found, wanted, strict=True)))
    shown &= np.allclose(found, [described(train, SPARSITY * steps) for train in trains], rtol=1e-5, atol=1e-9)
    shown &= all(np.diff(found) < 0) and wanted[1] == min(wanted) == 0.0 and (found[-1] == 0.0) == (steps == 4)
    shown &= all(slope < 0 for slope in slopes[:-1]) and (slopes[-1] < 0) == (steps > 4)

# Control: over one step the two are the same.
values = np.linspace(0, 1, 5, dtype=np.float32)
single = [jnp.asarray([[[value, 0.0]]], jnp.float32) for value in values]
found = [float(loss(train, target)) for train in single]
print("1 step:", ", ".join(f"{value} spikes {one:.3g}" for value, one in zip(values, found, strict=True)))
shown &= np.allclose(found, [described(train) for train in single], atol=1e-7) and found[1] == min(found) == 0.0
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/rate.py"
