"""What a sweep would compile and learn: which settings vary within a program, and which need one of their own."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from accumbens.experiments.execute import done, progress_of
from accumbens.experiments.plan import Program
from accumbens.sweeps.diverged import read_diverged
from accumbens.sweeps.plan import Sweep
from accumbens.sweeps.work import programs_of


class Layout(NamedTuple):
    """How the points of a sweep are computed.

    Attributes:
        programs: of the points that are left, to the first rung.
        inside: settings of which one program has several values.
        anew: settings of which every value has a program of its own.
        size: of all seeds, in the unit of the kind, the reporting seeds' included.
        left: how much of that is not learned yet.
        compiled: programs of all rungs and of the reporting seeds.
    """

    programs: Sequence[Program]
    inside: Sequence[str]
    anew: Sequence[str]
    size: float
    left: float
    compiled: int


def layout_of(sweep: Sweep, folder: Path, most: int) -> Layout:
    """Return how a sweep would be computed.

    Raises:
        AccumbensError: a run of it cannot be made.
    """
    groups = sweep.kind.programs([run.config for run in sweep.runs])

    def varies(name: str) -> bool:
        return any(len({sweep.points[index][name] for index in group}) > 1 for group in groups)

    inside = [setting.name for setting in sweep.over if varies(setting.name)]
    ladder = sweep.ladder
    before = [0.0, *(rung.until for rung in ladder)]
    parts = sum(rung.points * (rung.until - start) for rung, start in zip(ladder, before, strict=False))
    size = sweep.runs[0].size * (parts * sweep.seeds + sweep.report_seeds)
    known = read_diverged(folder)
    begun = [run for run in sweep.runs if run.label not in known and done(folder, run, ladder[0].until) is None]
    programs = programs_of(begun, folder, ladder[0].until, most)
    there = sum(progress_of(folder, run) * run.config.seeds for run in sweep.runs)
    anew = [setting.name for setting in sweep.over if setting.name not in inside]
    compiled = len(programs) * len(ladder) + (sweep.report_seeds > 0)
    return Layout(programs, inside, anew, size, size - there, compiled)
