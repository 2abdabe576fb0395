"""accumbens: deep networks in which every layer learns from its own error signal."""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from accumbens.envs.gymnasium_ids import register_with_gymnasium

if TYPE_CHECKING:
    from accumbens.api import fit, open_run, train
    from accumbens.cells.checker import check_cell
    from accumbens.cells.registry import register_cell, register_readout
    from accumbens.credit.fitted import FittedNetwork
    from accumbens.credit.registry import register_rule
    from accumbens.credit.tasks.registry import register_task
    from accumbens.envs.checker import check_environment
    from accumbens.envs.registry import register_environment
    from accumbens.envs.to_gymnasium import to_gymnasium
    from accumbens.run import Curve, Evaluations, Played, Progress, Run
    from accumbens.share.load import load
    from accumbens.training.acting import ActingAgent
    from accumbens.training.text_agent import ActingLanguageAgent

__all__ = [
    "ActingAgent",
    "ActingLanguageAgent",
    "Curve",
    "Evaluations",
    "FittedNetwork",
    "Played",
    "Progress",
    "Run",
    "__version__",
    "check_cell",
    "check_environment",
    "fit",
    "load",
    "open_run",
    "register_cell",
    "register_environment",
    "register_readout",
    "register_rule",
    "register_task",
    "to_gymnasium",
    "train",
]
__version__ = version("accumbens")

_HOMES = {
    "ActingAgent": "training.acting",
    "ActingLanguageAgent": "training.text_agent",
    "Curve": "run",
    "Evaluations": "run",
    "FittedNetwork": "credit.fitted",
    "Played": "run",
    "Progress": "run",
    "Run": "run",
    "check_cell": "cells.checker",
    "check_environment": "envs.checker",
    "fit": "api",
    "load": "share.load",
    "open_run": "api",
    "register_cell": "cells.registry",
    "register_environment": "envs.registry",
    "register_readout": "cells.registry",
    "register_rule": "credit.registry",
    "register_task": "credit.tasks.registry",
    "to_gymnasium": "envs.to_gymnasium",
    "train": "api",
}


def __getattr__(name: str) -> Any:
    """Import what is public here when it is first used, so that the command line starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"accumbens.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List what is public, imported already or not."""
    return sorted({*globals(), *__all__})


register_with_gymnasium()
