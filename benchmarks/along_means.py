"""Shorten an analysis of a run that is told its error to means over trials and steps: a row per snapshot and seed.

accumbens analyze RUN -o FOLDER
python benchmarks/along_means.py FOLDER benchmarks/results/feedback-control/along.csv
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

COLUMNS = ("gradient", "second_order", "jacobian", "efficiency")


def main(folder: Path, output: Path) -> None:
    """Read `along.csv` and `efficiency.csv`, and write the means."""
    found: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name in ("along", "efficiency"):
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                place = found[row["step"], row["seed"], row["feedback"]]
                for column in COLUMNS:
                    if row.get(column):
                        place[column].append(float(row[column]))
    with output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("step", "seed", "feedback", *COLUMNS))
        for place, columns in found.items():
            writer.writerow((*place, *(f"{np.mean(columns[name]):.5g}" for name in COLUMNS)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
