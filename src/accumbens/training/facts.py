"""What an agent must know of its environment in order to act in it, where the environment itself is not at hand."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from accumbens.agents.protocol import EnvironmentFacts
from accumbens.envs import registry
from accumbens.errors import AccumbensError
from accumbens.training.config import RunConfig


class Facts(NamedTuple):
    """The static facts of an environment (as in `EnvironmentFacts`), and what its own actions look like.

    Attributes:
        first_action: the number that the environment gives to its first action.
        action_low: lowest continuous action, of any shape; None where actions are discrete.
        action_high: highest continuous action.
    """

    observation_shape: tuple[int, ...]
    observation_dtype: np.dtype
    observation_low: np.ndarray
    observation_high: np.ndarray
    num_actions: int
    action_dimensions: int | None = None
    action_features: np.ndarray | None = None
    first_action: int = 0
    action_low: np.ndarray | None = None
    action_high: np.ndarray | None = None

    def to_environment(self, choices: np.ndarray) -> np.ndarray:
        """Return the actions that the environment understands.

        Args:
            choices: the agent's, [batch], or [batch, dimensions] of a factored action.

        Returns:
            Integers [batch], or the corners of the box of continuous actions, [batch, *shape].
        """
        if self.action_low is None or self.action_high is None:
            return choices + self.first_action
        assert self.action_features is not None
        high = (self.action_features[choices] if self.action_dimensions is None else choices) > 0
        shape = (len(choices), *self.action_low.shape)
        return np.where(high.reshape(shape), self.action_high, self.action_low)


def facts_of(config: RunConfig) -> Facts:
    """Return the facts of a run's environment, which is made for a moment if it is on the host.

    Raises:
        AccumbensError: the environment cannot be made.
    """
    if registry.is_on_device(config.env):
        return _of(registry.make(config.env))
    from gymnasium.spaces import Box

    from accumbens.envs.gymnasium import describe, make_unchanged

    spec, first_action, source = describe(config.env, getattr(config.settings, "discretisation", "joint"))
    env = make_unchanged(source)
    space = env.action_space
    env.close()
    facts = _of(spec)._replace(first_action=first_action)
    return facts._replace(action_low=space.low, action_high=space.high) if isinstance(space, Box) else facts


def _of(env: EnvironmentFacts) -> Facts:
    return Facts(
        env.observation_shape,
        env.observation_dtype,
        np.asarray(env.observation_low),
        np.asarray(env.observation_high),
        env.num_actions,
        env.action_dimensions,
        env.action_features,
    )


_ARRAYS = ("observation_low", "observation_high", "action_features", "action_low", "action_high")


def to_table(facts: Facts) -> dict[str, Any]:
    """Return the facts as a table of TOML; what is None is left out, and equal bounds are one number."""
    table: dict[str, Any] = {}
    for name, value in facts._asdict().items():
        if isinstance(value, np.ndarray | np.generic):
            array = np.asarray(value)
            equal = name.startswith("observation") and array.size and np.all(array == array.flat[0])
            table[name] = {"dtype": str(array.dtype), "values": (array.flat[0] if equal else array).tolist()}
        elif value is not None:
            table[name] = str(value) if name == "observation_dtype" else value
    return table


def from_table(table: Mapping[str, Any]) -> Facts:
    """Return the facts that `to_table` wrote.

    Raises:
        AccumbensError: something is missing, unknown, or not of its kind.
    """
    fields: dict[str, Any] = {}
    try:
        for name, value in table.items():
            fields[name] = np.asarray(value["values"], np.dtype(value["dtype"])) if name in _ARRAYS else value
        fields["observation_shape"] = tuple(map(int, fields["observation_shape"]))
        fields["observation_dtype"] = np.dtype(fields["observation_dtype"])
        facts = Facts(**fields)
        for bound in (facts.observation_low, facts.observation_high):
            np.broadcast_to(bound, facts.observation_shape)
        fits = facts.num_actions >= 1 and (facts.action_low is None) == (facts.action_high is None)
        fits &= facts.action_features is None or facts.action_features.shape[0] == facts.num_actions
        fits &= facts.action_low is None or (facts.action_features is not None)
    except (KeyError, TypeError, ValueError) as error:
        raise AccumbensError(f"the facts of the environment are damaged: {error!r}") from error
    if not fits:
        raise AccumbensError("the facts of the environment are damaged: they do not fit one another")
    return facts
