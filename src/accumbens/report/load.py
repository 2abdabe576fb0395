"""Runs are read: from their directories, or from where an experiment exported them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from accumbens.kinds import all_kinds, read_config
from accumbens.report.data import Run
from accumbens.report.labels import with_names
from accumbens.runs.chapter import Logged
from accumbens.runs.directory import RunDirectory
from accumbens.runs.find import Files, complete_rows, find_runs
from accumbens.runs.kind import Kind
from accumbens.runs.tables import read_table


def load_runs(paths: Sequence[Path], progress: Callable[[int, int], None] = lambda done, total: None) -> list[Run]:
    """Read the runs at these paths: kinds in their order, places together.

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
    return [run for kind in all_kinds() for run in with_names([run for run in loaded if run.kind is kind])]


def _load(files: Files) -> Run:
    kind, config = read_config(files.config, known=False)
    variant = files.path.name
    if files.is_directory:
        meta = RunDirectory(files.path).read_meta()
    else:
        variant = _exported_variant(variant, kind, config)
        meta = _exported_meta(files, kind, config, variant)
    training, evaluations = complete_rows(files.metrics), complete_rows(files.evaluations)
    logged = Logged(config=config, meta=meta, training=training, evaluations=evaluations)
    return Run(
        **vars(logged),
        path=files.path,
        kind=kind,
        variant=variant,
        place=kind.place(config),
        sizes=kind.chapter.sizes(logged),
    )


def _exported_variant(stem: str, kind: Kind[Any], config: Any) -> str:
    """What is left of `minatar-breakout-ad_pqn-local` without place and method."""
    flat = stem.replace("/", "-")
    for part in (kind.place(config).replace("/", "-"), kind.method(config)):
        if flat.startswith(part):
            flat = flat[len(part) :].lstrip("-_")
    return flat or stem


def _exported_meta(files: Files, kind: Kind[Any], config: Any, variant: str) -> dict[str, Any]:
    """What the summary beside exported runs says of one; its command is that of the experiment."""
    meta: dict[str, Any] = {}
    command, summary = (files.config.with_name(name) for name in ("command.txt", "summary.csv"))
    if command.exists():
        meta["command"] = command.read_text(encoding="utf-8").strip()
    if summary.exists():
        place, method = kind.place(config), kind.method(config)
        own = {kind.words.place_key: place, kind.words.method_key: method, "variant": variant}
        for row in read_table(summary):
            if own.items() <= row.items():
                meta |= {"commit": row.get("commit") or None}
    return meta
