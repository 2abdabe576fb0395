"""Exporting: a folder that holds one trained network and all that is worth knowing of it, to keep and to hand on."""

import math
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import accumbens
from accumbens import kinds
from accumbens.runs.outputs import new_folder
from accumbens.runs.sharing import Learned
from accumbens.runs.tables import Rows, read_table, write_table
from accumbens.share.card import write_card
from accumbens.share.files import write_learned
from accumbens.share.folders import default_folder
from accumbens.share.weights import CONFIG, WEIGHTS


class Export(NamedTuple):
    """What was written, and the network in it."""

    folder: Path
    files: list[str]
    learned: Learned


def export(
    path: Path,
    out: Path | None = None,
    *,
    seed: int | None = None,
    step: int | None = None,
    repo: str | None = None,
    licence: str = "apache-2.0",
    make_video: Callable[[Path], None] | None = None,
    force: bool = False,
) -> Export:
    """Write a folder that `accumbens.load` opens anywhere: weights, configuration, curves, card, video.

    Args:
        path: the run's directory.
        out: the folder, which may not hold anything unless `force` is given; None makes one in the run's folder
            export/.
        seed: whose network; None takes the first seed, which is no choice by results.
        step: of the snapshot; None takes the newest.
        repo: `user/repo` on the Hugging Face Hub that the card speaks of.
        licence: of the weights, for the card, as the Hub spells it.
        make_video: writes the file it is given.
        force: an earlier export may be replaced.

    Returns:
        what was written.

    Raises:
        AccumbensError: `out` holds something, the run has no such seed or snapshot, or it cannot be read.
    """
    kind, run, config = kinds.open_run(path)
    learned, meta = kind.sharing.open(path, seed, step), run.read_meta()
    out = default_folder(path, learned.seed, learned.step) if out is None else out
    rows, evaluations = _until(run.metrics, learned.step), _until(run.evaluations, learned.step)
    of_step = Counter(row["step"] for row in rows)
    rows = [row for row in rows if of_step[row["step"]] == len(config.seed_list())]  # the others were being written
    card = kind.sharing.card(run, learned, rows, evaluations, f"hf://{repo}" if repo else ".")
    with new_folder(out, WEIGHTS, force) as folder:
        about = {"accumbens_version": accumbens.__version__, "commit": meta.get("commit") or "unknown"}
        write_learned(folder, kind.sharing, learned, **about)
        shutil.copyfile(run.config, folder / CONFIG)
        _write_curve(folder / "curve.csv", rows, kind.sharing.curve)
        if run.evaluations.exists():
            write_table(folder / "evaluations.csv", evaluations, None if evaluations else ["step", "seed"])
        kind.draw(config, folder / "curve.csv", folder / "evaluations.csv", folder / "curve.png")
        if make_video is not None:
            make_video(folder / "video.gif")
        write_card(folder, kind, learned, card, meta, repo, licence)
    return Export(out, sorted(file.name for file in out.iterdir()), learned)


def _until(table: Path, step: int) -> Rows:
    return [row for row in read_table(table) if int(row["step"]) <= step] if table.exists() else []


def _write_curve(path: Path, rows: Rows, kept: Sequence[str] | None) -> None:
    """Columns of all seeds up to the exported step; a row is left out if one that was asked for by name is NaN."""
    if kept is None:
        columns = [column for column in rows[0] if column != "wall_seconds"] if rows else ["step", "seed"]
    else:
        columns = ["step", "seed", *kept]
        rows = [row for row in rows if not any(math.isnan(float(row[column])) for column in kept)]
    write_table(path, [{column: row[column] for column in columns} for row in rows], columns)
