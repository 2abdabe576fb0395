"""Tabulate trials of settings: what each seed returned by some steps, of agents' runs that may have been stopped early.

    python benchmarks/settings_tried.py RUNS… --steps 400000 700000 1000000 -o benchmarks/results/NAME.csv

RUNS are runs made by `accumbens train ENV ALGO --set …`, exported ones, or folders of them. A row names the settings in
which a run is not its preset's (seeds and evaluations aside), the steps that its schedules reckon with, and the mean
return of the last 100 training episodes at the first record `after` so many steps. What a run did not come to has no
row.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from accumbens.runs.find import Files, complete_rows, find_runs
from accumbens.runs.settings import format_value
from accumbens.runs.tables import Rows, write_table
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS


def rows_of(files: Files, steps: Sequence[int]) -> Rows:
    """Return a row for every seed and step that a run came to."""
    config = AGENTS.read(files.config)
    preset = resolve_config(config.env, config.algo)
    settings = AGENTS.compared_settings(config)
    changed = [name for name in AGENTS.differences(config, preset) if name != AGENTS.words.length]
    told = " ".join(f"{name}={format_value(settings[name])}" for name in changed)
    along, rows = complete_rows(files.metrics), []
    for seed in config.seed_list():
        seen = [row for row in along if row["seed"] == str(seed)]
        for step in steps:
            there = [row for row in seen if int(row["step"]) >= step]
            if there:
                row = {"env": config.env, "algo": config.algo, "settings": told, "seed": str(seed)}
                row |= {"total_timesteps": str(config.total_timesteps), "after": str(step), "step": there[0]["step"]}
                rows.append(row | {"mean_return": f"{float(there[0]['mean_return']):.2f}"})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUNS")
    parser.add_argument("--steps", nargs="+", type=int, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    rows = [row for files in find_runs(asked.runs) for row in rows_of(files, asked.steps)]
    write_table(asked.output, rows)
    for row in rows:
        print(*row.values(), sep="  ")


if __name__ == "__main__":
    main()
