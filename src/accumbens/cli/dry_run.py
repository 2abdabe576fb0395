"""`--dry-run`: what would run, and what it would cost."""

from contextlib import closing
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from accumbens.cli.run_view import heading
from accumbens.cli.settings_view import settings_table
from accumbens.cli.terminal import print_json
from accumbens.runs.kind import Kind
from accumbens.runs.origin import Origin, checked_origin


def print_plan(kind: Kind[Any], config: Any, origin: Origin | None, json: bool) -> None:
    """Print the resolved configuration with its sources, what the run begins from, and its sizes.

    Raises:
        AccumbensError: something that the run needs cannot be made, a size does not fit it, or it cannot begin there.
    """
    plan, costs = kind.plan(config), {}
    if origin is not None:
        with closing(kind.make_job(config)) as job:
            origin = checked_origin(kind, origin, job)
        seeds = "each seed's own network" if origin.seed is None else f"the network of seed {origin.seed}"
        costs = {"begins from": f"{origin.run}, step {origin.step:,}, {seeds}"}
    console = Console(stderr=json, highlight=False)
    console.print(heading(kind, config))
    console.print()
    console.print(settings_table(kind, config))
    console.print()
    for name, text in (costs | dict(plan.costs)).items():
        console.print(f"{name:<27}{text}", soft_wrap=True)
    for note in plan.notes:
        console.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)
    if json:
        begin = {} if origin is None else {"from": origin._asdict()}
        print_json(asdict(config) | begin | {"plan": dict(plan.document)})
