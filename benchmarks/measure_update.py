"""What one update takes: XLA's temporary memory, and time. What the benchmarks of memory have in common."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
from matplotlib.figure import Figure


def measure_updates(programs: Mapping[str, tuple[Any, Callable[[], Any]]], repeats: int) -> dict[str, dict[str, Any]]:
    """Return columns of a table by name.

    Args:
        programs: by name, a compiled program and what calls it once.
        repeats: calls of each, in turns; one before them fills caches.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for repeat in range(repeats + 1):
        for name, (_, call) in programs.items():
            begin = time.process_time(), time.perf_counter()
            jax.block_until_ready(call())
            if repeat:
                times[name].append((time.process_time() - begin[0], time.perf_counter() - begin[1]))
    found = {}
    for name, (compiled, _) in programs.items():
        cpu, wall = zip(*times[name], strict=True)
        found[name] = {
            "temporary_mib": f"{compiled.memory_analysis().temp_size_in_bytes / 2**20:.1f}",
            "cpu_ms_best": f"{1e3 * min(cpu):.1f}",
            "cpu_ms_median": f"{1e3 * statistics.median(cpu):.1f}",
            "wall_ms_best": f"{1e3 * min(wall):.1f}",
            "wall_ms_median": f"{1e3 * statistics.median(wall):.1f}",
            "repeats": repeats,
        }
    return found


def draw_against_steps(rows: list[dict[str, Any]], column: str, colours: Mapping[str, str]) -> Figure:
    """Return two panels, memory and time per step against the number of steps, a line for every value of a column."""
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    memory, cost = figure.subplots(1, 2, sharex=True)
    for name, colour in colours.items():
        points = [row for row in rows if row[column] == name]
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
    figure.legend(*memory.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure
