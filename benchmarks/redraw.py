"""Draws the figures of committed results anew, from the tables beside them: nothing is trained.

    python benchmarks/redraw.py [FOLDER …]

without a folder all of them, such as `benchmarks/results/family`.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from accumbens.experiments.files import load
from accumbens.experiments.panels import draw_figure
from accumbens.experiments.places import read_panels
from accumbens.experiments.plan import Experiment
from accumbens.runs.looks import looks_of

RESULTS = Path(__file__).parent / "results"

OLDER = {"minatar": "ad-minatar"}
"""Folders that an older command made, and the experiment that has replaced it; their runs are its local ones."""
TITLES = {"minatar": "ad_pqn with local credit on the five MinAtar games, beside the end values of the AD paper"}


def experiment_of(folder: Path) -> Experiment | None:
    """Return the experiment that a folder has the results of; None if the folder is no experiment's."""
    command = folder / "command.txt"
    if folder.name in OLDER:
        return load(OLDER[folder.name], "desk")
    found = re.search(r"experiment (\S+) --budget (\S+)", command.read_text()) if command.exists() else None
    return load(*found.groups()) if found else None


def redraw(folder: Path, experiment: Experiment) -> None:
    """Write `curves.png` of a folder of exported runs."""
    with tempfile.TemporaryDirectory() as name:
        for run in experiment.runs:
            joined = f"{run.place.replace('/', '-')}_{run.method}_{run.variant}"
            stems = [stem for stem in (run.label.replace("/", "-"), joined) if (folder / f"{stem}.csv").exists()]
            if stems:
                there = run.directory(Path(name))
                there.path.mkdir(parents=True)
                origin = run.from_run(Path(name))
                there.write_meta(**({} if origin is None else {"from": {"run": str(origin)}}))
                run.kind.write(run.config, there.config)
                shutil.copy(folder / f"{stems[0]}.csv", there.metrics)
                if (folder / f"{stems[0]}_evaluations.csv").exists():
                    shutil.copy(folder / f"{stems[0]}_evaluations.csv", there.evaluations)
        panels = [panel for panel in read_panels(experiment, Path(name)) if panel.runs]
    curves = [curve for panel in panels for curve in experiment.kind.experimenting.curves(panel, experiment.beside)]
    looks = looks_of(experiment.kind, [(run.label, run.config) for panel in panels for run in panel.runs])
    title = TITLES.get(folder.name, f"{experiment.name}, {experiment.budget}: {experiment.title}")
    draw_figure(experiment.kind.experimenting, title, curves, looks, [folder / "curves.png"])


def main(words: Sequence[str]) -> None:
    """Draw the figures of the folders that are named, or of all that have one."""
    folders = [Path(word) for word in words] or [path.parent for path in sorted(RESULTS.glob("*/curves.png"))]
    for folder in folders:
        experiment = experiment_of(folder)
        if experiment is not None:
            redraw(folder, experiment)
            print(folder)
        elif words:
            sys.exit(f"{folder} has no command.txt of an experiment: nothing is drawn")


if __name__ == "__main__":
    main(sys.argv[1:])
