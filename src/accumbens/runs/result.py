"""What a run came to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run came to; lists have one entry per seed. A kind adds its own numbers.

    Attributes:
        wall_seconds: over all sessions of the run, compiling and evaluations included.
        session_steps: of each seed, in this session; None for results that are older than this and the next two.
        train_seconds: of this session, in which it learned: without compiling, evaluations and writing. Steps of all
            seeds divided by them are its speed.
        compile_seconds: of this session, in which XLA compiled.
        run: its directory.
        interrupted: the user stopped the run; it can be resumed.
    """

    seeds: list[int]
    wall_seconds: float
    run: str
    interrupted: bool
    session_steps: int | None = None
    train_seconds: float | None = None
    compile_seconds: float | None = None

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def speed_text(result: Result, per_second: float, step: str) -> str:
    """Return how fast a session learned, as a quotient that can be checked.

    Args:
        result: of the session.
        per_second: steps of all seeds in a second of learning.
        step: the word for a step.
    """
    if result.session_steps is None:
        return f"{per_second:,.0f} {step}s/s"
    seeds = f" × {len(result.seeds)} seeds" if len(result.seeds) > 1 else ""
    learned = f"{result.session_steps:,} {step}s{seeds} in {result.train_seconds:,.2f} s of learning"
    return f"{per_second:,.0f} {step}s/s: {learned}; {result.compile_seconds:,.1f} s of compiling not counted"


def mean_and_all(values: Sequence[float], digits: int = 1) -> str:
    """Return the mean over seeds, and the value of every seed if there are several."""
    if not values:
        return "–"
    mean = f"{sum(values) / len(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean}  (seeds: {', '.join(f'{value:.{digits}f}' for value in values)})"
