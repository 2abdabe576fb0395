"""How a data set that was recorded looks in the terminal: the numbers of its card."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accumbens.envs.teams.protocol import TeamFacts


def print_card(console: Console, facts: TeamFacts, card: Mapping[str, Any]) -> None:
    """Print what is in a data set.

    Args:
        console: where.
        facts: of the team.
        card: see `minari_write.write`.
    """
    who = f"{escape(facts.name)}  {len(facts.agents)} agents  {escape(str(card['made']['policy']))}"
    seeds = "{} to {}".format(*card["seeds"])
    console.print(f"{who}  {card['episodes']:,} episodes, {card['steps']:,} steps, seeds {seeds}", soft_wrap=True)
    won = "" if card["won"] is None else f", {card['won']:.1%} won"
    console.print(f"{card['terminated']:,} terminated, {card['truncated']:,} truncated{won}", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    names = list(card["return"])
    for column in ("", *names):
        table.add_column(column, justify="right" if column else "left")
    for title, row in (("return", card["return"]), ("length", card["length"])):
        table.add_row(title, *(f"{row[name]:.4g}" for name in names))
    console.print(table)
    table = Table(box=None, pad_edge=False)
    for column in ("agent", "mean return", "sd", "distinct observations", "bits of its actions", "died"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    for agent, row in card["agents"].items():
        numbers = f"{row['return_mean']:.4g}", f"{row['return_sd']:.4g}", f"{row['distinct_observations']:.1%}"
        table.add_row(escape(agent), *numbers, f"{row['action_entropy_bits']:.3f}", f"{row['died']:.1%}")
    console.print(table)
