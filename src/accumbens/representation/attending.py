"""Which of its past moments a network attends to at every step.

attended.csv   a row per snapshot, step and memory: mean weight over sequences, where it is not 0
summary.json   for every snapshot: how many memories a step attends to, and how far back they are
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from accumbens.credit.networks.attentive import Attentive
from accumbens.representation.snapshots import Snapshots
from accumbens.runs.outputs import new_folder
from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import to_json

MARK = "summary.json"
"""The file by which an earlier analysis is known."""

SEQUENCES = 64
"""Sequences of the test that are gone through, or all if there are fewer."""


class Attended(NamedTuple):
    """What a network attends to.

    Attributes:
        weights: mean of |a| over sequences, by step (from 1) and the step that wrote the memory (0: the empty one).
        memories: mean number of memories with a weight.
        distance: mean over steps of how many steps back they are, by their weight; the empty one does not count.
    """

    weights: Float[np.ndarray, "steps memories"]
    memories: float
    distance: float


class AttendingStudy(NamedTuple):
    """What was found in a run.

    Attributes:
        of: the run.
        every: steps from one memory that is written to the next.
        attended: by snapshot.
    """

    of: Snapshots
    every: int
    attended: dict[int, Attended]


def study_attending(of: Snapshots, progress: Callable[[int, int], None]) -> AttendingStudy:
    """Go through sequences of the test at every snapshot, with the network of one seed.

    Args:
        of: a fit whose networks attend to their past.
        progress: told what is done, and how much there is.
    """
    x = jnp.asarray(of.task.test.x[:SEQUENCES])
    attend = jax.jit(Attentive.attended)
    networks = {step: of.network(step, of.seed) for step in of.steps}
    found = {}
    for step, network in networks.items():
        found[step] = measure(*map(np.asarray, attend(network, x)))
        progress(len(found), len(networks))
    return AttendingStudy(of, networks[of.steps[0]].write_every, found)


def measure(written: np.ndarray, weights: np.ndarray) -> Attended:
    """Return what sequences attend to.

    Args:
        written: steps that wrote the memories [sequences, steps, top].
        weights: of these memories, the same shape.
    """
    sequences, steps, _ = written.shape
    sums = np.zeros((steps, steps + 1))
    here = np.broadcast_to(np.arange(steps)[None, :, None], written.shape)
    sizes = np.abs(weights).astype(float)
    np.add.at(sums, (here, written), sizes / sequences)
    counts = sizes * (written > 0)
    total = counts.sum()
    distance = float((counts * (here + 1 - written)).sum() / total) if total else float("nan")
    return Attended(sums, float((weights != 0).sum(axis=-1).mean()), distance)


def write_attending(study: AttendingStudy, folder: Path, force: bool = False) -> list[Path]:
    """Write figure and table into a new folder, which is there completely or not at all; return its files.

    Raises:
        AccumbensError: the folder holds something, or with `force` something else than an earlier analysis.
    """
    with new_folder(folder, MARK, force) as staging:
        save_figure(_draw(study), staging / "attended.png", staging / "attended.svg", dpi=120)
        with (staging / "attended.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("snapshot", "step", "memory", "weight"))
            for step, attended in study.attended.items():
                for t, memory in zip(*np.nonzero(attended.weights), strict=True):
                    writer.writerow((step, t + 1, memory, f"{attended.weights[t, memory]:.6g}"))
        (staging / MARK).write_text(to_json(summary_of_attending(study), indent=2) + "\n", encoding="utf-8")
    return sorted(folder.iterdir())


def summary_of_attending(study: AttendingStudy) -> dict[str, Any]:
    """Return what was found, as plain values."""
    config = study.of.config
    rows = [
        {"step": step, "memories": attended.memories, "distance": attended.distance}
        for step, attended in study.attended.items()
    ]
    return {"task": config.task, "rule": config.rule, "seed": study.of.seed, "rows": rows}


def _draw(study: AttendingStudy) -> Figure:
    """A picture per snapshot: a row per step, a column per past moment."""
    config = study.of.config
    figure = Figure(figsize=(3.6 * len(study.attended) + 0.9, 4.0), layout="constrained")
    grid = figure.subplots(1, len(study.attended), sharex=True, sharey=True, squeeze=False)[0]
    most = max(attended.weights.max() for attended in study.attended.values())
    scale = ScalarMappable(Normalize(0, most or 1), "viridis")
    for (step, attended), axes in zip(study.attended.items(), grid, strict=True):
        # Columns as wide as the steps between two memories, so that no gaps are drawn.
        shown = attended.weights[:, :: study.every]
        steps = len(shown)
        edges = (np.arange(shown.shape[1] + 1) - 0.5) * study.every
        axes.pcolormesh(edges, np.arange(steps + 1) + 0.5, shown, cmap=scale.cmap, norm=scale.norm)
        axes.plot([0, steps], [0, steps], color="w", lw=0.6, ls=":")
        when = "before learning" if step == 0 else f"after {step:,} update{'s' if step > 1 else ''}"
        far = "" if np.isnan(attended.distance) else f", {attended.distance:.1f} steps back"
        axes.set_title(f"{when}\n{attended.memories:.1f} memories a step{far}", fontsize=9)
        axes.set_xlabel("past step that wrote the memory (0: none)")
        axes.set_ylim(steps + 0.5, 0.5)
    grid[0].set_ylabel("step that attends")
    figure.colorbar(scale, ax=grid.tolist(), label="mean |weight|", shrink=0.9)
    sequences = min(SEQUENCES, len(study.of.task.test.x))
    figure.suptitle(f"{config.task}: {config.rule}, seed {study.of.seed}, {sequences} sequences", fontsize=11)
    return figure
