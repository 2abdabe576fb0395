"""How agents are experimented with: training and greedy return, beside what papers report of other agents too."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from matplotlib.ticker import EngFormatter, MaxNLocator

from accumbens.errors import UnknownNameError
from accumbens.runs.experimenting import Begun, Curve, Experimenting, Panel, Quote, Row, scores, seconds_of
from accumbens.runs.tables import last_rows
from accumbens.stats import estimate
from accumbens.training.kind import AGENTS
from accumbens.training.plan import make_plan
from accumbens.training.published import TABLES, Published, find

COLUMNS = (
    *("env", "algo", "variant", "seeds", "steps", "final_return", "final_return_interval", "final_return_per_seed"),
    *("greedy_return", "greedy_return_interval", "seconds", "parameters", "published_agent", "published_return"),
    *("published_interval", "published_steps", "published_at_these_steps", "published_source", "commit"),
    *("discounted_return", "discounted_return_interval"),
)

DISCOUNTED = "mean_discounted_return"
"""What language agents record besides, by which papers judge them: of two that come to the end, the faster has more."""


class Beside(NamedTuple):
    """What the results stand beside.

    Attributes:
        tables: names of published tables to quote.
        rows: the published name of an agent, for each `algorithm/variant` it is comparable with.
    """

    tables: tuple[str, ...]
    rows: Mapping[str, str]


class AgentExperiments(Experimenting):
    """Experiments with agents."""

    published: Mapping[str, Any] = MappingProxyType({"tables": list, "rows": dict[str, list]})

    def __init__(self) -> None:
        """Take the columns of the table, and add evaluations to the numbers of a run."""
        super().__init__(AGENTS)
        self.numbers = (*self.numbers, "eval_frequency", "num_eval_episodes")
        self.caption = "training return, last 100 episodes"
        self.columns = COLUMNS

    def beside(self, published: Mapping[str, Any], places: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Beside:
        """Return the tables to quote, and the published agent of every `algorithm/variant`."""
        tables, rows = published.get("tables", []), published.get("rows", {})
        for table in tables:
            if table not in TABLES:
                raise UnknownNameError("published table", table, list(TABLES))
        agents = dict.fromkeys(entry.agent for table in tables for entry in TABLES[table])
        known = ["/".join(pair) for pair in pairs]
        for agent, labels in rows.items():
            if agent not in agents:
                raise UnknownNameError("published agent", agent, list(agents))
            for label in labels:
                if label not in known:
                    raise UnknownNameError("agent and variant", label, known)
        return Beside(tuple(tables), {label: agent for agent, labels in rows.items() for label in labels})

    def rows(self, panel: Panel, beside: Beside) -> list[Row]:
        """Return a line for every run and, after those, for every number that is only quoted."""
        published = find(beside.tables, panel.place)
        numbers = [
            next((entry for entry in published if entry.agent == beside.rows.get(run.name)), None) for run in panel.runs
        ]
        rows = [self._run(panel, run, number) for run, number in zip(panel.runs, numbers, strict=True)]
        steps = max((run.step for run in panel.runs), default=0)
        for entry in published:
            if entry not in numbers:
                values = dict.fromkeys(COLUMNS) | {"env": panel.place} | _quoted(entry, steps)
                quote = {"quote": _text(entry, steps), "source": entry.source}
                rows.append(Row(panel.title, f"{entry.agent}, published", 0, values, **quote))
        return rows

    def _run(self, panel: Panel, run: Begun, published: Published | None) -> Row:
        """The line of a run; its parameters are of the whole network, of SAC those of the actor and both critics."""
        plan, returns = make_plan(run.config), run.last("mean_return")
        last = last_rows(run.files.evaluations)
        greedy = [float(row["mean_return"]) for row in last if row["cells"] == last[-1]["cells"]]
        parameters, steps = sum(plan.cell_parameters), plan.blocks * plan.steps_per_block
        values = {
            **scores("final_return", returns, _number),
            "final_return_per_seed": " ".join(f"{value:.2f}" for value in returns),
            **scores("greedy_return", greedy, _number),
            "parameters": parameters,
        }
        if DISCOUNTED in run.rows[0]:
            values |= scores("discounted_return", run.last(DISCOUNTED), _number)
        cells = [str(estimate(returns)), str(estimate(greedy)), self.length_of(run, steps)]
        cells += [seconds_of(run), f"{parameters:,}"]
        if published is None:
            return self.row(panel, run, values, cells)
        values |= _quoted(published, run.step)
        return self.row(panel, run, values, cells, quote=_text(published, run.step), source=published.source)

    def headings(self, rows: Sequence[Row]) -> Sequence[str]:
        """Return what the terminal writes above the cells."""
        return "return", "greedy", "steps", "seconds", "parameters"

    def note(self, rows: Sequence[Row], rough: str) -> str:
        """Return what the numbers in the terminal are."""
        return f"return: mean of the last 100 training episodes ± 95 % t-interval over seeds{rough}"

    def curves(self, panel: Panel, beside: Beside) -> list[Curve]:
        """Return training returns, each beside all that is published of the environment."""
        quotes = [quote_of(entry) for entry in find(beside.tables, panel.place)]
        curves = []
        for run in panel.runs:
            column, of = (DISCOUNTED, "discounted return") if DISCOUNTED in run.rows[0] else ("mean_return", "return")
            curves.append(Curve(panel.title, run.label, *run.curve(column, "step"), "environment steps", of, quotes))
        return curves

    def scale(self, axes: Any, curves: Sequence[Curve]) -> None:
        """Write environment steps with k and M."""
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 2.5, 5, 10)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))


def quote_of(published: Published) -> Quote:
    """Return what a figure shows of a published number."""
    label = f"{published.agent}, published, at {published.steps / 1e6:g} M steps"
    return Quote(published.value, label, published.agent, published.curve)


def _quoted(published: Published, steps: int) -> dict[str, Any]:
    """What the table has of a published number; `steps` is how far the runs are that stand beside it."""
    at_these_steps = published.at(steps)
    return {
        "published_agent": published.agent,
        "published_return": published.value,
        "published_interval": published.interval,
        "published_steps": published.steps,
        "published_at_these_steps": None if at_these_steps is None else _number(at_these_steps),
        "published_source": published.source,
    }


def _text(published: Published, steps: int) -> str:
    interval = "" if published.interval is None else f" ± {published.interval:g}"
    text, here = f"{published.value:g}{interval} at {published.steps / 1e6:g} M", published.at(steps)
    return text if here is None else f"{here:.1f} at this step, {text}"


def _number(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None


EXPERIMENTING = AgentExperiments()
