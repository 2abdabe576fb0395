"""What a sweep came to, in a table, in sentences and as plain values."""

from pathlib import Path
from typing import Any

from accumbens.experiments.plan import PlannedRun
from accumbens.runs.comparing import Metric
from accumbens.runs.experimenting import significant
from accumbens.runs.tables import write_table
from accumbens.stats import Estimate
from accumbens.sweeps.effects import idle
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.result import Score, Standing

COLUMNS = ("role", "position", "seeds", "step", "until", "scores", "state", "run")
"""Of `summary.csv`, beside those of settings, of which none may be called so, and of metrics."""


def verdict(sweep: Sweep, standing: Standing) -> list[str]:
    """Return what was found, in sentences."""
    what = (
        "made no difference: points that differ in nothing else came to the same numbers, seed by seed; unless they "
        "cannot be better, it does nothing in this configuration"
    )
    return [*_best(sweep, standing), *(f"{name} {what}" for name in idle(sweep, standing))]


def _best(sweep: Sweep, standing: Standing) -> list[str]:
    best, metric, reported = standing.best, standing.metric, standing.reported
    if best is None or best.score is None or metric is None or reported is None:
        return _why_none(sweep, standing)
    point = ", ".join(f"{name} {text}" for name, text in sweep.point_of(best.run).items())
    by = "" if metric == reported else f"{metric.name} of "
    line = f"best of {len(sweep.runs)} points by {by}{_counted(len(best.score.seeds))}: "
    lines = [f"best: {point}", line + shown(metric, best.score.estimate)]
    if standing.report_diverged is not None:
        lines.append(f"the same point on {_counted(sweep.report_seeds, 'other ')} diverged: {standing.report_diverged}")
    if standing.report is None:
        bias = "too high" if not metric.less_is_better else "too low"
        return [*lines, f"of the best of many, this is on average {bias}: it was chosen by the same seeds"]
    seeds = _counted(len(standing.report.seeds), "other ") if sweep.report_seeds else "the same seeds"
    value = shown(reported, standing.report.estimate)
    lines[-1] += f"; the same point on {seeds}: {value if metric == reported else f'{reported.name} {value}'}"
    return [*lines, _bias(sweep, metric, reported)]


def _bias(sweep: Sweep, metric: Metric, reported: Metric) -> str:
    """What the choice has done to both numbers."""
    other = sweep.kind.comparing.selection.get(metric.name)
    if other is not None:
        return f"both numbers are biased by the choice, which their data have made; {other} chooses by other data"
    if metric == reported:
        return "the first number is biased by the choice, which its seeds have made; the second is not"
    if sweep.report_seeds:
        return "the first number is biased by the choice, which its seeds and data have made; the second is not"
    return "the first number is biased by the choice, which its data have made; the second is of other data"


def _why_none(sweep: Sweep, standing: Standing) -> list[str]:
    """Why there is no best point although all was done; nothing if there is more to do."""
    tried, metric = standing.tried, standing.metric
    if all(one.state == "diverged" for one in tried):
        return [f"there is no best point: all {len(tried)} diverged"]
    last = standing.levels[-1]
    if len(standing.levels) < len(sweep.ladder) or not last.decided:
        return []
    what = "anything that points are chosen by" if metric is None else f"{metric.name} ({metric.summary})"
    return [f"there is no best point: none has a number for {what} of every seed at its end"]


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
    names = [None if metric is None else metric.name for metric in (standing.metric, standing.reported)]
    about = dict(zip(("metric", "reported"), names, strict=True))
    return about | {"best": best, "reporting": report, "verdict": verdict(sweep, standing), "rows": rows}


def write_summary(sweep: Sweep, standing: Standing, path: Path) -> None:
    """Write a line for every point, the best first, and one for the best with its reporting seeds.

    Intervals are half of a 95 % t-interval over seeds; `scores` are of the seeds one by one. What is reported has
    columns of its own where it is another metric than the one that points are chosen by.
    """
    name = standing.metric.name if standing.metric else "score"
    reported = standing.reported.name if standing.reported else name
    values = [column for metric in dict.fromkeys((name, reported)) for column in (metric, f"{metric}_interval")]
    names = [setting.name for setting in sweep.over]
    columns = [*COLUMNS[:2], *names, *COLUMNS[2:5], *values, *COLUMNS[5:]]
    lines = []
    for position, tried in enumerate(standing.tried, start=1):
        lines.append({"role": "choosing", "position": position, "state": tried.state, "until": f"{tried.until:.6g}"})
        lines[-1] |= _line(sweep, tried.run, tried.run, name, tried.score)
    if standing.best is not None and (standing.report is not None or standing.report_diverged is not None):
        best = standing.best.run
        again = sweep.reporting(best) if sweep.report_seeds else best
        state = "done" if standing.report_diverged is None else "diverged"
        lines.append({"role": "reporting", "position": 1, "state": state, "until": "1"})
        lines[-1] |= _line(sweep, best, again, reported, standing.report)
    write_table(path, lines, columns)


def _line(sweep: Sweep, point: PlannedRun, run: PlannedRun, name: str, score: Score | None) -> dict[str, Any]:
    seeds = run.config.seed_list()
    known = {**sweep.point_of(point), "run": run.label, "seeds": f"{seeds[0]}-{seeds[-1]}"}
    if score is None:
        return known
    mean, interval = map(significant, score.estimate)
    scores = " ".join(f"{value:.6g}" for value in score.seeds)
    return {**known, "step": score.step, name: mean, f"{name}_interval": interval, "scores": scores}
