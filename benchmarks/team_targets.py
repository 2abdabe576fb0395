"""What teams return against the return that is asked of them: a table and a picture of the runs of an experiment.

    python benchmarks/team_targets.py RUNS [--episodes N] [--output FOLDER]

such as `runs/experiments/teams-desk`. Every seed of every run plays N episodes, greedily, from the same first states,
asked for the median of the returns of its data, for their best, for what lies between, and for half as far again as
the best is from the median. A team that is told no return plays once. The folder gets `targets.csv` and `targets.png`,
and `most/ENV-ALGO-VARIANT.csv` with each seed's return where the mean over seeds is highest, within the data: the same
seeds choose and report.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from accumbens.runs.find import find_runs
from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import read_table, write_table
from accumbens.stats import estimate
from accumbens.teams.job import FIRST_EVALUATION_SEED
from accumbens.teams.play import play
from accumbens.teams.trained import TrainedTeam, open_trained_team

WAYS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
COLUMNS = ("env", "algo", "variant", "way", "asked", "mean_return", "interval", "won", "per_seed", "episodes")
SHOWN = {
    "bc/plain": ("bc", "0.6"),
    "iql-cql/plain": ("iql-cql", "#439f26"),
    "idt/plain": ("idt", "#0072b2"),
    "madt/plain": ("madt", "#7b3fa0"),
    "teacher/plain": ("teacher", "#d04a00"),
    "distilled/full": ("distilled", "#d66aa2"),
}


def targets_of(team: TrainedTeam) -> list[tuple[float | None, float]]:
    """Return how far from the median, 0, to the best of the data, 1; and what return that is."""
    scale = team.scale
    if scale is None or not team.is_told_returns:
        return [(None, float("nan"))]
    return [(way, scale.asked(way)) for way in WAYS]


def rows_of(path: Path, episodes: int) -> list[dict[str, Any]]:
    """Let a run play."""
    team, rows = open_trained_team(path), []
    facts = team.environment.facts
    for way, asked in targets_of(team):
        returns, won = [], []
        for seed in team.config.seed_list():
            params = team.params(seed, None if np.isnan(asked) else asked)
            first_states = FIRST_EVALUATION_SEED + np.arange(episodes)
            of_each = play(team.environment, team.learner.policy, params, first_states).returns().mean(axis=1)
            returns.append(float(of_each.mean()))
            won.append(float("nan") if facts.won is None else float((of_each >= facts.won).mean()))
        mean, interval = estimate(returns)
        values = (team.config.env, team.config.algo, path.name, way, f"{asked:.4g}", f"{mean:.4g}", f"{interval:.4g}")
        more = (f"{np.mean(won):.4g}", " ".join(f"{value:.4g}" for value in returns), episodes)
        rows.append(dict(zip(COLUMNS, (*values, *more), strict=True)))
    team.close()
    return rows


def write_most(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write each seed's return for what a team returns most for, within the data."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys((row["env"], row["algo"], row["variant"]) for row in rows):
        mine = [row for row in rows if (row["env"], row["algo"], row["variant"]) == name]
        within = [row for row in mine if row["way"] in (None, "") or float(row["way"]) <= 1]
        most = max(within, key=lambda row: float(row["mean_return"]))
        lines = [f"0,{seed},{value}" for seed, value in enumerate(str(most["per_seed"]).split())]
        file = folder / ("-".join(name).replace("/", "-") + ".csv")
        file.write_text("\n".join(["step,seed,mean_return", *lines]) + "\n")


def draw(rows: Sequence[dict[str, Any]], picture: Path) -> None:
    """Draw what was returned against what was asked, a panel for every environment."""
    places = list(dict.fromkeys(row["env"] for row in rows))
    figure = Figure(figsize=(max(6.0, 4.2 * len(places)), 4.4), layout="constrained")
    for axes, place in zip(np.atleast_1d(figure.subplots(1, len(places))), places, strict=True):
        here = [row for row in rows if row["env"] == place]
        asked = [float(row["asked"]) for row in here if row["asked"] != "nan"]
        best = next((float(row["asked"]) for row in here if row["way"] in (1.0, "1.0")), None)
        axes.plot([min(asked), max(asked)], [min(asked), max(asked)], color="0.8", linewidth=0.8, label="as asked")
        if best is not None:
            axes.axvline(best, color="0.8", linestyle=":", label="best of the data")
        for name, (label, colour) in SHOWN.items():
            mine = [row for row in here if f"{row['algo']}/{row['variant']}" == name]
            told = [row for row in mine if row["asked"] != "nan"]
            for row in mine[: 0 if told else 1]:
                axes.axhline(float(row["mean_return"]), color=colour, linestyle="--", label=label)
            if told:
                x, y, width = (
                    np.array([float(row[key]) for row in told]) for key in ("asked", "mean_return", "interval")
                )
                axes.plot(x, y, color=colour, marker=".", label=label)
                axes.fill_between(x, y - width, y + width, color=colour, alpha=0.2, linewidth=0)
        axes.set(title=place, xlabel="return that is asked for")
        values = [float(row["mean_return"]) for row in here]
        axes.set_ylim(min(values) - 1, max(values) + 1)
    figure.axes[0].set_ylabel("return of an agent, greedy")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    seeds = len(str(rows[0]["per_seed"]).split())
    figure.suptitle(f"What is returned against what is asked for; {seeds} seeds, mean and 95 % t-interval")
    save_figure(figure, picture, dpi=110)


def main(words: Sequence[str] | None = None) -> None:
    """Play, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="?")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/teams"))
    asked, rows = parser.parse_args(words), []
    table = asked.output / "targets.csv"
    if asked.runs is None:  # only the picture
        return draw(read_table(table), asked.output / "targets.png")
    for run in find_runs([asked.runs]):
        rows += rows_of(run.path, asked.episodes)
        print(*rows[-1].values(), flush=True)
    asked.output.mkdir(parents=True, exist_ok=True)
    write_table(table, rows, COLUMNS)
    write_most(rows, asked.output / "most")
    draw(rows, asked.output / "targets.png")


if __name__ == "__main__":
    main()
