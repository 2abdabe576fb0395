"""What a report is about: runs with their configuration, their tables and what is known of them."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from accumbens.credit.config import FitConfig
from accumbens.credit.tasks.description import from_table
from accumbens.credit.trained import network_like
from accumbens.errors import AccumbensError
from accumbens.report.labels import fit_labels, labels, task_names
from accumbens.runs.directory import RunDirectory
from accumbens.runs.find import (
    AGENTS,
    AnyConfig,
    Files,
    Kind,
    complete_rows,
    find_runs,
    kind_of,
    method_of,
    read_any,
    task_of,
)
from accumbens.runs.tables import Rows, read_table
from accumbens.training.config import RunConfig
from accumbens.training.plan import make_plan


class Run(NamedTuple):
    """One run of a report.

    Attributes:
        path: as found from what the user gave.
        config: resolved.
        variant: name of its folder, such as `local` or a date.
        task: what it was run on, as the report calls it.
        label: of the run among those of its task.
        family: the same for twins, which share a colour; the label of the first of them.
        meta: what `meta.json` holds, or what `summary.csv` says of an exported run.
        training: rows of `metrics.csv`; empty before the first chunk.
        evaluations: rows of `evaluations.csv`; empty before the first evaluation, and of a fit.
        parameters: of every cell or layer; of SAC, of the actor and of each critic; empty if they are not known.
        asked: environment steps, or updates, at which the run ends.
    """

    path: Path
    config: AnyConfig
    variant: str
    task: str
    label: str
    family: str
    meta: dict[str, Any]
    training: Rows
    evaluations: Rows
    parameters: tuple[int, ...]
    asked: int

    @property
    def kind(self) -> Kind:
        """Whether it is of an agent or a fit."""
        return kind_of(self.config)

    @property
    def name(self) -> str:
        """Task and label."""
        return f"{self.task}, {self.label}"

    @property
    def steps(self) -> int:
        """Environment steps, or updates, of each seed so far."""
        return int(self.training[-1]["step"]) if self.training else 0

    @property
    def seconds(self) -> float:
        """Wall time over all sessions, all seeds together."""
        logged = float(self.training[-1]["wall_seconds"]) if self.training else 0.0
        return max(logged, float(self.meta.get("wall_seconds") or 0.0))


def agent_of(run: Run) -> RunConfig:
    """Return the configuration of a run that is known to be of an agent."""
    if not isinstance(run.config, RunConfig):
        raise TypeError(f"{run.path} is a fit")
    return run.config


def fit_of(run: Run) -> FitConfig:
    """Return the configuration of a run that is known to be a fit."""
    if not isinstance(run.config, FitConfig):
        raise TypeError(f"{run.path} is of an agent")
    return run.config


def load_runs(paths: Sequence[Path], progress: Callable[[int, int], None] = lambda done, total: None) -> list[Run]:
    """Read the runs at these paths: agents before fits, tasks together.

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
    agents = _in_order([run for run in loaded if run.kind is AGENTS])
    places = [(agent_of(run), run.path, run.variant) for run in agents]
    agents = [run._replace(label=label) for run, label in zip(agents, labels(places), strict=True)]
    return [*_with_families(agents), *_named([run for run in loaded if run.kind is not AGENTS])]


def _named(runs: list[Run]) -> list[Run]:
    """Fits in their order, with the names of their tasks and their labels."""
    named = zip(runs, task_names([fit_of(run) for run in runs]), strict=True)
    runs = _in_order([run._replace(task=name) for run, name in named])
    found: list[Run] = []
    for _, members in groupby(runs, lambda run: run.task):
        here = list(members)
        texts = fit_labels([(fit_of(run), run.path, run.variant) for run in here])
        # Fits have no twins.
        found += [run._replace(label=text, family=text) for run, text in zip(here, texts, strict=True)]
    return found


def _in_order(runs: list[Run]) -> list[Run]:
    """Tasks together, methods within them, in the order in which they were met; local credit before its twin."""
    tasks, methods = list(dict.fromkeys(run.task for run in runs)), list(dict.fromkeys(map(_method, runs)))
    return sorted(runs, key=lambda run: (tasks.index(run.task), methods.index(_method(run)), _is_twin(run)))


def _method(run: Run) -> str:
    return method_of(run.config)


def _is_twin(run: Run) -> bool:
    return isinstance(run.config, RunConfig) and run.config.settings.credit != "local"


def _load(files: Files) -> Run:
    config = read_any(files.config)
    variant, meta = files.path.name, {}
    if files.is_directory:
        meta = RunDirectory(files.path).read_meta()
    else:
        variant = _exported_variant(variant, config)
        meta = _exported_meta(files, config, variant)
    training, evaluations = complete_rows(files.metrics), complete_rows(files.evaluations)
    parameters, asked = (
        _sizes_of_fit(config, meta, training) if isinstance(config, FitConfig) else _sizes_of_agent(config)
    )
    return Run(files.path, config, variant, task_of(config), "", "", meta, training, evaluations, parameters, asked)


def _sizes_of_agent(config: RunConfig) -> tuple[tuple[int, ...], int]:
    """Parameters of every cell, and environment steps at which the run ends."""
    try:
        plan = make_plan(config)
    except AccumbensError:
        # An environment of an extra that is not installed here: the report does without its sizes.
        return (), config.total_timesteps
    return tuple(plan.cell_parameters), plan.blocks * plan.steps_per_block


def _sizes_of_fit(config: FitConfig, meta: dict[str, Any], training: Rows) -> tuple[tuple[int, ...], int]:
    """Parameters of every layer (none of an exported fit, which has no `meta.json`), and updates at which it ends."""
    sizes: tuple[int, ...] = ()
    if "task" in meta:
        try:
            layers = network_like(config, from_table(meta["task"]).facts).layers
            sizes = tuple(sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(layer)) for layer in layers)
        except AccumbensError:
            pass  # a task or a rule that has changed since: the report does without its sizes
    last = training[-1] if training else {"step": "0", "epoch": "0"}
    step, epoch = int(last["step"]), float(last["epoch"])
    return sizes, round(config.epochs * step / epoch) if step else 0


def _exported_variant(stem: str, config: AnyConfig) -> str:
    """What is left of `minatar-breakout-ad_pqn-local` without environment and preset."""
    flat = stem.replace("/", "-")
    for part in (task_of(config).replace("/", "-"), method_of(config)):
        if flat.startswith(part):
            flat = flat[len(part) :].lstrip("-_")
    return flat or stem


def _exported_meta(files: Files, config: AnyConfig, variant: str) -> dict[str, Any]:
    """What the summary beside exported runs says of one; its command is that of the experiment."""
    meta: dict[str, Any] = {}
    command, summary = (files.config.with_name(name) for name in ("command.txt", "summary.csv"))
    if command.exists():
        meta["command"] = command.read_text(encoding="utf-8").strip()
    if summary.exists():
        kind = kind_of(config)
        own = {kind.task_key: task_of(config), kind.method_key: method_of(config), "variant": variant}
        for row in read_table(summary):
            if own.items() <= row.items():
                meta |= {"commit": row.get("commit") or None}
    return meta


def _with_families(runs: list[Run]) -> list[Run]:
    first: dict[tuple[RunConfig, int], str] = {}
    repeats: Counter[RunConfig] = Counter()
    families: list[str] = []
    for run in runs:
        config = agent_of(run)
        twins = dataclasses.replace(config, settings=dataclasses.replace(config.settings, credit="local"))
        # The second run with the very same configuration is no twin of the first.
        families.append(first.setdefault((twins, repeats[config]), run.label))
        repeats[config] += 1
    return [run._replace(family=family) for run, family in zip(runs, families, strict=True)]
