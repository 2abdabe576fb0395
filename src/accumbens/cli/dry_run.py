"""`accumbens train --dry-run`: what would run, and what it would cost."""

import dataclasses

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accumbens.agents.settings import SACSettings
from accumbens.cli.terminal import config_document, print_json
from accumbens.envs import registry
from accumbens.presets import resolve_preset
from accumbens.training.config import RunConfig, format_value
from accumbens.training.plan import Plan, make_plan


def print_plan(config: RunConfig, json: bool) -> None:
    """Print the resolved configuration with its sources, the parameters of every cell, memory and updates.

    Raises:
        AccumbensError: the environment cannot be used, or a size does not fit it.
    """
    plan = make_plan(config)
    console = Console(stderr=json, highlight=False)
    console.print(_settings_table(config))
    console.print()
    for name, text in _costs(config, plan).items():
        console.print(f"{name:<27}{text}", soft_wrap=True)
    if json:
        print_json(config_document(config) | {"plan": plan._asdict()})


def _settings_table(config: RunConfig) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("setting", "value", "source"):
        table.add_column(column, overflow="fold")
    for field in dataclasses.fields(config):
        if field.name != "settings":
            table.add_row(field.name, escape(str(getattr(config, field.name))), "")
    preset = resolve_preset(config.algo, config.env, registry.benchmark_of(config.env))
    for field in dataclasses.fields(config.settings):
        value = getattr(config.settings, field.name)
        changed = value != getattr(preset.settings, field.name)
        source = "your choice" if changed else preset.sources.get(field.name, "default")
        table.add_row(field.name, format_value(value), escape(source))
    return table


def _costs(config: RunConfig, plan: Plan) -> dict[str, str]:
    steps = plan.blocks * plan.steps_per_block
    mebibytes = plan.replay_bytes * config.seeds / 2**20
    cells = [f"cell {number}" for number, _ in enumerate(plan.cell_parameters, start=1)]
    parts = ["the actor", "critic 1", "critic 2"] if isinstance(config.settings, SACSettings) else cells
    replay = f"{mebibytes:,.1f} MiB for {plan.replay_rows:,} steps of {config.seeds} seed(s)"
    return {
        "steps that will run": f"{steps:,} per seed ({plan.blocks:,} blocks of {plan.steps_per_block:,})",
        "updates that will run": f"{plan.updates:,} per seed",
        **{f"parameters of {part}": f"{count:,}" for part, count in zip(parts, plan.cell_parameters, strict=True)},
        "memory of the replay": replay if plan.replay_bytes else "none: no replay buffer",
    }
