"""Exporting what a fit has learned: one network, and all that is worth knowing of it."""

import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import accumbens
from accumbens.credit.curves import draw_fit
from accumbens.credit.tasks.registry import folder_name
from accumbens.credit.trained import Fitted, open_fitted
from accumbens.errors import AccumbensError
from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import read_table
from accumbens.share.folders import default_folder, new_folder, write_rows
from accumbens.share.network_card import write_card
from accumbens.share.network_files import write_network
from accumbens.share.weights import CONFIG


class NetworkExport(NamedTuple):
    """What was written, and the network in it."""

    folder: Path
    files: list[str]
    trained: Fitted
    seed: int


def export_network(
    path: Path,
    out: Path | None = None,
    *,
    seed: int | None = None,
    step: int | None = None,
    repo: str | None = None,
    licence: str = "apache-2.0",
) -> NetworkExport:
    """Write a folder that `accumbens.load` opens anywhere: weights, configuration, curves, card.

    Args:
        path: the fit's directory.
        out: the folder; it must not be there, or be empty. None makes one in the run's folder export/.
        seed: whose network; None takes the first seed, which is no choice by results.
        step: of the snapshot, in updates; None takes the newest.
        repo: `user/repo` on the Hugging Face Hub that the card speaks of.
        licence: of the weights, for the card, as the Hub spells it.

    Returns:
        what was written.

    Raises:
        AccumbensError: `out` holds something, the fit has no such seed or snapshot, or it cannot be read.
    """
    fitted, run = open_fitted(path, step), RunDirectory(path)
    seed = fitted.seeds[0] if seed is None else seed
    out = default_folder(path, seed, fitted.step) if out is None else out
    network, meta, config = fitted.network(seed), run.read_meta(), fitted.config
    rows = [row for row in read_table(run.metrics) if int(row["step"]) <= fitted.step]
    evaluated = Counter(row["step"] for row in rows)
    rows = [row for row in rows if evaluated[row["step"]] == len(fitted.seeds)]  # the others were being written
    if not rows:
        raise AccumbensError(f"{path} has not been evaluated yet: continue it with 'accumbens resume {path}'")
    with new_folder(out) as folder:
        about = {"accumbens_version": accumbens.__version__, "commit": meta.get("commit") or "unknown"}
        write_network(folder, fitted.task, network, seed, fitted.step, **about)
        shutil.copyfile(run.config, folder / CONFIG)
        write_rows(folder / "curve.csv", [column for column in rows[0] if column != "wall_seconds"], rows)
        draw_fit(folder / "curve.csv", folder / "curve.png", f"{folder_name(config.task)}   {config.rule}")
        write_card(folder, fitted, rows, seed, meta, repo, licence)
    return NetworkExport(out, sorted(file.name for file in out.iterdir()), fitted, seed)
