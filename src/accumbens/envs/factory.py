"""Environments of Gymnasium that a script makes itself, without registering them."""

import re
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from typing import Any

import gymnasium

from accumbens.errors import AccumbensError


def register_factory(make: Callable[..., gymnasium.Env]) -> str:
    """Register what makes an environment with Gymnasium, under its own name, and return the id: `Corridor-v0`.

    What can be imported by its module and name is registered as such, so that copies can live in several processes; a
    lambda, or what a script or a notebook defines, stays in this one. A later process that goes on with the run has to
    register it again.

    Args:
        make: a class, or a function without arguments.

    Raises:
        AccumbensError: it has no name, or Gymnasium has another environment of that name.
    """
    name = re.sub(r"\W+", "_", getattr(make, "__qualname__", "").replace("<locals>.", "")).strip("_")
    if not name:
        raise AccumbensError(f"env={make!r} cannot be used: give a class or a function, which has a name")
    identifier, entry_point = f"{name}-v0", _importable(make) or make
    known: Any = gymnasium.registry.get(identifier)
    if known is not None and known.entry_point != entry_point:
        if not callable(known.entry_point):
            raise AccumbensError(f"Gymnasium has an environment {identifier!r} already: give {make!r} another name")
        del gymnasium.registry[identifier]  # defined again, as in a notebook
        known = None
    if known is None:
        gymnasium.register(identifier, entry_point=entry_point)
    return identifier


def _importable(make: Callable[..., gymnasium.Env]) -> str | None:
    """`module:name`, if that is where another process finds it."""
    module, name = getattr(make, "__module__", None) or "__main__", make.__qualname__
    on_path = PathFinder.find_spec(module.partition(".")[0]) is not None
    return f"{module}:{name}" if on_path and getattr(sys.modules.get(module), name, None) is make else None
