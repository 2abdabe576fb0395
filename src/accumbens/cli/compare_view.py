"""How a comparison looks in the terminal: a table of groups, one of pairs, and what a reader must know."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accumbens.comparison import Comparison, Group
from accumbens.comparison.table import intervals
from accumbens.stats import Interval

_TITLES = {"iqm": "IQM", "median": "median", "mean": "mean", "optimality_gap": "gap"}


class CompareView:
    """Shows a comparison on a console."""

    def __init__(self, console: Console, quiet: bool):
        """Nothing appears yet; if `quiet`, nothing but notes will."""
        self._console, self._quiet = console, quiet

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Say what is going on; only a terminal shows it."""
        if self._quiet:
            yield
        else:
            with self._console.status(text):
                yield

    def message(self, text: str) -> None:
        """Print something the user should know, even when quiet."""
        self._console.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)

    def show(self, comparison: Comparison, files: Sequence[Path]) -> None:
        """Print tables and notes; the notes even when quiet."""
        if not self._quiet:
            self._heading(comparison)
            for place, groups in comparison.alone.items():
                self._alone(comparison, place, groups)
            self._together(comparison)
            self._groups(comparison)
            if comparison.pairs:
                self._pairs(comparison)
        for note in comparison.notes:
            self.message(note)
        if not self._quiet:
            for path in files:
                self._console.print(f"[dim]written: {escape(str(path))}[/]", soft_wrap=True)

    def _heading(self, comparison: Comparison) -> None:
        metric = comparison.metric
        unit = ", in %" if metric.percent else "; less is better" if metric.less_is_better else ""
        line = f"[bold]{metric.name}[/]: {metric.summary}{unit}; [95 % bootstrap interval]"
        self._console.print(line.replace("[95", r"\[95"))
        self._console.print()

    def _alone(self, comparison: Comparison, place: str, groups: Sequence[Group]) -> None:
        """Print the table of one of several places."""
        metric = comparison.metric
        table = Table(box=None, pad_edge=False)
        table.add_column("group", overflow="fold")
        for column in ("seeds", "IQM", "mean"):
            table.add_column(column, justify="right" if column == "seeds" else "left", no_wrap=True)
        for group in groups:
            found = [_text(one, metric.form, metric.factor) for one in (group.summary.iqm, group.summary.mean)]
            table.add_row(escape(group.name), str(group.summary.seeds), *found)
        self._console.print(f"[bold]{escape(place)}[/]", soft_wrap=True)
        self._console.print(table)
        self._console.print()

    def _together(self, comparison: Comparison) -> None:
        """Print what the next table is of, if it is not of scores as they are, or of several places."""
        metric, words = comparison.metric, comparison.kind.words
        count = len({place for group in comparison.groups for place in group.scores})
        if comparison.alone:
            title = f"{count} {words.place}s together" if count > 1 else next(iter(comparison.groups[0].scores))
            self._console.print(f"[bold]{escape(title)}[/]" + ", normalised scores" * bool(comparison.scales))
        noun = metric.noun or metric.name
        for place, scale in comparison.scales.items():
            line = f"{place}: 0 is a {noun} of {scale.zero:g}, 1 of {scale.one:g}  ({scale.source})"
            self._console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)
        if comparison.scales:
            self._console.print()

    def _groups(self, comparison: Comparison) -> None:
        several = any(len(group.scores) > 1 for group in comparison.groups)
        # In one environment the median over environments is the mean.
        names = [name for name in intervals(comparison.groups[0].summary) if several or name != "median"]
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0) if several else (0, 1))
        table.add_column("group", overflow="fold")
        for column in ("seeds", f"{comparison.kind.words.place_key}s"):
            table.add_column(column, justify="right", no_wrap=True)
        for name in names:
            table.add_column(_TITLES[name], no_wrap=True)
        for group in comparison.groups:
            found = [
                _text(intervals(group.summary)[name], comparison.form, comparison.factor, lines=several)
                for name in names
            ]
            table.add_row(escape(group.name), str(group.summary.seeds), str(len(group.scores)), *found)
        self._console.print(table)
        lines = "IQM: interquartile mean"
        if comparison.scales:
            lines += "; gap: by how much scores fall short of 1, the optimality gap"
        self._console.print(f"[dim]{lines}[/]", soft_wrap=True)

    def _pairs(self, comparison: Comparison) -> None:
        self._console.print()
        table = Table(box=None, pad_edge=False)
        for column in ("first", "second"):
            table.add_column(column, overflow="fold")
        for column in ("P(first better)", "IQM difference", "paired"):
            table.add_column(column, no_wrap=True)
        for pair in comparison.pairs:
            difference = _text(pair.difference, comparison.form, comparison.factor)
            paired = "by seed" if pair.paired else "–"
            table.add_row(escape(pair.x), escape(pair.y), _text(pair.improvement, ".2f"), difference, paired)
        self._console.print(table)
        lines = ["P(first better): probability that a run of the first group beats one of the second"]
        if comparison.less_is_better:
            lines.append("IQM difference: of the first minus the second; below 0 the first is better")
        if any(pair.paired for pair in comparison.pairs):
            lines.append(f"paired by seed: {comparison.kind.comparing.paired}")
        for line in lines:
            self._console.print(f"[dim]{line}[/]", soft_wrap=True)


def _text(interval: Interval, form: str, factor: float = 1.0, lines: bool = False) -> str:
    """The estimate and its interval; on two lines, or a table of four would be too wide for a terminal."""
    point, low, high = (format(factor * value, form) for value in interval)
    if math.isnan(interval.low):
        return point
    separator = "\n" if lines else " "
    return escape(f"{point}{separator}[{low}, {high}]")
