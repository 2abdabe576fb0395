"""Every setting of a rule, with its meaning beside it. Importing this needs neither JAX nor NumPy."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """What all rules share."""

    layers: tuple[int, ...] = (64, 64)
    """Units of every hidden layer."""
    optimiser: Literal["sgd", "rmsprop", "adam"] = "rmsprop"
    """Optimiser of the network; each moves every number by itself, so none mixes layers."""
    learning_rate: float = 2**-11
    """Learning rate α."""
    batch_size: int = 32
    """Examples of one update; all of them if there are fewer."""


@dataclass(frozen=True, kw_only=True)
class ConventionalSettings(RuleSettings):
    """Of rules for conventional networks."""


@dataclass(frozen=True, kw_only=True)
class CoagentSettings(RuleSettings):
    """Of networks of reinforcement-learning units (Gupta et al., 2021)."""


@dataclass(frozen=True, kw_only=True)
class VectorisedSettings(RuleSettings):
    """Of vectorised networks (Clark et al., 2021)."""
