"""What a report is about: runs found in folders, with their configuration, their tables and what is known of them."""

import csv
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accumbens.errors import AccumbensError
from accumbens.training.config import RunConfig, read_config
from accumbens.training.plan import make_plan
from accumbens.training.runs import RunDirectory, read_table

Rows = list[dict[str, str]]


class Files(NamedTuple):
    """Where a run's files are: in its directory, or side by side as `accumbens experiment --export` leaves them."""

    config: Path
    metrics: Path
    evaluations: Path

    @property
    def is_directory(self) -> bool:
        """Whether it is a run directory, which has a `meta.json` too."""
        return self.config.name == "config.toml"

    @property
    def path(self) -> Path:
        """What the run is known by: its directory, or its exported configuration without the ending."""
        return self.config.parent if self.is_directory else self.config.with_suffix("")


class Run(NamedTuple):
    """One run of a report.

    Attributes:
        path: as found from what the user gave.
        config: resolved.
        variant: name of its folder, such as `local` or a date.
        label: of the run among those of its environment.
        family: the same for twins, which share a colour; the label of the first of them.
        meta: what `meta.json` holds, or what `summary.csv` says of an exported run.
        training: rows of `metrics.csv`; empty before the first chunk.
        evaluations: rows of `evaluations.csv`; empty before the first evaluation.
        parameters: of every cell; of SAC, of the actor and of each critic; empty if the environment cannot be made.
        asked: environment steps at which the run ends.
    """

    path: Path
    config: RunConfig
    variant: str
    label: str
    family: str
    meta: dict[str, Any]
    training: Rows
    evaluations: Rows
    parameters: tuple[int, ...]
    asked: int

    @property
    def steps(self) -> int:
        """Environment steps of each seed so far."""
        return int(self.training[-1]["step"]) if self.training else 0

    @property
    def seconds(self) -> float:
        """Wall time over all sessions, all seeds together."""
        logged = float(self.training[-1]["wall_seconds"]) if self.training else 0.0
        return max(logged, float(self.meta.get("wall_seconds") or 0.0))


def find_runs(paths: Sequence[Path]) -> list[Files]:
    """Return the runs at these paths and below them, each once, in the order of the paths and then of the names.

    Raises:
        AccumbensError: a path does not exist, or there is no run at it.
    """
    found: dict[Path, Files] = {}
    for path in paths:
        if not path.exists():
            raise AccumbensError(f"there is nothing at {path}: give a run's directory, or a folder of runs")
        here = _below(path)
        if not here:
            raise AccumbensError(f"there is no run at {path}, nor in any folder below it")
        for files in here:
            found.setdefault(files.config.resolve(), files)
    return list(found.values())


def _below(path: Path) -> list[Files]:
    if path.is_file():
        return []
    if (path / "config.toml").is_file():
        return [Files(path / "config.toml", path / "metrics.csv", path / "evaluations.csv")]
    found: list[Files] = []
    for folder, names, files in os.walk(path):
        here = Path(folder)
        # Folders with a dot are runs that are being made; those of a run hold nothing but the run.
        names[:] = sorted(name for name in names if not name.startswith(".") and "config.toml" not in files)
        if "config.toml" in files:
            found += _below(here)
            continue
        stems = (Path(name).stem for name in sorted(files) if name.endswith(".toml"))
        found += [
            Files(here / f"{stem}.toml", here / f"{stem}.csv", here / f"{stem}_evaluations.csv")
            for stem in stems
            if f"{stem}.csv" in files
        ]
    return found


def load_runs(paths: Sequence[Path], progress: Callable[[int, int], None] = lambda done, total: None) -> list[Run]:
    """Read the runs at these paths.

    Args:
        paths: run directories, or folders of runs.
        progress: is told how many runs have been read, and how many there are.

    Raises:
        AccumbensError: there is no run at a path, or a run's files cannot be read.
    """
    sources = find_runs(paths)
    loaded: list[Run] = []
    for number, files in enumerate(sources):
        progress(number, len(sources))
        loaded.append(_load(files))
    progress(len(sources), len(sources))
    # Environments together, presets within them, in the order in which they were met; local credit before its twin.
    envs, algos = (
        [*dict.fromkeys(names)] for names in zip(*((run.config.env, run.config.algo) for run in loaded), strict=True)
    )
    loaded.sort(
        key=lambda run: (
            envs.index(run.config.env),
            algos.index(run.config.algo),
            run.config.settings.credit != "local",
        )
    )
    return _with_families(_with_labels(loaded))


def _load(files: Files) -> Run:
    config = read_config(files.config)
    variant, meta = files.path.name, {}
    if files.is_directory:
        meta = RunDirectory(files.path).read_meta()
    else:
        variant = _exported_variant(variant, config)
        meta = _exported_meta(files, config, variant)
    parameters, asked = (), config.total_timesteps
    try:
        plan = make_plan(config)
        parameters, asked = tuple(plan.cell_parameters), plan.blocks * plan.steps_per_block
    except AccumbensError:
        pass  # an environment of an extra that is not installed here: the report does without its sizes
    training, evaluations = complete_rows(files.metrics), complete_rows(files.evaluations)
    return Run(files.path, config, variant, "", "", meta, training, evaluations, parameters, asked)


def complete_rows(path: Path) -> Rows:
    """Return the rows of a CSV file without a last one that was cut short; none if there is no file.

    Raises:
        AccumbensError: it is not such a file.
    """
    if not path.exists():
        return []
    try:
        rows = read_table(path)
        kept = [row for row in rows if None not in row and None not in row.values() and "" not in row.values()]
        for row in kept:
            _ = int(row["step"]), int(row["seed"])
    except (KeyError, ValueError, csv.Error) as error:
        raise AccumbensError(f"{path} cannot be read as a run's table: {error!r}") from None
    if not kept:
        return []
    # Seeds that did not get their row of the last step: that step is dropped for all.
    per_step = Counter(row["step"] for row in kept)
    return [row for row in kept if per_step[row["step"]] == per_step[kept[0]["step"]]]


def _exported_variant(stem: str, config: RunConfig) -> str:
    """What is left of `minatar-breakout-ad_pqn-local` without environment and preset."""
    flat = stem.replace("/", "-")
    for part in (config.env.replace("/", "-"), config.algo):
        if flat.startswith(part):
            flat = flat[len(part) :].lstrip("-_")
    return flat or stem


def _exported_meta(files: Files, config: RunConfig, variant: str) -> dict[str, Any]:
    """What the summary beside exported runs says of one; its command is that of the experiment."""
    meta: dict[str, Any] = {}
    command, summary = (files.config.with_name(name) for name in ("command.txt", "summary.csv"))
    if command.exists():
        meta["command"] = command.read_text(encoding="utf-8").strip()
    if summary.exists():
        own = {"env": config.env, "algo": config.algo, "variant": variant}
        for row in read_table(summary):
            if own.items() <= row.items():
                meta |= {"commit": row.get("commit") or None}
    return meta


def _with_labels(runs: list[Run]) -> list[Run]:
    """Label by preset and credit; where that is ambiguous, by preset and folder, then by what of the path differs."""
    shared = os.path.commonpath([run.path.parent.resolve() for run in runs])

    def place(run: Run) -> str:
        """The folders below the shared one, without those that say environment and preset."""
        known = {*run.config.env.split("/"), run.config.algo}
        return "/".join(part for part in run.path.resolve().relative_to(shared).parts if part not in known)

    schemes: list[Callable[[Run], str]] = [
        lambda run: f"{run.config.algo}, {run.config.settings.credit}",
        lambda run: f"{run.config.algo}/{run.variant}",
        lambda run: f"{run.config.algo}/{place(run)}",
        lambda run: str(run.path),
    ]
    labels: list[str] = []
    for scheme in schemes:
        labels = [scheme(run) for run in runs]
        # One way for all environments, so that a name means the same in all of them.
        if len({(run.config.env, label) for run, label in zip(runs, labels, strict=True)}) == len(runs):
            break
    return [run._replace(label=label) for run, label in zip(runs, labels, strict=True)]


def _with_families(runs: list[Run]) -> list[Run]:
    first: dict[tuple[RunConfig, int], str] = {}
    repeats: Counter[RunConfig] = Counter()
    families: list[str] = []
    for run in runs:
        settings = dataclasses.replace(run.config.settings, credit="local")
        twins = dataclasses.replace(run.config, settings=settings)
        # The second run with the very same configuration is no twin of the first.
        families.append(first.setdefault((twins, repeats[run.config]), run.label))
        repeats[run.config] += 1
    return [run._replace(family=family) for run, family in zip(runs, families, strict=True)]
