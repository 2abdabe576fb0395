"""Measure the memory that one update takes, and its time, against the steps of a sequence, for rules through time.

    python benchmarks/sequence_memory.py [--steps 50 200 1000 5000] [--repeats 3]

Copying with one layer of 64 units and 64 sequences. The memory is XLA's own analysis of the compiled program: its
temporary buffers, without parameters, optimiser states and the batch. Time is the best and the median of several
updates in turns, CPU and wall. Writes `benchmarks/results/sequence-memory/results.csv` and `curves.png`.
"""

import argparse
import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from measure_update import draw_against_steps, measure_updates

from accumbens.credit.protocol import Batch
from accumbens.credit.registry import make_rule, rule_entry
from accumbens.credit.tasks.protocol import Stream
from accumbens.credit.tasks.sequences import make_copying
from accumbens.credit.tasks.settings import CopyingSettings
from accumbens.generator import make_key
from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import write_table

RESULTS = Path(__file__).parent / "results" / "sequence-memory"
HIDDEN, SEQUENCES, RECALLED = 64, 64, 10
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "backpropagation, LSTM": ("backprop-through-time", {}),
    "truncated to 10 steps, LSTM": ("truncated-backprop-through-time", {}),
    "attentive, a memory in 2 steps": ("sparse-attentive-backtracking", {"write_every": 2}),
    "attentive, a memory in 10 steps": ("sparse-attentive-backtracking", {"write_every": 10}),
    "traces (rtrl), diagonal": ("rtrl", {}),
}
COLOURS = ("#e69f00", "#999999", "#56b4e9", "#0072b2", "#009e73")


def compiled_update(rule: str, changes: dict[str, Any], steps: int) -> tuple[Any, Any, Batch]:
    """Return one update, a network and a batch."""
    task = make_copying(CopyingSettings(delay=steps - 2 * RECALLED, recalled=RECALLED, held_out=1), SEQUENCES)
    settings = dataclasses.replace(rule_entry(rule)[1].settings, layers=(HIDDEN,), batch_size=SEQUENCES, **changes)
    made = make_rule(rule, settings, task.facts)
    network, memory = made.init(make_key(0))
    assert isinstance(task.train, Stream)
    x, y = task.train.batch((), jnp.int32(0), make_key(1))
    batch = Batch(x, y, jnp.int32(0))
    update = jax.jit(lambda network, batch: made.update(network, memory, batch, make_key(2))[0])
    return update.lower(network, batch).compile(), network, batch


def measure(lengths: list[int], repeats: int) -> list[dict[str, Any]]:
    """Return a row for every length and rule."""
    found = []
    for steps in lengths:
        updates = {name: compiled_update(*what, steps) for name, what in RULES.items()}
        calls = {name: (update, partial(update, network, batch)) for name, (update, network, batch) in updates.items()}
        for name, columns in measure_updates(calls, repeats).items():
            found.append({"rule": name, "steps": steps, **columns})
            print("  ".join(f"{key} {value}" for key, value in found[-1].items()), flush=True)
    return found


def draw(rows: list[dict[str, Any]], picture: Path) -> None:
    """Draw memory and time per step against the number of steps, one line per rule."""
    figure = draw_against_steps(rows, "rule", dict(zip(RULES, COLOURS, strict=True)))
    figure.suptitle(f"Copying, {HIDDEN} units, {SEQUENCES} sequences", fontsize=11)
    save_figure(figure, picture, dpi=150)


def main() -> None:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", nargs="+", type=int, default=[50, 200, 1000, 5000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rows = measure(arguments.steps, arguments.repeats)
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_table(RESULTS / "results.csv", rows)
    draw(rows, RESULTS / "curves.png")


if __name__ == "__main__":
    main()
