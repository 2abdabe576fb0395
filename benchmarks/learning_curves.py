"""Train the agents behind the committed learning curves, and draw them.

    uv run python benchmarks/learning_curves.py classic   # three tasks: ad_pqn and its twin, 5 seeds
    uv run python benchmarks/learning_curves.py minatar   # five games: ad_pqn, 1 seed, 5 M steps
    uv run python benchmarks/learning_curves.py replay    # CartPole: ad_dqn with the paper's preset, 1 seed

Each run is named `benchmark` and continued if it was stopped. The CSV files and figures land in
`benchmarks/results/<experiment>/`; `--only ENV` trains one environment, `--draw` trains nothing.
"""

import argparse
import csv
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from accumbens.training.runs import read_table

RUNS = Path("runs")
RESULTS = Path(__file__).parent / "results"
ROWS_PER_RUN = 120


class Curve(NamedTuple):
    """One run: what to train, and what the paper reached at the end (mean of the last 100 training episodes)."""

    env: str
    algo: str
    credit: str
    seeds: int
    paper: float | None = None
    extra: tuple[str, ...] = ()

    @property
    def run(self) -> Path:
        return RUNS / self.env / self.algo / f"benchmark-{self.credit}"

    @property
    def label(self) -> str:
        return f"{self.env.replace('/', '-')}_{self.algo}_{self.credit}"


# Paper: end values read off the figures of Guan et al. (2024), 10 seeds.
CLASSIC = {"CartPole-v1": 495.0, "Acrobot-v1": -67.0, "MountainCar-v0": -109.0}
MINATAR = {"freeway": 57.5, "breakout": 26.8, "seaquest": 42.0, "asterix": 22.0, "space_invaders": 138.5}
EXPERIMENTS = {
    "classic": [
        Curve(env, "ad_pqn", credit, 5, paper) for env, paper in CLASSIC.items() for credit in ("local", "backprop")
    ],
    "minatar": [Curve(f"minatar/{game}", "ad_pqn", "local", 1, paper) for game, paper in MINATAR.items()],
    "replay": [Curve("CartPole-v1", "ad_dqn", "local", 1, 495.0, ("--total-timesteps", "80000"))],
}


def train(curve: Curve) -> None:
    command = ["accumbens", "train", curve.env, curve.algo, "--credit", curve.credit, "--seeds", str(curve.seeds)]
    command += ["--name", curve.run.name, "--out", str(RUNS), "--resume", "--quiet", "--json", *curve.extra]
    print("$", " ".join(command), flush=True)
    subprocess.run([Path(sys.executable).parent / command[0], *command[1:]], check=True)


def collect(curve: Curve, folder: Path) -> None:
    """Copy the run's tables, thinned to about `ROWS_PER_RUN` rows per seed, and its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = read_table(curve.run / "metrics.csv")
    steps = sorted({int(row["step"]) for row in rows})
    kept = set(steps[:: max(1, len(steps) // ROWS_PER_RUN)]) | {steps[-1]}
    with (folder / f"{curve.label}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows if int(row["step"]) in kept)
    shutil.copy(curve.run / "evaluations.csv", folder / f"{curve.label}_evaluations.csv")
    shutil.copy(curve.run / "config.toml", folder / f"{curve.label}.toml")


def mean_over_seeds(rows: list[dict[str, str]]) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return steps, mean and standard error of `mean_return`."""
    at: dict[int, list[float]] = {}
    for row in rows:
        at.setdefault(int(row["step"]), []).append(float(row["mean_return"]))
    # A seed has no return before its first episode ends; a mean over fewer seeds would not be one of the same thing.
    most = max(map(len, at.values()))
    steps = sorted(step for step, returns in at.items() if len(returns) == most)
    values = np.array([at[step] for step in steps])
    seeds = values.shape[1]
    error = values.std(axis=1, ddof=1) / np.sqrt(seeds) if seeds > 1 else np.zeros(len(steps))
    return steps, values.mean(axis=1), error


def draw(curves: list[Curve], folder: Path) -> None:
    """Draw a panel per environment: training return, greedy return of every prefix of cells, and the paper's end."""
    envs = list(dict.fromkeys(curve.env for curve in curves))
    figure, panels = plt.subplots(1, len(envs), figsize=(4.2 * len(envs), 3.6), layout="constrained", squeeze=False)
    for axes, env in zip(panels[0], envs, strict=True):
        for curve in (curve for curve in curves if curve.env == env):
            colour = "tab:red" if curve.credit == "backprop" else "black"
            rows = [row for row in read_table(folder / f"{curve.label}.csv") if row["mean_return"] != "nan"]
            steps, mean, error = mean_over_seeds(rows)
            axes.plot(steps, mean, color=colour, lw=1.5, label=f"{curve.algo}, {curve.credit} ({curve.seeds} seeds)")
            axes.fill_between(steps, mean - error, mean + error, color=colour, alpha=0.2, lw=0)
            if curve.credit != "local":
                continue
            greedy = read_table(folder / f"{curve.label}_evaluations.csv")
            prefixes = sorted({int(row["cells"]) for row in greedy})
            for cells, shade in zip(
                prefixes, plt.get_cmap("viridis")(np.linspace(0.1, 0.8, len(prefixes))), strict=True
            ):
                at, value, _ = mean_over_seeds([row for row in greedy if int(row["cells"]) == cells])
                name = "full network" if cells == prefixes[-1] else f"cells 1 to {cells}"
                axes.plot(at, value, "o--", ms=3, lw=0.8, color=shade, label=f"greedy, {name}")
        paper = next(curve.paper for curve in curves if curve.env == env)
        if paper is not None:
            axes.axhline(paper, color="tab:blue", ls=":", lw=1.2, label=f"AD paper, end: {paper:g}")
        axes.set(title=env, xlabel="environment steps", ylabel="return")
        axes.grid(alpha=0.25)
        axes.legend(fontsize=6.5, frameon=False)
    figure.savefig(folder / "curves.png", dpi=120)
    plt.close(figure)


def summarise(curves: list[Curve], folder: Path) -> None:
    """Print and write the end values: mean of the last 100 training episodes, per seed."""
    with (folder / "summary.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["env", "algo", "credit", "seeds", "steps", "final_return", "per_seed", "greedy", "paper", "seconds"]
        )
        for curve in curves:
            rows = read_table(folder / f"{curve.label}.csv")
            last = [row for row in rows if row["step"] == rows[-1]["step"]]
            greedy = read_table(folder / f"{curve.label}_evaluations.csv")
            full = [
                float(row["mean_return"])
                for row in greedy
                if row["step"] == greedy[-1]["step"] and row["cells"] == greedy[-1]["cells"]
            ]
            values = [float(row["mean_return"]) for row in last]
            per_seed = " ".join(f"{value:.1f}" for value in values)
            row = [
                curve.env,
                curve.algo,
                curve.credit,
                len(values),
                last[0]["step"],
                f"{np.mean(values):.2f}",
                per_seed,
            ]
            row += [f"{np.mean(full):.2f}", curve.paper, last[0]["wall_seconds"]]
            writer.writerow(row)
            print(*row, sep="  ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--only", metavar="ENV", help="train this environment alone, and draw nothing")
    parser.add_argument("--draw", action="store_true", help="train nothing, draw what there is")
    arguments = parser.parse_args()
    curves = EXPERIMENTS[arguments.experiment]
    if arguments.only:
        curves = [curve for curve in curves if curve.env == arguments.only]
        if not curves:
            parser.error(f"{arguments.only} is not in {arguments.experiment}")
    if not arguments.draw:
        for curve in curves:
            train(curve)
    if arguments.only:
        return
    folder = RESULTS / arguments.experiment
    for curve in curves:
        if (curve.run / "metrics.csv").exists():
            collect(curve, folder)
    draw(curves, folder)
    summarise(curves, folder)


if __name__ == "__main__":
    main()
