"""`accumbens runs`: what was run, how far it is, and what it came to."""

from pathlib import Path
from typing import Annotated, Any

import tyro

from accumbens.cli.arguments import Flag

FOLDERS = tyro.conf.arg(metavar="FOLDER", help="Folders of runs.", help_behavior_hint="(default: runs)")


def runs(folders: Annotated[tuple[Path, ...], tyro.conf.Positional, FOLDERS] = (), /, *, json: Flag = False) -> int:
    """List the runs in a folder: how far each is, whether it is running, and its score.

    Args:
        folders: of runs.
        json: Print one line of JSON on standard output.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from accumbens.cli.terminal import print_json, print_whole
    from accumbens.runs.find import find_runs

    found = [_state(files.path) for files in find_runs(folders or (Path("runs"),)) if files.is_directory]
    if json:
        print_json(found)
        return 0
    table = Table(box=None, pad_edge=False)
    for column in ("run", "kind", "seeds", "state", "result"):
        table.add_column(column, no_wrap=True)
    for run in found:
        table.add_row(*(escape(str(run[name])) for name in ("run", "kind", "seeds", "state", "result")))
    print_whole(Console(), table)
    return 0


def _state(path: Path) -> dict[str, Any]:
    """How far a run is, and its result in a few words if it reached its end; or why it cannot be read."""
    from accumbens import kinds
    from accumbens.errors import AccumbensError
    from accumbens.runs.tables import last_rows

    known: dict[str, Any] = {"run": str(path), "kind": "–", "seeds": 0, "state": "", "result": ""}
    try:
        kind, run, config = kinds.open_run(path, known=False)
        known |= {"kind": kind.words.name, "seeds": config.seeds}
        result, last, process = kind.recorded(run), last_rows(run.metrics), run.at_work()
    except AccumbensError as error:
        return known | {"state": f"cannot be read: {error}"}
    if result is not None and process is None:
        return known | {"state": "finished", "result": kind.line(result)}
    step = int(last[0]["step"]) if last else 0
    place = f"at {kind.words.step} {step:,}" if step else ""
    if process is not None:
        return known | {"state": f"{f'running {place}'.strip()}: {process}"}
    return known | {"state": place or "begun"}
