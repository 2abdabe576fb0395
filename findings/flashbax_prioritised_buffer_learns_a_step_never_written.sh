#!/usr/bin/env bash
# flashbax's prioritised buffers come to sample a step that was never written: first with probability 0, then for ever.
#
# Guess: until a buffer is full only what was added is sampled, and the probabilities that come with a sample are above 0,
# as importance weights divide by them.
# Behaviour (flashbax 0.1.3, jax 0.10.2, CPU): priorities are summed in a tree of float32 that is changed by differences, so
# its sums drift away from what they sum. Where the root is above the sum of its leaves a draw can fall behind the last
# of them: on a blank step, all zeros. With batches of 128 and 1,000 steps in a buffer for 3,000 that happened within
# about 700 to 2,200 updates for each of five seeds. Its probability is 0, so an importance weight is infinite, and of a
# batch that is divided by its largest weight all others are 0 and this one is not a number. If that does not end the
# training, `set_priorities` gives the blank step a priority of its own, and it is drawn like any other from then on
# (several hundred times in 5,000 updates). With JAX_ENABLE_X64=1 sums and priorities are float64: not once.
# In a full buffer whose size is no power of two it is an index beyond the end instead, which reads another step (by its
# code, not run). Upstream: instadeepai/flashbax issue 52; the change of its pull request 58 is in no release up to 0.1.3.
# Whom it hurts: whoever replays by priority for long, or whose losses turn into NaN after hours: look at the
# probabilities, and mask rows where they are 0 before `set_priorities`. accumbens' own replay uses no such tree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flashbax==0.1.3 jax==0.10.2 jaxlib==0.10.2 chex==0.1.92 numpy==2.4.6
cat > "$folder/blank.py" <<'PYTHON'
import sys
from importlib.metadata import version

import flashbax
import jax
import jax.numpy as jnp
import numpy as np

ROOM, WRITTEN, BATCH, UPDATES, SEEDS = 3000, 1000, 128, 5000, 5
buffer = flashbax.make_prioritised_flat_buffer(
    max_length=ROOM, min_length=BATCH, sample_batch_size=BATCH, priority_exponent=0.6
)


@jax.jit
def train(key):
    """Sample and set priorities; how many rows of each batch are blank, and the weights of that batch, divided by the largest."""
    state = buffer.init({"step": jnp.int32(0)})
    state = jax.lax.fori_loop(0, WRITTEN, lambda i, state: buffer.add(state, {"step": i.astype(jnp.int32) + 1}), state)

    def update(state, key):
        draw, noise = jax.random.split(key)
        sample = buffer.sample(state, draw)
        error = 0.1 * jnp.abs(jax.random.normal(noise, (BATCH,), jnp.float32)) + 1e-6
        weights = (WRITTEN * sample.probabilities) ** -0.4
        blank = (sample.experience.second["step"] == 0).sum()
        return buffer.set_priorities(state, sample.indices, error), (blank, jnp.isnan(weights / weights.max()).sum())

    return jax.lax.scan(update, state, jax.random.split(key, UPDATES))[1]


found = [[np.asarray(count) for count in train(jax.random.key(seed))] for seed in range(SEEDS)]
blank = [int(rows.sum()) for rows, _ in found]
print("flashbax", version("flashbax"), "float64" if jax.config.jax_enable_x64 else "float32")
print(f"blank steps in {UPDATES} batches of {BATCH}, by seed:", blank)
print("batches with a weight that is no number:", [int((nans > 0).sum()) for _, nans in found])
if any(blank):
    print("first at update", [int((rows > 0).argmax()) if rows.any() else None for rows, _ in found])
several = min(blank) > 300 and all(nans.any() for _, nans in found)
raise SystemExit(0 if (several if sys.argv[1] == "found" else not any(blank)) else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/blank.py" found
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" -W ignore "$folder/blank.py" not
