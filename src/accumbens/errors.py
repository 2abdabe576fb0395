"""Errors that are the user's to mend: the command line prints them without a traceback."""

import difflib
from collections.abc import Sequence
from typing import Any


class AccumbensError(Exception):
    """Input that cannot be used. The message says what is wrong and what to do instead.

    Attributes:
        exit_code: of the command line.
    """

    exit_code = 2


class EnvironmentFailedError(AccumbensError):
    """An environment raised, or did something that it does not declare, while a run was at work."""

    exit_code = 1


class UnknownNameError(AccumbensError):
    """A name that is not registered. The message offers the nearest one that is."""

    def __init__(self, kind: str, value: str, allowed: Sequence[str], command: str | None = None):
        """Remember what was asked for.

        Args:
            kind: what the name should have named, such as `environment`.
            value: the name that was given.
            allowed: the names that are registered.
            command: the command that lists them; without it the message lists them itself.
        """
        super().__init__(kind, value, allowed, command)
        self.kind = kind
        self.value = value
        self.allowed = allowed
        self.command = command

    def __str__(self) -> str:
        """The message: what is unknown, the nearest name, and where to see all."""
        folded = {name.casefold(): name for name in self.allowed}
        nearest = difflib.get_close_matches(self.value.casefold(), folded, n=1)
        message = f"unknown {self.kind} {self.value!r}"
        message += f"; did you mean {folded[nearest[0]]!r}? " if nearest else ". "
        return message + (f"Run {self.command!r} to see all." if self.command else f"Known: {', '.join(self.allowed)}.")


def require(name: str, value: Any, allowed: str, holds: object) -> None:
    """Refuse a value unless it holds that it is allowed.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    if not holds:
        raise AccumbensError(f"{name}={value} cannot be used: it must be {allowed}")
