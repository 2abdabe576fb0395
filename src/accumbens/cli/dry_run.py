"""`--dry-run`: what would run, and what it would cost."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accumbens.cli.run_view import heading
from accumbens.cli.terminal import print_json
from accumbens.runs.kind import Kind
from accumbens.runs.settings import every_setting, format_value


def print_plan(kind: Kind[Any], config: Any, json: bool) -> None:
    """Print the resolved configuration with its sources, and the run's sizes.

    Raises:
        AccumbensError: something that the run needs cannot be made, or a size does not fit it.
    """
    plan = kind.plan(config)
    console = Console(stderr=json, highlight=False)
    console.print(heading(kind, config))
    console.print()
    console.print(_settings(kind, config))
    console.print()
    for name, text in plan.costs.items():
        console.print(f"{name:<27}{text}", soft_wrap=True)
    for note in plan.notes:
        console.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)
    if json:
        print_json(every_setting(config) | {"plan": dict(plan.document)})


def _settings(kind: Kind[Any], config: Any) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("setting", "value", "source"):
        table.add_column(column, overflow="fold")
    usual, sources = kind.usual(config), kind.sources(config)
    for name, value in every_setting(config).items():
        source = ""
        if name in usual:
            source = sources.get(name, "default") if value == usual[name] else "your choice"
        table.add_row(name, escape(format_value(value)), escape(source))
    return table
