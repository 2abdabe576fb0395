"""What a run came to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run came to; lists have one entry per seed. A kind adds its own numbers.

    Attributes:
        wall_seconds: over all sessions of the run, compilation included.
        run: its directory.
        interrupted: the user stopped the run; it can be resumed.
    """

    seeds: list[int]
    wall_seconds: float
    run: str
    interrupted: bool

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def mean_and_all(values: Sequence[float], digits: int = 1) -> str:
    """Return the mean over seeds, and the value of every seed if there are several."""
    if not values:
        return "–"
    mean = f"{sum(values) / len(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean}  (seeds: {', '.join(f'{value:.{digits}f}' for value in values)})"
