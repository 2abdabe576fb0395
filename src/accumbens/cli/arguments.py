"""Kinds of arguments that several commands share."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import tyro

from accumbens.errors import AccumbensError

Flag = Annotated[tyro.conf.FlagCreatePairsOff[bool], tyro.conf.arg(help_behavior_hint="")]
"""A flag that is given or not; there is no --no-flag."""


def parsed(key: str, kind: Any, metavar: str) -> Any:
    """Return an annotation: the argument is one word, of which `kind` is made; see `parse_value` of the settings."""

    def parse(words: list[str]) -> Any:
        from accumbens.runs.settings import parse_value

        return parse_value(key, kind, words[0])

    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=parse,
        is_instance=lambda value: True,
        str_from_instance=lambda value: [str(value)],
    )


def default(text: str) -> Any:
    """Return an annotation: what the help says of the value that an argument has when it is not given."""
    return tyro.conf.arg(help_behavior_hint=f"(default: {text})")


RUN = tyro.conf.arg(metavar="RUN", help="Directory of the run.")
RunPath = Annotated[Path, tyro.conf.Positional, RUN]
RUNS = tyro.conf.arg(metavar="RUN…", help="Directories of runs.", help_behavior_hint="(required)")
RunPaths = Annotated[tuple[Path, ...], tyro.conf.Positional, RUNS]


def require_runs(runs: tuple[Path, ...]) -> None:
    """Refuse a command without runs, or with the same one twice.

    Raises:
        AccumbensError: there is none, or which is given twice.
    """
    if not runs:
        raise AccumbensError("no RUN is given: expected the directory of at least one run")
    for index, run in enumerate(runs):
        if run.resolve() in [other.resolve() for other in runs[:index]]:
            raise AccumbensError(f"{run} is given twice")


def parse_pairs(groups: Iterable[Iterable[str]], option: str = "--set") -> dict[str, str]:
    """Return the pairs of `key=value` words, of which every --set, or other option, gave a group.

    Raises:
        AccumbensError: an empty group, a word without `=`, or the same key twice.
    """
    changes: dict[str, str] = {}
    for group in groups:
        words = list(group)
        for word in words or [""]:
            key, equals, value = word.partition("=")
            if not equals or not key or not value:
                raise AccumbensError(f"{option} {word!r} cannot be used: expected key=value")
            if key in changes:
                raise AccumbensError(f"{option} gives {key} twice: {changes[key]!r} and {value!r}")
            changes[key] = value
    return changes
