"""How teams are compared: by what they returned, or how often they won."""

from collections.abc import Sequence

from accumbens.runs.comparing import Comparing, Metric, RunScores
from accumbens.runs.directory import RunDirectory
from accumbens.runs.find import Files, complete_rows
from accumbens.runs.tables import Rows


def _won(files: Files) -> Rows:
    """The rows of a run, without `won` where nothing can be won."""
    rows = complete_rows(files.metrics)
    wins = not any(row["won"] == "nan" for row in rows)
    return [{name: text for name, text in row.items() if wins or name != "won"} for row in rows]


def _digest(files: Files) -> str:
    """The SHA-256 of the data that a run learned from; empty if it is not known, or there were none."""
    return RunDirectory(files.path).read_meta().get("data_sha256", "") if files.is_directory else ""


def _notes(env: str, runs: Sequence[RunScores]) -> list[str]:
    """Say if teams did not learn from the same data, and what steps are counted from."""
    notes = []
    if len({run.beginning for run in runs if run.beginning}) > 1:
        notes.append(f"teams in {env} did not have the same data: their SHA-256 differs")
    taught = {run.config.teacher_updates for run in runs}
    if len(taught) > 1:
        notes.append(f"steps in {env} begin with a teacher's updates where there is one, up to {max(taught):,}")
    return notes


COMPARING = Comparing(
    (
        Metric("mean_return", "return of an agent in the last evaluation, greedy: mean over agents", ".2f"),
        Metric("won", "episodes of the last evaluation that were won", ".1f", percent=True, rows=_won),
        Metric("valid_loss", "loss of the actions of episodes held out, in nats", ".3f", less_is_better=True),
    ),
    by=("algo",),
    beginning=_digest,
    notes=_notes,
)
