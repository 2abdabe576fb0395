"""The columns of a fit's table that depend on its task: of further test examples, such as longer sequences."""

import re
from collections.abc import Iterable


def other_tests(columns: Iterable[str], score: str) -> dict[str, str]:
    """Return the columns of further test examples by what they are called; longer sequences by their length.

    Args:
        columns: of `metrics.csv`.
        score: `accuracy` or `loss`.
    """
    found = {match[1]: column for column in columns if (match := re.fullmatch(rf"test_(\w+)_{score}", column))}
    return dict(sorted(found.items(), key=lambda item: (item[0].isdecimal(), item[0].zfill(12))))


def called(name: str) -> str:
    """Return what a test of further examples is called: `at 40` of longer sequences, else `with feedback`."""
    return f"at {name}" if name.isdecimal() else f"with {name}"
