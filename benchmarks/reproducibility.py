"""Measure what a seed's numbers depend on, and what they do not: short runs, compared number by number.

    python benchmarks/reproducibility.py [--steps 24576] [--output benchmarks/results/reproducibility.csv]

Every run is a process of its own without kept programs, on one core unless it says otherwise. Two runs are compared in
all numbers of `metrics.csv` but the clock's, of one seed: the first row in which any is another, and the first in which
the training return is (the test loss of a fit, a team's loss on data that it does not learn from). Several devices are
threads of XLA here.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from accumbens.runs.tables import read_table, write_table

Row = dict[str, str]
COLUMNS = (
    *("of", "compared", "equal", "first_step", "curve", "first_step_of_curve", "end", "end_other", "largest_gap"),
    *("steps", "machine", "jax"),
)
AGENT = (
    "train",
    "CartPole-v1",
    "ad_pqn",
    "--eval-frequency",
    "0",
    "--num-eval-episodes",
    "1",
    "--set",
    "net_arch=32,32",
)
FIT = ("fit", "digits", "backprop", "--layers", "32", "--epochs", "10")
TEAM = (
    *("train", "team/fill-in-2", "bc", "--data", "random:200", "--updates", "200", "--num-eval-episodes", "10"),
    *("--set", "network=mlp", "--set", "width=16", "--set", "blocks=1"),
)
CURVES = {"agent": "mean_return", "fit": "test_loss", "team": "valid_loss", "sum": "sum"}
DEVICES = "--xla_force_host_platform_device_count=4"


class Way(NamedTuple):
    """How a run is made.

    Attributes:
        words: of the command.
        cores: that it may use.
        environ: environment variables beside the usual ones.
        killed: its process is killed once it has saved a checkpoint, and the run resumed.
    """

    words: tuple[str, ...]
    cores: int = 1
    environ: tuple[tuple[str, str], ...] = ()
    killed: bool = False


def environment(extra: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Return the variables of a run's process: nobody's own options of JAX and XLA, and no programs from earlier."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_"))}
    return own | {"ACCUMBENS_COMPILATION_CACHE": "off", "JAX_PLATFORMS": "cpu"} | dict(extra)


def start(way: Way, command: Sequence[str]) -> subprocess.Popen:
    """Start a process on as many cores as it may use.

    Raises:
        ValueError: the machine has fewer.
    """
    cores = range(os.cpu_count() or 1)[: way.cores]
    if len(cores) < way.cores:
        raise ValueError(f"{way.cores} cores are needed, and there are {len(cores)}")
    pin = lambda: os.sched_setaffinity(0, cores)  # noqa: E731
    return subprocess.Popen(command, env=environment(way.environ), preexec_fn=pin)


def finish(process: subprocess.Popen) -> None:
    """Wait for a process.

    Raises:
        CalledProcessError: it failed.
    """
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, process.args)


def accumbens(*words: str) -> list[str]:
    """Return the command, of this interpreter."""
    return [sys.executable, "-m", "accumbens.cli.main", *words]


def make(way: Way, folder: Path) -> Path:
    """Make a run, and return its folder."""
    options = ["--output", str(folder), "--name", "run", "--quiet"]
    if not way.killed:
        finish(start(way, accumbens(*way.words, *options)))
        return next(folder.rglob("metrics.csv")).parent
    process = start(way, accumbens(*way.words, *options, "--checkpoint-seconds", "0.5"))
    while not list(folder.rglob("*.ckpt")):
        if process.poll() is not None:
            raise RuntimeError("the run ended before it had saved a checkpoint: take more --steps")
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = next(folder.rglob("meta.json")).parent
    finish(start(way, accumbens("resume", str(run), "--quiet")))
    return run


def rows_of(table: Path, seed: int) -> list[Row]:
    """Return a seed's rows, without what the clock says."""
    rows = [row for row in read_table(table) if row["seed"] == str(seed)]
    return [{name: text for name, text in row.items() if name != "wall_seconds"} for row in rows]


def compare(of: str, compared: str, one: Sequence[Row], other: Sequence[Row]) -> Row:
    """Return a row of the results.

    Raises:
        ValueError: the rows are not of the same steps.
    """
    if [row["step"] for row in one] != [row["step"] for row in other] or not one:
        raise ValueError(f"{of}, {compared}: the runs have other steps")
    curve, pairs = CURVES[of], list(zip(one, other, strict=True))
    first = next((mine["step"] for mine, theirs in pairs if mine != theirs), "")
    of_curve = next((mine["step"] for mine, theirs in pairs if mine[curve] != theirs[curve]), "")
    gap = max(abs(float(mine[curve]) - float(theirs[curve])) for mine, theirs in pairs)
    found = (of, compared, str(not first), first, curve, of_curve, one[-1][curve], other[-1][curve])
    about = (f"{gap:.6g}", one[-1]["step"], platform.machine(), version("jax"))
    return dict(zip(COLUMNS, (*found, *about), strict=True))


def comparisons(steps: int) -> list[tuple[str, str, tuple[Way, int], tuple[Way, int]]]:
    """Return what is compared: the kind of run, in words, and two ways with the seed of each."""

    def agent(seeds: int = 1, seed: int = 0, cores: int = 1, killed: bool = False, **environ: str) -> Way:
        words = (*AGENT, "--total-timesteps", str(steps), "--seed", str(seed), "--seeds", str(seeds))
        return Way(words, cores, tuple(environ.items()), killed)

    alone, two, again = (agent(), 0), (agent(2), 1), (("AGAIN", "1"),)  # or it would be the same run
    shared = agent(8, XLA_FLAGS=DEVICES)
    told = agent(JAX_DEFAULT_PRNG_IMPL="rbg", JAX_THREEFRY_PARTITIONABLE="0")
    found = [
        ("agent", "the same command twice", alone, (agent(AGAIN="1"), 0)),
        ("agent", "killed and resumed", alone, (agent(killed=True), 0)),
        ("agent", "JAX told another generator", alone, (told, 0)),
        *(("agent", f"alone, and one of {count} seeds", alone, (agent(count), 0)) for count in (2, 4, 8)),
        ("agent", "one of 4 seeds, and of 8", (agent(4), 0), (agent(8), 0)),
        ("agent", "second of two seeds, and first of two", two, (agent(2, 1), 1)),
        ("agent", "one thread, and two", alone, (agent(cores=2), 0)),
        ("agent", "8 seeds by one thread, and by two", (agent(8), 0), (agent(8, cores=2), 0)),
        *(
            ("agent", f"all of the processor's instructions, and up to {most}", alone, (agent(XLA_FLAGS=flag), 0))
            for most, flag in (("AVX2", "--xla_cpu_max_isa=AVX2"), ("SSE4.2", "--xla_cpu_max_isa=SSE4_2"))
        ),
        ("agent", "one device, and one of 4 that are there", alone, (agent(XLA_FLAGS=DEVICES), 0)),
        ("agent", "8 seeds on one device, and shared out over 4", (agent(8), 0), (shared, 0)),
        ("agent", "2 seeds on one device, and 8 over 4", (agent(2), 0), (shared, 0)),
    ]
    for of, words in (("fit", FIT), ("team", TEAM)):
        few, many = (Way((*words, "--seeds", count)) for count in ("1", "4"))
        found += [
            (of, "the same command twice", (few, 0), (few._replace(environ=again), 0)),
            (of, "alone, and one of 4 seeds", (few, 0), (many, 0)),
        ]
    return found


def add_up(table: Path) -> None:
    """Write sums of many numbers, by as many threads as there are cores."""
    import jax

    from accumbens.generator import make_key

    rows = []
    for size in (100_000, 4_000_000):
        total = jax.jit(lambda x: x.sum())(jax.random.normal(make_key(0), (size,)))
        rows.append({"step": size, "seed": 0, "sum": total.item()})
    write_table(table, rows)


def added_up(folder: Path) -> list[Row]:
    """Return the row of the results that is about sums; its steps are how many numbers there are."""
    tables = {cores: folder / f"{cores}.csv" for cores in (1, 2)}
    for cores, table in tables.items():
        finish(start(Way((), cores), [sys.executable, __file__, "--add-up", str(table)]))
    one, two = (rows_of(table, 0) for table in tables.values())
    return [compare("sum", "of normal numbers, by one thread and by two", one, two)]


def measure(steps: int) -> list[Row]:
    """Make all runs, each once, and compare them."""
    with tempfile.TemporaryDirectory() as folder:

        @cache
        def made(way: Way) -> Path:
            return make(way, Path(tempfile.mkdtemp(dir=folder)))

        rows = []
        for of, compared, (one, seed), (other, others) in comparisons(steps):
            rows.append(
                compare(
                    of,
                    compared,
                    *(rows_of(made(way) / "metrics.csv", which) for way, which in ((one, seed), (other, others))),
                )
            )
            print(*rows[-1].values(), flush=True)
        return rows + added_up(Path(folder))


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=24576, help="of each seed of an agent")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "reproducibility.csv")
    parser.add_argument("--add-up", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.add_up:
        add_up(options.add_up)
        return
    write_table(options.output, measure(options.steps), COLUMNS)


if __name__ == "__main__":
    main()
