"""How settings look in the terminal: value, where it comes from, and what it means."""

from collections.abc import Collection
from typing import Any

from rich.markup import escape
from rich.table import Table

from accumbens.runs.kind import Kind
from accumbens.runs.meanings import describe_settings
from accumbens.runs.settings import every_setting, format_value


def settings_table(kind: Kind[Any], config: Any, left_out: Collection[str] = ()) -> Table:
    """Return a table of all settings of a configuration but some."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    about, sources = describe_settings(config), sources_of(kind, config)
    for name, value in every_setting(config).items():
        if name not in left_out:
            meaning, choices = about[name]
            said = " ".join(filter(None, [meaning, f"One of: {', '.join(choices)}." if _are_said(choices) else ""]))
            lines = [f"[bold]{escape(format_value(value))}[/]  {escape(sources[name])}".rstrip()]
            table.add_row(name, "\n".join([*lines, *([f"[dim]{escape(said)}[/]"] if said else [])]))
    return table


def sources_of(kind: Kind[Any], config: Any) -> dict[str, str]:
    """Return where the value of every setting comes from; empty for what has no usual value."""
    usual, sources = kind.usual(config), kind.sources(config)
    return {
        name: "" if name not in usual else sources.get(name, "default") if value == usual[name] else "your choice"
        for name, value in every_setting(config).items()
    }


def _are_said(choices: Collection[str]) -> bool:
    return len(choices) > 1 and list(choices)[:2] != ["true", "false"]
