"""Measure CPU seconds, wall seconds and environment steps until an agent is as good as the AD paper's.

    uv run python benchmarks/time_to_score.py --envs minatar/breakout minatar/space_invaders --algos ad_pqn \\
        --builds 639f3bf=../at-639f3bf today=. --seeds 0 1 2 [--set cell=constant_key]

A build is a name and a worktree. The score is the mean return of the last 100 training episodes, as the paper's curves
have it; a run ends at the first look at which 100 episodes have ended and the mean is at least the paper's end value.
A look is taken after every 1 % of the run, at most 50,000 steps: the column `resolution`. Schedules are those of the
preset's whole run, however soon the score is reached; `--total-timesteps` changes its length.

Every run is one process of one seed, compiled anew, on one core (`sched_setaffinity`, which also leaves XLA a pool of
one thread, and `--xla_cpu_multi_thread_eigen=false`). They run one after the other: within every seed builds alternate.
Compiling is counted apart, together with one block of steps that is thrown away. CPU seconds are of all threads of the
process.

Writes `time_to_score.csv`, a row per run, and in `time_to_score/` a curve per run and the figure. Stopped and started
again it goes on: a run whose row is there is not repeated, even if the build has changed since; take the row out.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from time_to_score_rows import Row, Task, append_row, curve_path, is_done, outcome, read_curve, read_rows
from time_to_score_table import draw, markdown

from accumbens.envs import registry
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.training.published import TABLES

RESULTS = Path(__file__).parent / "results"
RUN = Path(__file__).parent / "score_run.py"

TARGETS = {entry.env: entry for table in ("ad-minatar", "ad-classic") for entry in TABLES[table] if entry.agent == "AD"}
"""The AD paper's end value of every environment, with its source."""

ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_COMPILATION_CACHE": "false",  # or a second run would not show what compiling costs
}


class Build(NamedTuple):
    """A worktree to run from, and its commit, with a + if its sources are not as committed."""

    name: str
    path: Path
    commit: str


def parse_build(text: str) -> Build:
    """Return the build that `name=path` stands for.

    Raises:
        AccumbensError: no name, or no worktree there.
    """
    name, sign, folder = text.partition("=")
    path = Path(folder).resolve()
    if not (name and sign and (path / "src" / "accumbens").is_dir()):
        raise AccumbensError(f"a build is name=path of a worktree with src/accumbens in it, not {text!r}")
    if set(name) & set("/_ "):
        raise AccumbensError(f"the name of a build becomes part of file names: no '/', '_' or space, unlike {name!r}")

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", path, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    commit = git("rev-parse", "--short=7", "HEAD")
    return Build(name, path, commit + ("+" if git("status", "--porcelain", "--", "src") else ""))


def child(build: Build, core: int | None, *arguments: str, script: Path = RUN) -> str:
    """Run a script with a build, and return the last line it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_"))}
    environ |= ONE_THREAD | {"PYTHONPATH": str(build.path / "src")}
    pin = None if core is None else (lambda: os.sched_setaffinity(0, {core}))
    done = subprocess.run(
        [sys.executable, script, *arguments], env=environ, preexec_fn=pin, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


class Planned(NamedTuple):
    """What is run for every seed: a build, environment, algorithm, settings, and the steps of the whole run."""

    build: Build
    env: str
    algo: str
    settings: str
    total_timesteps: int


def plan(
    builds: Sequence[Build], combinations: Sequence[tuple[str, str, str]], lengths: Mapping[str, Sequence[int | str]]
) -> list[Planned]:
    """Return what is run for every seed, builds alternating; what only some builds can do is left out of the others.

    Args:
        builds: all of them.
        combinations: environment, algorithm and settings.
        lengths: by name of a build, for every combination, the steps of the run, or why it cannot be done.

    Raises:
        AccumbensError: no build can do a combination.
    """
    planned = []
    for place, combination in enumerate(combinations):
        answers = [(build, lengths[build.name][place]) for build in builds]
        if all(isinstance(length, str) for _, length in answers):
            raise AccumbensError(f"no build can run {' '.join(combination)}: {answers[-1][1]}")
        for build, length in answers:
            if isinstance(length, str):
                print(f"left out: {build.name}, {' '.join(combination)}: {length}", flush=True)
            else:
                planned.append(Planned(build, *combination, length))
    return planned


def variants(sets: Iterable[Sequence[str]], total_timesteps: int | None) -> list[str]:
    """Return the preset and every variant of it, as texts `key=value key=value`; a length of the run is one of these.

    Raises:
        AccumbensError: something is not `key=value`.
    """
    length = [] if total_timesteps is None else [f"total_timesteps={total_timesteps}"]
    texts = []
    for items in ([], *sets):
        for item in items:
            if not all(item.partition("=")):
                raise AccumbensError(f"--set takes key=value, not {item!r}")
        texts.append(" ".join(sorted([*items, *length])))
    return list(dict.fromkeys(texts))


def request(env: str, algo: str, settings: str) -> dict[str, Any]:
    """Return what `score_run.py` is told of a run."""
    changes = dict(item.split("=", 1) for item in settings.split())
    length = changes.pop("total_timesteps", None)
    return {"env": env, "algo": algo, "settings": changes, "total_timesteps": None if length is None else int(length)}


def measure(planned: Planned, task: Task, max_steps: int, curves: Path, core: int | None) -> Row:
    """Run one task and return its row; the curve is in its file then.

    Raises:
        CalledProcessError: the run failed.
    """
    target = TARGETS[task.env].value
    with tempfile.TemporaryDirectory() as folder:
        curve = Path(folder) / "curve.csv"
        more = {"seed": task.seed, "target": target, "max_steps": max_steps, "curve": str(curve)}
        report = child(planned.build, core, "train", json.dumps(request(*task[1:4]) | more))
        shutil.move(curve, curve_path(curves, task))
    given = {"commit": planned.build.commit, "total_timesteps": planned.total_timesteps, "max_steps": max_steps}
    given |= {"target": target, "core": "" if core is None else str(core)}
    return Row(**task._asdict(), **given, **json.loads(report), **outcome(read_curve(curve_path(curves, task)), target))


def run_all(planned: Sequence[Planned], asked: argparse.Namespace, path: Path, curves: Path, core: int | None) -> int:
    """Run what has no row yet, and return how many runs failed."""
    failed = 0
    for seed in asked.seeds:
        for one in planned:
            task, target = Task(one.build.name, one.env, one.algo, one.settings, seed), TARGETS[one.env].value
            max_steps = min(one.total_timesteps, asked.max_steps or one.total_timesteps)
            row = read_rows(path).get(task)
            if row and is_done(row, target, one.total_timesteps, max_steps):
                older = (
                    "" if row.commit == one.build.commit else f", though made at {row.commit}, not {one.build.commit}"
                )
                print(f"{task}: kept{older}", flush=True)
                continue
            try:
                row = measure(one, task, max_steps, curves, core)
            except subprocess.CalledProcessError as error:
                failed += 1
                print(f"{task}: FAILED with exit status {error.returncode}", flush=True)
                continue
            append_row(path, row)
            print(
                f"{task}: {'reached' if row.reached else 'did NOT reach'} {target:g} ({row.mean_return:.1f}) after "
                f"{row.steps:,} steps, {row.cpu_seconds:.1f} CPU s, {row.wall_seconds:.1f} s; "
                f"compiled in {row.compile_cpu_seconds:.1f} CPU s",
                flush=True,
            )
    return failed


def execute(asked: argparse.Namespace) -> int:
    """Do what was asked, and return the exit status.

    Raises:
        AccumbensError: it cannot be done.
    """
    envs = [registry.resolve(env) for env in asked.envs]
    for env in envs:
        if env not in TARGETS:
            raise UnknownNameError("environment of the AD paper", env, list(TARGETS))
    builds = [parse_build(text) for text in asked.builds]
    path, curves = asked.results / "time_to_score.csv", asked.results / "time_to_score"
    curves.mkdir(parents=True, exist_ok=True)
    texts = variants(asked.set, asked.total_timesteps)
    combinations = [(env, algo, settings) for env in envs for algo in asked.algos for settings in texts]
    failed = 0
    if not asked.table:
        core = asked.core
        if core is None and hasattr(os, "sched_getaffinity"):  # Linux; elsewhere only XLA's threads are held to one
            core = min(os.sched_getaffinity(0))
        questions = json.dumps([request(*combination) for combination in combinations])
        lengths = {build.name: json.loads(child(build, core, "probe", questions)) for build in builds}
        failed = run_all(plan(builds, combinations, lengths), asked, path, curves, core)
    names = [build.name for build in builds]
    order = [(*combination, name) for combination in combinations for name in names]
    rows = [row for row in read_rows(path).values() if (*row.task[1:4], row.build) in order]
    rows.sort(key=lambda row: (order.index((*row.task[1:4], row.build)), row.seed))
    if rows:
        print(markdown(rows, (asked.algos[0], texts[0], names[0])))
        draw(rows, {row.task: read_curve(curve_path(curves, row.task)) for row in rows}, curves / "curves.png")
    return 1 if failed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", nargs="+", default=["minatar/breakout", "minatar/space_invaders"])
    parser.add_argument(
        "--builds", nargs="+", default=["today=."], help="name=worktree; others are compared with the first"
    )
    parser.add_argument("--algos", nargs="+", default=["ad_pqn"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--set", nargs="+", action="append", default=[], help="a variant beside the presets; repeatable"
    )
    parser.add_argument("--max-steps", type=int, help="give a run up after so many; by default at its end")
    parser.add_argument(
        "--total-timesteps", type=int, help="length that schedules reckon with; by default the preset's"
    )
    parser.add_argument("--core", type=int, help="to run on; by default the first that this process may use")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write into")
    parser.add_argument("--table", action="store_true", help="run nothing: table and figure of what is there")
    try:
        return execute(parser.parse_args(arguments))
    except AccumbensError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
