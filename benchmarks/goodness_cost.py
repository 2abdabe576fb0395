"""What ARQ's readout costs: factors standardised before they are multiplied, against the matrix standardised after.

    uv run python benchmarks/goodness_cost.py

Both forms compute y = tanh(standardised(z2ᵀ z1)) h for a batch of candidates; they are timed in turns, forward and
with gradients, and the memory is what XLA reserves beside arguments and results. The numbers land in
benchmarks/results/goodness_cost.csv.
"""

import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp

from accumbens.cells.attention import attention_weights
from accumbens.generator import make_key
from accumbens.runs.tables import write_table

SIZES = [(128, 32, 4), (128, 128, 8), (400, 400, 8)]  # hidden units, outputs, rank
BATCH = {128: 384, 400: 96}
REPEATS = 15


def direct(z1, z2, h):
    """The published order: the matrix is formed, its rows are standardised, squashed and multiplied."""
    W = z2.T @ z1
    W = W - W.mean(-1, keepdims=True)
    W = W / (jnp.sqrt(jnp.maximum(jnp.square(W).mean(-1, keepdims=True), 1e-30)) + 1e-6)
    return jnp.tanh(W) @ h


def factored(z1, z2, h):
    return attention_weights(z1, z2, standardise=True) @ h


def programs(form, arguments):
    """The form on a batch, alone and with gradients, compiled."""

    def goodness(*arguments):
        y = jax.vmap(form)(*arguments)
        return jnp.sqrt(jnp.square(y - y.mean(-1, keepdims=True)).mean(-1))

    forward = jax.jit(goodness)
    gradient = jax.jit(jax.grad(lambda *a: jnp.square(goodness(*a) - 1).mean(), argnums=(0, 1, 2)))
    return {"forward": forward.lower(*arguments).compile(), "gradient": gradient.lower(*arguments).compile()}


def main() -> None:
    rows = []
    for hidden, outputs, rank in SIZES:
        keys = jax.random.split(make_key(0), 3)
        shapes = [(BATCH[hidden], rank, hidden), (BATCH[hidden], rank, outputs), (BATCH[hidden], hidden)]
        arguments = [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]
        compiled = {form.__name__: programs(form, arguments) for form in (direct, factored)}
        for what in ("forward", "gradient"):
            seconds = {name: [] for name in compiled}
            for _ in range(REPEATS):
                for name, program in compiled.items():
                    begin = time.perf_counter()
                    jax.block_until_ready(program[what](*arguments))
                    seconds[name].append(time.perf_counter() - begin)
            medians = {name: 1e3 * statistics.median(values[2:]) for name, values in seconds.items()}
            memory = {
                name: program[what].memory_analysis().temp_size_in_bytes / 2**20 for name, program in compiled.items()
            }
            row = {"hidden": hidden, "outputs": outputs, "rank": rank, "batch": BATCH[hidden], "what": what}
            row |= {f"{name}_ms": round(value, 2) for name, value in medians.items()}
            row["time_ratio"] = round(medians["direct"] / medians["factored"], 2)
            row |= {f"{name}_MiB": round(value, 1) for name, value in memory.items()}
            row["memory_ratio"] = round(memory["direct"] / max(memory["factored"], 1e-3), 2)
            rows.append(row)
            print(*(f"{key}={value}" for key, value in row.items()), flush=True)
    write_table(Path(__file__).parent / "results" / "goodness_cost.csv", rows)


if __name__ == "__main__":
    main()
