#!/usr/bin/env bash
# On the CPU, exp and log of the same float32 number have other last bits in an array of 3, 5, 6 or 7 elements.
#
# Guess: what is computed element by element does not depend on how many other elements there are, or where it stands.
# Behaviour (jax 0.10.2, CPU, with AVX-512, AVX2, AVX and SSE 4.2 alike): it does for exp and log, by one unit in the
# last place: of all elements of an array of 3, 5, 6 or 7, and of the last 3, 5, 6 or 7 of one of 11, 13, 14 or 15.
# Arrays of 1, 2, 4, 8, 9, 10, 12, 16 and 17 agree with a long one. tanh, logistic, sin and log1p agree everywhere.
# Whom it hurts: softmax over 3, 5, 6 or 7 actions or classes; who compares one row with the row in a batch, a program
# under vmap with one without, or an agent of one environment with the same agent of many, and expects the same bits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
cat > "$folder/probe.py" <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

x = np.random.default_rng(0).uniform(0.05, 3, 4096).astype(np.float32)
LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)


def places_that_differ(function, length):
    """The places, of arrays of one length, where something differs from the same number in an array of 4096."""
    function = jax.jit(function)
    long = np.asarray(function(x))
    starts = range(0, 200 * length, length)
    short = np.stack([np.asarray(function(x[start : start + length])) for start in starts])
    differs = short != long[: 200 * length].reshape(200, length)
    assert np.allclose(short, long[: 200 * length].reshape(200, length), rtol=3e-7)
    return np.flatnonzero(differs.any(axis=0)).tolist()


right = True
for function in (jnp.exp, jnp.log):
    found = {length: places_that_differ(function, length) for length in LENGTHS}
    expected = {length: [] for length in LENGTHS}
    expected |= {length: list(range(length // 8 * 8, length)) for length in (3, 5, 6, 7, 11, 13, 14, 15)}
    print(function.__name__, {length: places for length, places in found.items() if places})
    right &= found == expected
for function in (jnp.tanh, jax.nn.sigmoid, jnp.sin, jnp.log1p):
    found = [length for length in LENGTHS if places_that_differ(function, length)]
    print(function.__name__, "differs at", found or "no length")
    right &= not found
raise SystemExit(0 if right else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
