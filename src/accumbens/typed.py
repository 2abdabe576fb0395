"""Values that a script gives, checked as if they had been typed on the command line."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from accumbens.errors import AccumbensError
from accumbens.runs.settings import format_value, parse_value

TRACKERS = Literal["tensorboard", "wandb"]


def checked(key: str, kind: Any, value: Any) -> Any:
    """Return a value as type `kind`.

    Raises:
        UnknownNameError: not one of the words of `kind`.
        AccumbensError: not of that type.
    """
    return parse_value(key, kind, as_text(key, value))


def checked_or_none(key: str, kind: Any, value: Any) -> Any:
    """Return a value as type `kind`, or None; errors are those of `checked`."""
    return None if value is None else checked(key, kind, value)


def as_texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return settings as they would be typed; errors are those of `as_text`."""
    return {key: as_text(key, value) for key, value in settings.items()}


def as_text(key: str, value: Any) -> str:
    """Return a value as it would be typed.

    Raises:
        AccumbensError: it is no number, text, flag or none.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = tuple(value)
    if value is None or isinstance(value, bool | int | float | str | tuple):
        return format_value(value)
    raise AccumbensError(f"{key}={value!r} cannot be used: expected a number, a text, true or false, or none")


def is_shown(progress: bool | None) -> bool:
    """Return whether progress is shown: as asked, or on a terminal."""
    return sys.stderr.isatty() if progress is None else progress
