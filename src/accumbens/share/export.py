"""Exporting: a folder that holds one trained network and all that is worth knowing of it, to keep and to hand on."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import accumbens
from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import read_table
from accumbens.share.card import write_card
from accumbens.share.files import write_agent
from accumbens.share.folders import default_folder, new_folder, write_rows
from accumbens.share.weights import CONFIG
from accumbens.training.curves import draw_curve
from accumbens.training.facts import facts_of
from accumbens.training.trained import Trained, open_trained

CURVE = ["step", "seed", "mean_return"]


class Export(NamedTuple):
    """What was written, and the agent in it."""

    folder: Path
    files: list[str]
    trained: Trained
    seed: int


def export(
    path: Path,
    out: Path | None = None,
    *,
    seed: int | None = None,
    step: int | None = None,
    repo: str | None = None,
    licence: str = "apache-2.0",
    make_video: Callable[[Path], None] | None = None,
) -> Export:
    """Write a folder that `accumbens.load` opens anywhere: weights, configuration, curves, card, video.

    Args:
        path: the run's directory.
        out: the folder; it must not be there, or be empty. None makes one in the run's folder export/.
        seed: whose network; None takes the first seed, which is no choice by results.
        step: of the snapshot; None takes the newest.
        repo: `user/repo` on the Hugging Face Hub that the card speaks of.
        licence: of the weights, for the card, as the Hub spells it.
        make_video: writes the file it is given.

    Returns:
        what was written.

    Raises:
        AccumbensError: `out` holds something, the run has no such seed or snapshot, or it cannot be read.
    """
    trained = open_trained(path, step)
    seed = trained.seeds[0] if seed is None else seed
    out = default_folder(path, seed, trained.step) if out is None else out
    network, facts, run = trained.network(seed), facts_of(trained.config), RunDirectory(path)
    meta = run.read_meta()
    with new_folder(out) as folder:
        about = {"accumbens_version": accumbens.__version__, "commit": meta.get("commit") or "unknown"}
        write_agent(folder, facts, network, seed, trained.step, **about)
        shutil.copyfile(run.config, folder / CONFIG)
        _write_curves(run, folder, trained)
        if make_video is not None:
            make_video(folder / "video.gif")
        write_card(folder, run, trained, facts, seed, meta, repo, licence)
    return Export(out, sorted(file.name for file in out.iterdir()), trained, seed)


def _write_curves(run: RunDirectory, folder: Path, trained: Trained) -> None:
    """The returns of all seeds up to the exported step."""
    rows = [row for row in read_table(run.metrics) if int(row["step"]) <= trained.step]
    rows = [row for row in rows if not math.isnan(float(row["mean_return"]))]
    write_rows(folder / "curve.csv", CURVE, rows)
    evaluated = [row for row in read_table(run.evaluations) if int(row["step"]) <= trained.step]
    write_rows(folder / "evaluations.csv", list(evaluated[0]) if evaluated else ["step", "seed"], evaluated)
    config = trained.config
    title = f"{config.env}   {config.algo}, {config.settings.credit} credit"
    draw_curve(folder / "curve.csv", folder / "evaluations.csv", folder / "curve.png", title)
