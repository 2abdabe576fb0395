"""Which kind of run is which: the only place that tells them apart."""

from typing import Any

from accumbens.credit.config import FitConfig
from accumbens.experiments.agents import Agents
from accumbens.experiments.fits import Fits
from accumbens.experiments.plan import PlannedRun
from accumbens.experiments.protocol import Kind

AGENTS, FITS = Agents(), Fits()


def kind_of(run: PlannedRun) -> Kind[Any, Any, Any]:
    """Return the kind of a run."""
    return FITS if isinstance(run.config, FitConfig) else AGENTS
