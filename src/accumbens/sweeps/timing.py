"""How long a sweep takes here: one of its programs is compiled and learns for a moment, and nothing is kept of it."""

import time
from contextlib import closing
from typing import NamedTuple

from accumbens.experiments.plan import Program
from accumbens.generator import pinned_generator
from accumbens.runs.compiling import compile_seconds
from accumbens.runs.programs import kept_programs
from accumbens.sweeps.layout import Layout


class Timing(NamedTuple):
    """What a program was measured to take.

    Attributes:
        compiling: seconds until it learns.
        per_second: of all its seeds while it learns, in the unit of their kind: steps, epochs, updates.
    """

    compiling: float
    per_second: float

    def projected(self, layout: Layout) -> float:
        """Return the seconds that all that is left takes, if every program is like this one."""
        return layout.compiled * self.compiling + layout.left / self.per_second


@pinned_generator()
def timed(program: Program) -> Timing:
    """Compile a program and let it learn for a moment; no file is written but the compiled program.

    Raises:
        AccumbensError: a run cannot be made, or stops being finite at once.
    """

    def unheard(text: str) -> None:
        """The real run says it."""

    before = compile_seconds()
    with kept_programs(unheard), closing(program[0].kind.make_jobs([run.config for run in program])) as job:
        steps_per_second = job.prepare()
        if not steps_per_second:  # a chunk is to tell; the first one compiles
            job.advance(job.init(), 0, unheard)
            begin = time.perf_counter()
            state, _, _ = job.advance(job.init(), 0, unheard)
            steps_per_second = job.step_of(state) / (time.perf_counter() - begin)
        per_second = steps_per_second * program[0].size / job.total
        return Timing(compile_seconds() - before, per_second * len(job.seeds))
