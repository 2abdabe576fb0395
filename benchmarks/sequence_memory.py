"""Measure the memory that one update takes, and its time, against the steps of a sequence, for rules through time.

    python benchmarks/sequence_memory.py [--steps 50 200 1000 5000] [--repeats 3]

Copying with one layer of 64 units and 64 sequences. The memory is XLA's own analysis of the compiled program: its
temporary buffers, without parameters, optimiser states and the batch. Time is the best and the median of several
updates in turns, CPU and wall. Writes `benchmarks/results/sequence-memory/results.csv` and `curves.png`.
"""

import argparse
import csv
import dataclasses
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from accumbens.credit.protocol import Batch
from accumbens.credit.registry import make_rule, rule_entry
from accumbens.credit.tasks.sequences import make_copying
from accumbens.credit.tasks.settings import CopyingSettings

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
    network, memory = made.init(jax.random.key(0))
    x, y = task.train.batch((), 0, jax.random.key(1))
    batch = Batch(x, y, jnp.int32(0))
    update = jax.jit(lambda network, batch: made.update(network, memory, batch, jax.random.key(2))[0])
    return update.lower(network, batch).compile(), network, batch


def measure(lengths: list[int], repeats: int) -> list[dict[str, Any]]:
    """Return a row for every length and rule."""
    found = []
    for steps in lengths:
        programs = {name: compiled_update(*what, steps) for name, what in RULES.items()}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in RULES}
        for repeat in range(repeats + 1):
            for name, (update, network, batch) in programs.items():
                begin = time.process_time(), time.perf_counter()
                jax.block_until_ready(update(network, batch))
                if repeat:  # the first one fills caches
                    times[name].append((time.process_time() - begin[0], time.perf_counter() - begin[1]))
        for name in RULES:
            cpu, wall = zip(*times[name], strict=True)
            found.append(
                {
                    "rule": name,
                    "steps": steps,
                    "temporary_mib": f"{programs[name][0].memory_analysis().temp_size_in_bytes / 2**20:.1f}",
                    "cpu_ms_best": f"{1e3 * min(cpu):.1f}",
                    "cpu_ms_median": f"{1e3 * statistics.median(cpu):.1f}",
                    "wall_ms_best": f"{1e3 * min(wall):.1f}",
                    "wall_ms_median": f"{1e3 * statistics.median(wall):.1f}",
                    "repeats": repeats,
                }
            )
            print("  ".join(f"{key} {value}" for key, value in found[-1].items()), flush=True)
    return found


def draw(rows: list[dict[str, Any]], picture: Path) -> None:
    """Draw memory and time per step against the number of steps, one line per rule."""
    from matplotlib.figure import Figure

    from accumbens.runs.pictures import save_figure

    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    memory, cost = figure.subplots(1, 2, sharex=True)
    for name, colour in zip(RULES, COLOURS, strict=True):
        points = [row for row in rows if row["rule"] == name]
        steps = [int(row["steps"]) for row in points]
        look = {"color": colour, "marker": "o", "label": name}
        memory.loglog(steps, [float(row["temporary_mib"]) for row in points], **look)
        each = [float(row["cpu_ms_best"]) / int(row["steps"]) for row in points]
        cost.semilogx(steps, each, **look)
    memory.set(ylabel="temporary memory of one update (MiB)")
    cost.set(ylabel="CPU ms of one update per step", ylim=(0, None))
    for axes in (memory, cost):
        axes.set_xlabel("steps of a sequence")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"Copying, {HIDDEN} units, {SEQUENCES} sequences", fontsize=11)
    figure.legend(*memory.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    save_figure(figure, picture, dpi=150)


def main() -> None:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", nargs="+", type=int, default=[50, 200, 1000, 5000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rows = measure(arguments.steps, arguments.repeats)
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, RESULTS / "curves.png")


if __name__ == "__main__":
    main()
