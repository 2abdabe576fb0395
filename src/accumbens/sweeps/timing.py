"""How long a sweep takes here: one of its programs is compiled, learns for a moment and is evaluated.

Nothing is kept of it. Evaluations count as long as they take before anything is learned; episodes may become longer.
"""

import itertools
import time
from contextlib import closing
from typing import Any, NamedTuple

import jax

from accumbens.experiments.plan import Program
from accumbens.generator import pinned_generator
from accumbens.runs.compiling import compile_seconds
from accumbens.runs.job import Job
from accumbens.runs.programs import kept_programs
from accumbens.sweeps.layout import Layout


class Timing(NamedTuple):
    """What a program was measured to take.

    Attributes:
        compiling: seconds until it learns.
        per_second: steps, epochs or updates of all its seeds while it learns and is evaluated.
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
            state = jax.block_until_ready(job.init())
            begin = time.perf_counter()
            state, _, _ = job.advance(state, 0, unheard)
            steps_per_second = job.step_of(state) / (time.perf_counter() - begin)
        seconds = job.total / steps_per_second + evaluations(job) * evaluation_seconds(job)
        return Timing(compile_seconds() - before, program[0].size * len(job.seeds) / seconds)


def evaluations(job: Job[Any]) -> int:
    """Return how often a run is evaluated, up to a thousand times."""
    steps = sorted({job.total * part // 1000 for part in range(1001)})
    return sum(job.is_due(before, after) for before, after in itertools.pairwise((-1, *steps)))


def evaluation_seconds(job: Job[Any]) -> float:
    """Return what an evaluation of all seeds takes before they have learned anything, once it is compiled."""
    state, _ = job.evaluate(job.init(), 0)
    begin = time.perf_counter()
    job.evaluate(state, 0)
    return time.perf_counter() - begin
