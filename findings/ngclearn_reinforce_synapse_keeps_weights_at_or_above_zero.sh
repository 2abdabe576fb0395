#!/usr/bin/env bash
# NGC-Learn's REINFORCE synapse clips its weights at zero, so that its Gaussian can have neither a negative mean nor a
# standard deviation below one; and a reset gives every one of them the same random numbers, whatever its seed.
#
# Guess, from its own description (w_bound: "upper bound for weight clipping"; seed: "random seed for
# reproducibility"): the weights follow the policy gradient within [-w_bound, w_bound], and after a reset the random
# numbers are those of the seed that was given.
# Behaviour (ngclearn 3.1.0; the lines are the same in 3.2.3): after every update the weights are clipped to [0,
# w_bound], those of the mean and those of the logarithm of the standard deviation alike. With inputs at or above zero
# a task whose best action is negative, or that rewards precision, cannot be learned: the weight stops at exactly 0.
# And `reset` sets the generator to that of seed 42: synapses of different seeds draw the same actions from then on.
# Whom it hurts: whoever compares three-factor rules with REINFORCE in it, over seeds or on tasks with signs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ngclearn==3.1.0 ngcsimlib==3.1.1 jax==0.10.2 jaxlib==0.10.2
cat > "$folder/synapse.py" <<'PYTHON'
from importlib.metadata import version

import jax.numpy as jnp
from ngclearn import Context, MethodProcess
from ngclearn.components.synapses.modulated.REINFORCESynapse import REINFORCESynapse

print("ngclearn", version("ngclearn"))
START = jnp.array([[0.2, 0.1]])  # of the mean, of the logarithm of the standard deviation


def make(seed):
    with Context(f"seed_{seed}"):
        synapse = REINFORCESynapse("synapse", (1, 1), eta=1.0, w_bound=5.0, seed=seed)
        update = MethodProcess("update") >> synapse.evolve
        reset = MethodProcess("reset") >> synapse.reset
    return synapse, update, reset


def act(synapse, update, reward=0.0):
    """Draw an action, and learn from the reward for what was drawn; return the action."""
    synapse.inputs.set(jnp.ones((1, 1)))
    synapse.learning_mask.set(jnp.ones(()))
    synapse.rewards.set(jnp.full((1,), reward))
    update.run(dt=1.0)
    return float(synapse.outputs.get()[0, 0])


# The update is made with the action that is drawn in the same call, so the reward is told of what its generator draws.
lowest, asked_for_less = [], 0
synapse, update, _ = make(1)
synapse.weights.set(START)
for _ in range(400):
    state = synapse.seed.get()
    action = act(synapse, update)  # reward 0: nothing is learned
    synapse.seed.set(state)  # the same action again, now with its reward: the more negative the better
    assert act(synapse, update, -action) == action
    mean, log_std = (float(weight) for weight in synapse.weights.get()[0])
    change = float(synapse.dWeights.get()[0, 0])
    asked_for_less += mean == 0.0 and change < 0.0
    lowest.append(min(mean, log_std))
print(f"lowest weight {min(lowest)}; asked for less than a mean of 0 in {asked_for_less} of 400 updates")
stuck = min(lowest) == 0.0 and asked_for_less > 100

drawn = {}
for seed in (1, 2):
    synapse, update, reset = make(seed)
    synapse.weights.set(START)
    before = act(synapse, update)
    reset.run()
    synapse.weights.set(START)
    drawn[seed] = before, act(synapse, update)
    print(f"seed {seed}: action before a reset {before:.4f}, after it {drawn[seed][1]:.4f}")
same = drawn[1][0] != drawn[2][0] and drawn[1][1] == drawn[2][1] and drawn[1][0] != drawn[1][1]
raise SystemExit(0 if stuck and same else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/synapse.py"
