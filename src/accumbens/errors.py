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

    def __init__(
        self, kind: str, value: str, allowed: Sequence[str], command: str | None = None, meant: str | None = None
    ):
        """Remember what was asked for.

        Args:
            kind: what the name should have named, such as `environment`.
            value: the name that was given.
            allowed: the names that are registered.
            command: the command that lists them; without it the message lists them itself.
            meant: the one that is meant, if it is known; None offers the one that looks most like it.
        """
        super().__init__(kind, value, allowed, command, meant)
        self.kind = kind
        self.value = value
        self.allowed = allowed
        self.command = command
        self.meant = meant

    def __str__(self) -> str:
        """The message: what is unknown, the nearest name, and where to see all."""
        folded = {name.casefold(): name for name in self.allowed}
        nearest = [folded[name] for name in difflib.get_close_matches(self.value.casefold(), folded, n=1)]
        meant = self.meant or next(iter(nearest), None)
        message = f"unknown {self.kind} {self.value!r}"
        message += f"; did you mean {meant!r}? " if meant else ". "
        return message + (f"Run {self.command!r} to see all." if self.command else f"Known: {', '.join(self.allowed)}.")


def require(name: str, value: Any, allowed: str, holds: object) -> None:
    """Refuse a value unless it holds that it is allowed.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    if not holds:
        raise AccumbensError(f"{name}={value} cannot be used: it must be {allowed}")
