#!/usr/bin/env bash
# On the CPU, the sum of a row has other last bits once the whole batch holds 4096 numbers.
#
# Guess: a matrix product may depend on the number of rows, for it is blocked; the sum, mean, softmax or layer norm of a
# row, over its last axis, does not depend on how many other rows there are.
# Behaviour (jax 0.10.2, CPU, one thread or many): from 4096 elements on, reductions of rows of more than 32 are done in
# another order. The same row has one sum in all batches above, and another in most batches below: most rows of 48 to
# 128 numbers differ, in the last bits, and so do their softmax and layer norm. The matrix product of the same rows with 100 x 128 weights, which the
# guess would have blamed, is the same in all of them.
# Whom it hurts: who checks a batch against single rows; who changes the number of environments, the minibatch, or the
# number of seeds under vmap, and expects the same trajectory of a deterministic agent: argmax over nearly equal values
# of a layer-normalised network turns a last bit into another action.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
cat > "$folder/probe.py" <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

rng = np.random.default_rng(0)
SIZES = (48, 64, 100, 128)
W = rng.standard_normal((max(SIZES), 128)).astype(np.float32)


def layer_norm(rows):
    return (rows - rows.mean(-1, keepdims=True)) * jax.lax.rsqrt(rows.var(-1, keepdims=True) + 1e-5)


def among_few(function, rows, numbers):
    """For numbers of rows, how many of them are not to the bit what they are among 512."""
    function = jax.jit(function)
    among_many = np.asarray(function(rows))
    found = {}
    for number in numbers:
        few = np.asarray(function(rows[:number]))
        assert np.allclose(few, among_many[:number], rtol=1e-4, atol=1e-5)
        found[number] = int((few != among_many[:number]).reshape(number, -1).any(axis=1).sum())
    return found


right = True
for size in SIZES:
    rows = rng.standard_normal((512, size)).astype(np.float32)
    most = -(-4096 // size) - 1  # rows that hold less than 4096 numbers
    numbers = (10, most - 1, most, most + 1, most + 2, 200)
    for name, function in (("sum", lambda x: x.sum(-1)), ("softmax", jax.nn.softmax), ("layer norm", layer_norm)):
        found = among_few(function, rows, numbers)
        print(f"rows of {size}: {name}: so many differ in a batch of so many:", found)
        right &= all((differ > 0) == (number <= most) for number, differ in found.items())
    if size == 100:
        found = among_few(lambda x: x @ W[: x.shape[-1]], rows, numbers)
        print(f"rows of {size}: matrix product:", found)
        right &= not any(found.values())
raise SystemExit(0 if right else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
