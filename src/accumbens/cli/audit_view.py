"""How an audit looks in the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accumbens.runs.audit import Audit

_WIDE = 200  # names of memory may be longer than a terminal; a table is only as wide as it has to be


def print_failure(found: Audit) -> None:
    """Print what is wrong, on standard error."""
    Console(stderr=True, highlight=False).print(escape(" ".join(found.verdict)), soft_wrap=True)


def print_audit(names: Sequence[str], found: Audit, json: bool) -> None:
    """Print everything that was found; on standard error if standard output is kept for JSON.

    Args:
        names: of what was audited, the place first.
        found: the audit.
        json: JSON follows.
    """
    console = Console(stderr=json, highlight=False, width=_WIDE)
    place, *rest = map(escape, [*names, *filter(None, [found.claim])])
    console.print("  ".join([f"[bold]{place}[/]", *rest]), soft_wrap=True)
    if found.how:
        console.print(f"[dim]{escape(found.how)}[/]", soft_wrap=True)
    console.print()
    for table in found.tables:
        console.print(escape(table.title), soft_wrap=True)
        if table.note:
            console.print(f"[dim]{escape(table.note)}[/]", soft_wrap=True)
        grid = Table(box=None, pad_edge=False)
        for index, column in enumerate(table.header):
            grid.add_column(column, justify="right" if table.is_matrix and index else "left", no_wrap=True)
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
        console.print()
    for name, text in found.facts.items():
        console.print(f"[dim]{escape(f'{name:<25}')}[/] {escape(text)}", soft_wrap=True)
    if found.facts:
        console.print()
    first, *rest = map(escape, found.verdict)
    colour = "red" if not found.holds else "green" if found.local else "yellow"
    console.print(f"[bold {colour}]{first}[/]", soft_wrap=True)
    for sentence in rest:
        console.print(sentence, soft_wrap=True)
