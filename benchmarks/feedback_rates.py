"""Draw the error after adaptation against the learning rate: rotations of 30 to 60°, and sine waves that change.

Reads the summaries of feedback-control-rates and sine-waves in `benchmarks/results`; writes `curves.png` of the first.

python benchmarks/feedback_rates.py
"""

from pathlib import Path

from matplotlib.figure import Figure

from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import read_table

RESULTS = Path(__file__).parent / "results"
PANELS = {f"rotated by {turn}°": ("feedback-control-rates", f"-{turn}-") for turn in (30, 40, 50, 60)}
PANELS["sine waves, faster than told"] = ("sine-waves", "-")
LINES = {
    ("rflo", "control"): ("RFLO, with control", "#0072b2", "-"),
    ("rflo", "open"): ("RFLO, without", "#0072b2", ":"),
    ("rflo", "none"): ("RFLO, never had control", "#d04a00", "--"),
    ("online-gradient", "control"): ("exact gradient, with control", "#00795a", "-"),
    ("online-gradient", "open"): ("exact gradient, without", "#00795a", ":"),
}
HIGHEST = 3.0
"""Errors above it, of rates that are about to diverge, are left out of the picture and are in the table."""


def main() -> None:
    """Draw."""
    figure = Figure(figsize=(9.6, 6.2), layout="constrained")
    *grid, empty = figure.subplots(2, 3, sharey=True).flat
    for axes, (title, (experiment, between)) in zip(grid, PANELS.items(), strict=True):
        rows = read_table(RESULTS / experiment / "summary.csv")
        for (rule, how), (label, colour, style) in LINES.items():
            begin = f"{how}{between}"
            mine = [row for row in rows if row["rule"] == rule and row["variant"].startswith(begin)]
            mine = [row for row in mine if float(row["epochs"]) == 1]  # the others stopped being finite
            points = sorted(
                (float(row["variant"].removeprefix(begin)), float(row["test_loss"]), float(row["test_loss_interval"]))
                for row in mine
            )
            points = [point for point in points if point[1] < HIGHEST]
            if points:
                rates, errors, intervals = zip(*points, strict=True)
                look = {"color": colour, "linestyle": style, "marker": "o", "markersize": 3, "capsize": 2}
                axes.errorbar(rates, errors, intervals, label=label, linewidth=1.5, elinewidth=0.7, **look)
        axes.set(xscale="log", yscale="log", ylim=(3e-3, HIGHEST))
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.25)
    for axes in grid[2:]:
        axes.set_xlabel("learning rate")
    for axes in (grid[0], grid[3]):
        axes.set_ylabel("error without feedback")
    empty.set_axis_off()
    empty.legend(*grid[-1].get_legend_handles_labels(), loc="center", frameon=False)
    figure.suptitle("Error after 300 trials; 100 units, 5 seeds, mean and 95 % t-interval", fontsize=10)
    save_figure(figure, RESULTS / "feedback-control-rates" / "curves.png", dpi=150)


if __name__ == "__main__":
    main()
