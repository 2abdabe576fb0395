"""What can be compared, and how its numbers are written."""

from typing import NamedTuple

from accumbens.runs.find import AGENTS, FITS, Kind


class Metric(NamedTuple):
    """One number per seed.

    Attributes:
        name: on the command line.
        summary: what it is.
        form: how a number is written, as Python's `format` takes it.
        percent: it is a part of something, and shown in percent.
        less_is_better: of two runs, that with the smaller number is the better one.
    """

    name: str
    summary: str
    form: str = ".1f"
    percent: bool = False
    less_is_better: bool = False


def _of_split(split: str, examples: str) -> list[Metric]:
    accuracy = f"{examples} that are classified correctly"
    loss = f"mean loss of {examples}: cross-entropy in nats, or squared error"
    return [
        Metric(f"{split}_accuracy", accuracy, ".2f", percent=True),
        Metric(f"{split}_loss", loss, ".3f", less_is_better=True),
    ]


_AGENTS = [
    Metric("final_return", "mean of the last 100 training episodes"),
    Metric("eval_return", "greedy return of the full network in an evaluation during training"),
    Metric("episodes", "greedy return of the full network, as `accumbens evaluate` played it last"),
]
_FITS = [
    *_of_split("test", "test examples"),
    *_of_split("valid", "validation examples"),
    *_of_split("train", "training examples (10,000 at most)"),
]

METRICS: dict[Kind, dict[str, Metric]] = {
    AGENTS: {metric.name: metric for metric in _AGENTS},
    FITS: {metric.name: metric for metric in _FITS},
}
"""By kind of runs, the one that is compared if nothing is asked for first; of fits in regression it is `test_loss`."""
