"""What a sweep came to, in a table, in sentences and as plain values."""

import csv
from functools import partial
from pathlib import Path
from typing import Any

from accumbens.experiments.plan import PlannedRun
from accumbens.runs.comparing import Metric
from accumbens.runs.experimenting import significant
from accumbens.stats import Estimate
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.result import Score, Standing


def verdict(sweep: Sweep, standing: Standing) -> list[str]:
    """Return what was found, in sentences."""
    best, metric = standing.best, standing.metric
    if best is None or best.score is None or metric is None:
        return []
    show, seeds = partial(shown, metric), len(best.score.seeds)
    point = ", ".join(f"{name} {text}" for name, text in sweep.point_of(best.run).items())
    lines = [f"best: {point}"]
    line = f"best of {len(sweep.runs)} points by {_counted(seeds)}: {show(best.score.estimate)}"
    if standing.report is None:
        lines.append(line)
        bias = "too high" if not metric.less_is_better else "too low"
        return [*lines, f"of the best of many, this is on average {bias}: it was chosen by the same seeds"]
    other = _counted(len(standing.report.seeds), "other ")
    lines.append(f"{line}; the same point on {other}: {show(standing.report.estimate)}")
    return [*lines, "the first number is biased by the choice, which its seeds have made; the second is not"]


def _counted(seeds: int, other: str = "") -> str:
    return f"{seeds} {other}seed{'s' if seeds > 1 else ''}"


def shown(metric: Metric, value: Estimate) -> str:
    """Return an estimate as its metric is shown."""
    return f"{Estimate(*(metric.factor * number for number in value)):{metric.form}}{' %' if metric.percent else ''}"


def document(sweep: Sweep, standing: Standing) -> dict[str, Any]:
    """Return what a sweep came to as plain values."""

    def plain(score: Score | None) -> dict[str, Any]:
        if score is None:
            return {"step": None, "mean": None, "interval": None, "scores": []}
        return {"step": score.step, **score.estimate._asdict(), "scores": list(score.seeds)}

    rows = [
        {"settings": sweep.point_of(tried.run), "state": tried.state, "until": tried.until, **plain(tried.score)}
        for tried in standing.tried
    ]
    best = None if standing.best is None else sweep.point_of(standing.best.run)
    report = None if standing.report is None else plain(standing.report)
    metric = None if standing.metric is None else standing.metric.name
    return {"metric": metric, "best": best, "reporting": report, "verdict": verdict(sweep, standing), "rows": rows}


def write_summary(sweep: Sweep, standing: Standing, path: Path) -> None:
    """Write a line for every point, the best first, and one for the best with its reporting seeds.

    Intervals are half of a 95 % t-interval over seeds; `scores` are of the seeds one by one.
    """
    name = standing.metric.name if standing.metric else "score"
    names = [setting.name for setting in sweep.over]
    columns = ["role", "rank", *names, "seeds", "step", "until", name, f"{name}_interval", "scores", "state", "run"]
    lines = []
    for rank, tried in enumerate(standing.tried, start=1):
        lines.append({"role": "choosing", "rank": rank, "state": tried.state, "until": f"{tried.until:.6g}"})
        lines[-1] |= _line(sweep, tried.run, tried.run, name, tried.score)
    if standing.report is not None and standing.best is not None:
        best, again = standing.best.run, sweep.reporting(standing.best.run)
        lines.append({"role": "reporting", "rank": 1, "state": "done", "until": "1"})
        lines[-1] |= _line(sweep, best, again, name, standing.report)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def _line(sweep: Sweep, point: PlannedRun, run: PlannedRun, name: str, score: Score | None) -> dict[str, Any]:
    seeds = run.config.seed_list()
    known = {**sweep.point_of(point), "run": run.label, "seeds": f"{seeds[0]}-{seeds[-1]}"}
    if score is None:
        return known
    mean, interval = map(significant, score.estimate)
    scores = " ".join(f"{value:.6g}" for value in score.seeds)
    return {**known, "step": score.step, name: mean, f"{name}_interval": interval, "scores": scores}
