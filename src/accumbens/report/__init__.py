"""One self-contained page about some runs: curves, tables, settings, and how every run came about."""

from accumbens.markup import write
from accumbens.report.data import Run
from accumbens.report.load import load_runs
from accumbens.report.page import render
from accumbens.runs.find import find_runs

__all__ = ["Run", "find_runs", "load_runs", "render", "write"]
