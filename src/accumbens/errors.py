"""Errors that are the user's to mend: the command line prints them without a traceback."""

import difflib
import inspect
import os
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


@contextmanager
def users_code(what: str, source: object = None, kind: type[AccumbensError] = AccumbensError) -> Iterator[None]:
    """Tell what the user's own code raises as one error, with the user's own file and line.

    An error that passed no line of the user's is ours, and keeps its traceback.

    Args:
        what: went wrong, for the message.
        source: the user's class or function that is called here; then the errors of a call that does not suit it,
            which pass no line of it, are told as well.
        kind: of the error.

    Raises:
        AccumbensError: the user's code raised.
    """
    try:
        yield
    except AccumbensError:
        raise
    except (Exception, SystemExit) as error:
        of_the_call = source is not None and isinstance(error, TypeError | ValueError | AttributeError)
        place = users_place(error, source if of_the_call else None)
        if not place and not of_the_call:
            raise
        raise kind(f"{what}: {described(error)}{place}") from error


def described(error: BaseException) -> str:
    """Return an error as messages quote it: its type, unless the words say it, and its words."""
    words = error.msg if isinstance(error, SyntaxError) else str(error)
    if words and isinstance(error, AccumbensError | ImportError):
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def users_place(error: BaseException, source: object = None) -> str:
    """Return the last line of the user's own code that an error passed, to end a message with; empty if there is none.

    Args:
        error: as it was caught.
        source: the user's class or function whose first line is shown if the error passed no line of the user's.
    """
    if isinstance(error, SyntaxError) and error.filename and _is_users(error.filename):
        return _place(error.filename, error.lineno, None, error.text)
    raised: BaseException | None = error
    while raised is not None:  # a library may have raised an error of its own from it
        frames = [frame for frame in traceback.extract_tb(raised.__traceback__) if _is_users(frame.filename)]
        if frames:
            return _place(frames[-1].filename, frames[-1].lineno, frames[-1].name, frames[-1].line)
        raised = raised.__cause__
    try:
        code: Any = source
        file, (lines, first) = inspect.getsourcefile(code), inspect.getsourcelines(code)
    except (OSError, TypeError):  # there is none, or it was made at a prompt
        return ""
    return _place(file, first, code.__name__, lines[0]) if file and _is_users(file) else ""


def _place(file: str, line: int | None, function: str | None, text: str | None) -> str:
    where = f"\n  {file}, line {line}" + (f", in {function}" if function else "")
    return where + (f"\n    {text.strip()}" if text and text.strip() else "")


def _is_users(file: str) -> bool:
    """Whether code is the user's: neither generated nor of Python, an installed package, or accumbens."""
    others = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    return not file.startswith(("<", *(folder + os.sep for folder in (*others, os.path.dirname(__file__)))))
