"""The table at the end of an experiment, in the terminal: what each run came to, beside what the papers report."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.markup import escape
from rich.table import Table

from accumbens.experiments.fit_tables import FitRow, score_text
from accumbens.experiments.tables import Row
from accumbens.stats import estimate


class EndTable(NamedTuple):
    """A table, and the lines below it."""

    table: Table
    notes: list[str]


def table_of_agents(rows: Sequence[Row]) -> EndTable:
    """Return the table of runs of agents, by environment."""
    table = _table("seeds", "return", "greedy", "steps", "seconds", "parameters", "published")
    sources = list(dict.fromkeys(row.published.source for row in rows if row.published))
    for env in dict.fromkeys(row.env for row in rows):
        table.add_row(f"[bold]{escape(env)}[/]")
        for row in (row for row in rows if row.env == env):
            table.add_row(*map(escape, _agent_cells(row, sources)))
    few = min((len(row.returns) for row in rows if row.algo), default=0)
    note = f"return: mean of the last 100 training episodes ± 95 % t-interval over seeds{_rough(few)}"
    return EndTable(table, [note, *_numbered(sources)])


def table_of_fits(rows: Sequence[FitRow]) -> EndTable:
    """Return the table of fits, by panel of the figure."""
    kinds = list(dict.fromkeys(row.score for row in rows)) or ["accuracy"]
    names = {"accuracy": "accuracy %", "loss": "loss"}
    scored = names[kinds[0]] if len(kinds) == 1 else "accuracy % or loss"
    table = _table("seeds", f"test {scored}", "over training", f"train {scored}", "epochs", "seconds", "published")
    sources = list(dict.fromkeys(row.published.source for row in rows if row.published))
    for panel in dict.fromkeys(row.panel for row in rows):
        table.add_row(f"[bold]{escape(panel)}[/]")
        for row in (row for row in rows if row.panel == panel):
            table.add_row(*map(escape, _fit_cells(row, sources)))
    few = min((len(row.over_training) for row in rows), default=0)
    note = f"mean ± 95 % t-interval over seeds{_rough(few)}; over training: mean over all updates of the test {scored}"
    return EndTable(table, [note, *_numbered(sources)])


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("", *names):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    return table


def _rough(few: int) -> str:
    return "; few seeds: rough" if few < 5 else ""


def _numbered(sources: Sequence[str]) -> list[str]:
    return [f"[{number}] {source}" for number, source in enumerate(sources, start=1)]


def _agent_cells(row: Row, sources: list[str]) -> list[str]:
    quote = ""
    if row.published is not None:
        published, here = row.published, row.published.at(row.steps)
        interval = "" if published.interval is None else f" ± {published.interval:g}"
        quote = f"{published.value:g}{interval} at {published.steps / 1e6:g} M"
        if here is not None:
            quote = f"{here:.1f} at this step, {quote}"
        quote += f" [{sources.index(published.source) + 1}]"
    if row.algo is None:
        agent = row.published.agent if row.published else ""
        return [f"  {agent}, published", *[""] * 6, quote]
    steps = f"{row.steps:,}" if row.steps >= row.asked else f"{row.steps:,} of {row.asked:,}"
    return [
        *(f"  {row.algo}/{row.variant}", str(len(row.returns))),
        *(str(estimate(row.returns)), str(estimate(row.greedy)), steps, f"{row.seconds:,.0f}", f"{row.parameters:,}"),
        quote,
    ]


def _fit_cells(row: FitRow, sources: list[str]) -> list[str]:
    quote = ""
    if row.published is not None:
        quote = f"{100 - row.published.test_error:.2f} [{sources.index(row.published.source) + 1}]"
    train = row.last.get(f"train_{row.score}", ())
    epochs = f"{row.asked:,}" if row.epochs >= row.asked else f"{row.epochs:,.1f} of {row.asked:,}"
    return [
        *(f"  {row.rule}/{row.variant}", str(len(row.over_training))),
        *(score_text(values, row.score) for values in (row.last[f"test_{row.score}"], row.over_training, train)),
        *(epochs, f"{row.seconds:,.0f}", quote),
    ]
