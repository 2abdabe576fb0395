"""Which kinds of runs there are: the only place that lists them, and tells them apart."""

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.directory import RunDirectory, existing_run
from accumbens.runs.kind import Kind
from accumbens.runs.settings import read_document

KINDS: dict[str, Kind[Any] | str] = {
    "agent": "accumbens.training.kind:AGENTS",
    "fit": "accumbens.credit.kind:FITS",
    "team": "accumbens.teams.kind:TEAMS",
}
"""By the noun for a run: the kind, or where it is, so that whoever needs none imports none."""


def kind_named(name: str) -> Kind[Any]:
    """Return a kind by the noun for its runs."""
    found = KINDS[name]
    if isinstance(found, str):
        module, _, attribute = found.partition(":")
        found = getattr(importlib.import_module(module), attribute)
    return found


def all_kinds() -> list[Kind[Any]]:
    """Return every kind."""
    return [kind_named(name) for name in KINDS]


def read_config(path: Path, known: bool = True) -> tuple[Kind[Any], Any]:
    """Read the `config.toml` of a run of any kind.

    Args:
        path: the file.
        known: its environment or task must be known here; see `Kind.from_document`.

    Returns:
        the kind of the run, and its configuration.

    Raises:
        AccumbensError: it is missing, of no kind there is, or holds what no run could use.
    """
    document = read_document(path)
    for kind in all_kinds():
        if kind.words.table in document:
            return kind, kind.read(path, known)
    raise AccumbensError(f"{path} cannot be read as a run's configuration: it has no table [{_tables()}]")


def open_run(path: Path, known: bool = True) -> tuple[Kind[Any], RunDirectory, Any]:
    """Return the kind of an existing run, its files, and its configuration.

    Args:
        path: its directory.
        known: its environment or task must be known here; whoever only reads what is recorded need not.

    Raises:
        AccumbensError: there is no run at `path`.
    """
    run = existing_run(path)
    kind, config = read_config(run.config, known)
    return kind, run, config


def kind_at(path: Path) -> Kind[Any]:
    """Return the kind of what is at a path; what is no run, such as an agent on the Hub, is an agent's.

    Raises:
        AccumbensError: there is a run at `path` that cannot be read.
    """
    return open_run(path)[0] if (path / "config.toml").is_file() else kind_named("agent")


def kind_of_place(place: str) -> Kind[Any] | None:
    """Return the kind whose runs can be in this environment, or on this task; None if no kind knows it.

    Raises:
        AccumbensError: the module in `module:id` cannot be imported.
    """
    return next((kind for kind in all_kinds() if kind.knows(place)), None)


def kind_for(verb: str, place: str, given: Iterable[str] = (), option: Callable[[str], str] = str) -> Kind[Any]:
    """Return the kind of the runs that a command makes in a place.

    Args:
        verb: the command.
        place: where; of one that no kind knows, the kind with the most similar name is taken, and refuses it.
        given: names of the options that are given.
        option: how the name of an option is written.

    Raises:
        AccumbensError: an option is not for such a place, or the module in `module:id` cannot be imported.
    """
    kinds = [kind for kind in all_kinds() if kind.words.verb == verb]
    found = next((kind for kind in kinds if kind.knows(place)), None) or _nearest(kinds, place) or kinds[0]
    taken = {name for kind in kinds for name in kind.options}
    for name in given if found.knows(place) else ():  # of a place that nobody knows there is something else to say
        if name in taken and name not in found.options:
            raise AccumbensError(f"{option(name)} is not for {place}, {_a(found.words.place)}")
    return found


def _nearest(kinds: Sequence[Kind[Any]], place: str) -> Kind[Any] | None:
    """The kind with the name that is most like another."""
    owners = {name.casefold(): kind for kind in reversed(kinds) for name in kind.places().known}
    return next((owners[name] for name in difflib.get_close_matches(place.casefold(), owners, n=1)), None)


def resolve(kind: Kind[Any], place: str, method: str, numbers: Mapping[str, Any], changes: Mapping[str, str]) -> Any:
    """Return the configuration that `Kind.resolve` does; of a name that is another kind's, the error says so.

    Raises:
        UnknownNameError: no such place, method, setting or value.
        AccumbensError: a value that cannot be used, or a name that is of another kind of run.
    """
    try:
        return kind.resolve(place, method, numbers, changes)
    except UnknownNameError as error:
        if error.value == place:
            raise _misplaced(kind, place) or error from None
        raise (unknown_method(kind, place, error) if error.value == method else error) from None


def _misplaced(kind: Kind[Any], name: str) -> AccumbensError | None:
    """The error of a place that is another kind's, or a method."""
    for other in all_kinds():
        words = other.words
        if other is not kind and other.knows(name):
            return AccumbensError(f"{name} is {_a(words.place)}: 'accumbens {words.verb} {name}'")
        if name in other.methods().known:
            before = f"{words.place} comes first: 'accumbens {words.verb} {words.place_key.upper()} {name}'"
            return AccumbensError(f"{name} is {_a(words.method)}, and the {before}")
    return None


def unknown_place(place: str) -> AccumbensError:
    """Return the error of a place that no kind knows: it offers the nearest name over all kinds."""
    kinds = all_kinds()
    if (nearest := _nearest(kinds, place)) is not None:
        return UnknownNameError(nearest.words.place, place, *nearest.places())
    commands = _either([repr(command) for kind in kinds if (command := kind.places().command)])
    return AccumbensError(
        f"unknown {_either([kind.words.place for kind in kinds])} {place!r}. Run {commands} to see all."
    )


def unknown_method(kind: Kind[Any], place: str, error: UnknownNameError) -> AccumbensError:
    """Return the error of a method that a kind does not know: it says so if another kind does."""
    for other in all_kinds():
        if other is not kind and error.value in other.methods().known:
            theirs, ours = other.words, kind.words
            known = f"{error.value} is {_a(theirs.method)}, for {theirs.place}s, and {place} is {_a(ours.place)}"
            return AccumbensError(f"{known}: {error.command!r} lists the {ours.method}s" if error.command else known)
    return error


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _either(names: Sequence[str]) -> str:
    """Return `a, b or c`, each once."""
    *before, last = dict.fromkeys(names)
    return f"{', '.join(before)} or {last}" if before else last


def _tables() -> str:
    return "] or [".join(kind.words.table for kind in all_kinds())
