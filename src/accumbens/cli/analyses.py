"""How agents and fits are analysed: what they say to `accumbens analyze`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accumbens import representation
from accumbens.cli.analyze_view import print_attending, print_reaching, print_study
from accumbens.credit.networks.attentive import Attentive
from accumbens.errors import AccumbensError
from accumbens.representation import attending, reaching
from accumbens.representation.snapshots import open_snapshots
from accumbens.runs.analysis import Analysis
from accumbens.training.trained import open_trained


def of_agent(run: Path, step: int | None, seed: int | None, options: Mapping[str, Any]) -> Analysis:
    """Return how an agent is analysed; see `Kind.analysis`."""
    request = representation.Request(step, seed, **options)
    request.check()
    trained = open_trained(run, step)
    trained.network(trained.seeds[0] if seed is None else seed)
    return Analysis(
        trained.step,
        representation.MARK,
        lambda progress: representation.study(run, request, progress),
        representation.write_study,
        representation.summary,
        print_study,
    )


def of_fit(run: Path, step: int | None, seed: int | None, options: Mapping[str, Any]) -> Analysis:
    """Return how a fit is analysed, if its rule or its task is one that can be; see `Kind.analysis`."""
    for name in options:
        raise AccumbensError(f"--{name} cannot be used: {run} is a fit, and it is for agents")
    snapshots = open_snapshots(run, step, seed)
    if snapshots.kind_of_network() is Attentive:
        return Analysis(
            snapshots.steps[-1],
            attending.MARK,
            lambda progress: attending.study_attending(snapshots, progress),
            attending.write_attending,
            attending.summary_of_attending,
            print_attending,
        )
    if not snapshots.facts.controlled:
        raise AccumbensError(
            f"{run} cannot be analysed: of fits, only those by sparse-attentive-backtracking can, and those of reach, "
            f"reach-rotated, sine-waves and sine-waves-shifted, not {snapshots.config.rule} on {snapshots.config.task}"
        )
    of = reaching.open_reaching(run, step, seed)
    return Analysis(
        of.steps[-1],
        reaching.MARK,
        lambda progress: reaching.study_reaching(of, progress),
        reaching.write_reaching,
        reaching.summary_of_reaching,
        print_reaching,
    )
