"""Kinds of arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import tyro

from accumbens.errors import AccumbensError


def _whole_number(words: list[str]) -> int:
    number = float(words[0])
    if number != int(number):
        raise ValueError(f"{words[0]} is not a whole number")
    return int(number)


Count = Annotated[
    int,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="N",
        instance_from_str=_whole_number,
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda value: [str(value)],
    ),
]
"""A whole number, which may be written 300000 or 3e5."""

RunPath = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN", help="The run's directory.")]


def parse_pairs(pairs: list[str]) -> dict[str, str]:
    """Return the pairs of `key=value` words.

    Raises:
        AccumbensError: a word without `=`, or the same key twice.
    """
    changes: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key or not value:
            raise AccumbensError(f"--set {pair!r} cannot be used: expected key=value")
        if key in changes:
            raise AccumbensError(f"--set gives {key} twice: {changes[key]!r} and {value!r}")
        changes[key] = value
    return changes


def parse_sizes(text: str) -> tuple[int, ...]:
    """Return cell sizes from `128,96`.

    Raises:
        AccumbensError: not whole numbers.
    """
    from accumbens.training.config import parse_value

    return parse_value("net_arch", tuple[int, ...], text)
