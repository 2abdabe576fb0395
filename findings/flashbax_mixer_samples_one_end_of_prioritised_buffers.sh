#!/usr/bin/env bash
# flashbax's mixer of prioritised buffers draws from one end of each only: of two, never the newer half until it wraps round.
#
# Guess: a mixer in proportions 1:1 of two prioritised buffers returns, for half of the batch each, what the buffers
# themselves would have drawn: every sequence in proportion to its priority.
# Behaviour (flashbax 0.1.3, jax 0.10.2): each buffer draws a whole batch, of which the mixer keeps the first rows. A
# prioritised buffer draws by strata: row i of n comes from the i-th n-th of the priorities' running sum, in the order in
# which the buffer lies. So the first half of the rows is the first half of that sum. With equal priorities, two
# buffers of 500 steps and batches of 32, no sequence from step 250 on is ever returned, of either; of three buffers the
# last ones are steps 187, 155 and 155. Until a buffer wraps round, that is its oldest part. The probabilities that are
# returned say nothing of it. It draws from all where each buffer's own batch is as large as its share (16 of 32); in
# buffers without priorities the rows are independent, and the first ones are as good as any.
# Whom it hurts: whoever mixes demonstrations with own experience, or several tasks, by priority: the newest experience
# is learned from when the buffer has wrapped round, if then, and importance weights do not make up for it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flashbax==0.1.3 jax==0.10.2 jaxlib==0.10.2 chex==0.1.92 numpy==2.4.6
cat > "$folder/mixer.py" <<'PYTHON'
from importlib.metadata import version

import flashbax
import jax
import jax.numpy as jnp
import numpy as np

print("flashbax", version("flashbax"))
STEPS, BATCH, DRAWS = 500, 32, 400


def steps_drawn(parts, own_batch, prioritised=True):
    """How often each step of each buffer began a sequence that the mixer returned."""
    make = flashbax.make_prioritised_trajectory_buffer if prioritised else flashbax.make_trajectory_buffer
    buffers = [
        make(
            add_batch_size=1,
            sample_batch_size=own_batch,
            sample_sequence_length=2,
            period=1,
            min_length_time_axis=2,
            max_length_time_axis=1000,
        )
        for _ in range(parts)
    ]
    states = []
    for part, buffer in enumerate(buffers):
        blank = {"step": jnp.int32(0), "buffer": jnp.int32(0)}
        steps = {"step": jnp.arange(STEPS)[None], "buffer": jnp.full((1, STEPS), part)}
        states.append(buffer.add(buffer.init(blank), steps))
    mixer = flashbax.make_mixer(buffers, BATCH, [1] * parts)
    draw = jax.jit(mixer.sample)
    counts = np.zeros((parts, STEPS), int)
    for seed in range(DRAWS):
        first = {key: np.asarray(value)[:, 0] for key, value in draw(states, jax.random.key(seed)).experience.items()}
        np.add.at(counts, (first["buffer"], first["step"]), 1)
    return counts


def last_step(counts):
    return [int(np.flatnonzero(row)[-1]) for row in counts]


halves, thirds = steps_drawn(2, BATCH), steps_drawn(3, BATCH)
fitting, uniform = steps_drawn(2, BATCH // 2), steps_drawn(2, BATCH, prioritised=False)
print(f"two prioritised buffers, steps 0 to {STEPS - 1} each: the last step ever drawn is", last_step(halves))
print("three:", last_step(thirds))
print("two whose own batch is their share:", last_step(fitting))
print("two without priorities:", last_step(uniform))
shown = max(last_step(halves)) < STEPS // 2 and max(last_step(thirds)) < STEPS * 0.4
shown &= min(last_step(fitting) + last_step(uniform)) > STEPS - 10
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/mixer.py"
