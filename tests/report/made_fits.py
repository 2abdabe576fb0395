"""Directories of fits written by hand, whose numbers are known: nothing is learned."""

import csv
import math
from pathlib import Path

from made_runs import META

from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.description import Description, to_table
from accumbens.runs.directory import RunDirectory

FACTS = {
    "digits": TaskFacts("classification", 64, 10),
    "diabetes": TaskFacts("regression", 10, 1),
    "boston": TaskFacts("regression", 13, 1),
    "piecewise-random-walk": TaskFacts("regression", 1, 1),
    "copying": TaskFacts("classification", 10, 9, steps=40),
    "reach": TaskFacts("regression", 8, 2, steps=125, controlled=True),
}
UPDATES = 33
"""Updates of an epoch."""


def accuracy(epoch: float, seed: int, best: float = 0.9) -> float:
    """Test accuracy of the made fits."""
    return 0.1 + (best - 0.1) * (1 - math.exp(-epoch / 4)) + 0.01 * seed**2


def loss(epoch: float, seed: int, best: float = 0.9) -> float:
    """Test loss of the made fits."""
    return 2.3 * math.exp(-best * epoch / 4) + 0.1 * seed + 0.05


def angle(epoch: float, seed: int, layer: int) -> float:
    """Angle of a layer of the made fits."""
    return 80.0 - 10 * layer - epoch + seed


def make_fit(
    folder: Path,
    task: str = "digits",
    rule: str = "backprop",
    name: str = "a",
    *,
    seeds: int = 3,
    epochs: int = 8,
    done: int | None = None,
    evaluations: int | None = None,
    best: float = 0.9,
    entropy: float = 0.0,
    notes: tuple[str, ...] = (),
    changes: dict[str, str] | None = None,
    more: tuple[str, ...] = (),
    **meta: object,
) -> Path:
    """Write a fit of `done` evaluations after that before the first update; return its directory.

    `more` are names of further tests, of which all seeds come to 25 % and 3.0.
    """
    config = resolve_fit(
        task, rule, seeds=seeds, epochs=epochs, evaluations=evaluations, changes={"layers": "6,5"} | (changes or {})
    )
    run = RunDirectory(folder / task / rule / name)
    run.path.mkdir(parents=True)
    FITS.write(config, run.config)
    described = to_table(Description(FACTS[task], notes, None, None))
    run.write_meta(**META | {"command": f"accumbens fit {task} {rule}", "task": described, "data_sha256": "abc"} | meta)
    done = config.evaluations if done is None else done
    classifies = FACTS[task].kind == "classification"
    splits = ("test", "valid") if task == "piecewise-random-walk" else ("test", "train", "valid")
    rows = []
    for number in range(done + 1):
        epoch = epochs * number / config.evaluations
        for seed in range(seeds):
            row: dict[str, object] = {"step": round(epoch * UPDATES), "seed": seed, "epoch": epoch}
            row["learning_loss"] = loss(epoch, seed, best) + 0.5 if number else math.nan
            if FACTS[task].controlled:
                row["feedback_cosine"] = 0.125 * number
            for name in more:
                row |= {f"test_{name}_loss": 3.0, **({f"test_{name}_accuracy": 0.25} if classifies else {})}
            for split in splits:
                row[f"{split}_loss"] = loss(epoch, seed, best)
                if classifies:
                    row[f"{split}_accuracy"] = accuracy(epoch, seed, best) + 0.01 * (split == "train")
            layers = range(1, len(config.rule_settings.layers) + 2)
            row |= {f"angle_{layer}": angle(epoch, seed, layer) for layer in layers}
            row |= {f"sign_agreement_{layer}": 0.6 for layer in layers}
            row |= {f"update_norm_{layer}": 0.1 / (number + 1) for layer in layers}
            row |= {f"entropy_{layer}": entropy / (number + 1) for layer in layers[:-1]}
            row |= {f"sparsity_{layer}": 0.5 for layer in layers[:-1]}
            rows.append(row | {"wall_seconds": float(number)})
    with run.metrics.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return run.path
