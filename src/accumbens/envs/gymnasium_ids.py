"""Our environments in Gymnasium's registry, for `gymnasium.make("accumbens/minatar-breakout")`.

Gymnasium looks for no plugins since 1.0, so importing accumbens is what registers them. That must not import Gymnasium,
which takes longer than all else that the command line needs at its start: where Gymnasium is not there yet, a finder
waits for it.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from accumbens.envs import registry

_MODULE = "gymnasium.envs.registration"


def register_with_gymnasium() -> None:
    """Register our environments with Gymnasium, those on the device and those of texts, now or once it is imported."""
    if _MODULE in sys.modules:
        _register(sys.modules[_MODULE])
    else:
        sys.meta_path.insert(0, _RegisterWhenImported())


def _register(registration: ModuleType) -> None:
    for identifier, name in registry.GYMNASIUM_IDS.items():
        entry_point = registry.GYMNASIUM_ENTRY_POINT
        registration.register(identifier, entry_point, vector_entry_point=entry_point, kwargs={"env": name})
    for identifier, (entry_point, limit) in registry.text_environments().items():
        registration.register(identifier, entry_point, max_episode_steps=limit)


class _RegisterWhenImported:
    """Finds Gymnasium's registry as Python would, and has ours registered once it is executed."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == _MODULE else None
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                sys.meta_path.remove(self)
                _register(module)

            spec.loader.exec_module = execute_and_register
        return spec
