"""Names that a user's own modules give to environments, cells and readouts: `module:id`, as in Gymnasium.

A module registers under an `id` when it is imported. `module:id` names the same thing in every process, so that is what
a run's configuration keeps; the bare `id` is enough while the module is imported.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from accumbens.errors import AccumbensError, UnknownNameError, described, users_place

T = TypeVar("T")


class Registered(Generic[T]):
    """What users' modules registered of one kind; of two under the same `id`, the bare `id` means the later one."""

    def __init__(self, kind: str):
        """Begin without any; `kind` is the word for what is registered, such as `cell`."""
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._full_names: dict[str, str] = {}

    def add(self, name: str, value: T, ours: Sequence[str], caller: Mapping[str, Any] | None = None) -> str:
        """Register `value`.

        Args:
            name: its id.
            value: what is registered.
            ours: names that are taken.
            caller: the globals of the module that registers it; None finds the module that is calling.

        Returns:
            The name that a configuration keeps: `module:id`, or the id where the module has no name: in a notebook.

        Raises:
            AccumbensError: the name is taken, empty, or has a colon in it.
        """
        if not name or ":" in name or name in ours:
            raise AccumbensError(f"{self.kind}={name!r} cannot be registered: it must be a new name without a colon")
        module = module_name(calling_module() if caller is None else caller)
        full = f"{module}:{name}" if module else name
        self._entries[name] = self._entries[full] = value
        self._full_names[name] = full
        return full

    def names(self) -> list[str]:
        """List the ids, and the names that configurations keep."""
        return sorted({*self._full_names, *self._full_names.values()})

    def resolve(self, name: str) -> str | None:
        """Return the name that a configuration keeps; None if nothing is registered under `name`.

        Raises:
            AccumbensError: the module in `module:id` cannot be imported.
        """
        if name in self._full_names:
            return self._full_names[name]
        if name not in self._entries:
            module, _, identifier = name.rpartition(":")
            if not module or not import_module(module, f"{self.kind} {name!r}") or identifier not in self._entries:
                return None
            self._entries.setdefault(name, self._entries[identifier])  # registered by what that module imports
        return name

    def get(self, name: str) -> T | None:
        """Return what is registered under `name`, an id or `module:id`; None if nothing is.

        Raises:
            AccumbensError: the module in `module:id` cannot be imported.
        """
        full = self.resolve(name)
        return None if full is None else self._entries[full]


CELLS: Registered[Any] = Registered("cell")
READOUTS: Registered[Any] = Registered("readout")


def resolve_choice(key: str, name: str, ours: Sequence[str]) -> str:
    """Return the name that a configuration keeps of a setting that is one of our words or a registered name.

    Raises:
        UnknownNameError: it is neither.
        AccumbensError: the module in `module:id` cannot be imported.
    """
    registered = {"cell": CELLS, "readout": READOUTS}[key]
    found = name if name in ours else registered.resolve(name)
    if found is None:
        raise UnknownNameError(f"value of {key}", name, [*ours, *registered.names()])
    return found


def calling_module() -> Mapping[str, Any]:
    """Return the globals of the module that called accumbens."""
    frame = sys._getframe(1)
    # Whoever checks types at run time stands between the two.
    between = ("accumbens", "jaxtyping", "beartype")
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in between:
        frame = frame.f_back
    return frame.f_globals


def module_name(caller: Mapping[str, Any]) -> str:
    """Return the name by which another process can import the module whose globals these are; empty if there is none.

    A script is known by its file's name, as it is to a process that is started in the same folder.
    """
    if caller.get("__name__") != "__main__":
        return str(caller.get("__name__", ""))
    spec, file = caller.get("__spec__"), caller.get("__file__")
    if spec is not None:
        return spec.name  # python -m
    return os.path.splitext(os.path.basename(file))[0] if file else ""


def import_module(module: str, what: str) -> bool:
    """Import a user's module, also from the folder this process works in; return whether it can be a module at all.

    Args:
        module: its name.
        what: what is looked for in it, for the message.

    Raises:
        AccumbensError: it cannot be imported.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        return False
    if module in sys.modules:
        return True
    here = os.getcwd()
    if not {"", here} & set(sys.path):
        sys.path.append(here)  # last, so that nothing in this folder hides an installed package
    importlib.invalidate_caches()
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        said = f"cannot import the module {module!r} of {what}: {described(error)}"
        raise AccumbensError(said + users_place(error)) from error
    return True
