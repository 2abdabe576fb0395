"""Tables of the page on teams, from committed results."""

from collections.abc import Iterable

from tables import RESULTS, markdown_table

from accumbens.runs.tables import read_table

SHORT = {
    "team/fill-in-2": "Fill-In, 2 agents",
    "team/fill-in-4": "Fill-In, 4 agents",
    "team/equal-space-3": "Equal Space",
}
METHODS = ("bc/plain", "bc-mlp/plain", "iql-cql/plain", "idt/plain", "madt/plain", "distilled/full", "teacher/plain")
CREDIT = ("idt/plain", "idt/twin", "idt/local")
PAPER = {
    "full": ("-3.41", "-2.43"),
    "features": ("-4.11", "-5.43"),
    "shared-map": ("-3.11", "-2.61"),
    "no-momentum": ("-3.92", "-2.44"),
    "no-map": ("-3.32", "-2.87"),
    "no-kl": ("-3.89", "-2.99"),
    "no-kl-no-map": ("-3.30", "-2.71"),
    "no-relation": ("–", "–"),
}
"""Tseng et al. (2022), table 2: Fill-In and Equal Space, whose sizes and rewards are not published."""


def _of(row: dict[str, str]) -> str:
    return f"{float(row['mean_return']):.2f} ± {float(row['interval']):.2f}"


def _cells(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Of each method in each environment: asked for the best of the data, and for what it returns most for."""
    rows, table = read_table(RESULTS / "teams/targets.csv"), []
    for label in labels:
        cells = [f"`{label.removesuffix('/plain')}`"]
        for place in SHORT:
            mine = [row for row in rows if f"{row['algo']}/{row['variant']}" == label and row["env"] == place]
            within = [row for row in mine if row["way"] and float(row["way"]) <= 1]
            if not within:  # told no return
                cells += [_of(mine[0]), _of(mine[0])]
                continue
            best = next(row for row in within if float(row["way"]) == 1)
            most = max(within, key=lambda row: float(row["mean_return"]))
            cells += [_of(best), f"{_of(most)} ({float(most['asked']):.3g})"]
        table.append(tuple(cells))
    return table


def team_returns(which: str) -> str:
    """Returns of methods, or of kinds of credit, in all environments."""
    header = ["", *(f"{name}, {what}" for name in SHORT.values() for what in ("best of the data", "most (asked for)"))]
    return markdown_table(tuple(header), _cells({"methods": METHODS, "credit": CREDIT}[which]))


def team_ablations() -> str:
    """Returns of distilled teams without parts of what is told, beside the paper's."""
    found = {row[0].strip("`"): row[1:] for row in _cells(f"distilled/{name}" for name in PAPER)}
    header = ["", *(f"{name}, most (asked for)" for name in SHORT.values()), "paper: Fill-In", "paper: Equal Space"]
    table = [(f"`{name}`", *found[f"distilled/{name}"][1::2], *paper) for name, paper in PAPER.items()]
    return markdown_table(tuple(header), table)


def team_battles() -> str:
    """Returns on SMAX from data of three qualities."""
    rows = read_table(RESULTS / "smax/summary.csv")
    table = []
    for algo in dict.fromkeys(row["algo"] for row in rows):
        mine = {row["variant"].removeprefix("from-"): row for row in rows if row["algo"] == algo}
        cells = []
        for data in ("good", "normal", "poor"):
            row = mine.get(data)
            numbers = row and f"{float(row['mean_return']):.3f} ± {float(row['mean_return_interval']):.3f}"
            cells.append(numbers or "–")
        table.append((f"`{algo}`", *cells))
    return markdown_table(("", "good", "normal", "poor"), table)


def student_speed() -> str:
    """How much faster all students learn in one program."""
    table = [
        (f"`{row['method']}`", row["agents"], f"{float(row['together_cpu_ms']):.1f} ms",
         f"{float(row['apart_cpu_ms']):.1f} ms", f"{float(row['cpu_ratio']):.1f}", f"{float(row['wall_ratio']):.1f}")
        for row in read_table(RESULTS / "student_speed.csv")
    ]  # fmt: skip
    header = ("method", "agents", "together", "one after the other", "ratio, CPU", "ratio, clock")
    return markdown_table(header, table)
