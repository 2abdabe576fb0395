"""The table of an experiment: what each run came to, over its seeds, beside what the papers report."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import read_table
from accumbens.training.config import RunConfig
from accumbens.training.plan import make_plan
from accumbens.training.published import Published


class Row(NamedTuple):
    """One run of an experiment, or, without an algorithm, a published number that nothing was run for.

    Attributes:
        steps: environment steps of each seed so far; `asked` is where the run ends.
        returns: mean of the last 100 training episodes of each seed.
        greedy: mean return of the full network in the last greedy evaluation of each seed; empty before the first.
        seconds: wall time over all sessions, all seeds together.
        parameters: of the whole network; of SAC, of the actor and both critics.
        published: the number it stands beside.
        commit: of accumbens, at the start of the run.
    """

    env: str
    algo: str | None
    variant: str | None
    steps: int = 0
    asked: int = 0
    returns: tuple[float, ...] = ()
    greedy: tuple[float, ...] = ()
    seconds: float = math.nan
    parameters: int = 0
    published: Published | None = None
    commit: str | None = None


def row_of(run: RunDirectory, config: RunConfig, variant: str, published: Published | None) -> Row | None:
    """Return what a run came to so far; None before its first chunk.

    Raises:
        AccumbensError: the run's files cannot be read, or its environment cannot be made.
    """
    metrics = read_table(run.metrics) if run.metrics.exists() else []
    if not metrics:
        return None
    last = [row for row in metrics if row["step"] == metrics[-1]["step"]]
    evaluations = read_table(run.evaluations) if run.evaluations.exists() else []
    plan = make_plan(config)
    return Row(
        env=config.env,
        algo=config.algo,
        variant=variant,
        steps=int(last[0]["step"]),
        asked=plan.blocks * plan.steps_per_block,
        returns=tuple(float(row["mean_return"]) for row in last),
        greedy=tuple(
            float(row["mean_return"])
            for row in evaluations
            if row["step"] == evaluations[-1]["step"] and row["cells"] == evaluations[-1]["cells"]
        ),
        seconds=float(last[0]["wall_seconds"]),
        parameters=sum(plan.cell_parameters),
        published=published,
        commit=run.read_meta().get("commit"),
    )


def quoted(published: Published, steps: int) -> Row:
    """Return the row of a published number that nothing was run for; `steps` is how far the runs beside it are."""
    return Row(published.env, None, None, steps=steps, published=published)


COLUMNS = (
    *("env", "algo", "variant", "seeds", "steps", "final_return", "final_return_interval", "final_return_per_seed"),
    *("greedy_return", "greedy_return_interval", "seconds", "parameters", "published_agent", "published_return"),
    *("published_interval", "published_steps", "published_at_these_steps", "published_source", "commit"),
)


def write_summary(rows: Sequence[Row], path: Path) -> None:
    """Write the table as CSV; what is not known is empty. Intervals are half of a 95 % t-interval over seeds."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(document(row) for row in rows)


def document(row: Row) -> dict[str, Any]:
    """Return a row by the names of the CSV's columns, with None for what is not known."""
    final, greedy, published = estimate(row.returns), estimate(row.greedy), row.published
    values: dict[str, Any] = dict.fromkeys(COLUMNS)
    values |= {"env": row.env, "algo": row.algo, "variant": row.variant}
    if row.algo is not None:
        values |= {
            "seeds": len(row.returns),
            "steps": row.steps,
            "final_return": _number(final.mean),
            "final_return_interval": _number(final.interval),
            "final_return_per_seed": " ".join(f"{value:.2f}" for value in row.returns),
            "greedy_return": _number(greedy.mean),
            "greedy_return_interval": _number(greedy.interval),
            "seconds": row.seconds,
            "parameters": row.parameters,
            "commit": row.commit,
        }
    if published is not None:
        at_these_steps = published.at(row.steps)
        values |= {
            "published_agent": published.agent,
            "published_return": published.value,
            "published_interval": published.interval,
            "published_steps": published.steps,
            "published_at_these_steps": None if at_these_steps is None else _number(at_these_steps),
            "published_source": published.source,
        }
    return values


def _number(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None
