"""accumbens: deep networks in which every layer learns from its own error signal."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accumbens.envs.to_gymnasium import to_gymnasium

__all__ = ["__version__", "to_gymnasium"]
__version__ = version("accumbens")


def __getattr__(name: str) -> Any:
    """Import what is public here when it is first used, so that the command line starts quickly."""
    if name == "to_gymnasium":
        from accumbens.envs.to_gymnasium import to_gymnasium

        return to_gymnasium
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
