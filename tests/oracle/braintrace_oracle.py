"""What `braintrace` 0.2.6 makes of one sequence: writes `braintrace.json` beside this file, or to the path given.

It needs an environment of its own, for its own `jax`:

    uv run --no-project --isolated --python 3.11 --with braintrace==0.2.6 --with brainstate==0.5.4 \
        --with jax==0.10.2 --with jaxlib==0.10.2 python tests/oracle/braintrace_oracle.py

One layer of tanh units, weights and inputs that NumPy draws, and the loss Σ_t Σ_i target_ti h_ti, whose error at a step
is the target itself. Of its algorithms SnAp(2) is exact here, SnAp(1) keeps what leads from a unit to itself, and
D_RTRL keeps nothing of the recurrent weights. Its LSTM and GRU are left out: their gradients are wrong in this version.
"""

import json
import sys
from pathlib import Path

import brainstate
import braintrace
import jax
import jax.numpy as jnp
import numpy as np

INPUTS, UNITS, STEPS = 3, 5, 12
ALGORITHMS = {
    "snap_2": (braintrace.SnAp, {"n": 2}),
    "snap_1": (braintrace.SnAp, {"n": 1}),
    "d_rtrl": (braintrace.D_RTRL, {}),
}


def gradient(algorithm, case):
    """The summed gradient of the weights [units, inputs + units] and biases, and the activity of every step."""
    cell = braintrace.nn.ValinaRNNCell(INPUTS, UNITS, activation="tanh")
    x = jnp.asarray(case["x"], jnp.float32)
    kind, options = algorithm
    learner = braintrace.compile(cell, kind, x[0], **options)
    weights = cell.states(brainstate.ParamState)
    for state in weights.values():
        state.value = jax.tree.map(
            lambda leaf: jnp.asarray(case["weight"], jnp.float32).T if leaf.ndim == 2 else jnp.asarray(case["bias"]),
            state.value,
        )
    total, activity = None, []
    for now, target in zip(x, jnp.asarray(case["target"], jnp.float32), strict=True):
        seen = []

        def loss(now=now, target=target, seen=seen):
            h = learner(now)
            seen.append(h)
            return (h * target).sum(), h

        found, h = brainstate.transform.grad(loss, weights, has_aux=True)()
        activity.append(np.asarray(h).tolist())
        total = found if total is None else jax.tree.map(jnp.add, total, found)
    leaves = jax.tree.leaves(total)
    (weight,) = (leaf for leaf in leaves if leaf.ndim == 2)
    (bias,) = (leaf for leaf in leaves if leaf.ndim == 1)
    return {"weight": np.asarray(weight).T.tolist(), "bias": np.asarray(bias).tolist(), "activity": activity}


def main(path):
    generator = np.random.default_rng(0)
    case = {
        "weight": generator.normal(0, 0.6, (UNITS, INPUTS + UNITS)).astype(np.float32).tolist(),
        "bias": generator.normal(0, 0.3, UNITS).astype(np.float32).tolist(),
        "x": generator.normal(size=(STEPS, INPUTS)).astype(np.float32).tolist(),
        "target": generator.normal(size=(STEPS, UNITS)).astype(np.float32).tolist(),
    }
    found = {name: gradient(algorithm, case) for name, algorithm in ALGORITHMS.items()}
    path.write_text(json.dumps({"case": case, "found": found}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("braintrace.json"))
