"""Programs of an experiment as parts of a SLURM job array: a script that submits them, and each part's work."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

from accumbens.errors import AccumbensError, require
from accumbens.experiments import execute as here
from accumbens.experiments.execute import WHOLE, Outcome, Pace, Tally
from accumbens.experiments.plan import Program
from accumbens.experiments.reporter import ExperimentReporter
from accumbens.runs.directory import command_line

_SCRIPT = """\
#!/bin/bash
# Written by: {written_by}
# 'bash {name}' submits {parts} that run side by side, and a step after them that collects their results.
# Submitted again it goes on from the newest checkpoints, and skips what is done.
#SBATCH --job-name={job}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cpus}
{time}#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output="{output}/%A-%a.txt"
#SBATCH --signal=B:INT@120

set -euo pipefail
cd {folder}
command=({command})
export NPROC={cpus} # threads of XLA

if [[ "${{1-}}" == collect ]]; then
    exec "${{command[@]}}"{finish}
elif [[ -n "${{SLURM_ARRAY_TASK_ID-}}" ]]; then
    exec "${{command[@]}}" --part "$SLURM_ARRAY_TASK_ID"
fi
array=$(sbatch --parsable "$0")
sbatch --array=0 --dependency="afterany:${{array%%;*}}" "$0" collect
"""


def parts_of(programs: Sequence[Program], name: str) -> list[list[Program]]:
    """Return which programs a part of a job works on, one after another.

    One, unless it begins from the networks of another: those stay together, in their order.

    Args:
        programs: of the experiment, done or not: so every part finds the same ones.
        name: of the experiment's folder.
    """
    parts: list[list[Program]] = []
    for program in programs:
        origins = {run.origin for run in program}
        before = [part for part in parts if origins & {f"{name}/{run.label}" for other in part for run in other}]
        parts = [part for part in parts if part not in before] + [[*chain.from_iterable(before), program]]
    return parts


@dataclass(frozen=True)
class OnSlurm:
    """A `Where`: nothing is worked on; a script is written that has it done.

    Attributes:
        script: its path.
        cpus: for each part; XLA gets as many threads.
        time: limit of each part, as SLURM writes it; None leaves it to the cluster.
        finish: words that the command has besides in the step that collects results.
    """

    script: Path
    cpus: int = 1
    time: str | None = None
    finish: tuple[str, ...] = ("--draw",)
    shows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse what SLURM could not give.

        Raises:
            AccumbensError: names the value.
        """
        require("slurm_cpus", self.cpus, "1 or more", self.cpus >= 1)
        if self.time is not None:
            allowed = "MINUTES, HOURS:MINUTES:SECONDS or DAYS-HOURS:MINUTES:SECONDS, as SLURM writes it"
            digits = self.time.replace(":", "").replace("-", "", 1)
            require("slurm_time", self.time, allowed, digits.isdecimal() and digits.isascii())

    def execute(
        self, programs: Sequence[Program], folder: Path, report: ExperimentReporter, pace: Pace = WHOLE
    ) -> Outcome:
        """Write the script, and have SLURM look at it if there is one here; nothing is submitted.

        Raises:
            AccumbensError: the file exists, SLURM refuses it, or programs cannot run; or they are to go a part of
                their length, which takes more than one job.
        """
        _require_whole(pace.until, f"slurm={self.script}")
        tally = Tally(folder, report, pace.until)
        if not tally.pending(programs):
            report.message("every run is over: there is nothing to submit")
            return tally.outcome(interrupted=False)
        output = folder.absolute() / "slurm"
        output.mkdir(parents=True, exist_ok=True)
        parts = parts_of(programs, folder.name)
        try:
            with self.script.open("x", encoding="utf-8") as file:
                file.write(self._text(len(parts), folder.name, output))
        except FileExistsError as error:
            what = f"it exists; 'bash {self.script}' submits it again, and goes on"
            raise AccumbensError(f"slurm={self.script} cannot be used: {what}") from error
        except OSError as error:
            raise AccumbensError(f"slurm={self.script} cannot be used: {error.strerror}") from error
        self._have_it_checked(report)
        report.message(f"nothing is submitted yet: 'bash {shlex.quote(str(self.script))}' does that")
        return tally.outcome(interrupted=False)

    def _text(self, parts: int, name: str, output: Path) -> str:
        words = [sys.executable, "-m", "accumbens.cli.main", *without_slurm(sys.argv[1:])]
        return _SCRIPT.format(
            written_by=command_line(),
            name=self.script.name,
            parts="1 part" if parts == 1 else f"{parts} parts",
            job=name,
            last=parts - 1,
            cpus=self.cpus,
            time="" if self.time is None else f"#SBATCH --time={self.time}\n",
            output=str(output).replace("%", "%%"),
            folder=shlex.quote(os.getcwd()),
            command=shlex.join(words),
            finish="".join(f" {word}" for word in self.finish),
        )

    def _have_it_checked(self, report: ExperimentReporter) -> None:
        """Have `sbatch --test-only` look at the script, where there is one; remove it if it is refused."""
        if shutil.which("sbatch") is None:
            return
        looked = subprocess.run(["sbatch", "--test-only", str(self.script)], capture_output=True, text=True)
        said = (looked.stdout + looked.stderr).strip()
        if looked.returncode != 0:
            self.script.unlink()
            raise AccumbensError(f"slurm={self.script} cannot be used: SLURM refuses it: {said}")
        report.message(said)


def _require_whole(until: float, given: str) -> None:
    """Refuse a part of the length of runs: who goes on from there is decided when all are there."""
    if until < 1.0:
        raise AccumbensError(f"{given} cannot be used: rounds that depend on each other need --ray")


@dataclass(frozen=True)
class Part:
    """A `Where`: here, one part of those that `OnSlurm` makes; its results are shown by the step that collects them.

    Attributes:
        index: of the part, from 0.
    """

    index: int
    shows: ClassVar[bool] = False

    def execute(
        self, programs: Sequence[Program], folder: Path, report: ExperimentReporter, pace: Pace = WHOLE
    ) -> Outcome:
        """Do as `execute.execute` with the programs of this part.

        Raises:
            AccumbensError: as there; there is no such part, or programs are to go a part of their length.
        """
        _require_whole(pace.until, f"part={self.index}")
        parts = parts_of(programs, folder.name)
        require("part", self.index, f"from 0 to {len(parts) - 1}", 0 <= self.index < len(parts))
        own = parts[self.index]
        return here.execute(own, folder, report, pace)


def without_slurm(words: Sequence[str]) -> list[str]:
    """Return a command's words without the options that speak of SLURM, each of which has a value."""
    kept, rest = [], iter(words)
    for word in rest:
        if not word.startswith("--slurm"):
            kept.append(word)
        elif "=" not in word:
            next(rest, None)
    return kept
