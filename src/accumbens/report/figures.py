"""The charts of agents: their returns beside one another, and what every cell learned from."""

from collections.abc import Sequence

from accumbens.report import series
from accumbens.report.charts import COLOURS, Chart, Curve, overlaid, stacked
from accumbens.report.data import Run, agent_of
from accumbens.report.series import Series
from accumbens.training.published import TABLES, Published

DASHES = {"local": "solid", "backprop": "dash"}
"""Twins share a colour; the credit is the dash."""

PER_CELL = {
    "td_error": ("TD error", "Mean size of every cell's TD error, |δ|", True),
    "loss": ("Loss", "Mean loss of every cell", True),
    "value": ("Value", "Mean value of the actions taken, as every cell predicts it", False),
    "gradient_norm": ("Gradient norm", "Norm of every cell's gradient, before clipping", True),
}
"""Title, axis, and whether it is never negative, so that a logarithm makes sense."""

OTHERS = {
    "critic_loss": ("Loss of the critics", "Mean loss of both critics", True),
    "actor_loss": ("Loss of the actor", "Mean loss of the actor", False),
    "entropy_coefficient": ("Entropy coefficient", "Weight of the policy's entropy, α", True),
}

COMPARABLE = {
    "AD": ("ad_pqn", "ad_dqn", "ad_dqn_released"),
    "AD-QR": ("ad_qr_pqn", "ad_qrdqn", "ad_qrdqn_released"),
    "ARQ": ("arq_pqn", "arq", "arq_released"),
    "DQN": ("dqn", "dqn_conv", "pqn", "pqn_conv"),
    "CleanRL DQN": ("dqn", "pqn"),
    "SAC": ("sac",),
}
"""The presets that a published number stands beside: the same method, not always the same learner, size or steps."""

_BASELINES = ("DQN", "CleanRL DQN", "SAC")  # trained by backpropagation; the others' numbers are of local credit
_TABLES = ("ad-minatar", "ad-dmc", "ad-classic", "arq-minatar", "arq-dmc")


def comparable(run: Run, quote: Published) -> bool:
    """Return whether a published number is of the method that a run trains."""
    credit = "backprop" if quote.agent in _BASELINES else "local"
    config = agent_of(run)
    return config.algo in COMPARABLE.get(quote.agent, ()) and config.settings.credit == credit


def published(env: str) -> list[Published]:
    """Return what the papers' main tables and figures report of an environment."""
    return [quote for name in _TABLES for quote in TABLES[name] if quote.env == env]


def overview(runs: Sequence[Run], prefix: str, families: Sequence[str]) -> list[Chart]:
    """Return the charts that compare the runs of one environment.

    Args:
        runs: of that environment.
        prefix: of the names of the charts.
        families: of all runs of the report, in order: their place is their colour.
    """
    quotes = [q for q in published(runs[0].task) if any(comparable(run, q) for run in runs)]
    training = Chart(f"{prefix}-training", "Training return", "mean return of the last 100 episodes", [], quotes)
    greedy = Chart(f"{prefix}-greedy", "Greedy evaluation", "mean return of the full network, greedy", [])
    for place, run in enumerate(runs):
        family = families.index(run.family)
        look = overlaid(prefix, place, run.label, family)
        look |= {"dash": DASHES[agent_of(run).settings.credit], "marked": family >= COLOURS}
        for chart, values in ((training, series.training_return(run)), (greedy, series.greedy_return(run))):
            if values.steps:
                chart.curves.append(Curve(series=values, **look))
    return [chart for chart in (training, greedy) if chart.curves]


def cell_by_cell(run: Run, prefix: str) -> list[Chart]:
    """Return the charts of one run: every prefix of its cells evaluated, and what every cell learned from."""
    charts: list[Chart] = []
    found = series.prefixes(run)
    if len(found) > 1:
        values = [series.greedy_return(run, cells) for cells in found]
        names = [_prefix_name(cells, found[-1]) for cells in found]
        charts.append(
            Chart(
                f"{prefix}-prefixes",
                "Return of every prefix of cells",
                "mean return, greedy",
                _cells(prefix, names, values),
            )
        )
    for name, columns in series.cell_columns(run).items():
        title, axis, positive = PER_CELL[name]
        names = [f"cell {column.rpartition('_')[2]}" for column in columns]
        values = [series.learning(run, column) for column in columns]
        curves = _cells(prefix, names, values)
        charts.append(Chart(f"{prefix}-{name}", title, axis, curves, logarithmic=positive, digits=".3g"))
    for column in series.other_columns(run):
        title, axis, positive = OTHERS[column]
        curves = _cells(prefix, [title], [series.learning(run, column)])
        charts.append(Chart(f"{prefix}-{column}", title, axis, curves, logarithmic=positive, digits=".3g"))
    return [chart for chart in charts if chart.curves]


def _cells(prefix: str, names: list[str], values: list[Series]) -> list[Curve]:
    return stacked(f"{prefix}-cell", names, values)


def _prefix_name(cells: int, most: int) -> str:
    if cells == most:
        return "full network"
    return "cell 1" if cells == 1 else f"cells 1 to {cells}"
