"""What a probe leaves: a figure, and beside it the numbers.

NAME.csv         a row per snapshot, trial, event, cell and seed: the TD error, in units of the reward
NAME_traces.csv  a row per stage, trial, cell and time: mean over seeds, half its 95 % interval, and the exact one
"""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from accumbens.conditioning.study import Study
from accumbens.conditioning.trials import TIMES, Trial
from accumbens.envs.conditioning import DELAY
from accumbens.errors import AccumbensError
from accumbens.runs import outputs
from accumbens.stats import estimate

ENDINGS = (".png", ".svg", ".pdf")


def files_of(figure: Path) -> list[Path]:
    """Return the figure and the two tables beside it."""
    return [figure, figure.with_suffix(".csv"), figure.with_name(f"{figure.stem}_traces.csv")]


def require_free(figure: Path, force: bool = False) -> None:
    """Refuse a figure that cannot be written, before minutes of work.

    Args:
        figure: to be written.
        force: replace what exists.

    Raises:
        AccumbensError: its ending is unknown, or it or a table beside it exists.
    """
    if figure.suffix.lower() not in ENDINGS:
        raise AccumbensError(f"{figure} cannot be written: a figure's name must end in one of {', '.join(ENDINGS)}")
    for path in files_of(figure):
        outputs.require_free(path, force)


def free_figure(folder: Path, name: str) -> Path:
    """Return `folder/name.png`, or with a number behind the name if that or a table beside it is taken."""
    attempt = 1
    while True:
        figure = folder / (f"{name}.png" if attempt == 1 else f"{name}-{attempt}.png")
        if not any(path.exists() for path in files_of(figure)):
            return figure
        attempt += 1


def write_study(study: Study, figure: Path, force: bool = False) -> list[Path]:
    """Write figure and tables; return the files.

    Args:
        study: what was found.
        figure: the figure; the tables are written beside it.
        force: replace what exists.

    Raises:
        AccumbensError: one of them exists, or the ending is unknown.
    """
    from accumbens.conditioning.figure import draw_study

    require_free(figure, force)
    figure.parent.mkdir(parents=True, exist_ok=True)
    draw_study(study, figure)
    _, events, traces = files_of(figure)
    _write(events, ("step", "stage", "trial", "event", "time", "cell", "seed", "td_error", "exact"), _events(study))
    _write(traces, ("step", "stage", "trial", "cell", "time", "td_error", "interval", "exact"), _traces(study))
    return [figure, events, traces]


def events_of(trial: Trial) -> dict[str, int]:
    """Return what happens in a trial, or fails to, and when."""
    events = {"cue": 0} if trial.cue else {}
    if trial.reward is not None:
        events["reward"] = trial.reward
    if trial.cue and trial.reward != DELAY:
        events["no reward at the usual time"] = DELAY
    return events


def _write(path: Path, columns: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _events(study: Study) -> Iterator[Sequence[Any]]:
    stage_of = {index: name for name, index in study.stages().items()}
    for index, step in enumerate(study.steps):
        for trial in study.probe.trials:
            for event, time in events_of(trial).items():
                values, exact = study.at(trial, time)[index], _text(study.exact_at(trial, time))
                for cell in range(values.shape[-1]):
                    for seed, value in zip(study.config.seed_list(), values[:, cell], strict=True):
                        stage = stage_of.get(index, "")
                        yield step, stage, trial.name, event, time, cell + 1, seed, _text(value), exact


def _traces(study: Study) -> Iterator[Sequence[Any]]:
    for stage, index in study.stages().items():
        for number, trial in enumerate(study.probe.trials):
            for cell in range(study.td_error.shape[-1]):
                for position, time in enumerate(TIMES):
                    found = estimate(study.td_error[index, :, number, position, cell].tolist())
                    numbers = (found.mean, found.interval, study.exact[number, position])
                    yield study.steps[index], stage, trial.name, cell + 1, int(time), *map(_text, numbers)


def _text(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else ""
