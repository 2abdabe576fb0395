"""What a report says of agents: returns beside those of papers, prefixes of cells, what every cell learned from."""

import dataclasses
import math
import re
from collections.abc import Sequence

from accumbens.errors import AccumbensError
from accumbens.runs.chapter import SHADED, Along, Chapter, Line, Logged, Plot, Quote, Score, Sizes, column
from accumbens.training.config import RunConfig
from accumbens.training.kind import AGENTS, part_names
from accumbens.training.plan import make_plan
from accumbens.training.published import find

PER_CELL = {
    "loss": ("Loss", "Mean loss of every cell", True),
    "td_error": ("TD error", "Mean size of every cell's TD error, |δ|", True),
    "value": ("Value", "Mean value of the actions taken, as every cell predicts it", False),
    "gradient_norm": ("Gradient norm", "Norm of every cell's gradient, before clipping", True),
}
"""Title, axis, and whether it is never negative, so that a logarithm makes sense."""

OTHERS = {
    "critic_loss": ("Loss of the critics", "Mean loss of both critics", True),
    "actor_loss": ("Loss of the actor", "Mean loss of the actor", False),
    "entropy_coefficient": ("Entropy coefficient", "Weight of the policy's entropy, α", True),
}
"""The same of what SAC has, which has no cells."""

COMPARABLE = {
    "AD": ("ad_pqn", "ad_dqn", "ad_dqn_lambda", "ad_dqn_released"),
    "AD-QR": ("ad_qr_pqn", "ad_qrdqn", "ad_qrdqn_released"),
    "ARQ": ("arq_pqn", "arq", "arq_dqn_lambda", "arq_released"),
    "DQN": ("dqn", "dqn_conv", "pqn", "pqn_conv"),
    "CleanRL DQN": ("dqn", "pqn"),
    "SAC": ("sac",),
}
"""The presets that a published number stands beside: the same method, not always the same learner, size or steps."""

_BASELINES = ("DQN", "CleanRL DQN", "SAC")  # trained by backpropagation; the others' numbers are of local credit
_TABLES = ("ad-minatar", "ad-dmc", "ad-classic", "arq-minatar", "arq-dmc")


def training_return(run: Logged) -> Line:
    """Return the mean return of the last 100 training episodes."""
    return column(run.training, "mean_return")


def greedy_return(run: Logged, cells: int | None = None) -> Line:
    """Return the mean greedy return of a prefix of cells, of the full network without a number."""
    most = max(prefixes(run), default=0)
    rows = [row for row in run.evaluations if int(row["cells"]) == (most if cells is None else cells)]
    return column(rows, "mean_return", "cell 1" if cells == 1 else f"cells 1 to {cells or most}")


def prefixes(run: Logged) -> list[int]:
    """Return the prefixes of cells that were evaluated: 1, 2, … up to the full network."""
    return sorted({int(row["cells"]) for row in run.evaluations})


def learning(run: Logged, name: str, label: str = "") -> Line:
    """Return a column of the learning metrics, from the first update on."""
    return Line(run.training, lambda row: float(row[name]) if float(row["updates"]) > 0 else math.nan, label)


def cell_columns(run: Logged) -> dict[str, list[str]]:
    """Return the columns of every per-cell metric, such as `td_error`, from the first cell upward; none for SAC."""
    there = run.training[0] if run.training else {}
    columns = {name: [found for found in there if re.fullmatch(rf"{name}_\d+", found)] for name in PER_CELL}
    return {name: found for name, found in columns.items() if found}


def other_columns(run: Logged) -> list[str]:
    """Return the learning metrics that are not per cell: the losses and the entropy coefficient of SAC."""
    return [name for name in OTHERS if run.has(name)]


FINAL = Score("final return", training_return)
GREEDY = Score("greedy return", greedy_return)


READING = {
    "Return": "undiscounted sum of the rewards of one episode.",
    "Step": "one environment step; every seed makes as many as the axis says.",
    "Shaded": SHADED,
    "Cell": "one layer. With local credit it learns from its own TD error and from nothing else; the prefix of "
    "cells 1 to l acts on the mean of their values.",
    "Twin": "the same preset, initial weights and data with the other credit. Local credit is blue or green, a solid "
    "line; backpropagation is orange, pink or brown, a dashed one.",
    "Published": "numbers of the papers, end values and points read off figures; a grey line is drawn where the "
    "training was about as long as here.",
}


class AgentChapter(Chapter):
    """Agents: runs with twins, and with published numbers beside them."""

    intro = (
        "Final return: mean undiscounted return of the last 100 training episodes. Greedy return: of the full network "
        "in the last evaluation. Published: the same method in its paper, not always with the same learner, size or "
        "number of steps."
    )
    usual = "the preset"
    no_curve = "no training episode has ended"
    parts_intro = (
        "With local credit every cell learns from its own error alone. The table and the first chart are of plays with "
        "the first cells only: what does each one add?"
    )
    parts_caption = "Greedy return of every prefix of cells in the last evaluation, ± 95 % t-interval"
    fewest_parts = 2
    has_twins = True
    is_published = True
    same_names_everywhere = True
    reading = READING

    def sizes(self, run: Logged) -> Sizes:
        """Return parameters of every cell, of SAC of actor and critics, and the steps at which the run ends."""
        config = run.config
        try:
            plan = make_plan(config)
        except AccumbensError:
            # An environment of an extra that is not installed here: the report does without its sizes.
            return Sizes({}, config.total_timesteps)
        names = part_names(config, len(plan.cell_parameters))
        parameters = dict(zip(names, plan.cell_parameters, strict=True))
        return Sizes(parameters, plan.blocks * plan.steps_per_block)

    def name(self, config: RunConfig) -> str:
        """Return preset and credit."""
        return f"{config.algo}, {config.settings.credit}"

    def untwinned(self, config: RunConfig) -> RunConfig:
        """Return the configuration with local credit."""
        return dataclasses.replace(config, settings=dataclasses.replace(config.settings, credit="local"))

    def notes(self, run: Logged) -> list[str]:
        """Say if it was never evaluated."""
        return [] if run.evaluations else ["no evaluation yet"]

    def score(self, runs: Sequence[Logged]) -> Score:
        """Return the return of the last training episodes."""
        return FINAL

    def results(self, runs: Sequence[Logged]) -> list[Score]:
        """Return training and greedy return."""
        return [FINAL, GREEDY]

    def overview(self, runs: Sequence[Logged]) -> list[Plot]:
        """Return training returns and greedy evaluations."""
        training, greedy = [training_return(run) for run in runs], [greedy_return(run) for run in runs]
        return [
            Plot("training", "Training return", "mean return of the last 100 episodes", training),
            Plot("greedy", "Greedy evaluation", "mean return of the full network, greedy", greedy),
        ]

    def details(self, run: Logged) -> list[Plot]:
        """Return every prefix of cells evaluated, and what every cell learned from; of SAC, what it learns from."""
        plots = []
        lines = self.part_numbers(run)
        if len(lines) > 1:
            lines[-1] = lines[-1]._replace(label="full network")
            plots.append(Plot("prefixes", "Return of every prefix of cells", "mean return, greedy", lines))
        for name, columns in cell_columns(run).items():
            title, axis, positive = PER_CELL[name]
            lines = [learning(run, found, f"cell {found.rpartition('_')[2]}") for found in columns]
            plots.append(Plot(name, title, axis, lines, positive, ".3g"))
        for name in other_columns(run):
            title, axis, positive = OTHERS[name]
            plots.append(Plot(name, title, axis, [learning(run, name, title)], positive, ".3g", of_parts=False))
        return plots

    def part_numbers(self, run: Logged) -> list[Line]:
        """Return the greedy return of every prefix of cells."""
        return [greedy_return(run, cells) for cells in prefixes(run)]

    def quotes(self, config: RunConfig) -> list[Quote]:
        """Return what the papers' main tables and figures report of the environment."""
        return [
            Quote(one.agent, one.value, one.interval, one.steps, one.source, one.curve, one.at)
            for one in find(_TABLES, config.env)
        ]

    def is_comparable(self, config: RunConfig, quote: Quote) -> bool:
        """Return whether a published number is of the preset's method, and of its credit."""
        credit = "backprop" if quote.method in _BASELINES else "local"
        return config.algo in COMPARABLE.get(quote.method, ()) and config.settings.credit == credit


CHAPTER = AgentChapter(AGENTS, Along("environment steps", "step", "step"))
