"""Measure the memory that one update takes, and its time, against the number of cells: local credit beside its twin.

    python benchmarks/depth_memory.py [--cells 3 10 30] [--builds 639f3bf=WORKTREE] [--repeats 5]

The memory is XLA's own analysis of the compiled program: its temporary buffers, without parameters, optimiser states
and the batch. Time is the best and the median of several updates in turns, CPU and wall. With `--builds`, other
checkouts are measured beside this one, in processes of their own. Writes `benchmarks/results/depth-memory/results.csv`
and `curves.png`.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from measure_update import measure_updates

from accumbens.agents import network, stacks
from accumbens.generator import make_key
from accumbens.presets import resolve_preset

try:
    from accumbens.agents.per_cell import make_update
except ImportError:  # a build whose update is elsewhere
    make_update = network.make_update  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "depth-memory"
HIDDEN = 128
CREDITS = ("local", "backprop")
BREAKOUT: Any = SimpleNamespace(
    observation_shape=(10, 10, 4),
    observation_dtype=np.dtype(bool),
    observation_low=np.zeros(()),
    observation_high=np.ones(()),
    num_actions=3,
    action_dimensions=None,
    action_features=None,
)


def compiled_update(cells: int, credit: str, batch: int) -> tuple[Any, list[Any], tuple[Any, ...]]:
    """Return one update of `ad_pqn` on Breakout with so many cells of 128, what it changes, and a batch."""
    settings: Any = resolve_preset("ad_pqn", "minatar/breakout", "minatar").settings
    settings = dataclasses.replace(settings, net_arch=(HIDDEN,) * cells, credit=credit)
    optimiser = network.make_optimiser(settings, lambda count: 1e-3)
    update = make_update(settings, BREAKOUT, optimiser)

    @jax.jit
    def init(key: Any) -> Any:
        stack = stacks.build_stack(settings, BREAKOUT, key)
        return stack, network.init_optimiser_states(optimiser, stack)

    keys = jax.random.split(make_key(0), 3)
    rows = (
        jax.random.bernoulli(keys[0], 0.1, (batch, 400)).astype(jnp.float32),
        tuple(jnp.full((batch, HIDDEN), 0.1) for _ in range(cells)),
        jax.random.randint(keys[1], (batch,), 0, 3),
        jnp.ones((batch, cells)),
    )
    state = list(init(keys[2]))
    return jax.jit(update, donate_argnums=(0, 1)).lower(*state, *rows).compile(), state, rows


def _once(update: Any, state: list[Any], rows: tuple[Any, ...]) -> Any:
    """Update what is given away, in place."""
    state[:] = update(*state, *rows)[:2]
    return state


def measure(depths: list[int], batch: int, repeats: int) -> list[dict[str, Any]]:
    """Return a row for every number of cells and credit, of the accumbens that is imported."""
    found = []
    for cells in depths:
        updates = {credit: compiled_update(cells, credit, batch) for credit in CREDITS}
        calls = {credit: (made[0], partial(_once, *made)) for credit, made in updates.items()}
        for credit, columns in measure_updates(calls, repeats).items():
            found.append({"cells": cells, "credit": credit, "batch": batch, **columns})
    return found


def draw(rows: list[dict[str, Any]], picture: Path) -> None:
    """Draw memory against the number of cells, one line per build and credit."""
    from matplotlib.figure import Figure

    from accumbens.runs.pictures import save_figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    colours = {"local": "#0072b2", "backprop": "#e69f00"}
    for build in dict.fromkeys(row["build"] for row in rows):
        for credit in CREDITS:
            points = [row for row in rows if (row["build"], row["credit"]) == (build, credit)]
            axes.plot(
                [int(row["cells"]) for row in points],
                [float(row["temporary_mib"]) for row in points],
                color=colours[credit],
                linestyle="-" if build == "today" else ":",
                marker="o",
                label=f"{credit}, {build}",
            )
    axes.set(xlabel="cells", ylabel="temporary memory of one update (MiB)", ylim=(0, None))
    axes.set_title(f"{rows[0]['batch']} steps, cells of {HIDDEN}, Breakout", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save_figure(figure, picture, dpi=150)


def main() -> None:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", type=int, default=[3, 10, 30])
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--builds", nargs="*", default=[], metavar="NAME=WORKTREE")
    parser.add_argument("--json", action="store_true", help="only print the rows of this build")
    arguments = parser.parse_args()
    rows = measure(arguments.cells, arguments.batch, arguments.repeats)
    if arguments.json:
        print(json.dumps(rows))
        return
    from accumbens.runs.tables import write_table  # not above: another checkout may lack it

    rows = [{"build": "today", **row} for row in rows]
    for word in arguments.builds:
        name, _, worktree = word.partition("=")
        command = [sys.executable, __file__, "--json", f"--batch={arguments.batch}"]
        command += ["--cells", *map(str, arguments.cells)]
        command.append(f"--repeats={arguments.repeats}")
        environment = os.environ | {"PYTHONPATH": str(Path(worktree).resolve() / "src")}
        printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        rows += [{"build": name, **row} for row in json.loads(printed)]
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_table(RESULTS / "results.csv", rows)
    draw(rows, RESULTS / "curves.png")
    twins = {(row["build"], row["cells"]): float(row["temporary_mib"]) for row in rows if row["credit"] == "backprop"}
    for row in rows:
        ratio = twins[row["build"], row["cells"]] / float(row["temporary_mib"])
        print(
            f"{row['build']:<8} {row['cells']:>4} cells  {row['credit']:<9} {row['temporary_mib']:>7} MiB "
            f"({ratio:.1f} times less than the twin)  CPU {row['cpu_ms_best']} ms best, {row['cpu_ms_median']} median; "
            f"wall {row['wall_ms_best']}, {row['wall_ms_median']}"
        )


if __name__ == "__main__":
    main()
