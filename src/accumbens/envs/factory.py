"""Environments of Gymnasium that a script makes itself, without registering them."""

import re
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from inspect import isfunction
from typing import Any

import gymnasium

from accumbens.errors import AccumbensError


def register_factory(make: Any) -> str:
    """Register what makes an environment with Gymnasium, under its own name, and return the name for configurations.

    What can be imported is registered by its module and name, so that copies can live in several processes, and is
    found again by every process that can import it: `my_module:Corridor-v0`. A lambda, or what a script or a notebook
    defines, stays in this process, as `Corridor-v0`; a later one that goes on with the run has to register it again.

    Args:
        make: a class, or a function without arguments; whatever else a user gave is refused.

    Raises:
        AccumbensError: it is an environment itself, has no name, or Gymnasium has another environment of that name.
    """
    if isinstance(make, gymnasium.Env | gymnasium.vector.VectorEnv):
        kind = type(make).__name__
        raise AccumbensError(
            f"env={make!r} is an environment already: give its class, env={kind}, or a function without arguments "
            f"that makes one, env=lambda: {kind}(…)"
        )
    name = re.sub(r"\W+", "_", getattr(make, "__qualname__", "").replace("<locals>.", "")).strip("_")
    if not name:
        raise AccumbensError(f"env={make!r} cannot be used: give a name, or a class or a function, which has one")
    identifier, place = f"{name}-v0", _importable(make)
    entry_point = place or make
    known: Any = gymnasium.registry.get(identifier)
    if known is not None and known.entry_point != entry_point:
        if not callable(known.entry_point):
            raise AccumbensError(f"Gymnasium has an environment {identifier!r} already: give {make!r} another name")
        del gymnasium.registry[identifier]  # defined again, as in a notebook
        known = None
    if known is None:
        gymnasium.register(identifier, entry_point=entry_point)
    return f"{place}-v0" if place else identifier


def registers(module: str, identifier: str) -> bool:
    """Whether Gymnasium has an environment of that id, now that a module is imported.

    If the module defines what makes it, as `register_factory` names it, but does not register it, that is done here.

    Raises:
        AccumbensError: Gymnasium has the environment of another module under that id.
    """
    name, known = identifier.removesuffix("-v0"), gymnasium.registry.get(identifier)
    make: Any = getattr(sys.modules[module], name, None) if identifier.endswith("-v0") else None
    if not _makes_environments(make) or _importable(make) != f"{module}:{name}":
        return known is not None
    if known is None:
        register_factory(make)
    elif (other := _place(known.entry_point)) != f"{module}:{name}" and other.endswith(f":{name}"):
        raise AccumbensError(f"Gymnasium has another environment {identifier!r} already, {other}: rename one of them")
    return True


def defined_at(name: str) -> str | None:
    """Return the `module.Name` that makes an environment that its module need not register; None of any other."""
    spec = gymnasium.registry[name.rpartition(":")[2]]
    bare = spec.max_episode_steps is None and not spec.kwargs and not spec.additional_wrappers
    return str(spec.entry_point).replace(":", ".") if bare and name == f"{spec.entry_point}-v0" else None


def defined_in(module: str) -> list[str]:
    """List the classes of environments that an imported module defines, as `register_factory` names them."""
    classes = [make for make in vars(sys.modules[module]).values() if isinstance(make, type)]
    places = [_importable(make) for make in classes if _makes_environments(make)]
    return [f"{place}-v0" for place in places if place and place.startswith(f"{module}:")]


def _makes_environments(make: Any) -> bool:
    return issubclass(make, gymnasium.Env) if isinstance(make, type) else isfunction(make)


def _importable(make: Callable[..., gymnasium.Env]) -> str | None:
    """`module:name`, if that is where another process finds it."""
    module, _, name = _place(make).partition(":")
    on_path = PathFinder.find_spec(module.partition(".")[0]) is not None
    return f"{module}:{name}" if on_path and getattr(sys.modules.get(module), name, None) is make else None


def _place(make: Any) -> str:
    """`module:name` of what makes an environment, which may be given by it."""
    return make if isinstance(make, str) else f"{getattr(make, '__module__', None) or '__main__'}:{make.__qualname__}"
