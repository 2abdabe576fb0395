"""`accumbens train --dry-run`: what would run, and what it would cost."""

import dataclasses

from rich.console import Console
from rich.table import Table

from accumbens.agents.presets import resolve_preset
from accumbens.cli.terminal import config_document, print_json
from accumbens.envs import registry
from accumbens.training.config import RunConfig


def print_plan(config: RunConfig, json: bool) -> None:
    """Print the resolved configuration with its sources, the parameters of every cell, memory and updates."""
    from accumbens.training.train import Trainer

    plan = Trainer(config).plan
    preset = resolve_preset(config.algo, config.env, registry.benchmark_of(config.env))
    console = Console(stderr=json)
    table = Table(box=None, pad_edge=False)
    for column in ("setting", "value", "source"):
        table.add_column(column, overflow="fold")
    for field in dataclasses.fields(config):
        if field.name != "settings":
            table.add_row(field.name, str(getattr(config, field.name)), "")
    for field in dataclasses.fields(config.settings):
        value = getattr(config.settings, field.name)
        changed = value != getattr(preset.settings, field.name)
        source = "your choice" if changed else preset.sources.get(field.name, "default")
        table.add_row(field.name, str(value), source)
    console.print(table, highlight=False)
    steps = plan.blocks * plan.steps_per_block
    console.print(
        f"\nsteps that will run        {steps:,} per seed ({plan.blocks:,} blocks of {plan.steps_per_block:,})"
    )
    console.print(f"updates that will run      {plan.updates:,} per seed")
    for index, count in enumerate(plan.cell_parameters, start=1):
        console.print(f"parameters of cell {index}       {count:,}")
    memory = (
        f"{plan.replay_bytes * config.seeds / 2**20:,.1f} MiB for {plan.replay_rows:,} steps, {config.seeds} seed(s)"
    )
    console.print(f"memory of the replay       {memory if plan.replay_bytes else 'none: no replay buffer'}")
    if json:
        print_json(config_document(config) | {"plan": plan._asdict()})
