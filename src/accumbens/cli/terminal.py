"""Pieces that several commands print."""

from typing import Any

from rich.console import Console
from rich.table import Table

from accumbens.runs.tables import to_json


def print_json(document: Any) -> None:
    """Print one line of JSON on standard output."""
    print(to_json(document), flush=True)


def print_whole(console: Console, table: Table) -> None:
    """Print a table that is never cut short: a narrow window breaks its lines instead."""
    widest = console.options.update(max_width=1000)
    width = max(console.width, console.measure(table, options=widest).maximum)
    Console(file=console.file, width=width, highlight=False).print(table)
