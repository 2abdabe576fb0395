"""Measure what an update costs under every rule, beside backpropagation in a network of the same widths.

    uv run python benchmarks/rule_speed.py

Each rule learns as `accumbens fit` does it, one seed, from random examples of MNIST's size; compilation is excluded.
Counted is the processor time of one core, so that whatever else the machine does counts little, and of all repeats the
least. Writes `benchmarks/results/rule_speed.csv`.
"""

import argparse
import csv
import dataclasses
import os
import time
from pathlib import Path
from typing import NamedTuple

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.credit.program import make_program
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.registry import RULES
from accumbens.credit.tasks.protocol import Examples, task_of_examples

RESULTS = Path(__file__).parent / "results" / "rule_speed.csv"
FACTS = TaskFacts("classification", 784, 10, (1, 28, 28))
EXAMPLES = 4096
SIZES = {(64, 64): 32, (1024, 512): 128}  # layers, examples of an update
EXTRA = {
    "coagent samples=25": ("coagent", {"samples": 25}),
    "coagent units=gaussian": ("coagent", {"units": "gaussian"}),
    "coagent-actor-critic critic=off-policy-max": ("coagent-actor-critic", {"critic": "off-policy-max"}),
}
WIDE = ("backprop", "direct-feedback-alignment", "vectorised-backprop", "gevb")  # the others are papers' own widths


class Row(NamedTuple):
    layers: str
    batch_size: int
    rule: str
    parameters: int
    microseconds: float
    ratio: float


def advancing(rule: str, changes: dict, layers: tuple[int, ...], batch_size: int):
    """Return a function that learns from so many batches, and the number of parameters."""
    entry = RULES[rule]
    settings = dataclasses.replace(entry.settings, layers=layers, batch_size=batch_size, optimiser="adam", **changes)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (EXAMPLES, FACTS.inputs)).astype(np.float32)
    examples = Examples(x, rng.integers(10, size=EXAMPLES).astype(np.int32))
    program = make_program(task_of_examples(FACTS, examples, examples, examples), entry.make(settings, FACTS), settings)
    state = jax.jit(program.init)(jnp.zeros(1, jnp.uint32))
    advance = jax.jit(program.advance, donate_argnums=0)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.seeds.network.layers))

    def learn(updates: int) -> float:
        nonlocal state
        begin = time.process_time()
        state = jax.block_until_ready(advance(state, program.data, jnp.int32(updates)))
        return (time.process_time() - begin) / updates

    return learn, parameters


def enough(learn) -> int:
    """How many updates take long enough for the start of a program not to count."""
    updates = 1
    learn(updates)  # compiles
    while updates * min(learn(updates) for _ in range(3)) < 0.05:
        updates *= 4
    return updates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    rows = []
    for layers, batch_size in SIZES.items():
        fits = {name: (name, {}) for name in RULES} | EXTRA
        fits = {name: fit for name, fit in fits.items() if len(layers) * layers[0] < 1000 or name in WIDE}
        made = {name: advancing(*fit, layers, batch_size) for name, fit in fits.items()}
        updates = {name: enough(learn) for name, (learn, _) in made.items()}
        seconds: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(repeats):
            for name, (learn, _) in made.items():
                seconds[name].append(learn(updates[name]))
        best = {name: min(values) for name, values in seconds.items()}
        for name, (_, parameters) in made.items():
            where, ratio = "-".join(map(str, layers)), round(best[name] / best["backprop"], 2)
            rows.append(Row(where, batch_size, name, parameters, round(1e6 * best[name], 1), ratio))
            print(*rows[-1], flush=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([Row._fields, *rows])


if __name__ == "__main__":
    main()
