"""How an analysis looks in the terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table

from accumbens.cli.run_view import heading
from accumbens.credit.kind import FITS
from accumbens.representation import Study
from accumbens.representation.attending import AttendingStudy
from accumbens.representation.reaching import ReachingStudy
from accumbens.training.kind import AGENTS

_VECTORS = {
    "goodness": "y(s,a), whose goodness is the value",
    "quantiles": "y(s,a), quantiles",
    "contributions": "tanh(W_a)⊙h, whose sum is the value",
    "activity": "h",
}


def print_study(console: Console, study: Study, document: dict[str, Any]) -> None:
    """Print the tables: components, sizes, scenarios, alignment."""
    seeds = len(study.trained.seeds)
    console.print(
        f"{heading(AGENTS, study.trained.config)}  step {study.trained.step:,}, "
        f"{len(study.steps)} snapshot(s) × {seeds} seed(s)",
        soft_wrap=True,
    )
    console.print(f"\n[bold]components[/]  seed {study.seed}, {study.request.states} states")
    for cells, kind in _runs([row["vector"] for row in document["pca"]]):
        console.print(f"{cells}: {_VECTORS[kind]}", style="dim")
    table = _table("cell", "width", "PC 1", "PC 2", "r(PC 1, value)", "by action", "by state", "silent units")
    for row in document["pca"]:
        shares = (row["variance_by_action"], row["variance_by_state"])
        table.add_row(
            str(row["cell"]),
            str(row["width"]),
            *(f"{part:.0%}" for part in row["explained"]),
            f"{row['correlation_with_value'][0]:.2f}",
            *("–" if part is None else f"{part:.0%}" for part in shares),
            "–" if row["silent_units"] is None else str(row["silent_units"]),
        )
    console.print(table)

    console.print("\n[bold]sizes[/]  medians over states and seeds")
    table = _table("cell", "step", "‖h‖", "‖vector‖", "value of the action taken")
    for row in sorted(document["norms"], key=lambda row: (row["cell"], row["step"])):
        sizes = (row.get(name) for name in ("hidden_norm", "vector_norm", "value"))
        cells = (str(row["cell"]), f"{row['step']:,}")
        table.add_row(*cells, *("–" if size is None else f"{size:.4g}" for size in sizes))
    console.print(table)

    if document["scenarios"]:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in document["scenarios"].items())
        console.print(f"\n[bold]scenarios[/]  share of the states: {shares}")

    console.print("\n[bold]alignment[/]  cosine of the local gradient with that of backpropagation, mean over seeds")
    console.print("(activity: of the parameters that the cell's activity depends on, alone)", style="dim")
    table = _table("cell", "step", "all losses", "activity", "top loss", "activity")
    measured = {
        (row["cell"], row["step"], row["reference"], row["parameters"]): row["cosine"] for row in document["alignment"]
    }
    for cell, step in sorted({key[:2] for key in measured}):
        cosines = [
            measured[cell, step, reference, parameters]
            for reference in ("all cells", "top cell")
            for parameters in ("all", "activity")
        ]
        texts = ("–" if cosine != cosine else f"{cosine:+.3f}" for cosine in cosines)  # NaN: one of the two is zero
        table.add_row(str(cell), f"{step:,}", *texts)
    console.print(table)
    if any(cosine != cosine for cosine in measured.values()):
        console.print("(–: a gradient is zero, as that of a cell without an error of its own)", style="dim")


def print_reaching(console: Console, study: ReachingStudy, document: dict[str, Any]) -> None:
    """Print a table: a row per snapshot, with and without feedback."""
    seeds, trials = len(document["seeds"]), len(study.of.task.test.x)
    console.print(f"{'  '.join(FITS.heading(study.of.config))}  {seeds} seed(s) × {trials} trials", soft_wrap=True)
    console.print("(means over the steps of all trials; but for the error, while RFLO learns in each)", style="dim")
    names = ("gradient", "second_order", "jacobian", "efficiency", "feedback_cosine")
    heads = ("cos gradient", "cos Gauss-Newton", "Jacobian", "efficiency", "cos feedback")
    table = _table("update", "feedback", "squared error", *heads)
    for row in document["rows"]:
        cells = (f"{row['step']:,}", "yes" if row["feedback"] else "no", f"{row['loss']:.3g}")
        table.add_row(*cells, *(f"{row[name]:.3f}" for name in names))
    console.print(table)


def print_attending(console: Console, study: AttendingStudy, document: dict[str, Any]) -> None:
    """Print a table: a row per snapshot."""
    console.print(f"{'  '.join(FITS.heading(study.of.config))}  seed {document['seed']}", soft_wrap=True)
    console.print("(means over steps and sequences of the test)", style="dim")
    table = _table("update", "memories attended to", "steps back")
    for row in document["rows"]:
        table.add_row(f"{row['step']:,}", f"{row['memories']:.2f}", f"{row['distance']:.1f}")
    console.print(table)


def _runs(kinds: list[str]) -> list[tuple[str, str]]:
    """The cells that share a kind of vector, as text, and the kind."""
    by_kind = {kind: [str(cell) for cell, other in enumerate(kinds, 1) if other == kind] for kind in kinds}
    return [(f"cell{'s' if len(cells) > 1 else ''} {', '.join(cells)}", kind) for kind, cells in by_kind.items()]


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, justify="right")
    return table
