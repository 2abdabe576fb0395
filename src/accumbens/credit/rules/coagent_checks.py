"""What values the settings of coagents may have: those that would not be used are refused too."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from jax.core import Tracer

from accumbens.credit.settings import (
    CoagentActionValueSettings,
    CoagentActorCriticSettings,
    CoagentNetworkSettings,
    CoagentPolicySettings,
    CoagentSettings,
)
from accumbens.errors import require


def _with_numbers(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """Leave out the check of settings that are arrays: fits side by side have been checked, each with its numbers."""

    @functools.wraps(check)
    def checked(settings: CoagentNetworkSettings) -> None:
        if not any(isinstance(value, Tracer) for value in vars(settings).values()):
            check(settings)

    return checked


def check_network(settings: CoagentNetworkSettings) -> None:
    """Refuse values that no coagent network could use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    length, partition = len(settings.layers), settings.partition
    allowed = f"empty, or a letter s or d for each of {length} hidden layers"
    require("partition", partition, allowed, not partition or (len(partition) == length and set(partition) <= {*"sd"}))
    require("num_actions", settings.num_actions, ">= 2", settings.num_actions >= 2)
    discrete = ["num_actions", "emission"]
    require_default(settings, discrete, "units=discrete", settings.units == "discrete")
    require_default(settings, discrete, "a hidden layer draws", drawing_layers(settings))


def drawing_layers(settings: CoagentNetworkSettings) -> list[int]:
    """Return the units of every hidden layer that draws."""
    letters = settings.partition or "s" * len(settings.layers)
    return [units for units, letter in zip(settings.layers, letters, strict=True) if letter == "s"]


def check_policy(settings: CoagentPolicySettings) -> None:
    """Refuse values that no coagent with a policy could use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    check_network(settings)
    require("sigma", settings.sigma, "> 0 and finite", 0 < settings.sigma < math.inf)
    require("sigma_decay", settings.sigma_decay, "above 0 and at most 1", 0 < settings.sigma_decay <= 1)
    schedule = settings.sigma_schedule
    gaussian_only = ["sigma", "sigma_schedule", "sigma_parametrisation", "sigma_decay"]
    require_default(settings, gaussian_only, "units=gaussian", settings.units == "gaussian")
    require_default(settings, ["sigma_parametrisation"], "sigma_schedule=learned", schedule == "learned")
    require_default(settings, ["sigma_decay"], "sigma_schedule=decayed", schedule == "decayed")


@_with_numbers
def check_coagent(settings: CoagentSettings) -> None:
    """Refuse values that REINFORCE could not use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    check_policy(settings)
    require("samples", settings.samples, ">= 1", settings.samples >= 1)
    drawing, number, stage = drawing_layers(settings), settings.stochastic_units, settings.stage_epochs
    require_default(settings, ["stochastic_units", "stage_epochs"], "a hidden layer draws", drawing)
    # A Gaussian output layer draws, too.
    require_default(settings, ["baseline", "samples"], "a layer draws", drawing or settings.units == "gaussian")
    if number is not None:
        allowed = f"from 1 to {min(drawing)}, the units of a layer, or none"
        require("stochastic_units", number, allowed, 1 <= number <= min(drawing))
    require("stage_epochs", stage, ">= 1, or none", stage is None or stage >= 1)


@_with_numbers
def check_actor_critic(settings: CoagentActorCriticSettings) -> None:
    """Refuse values that critics could not use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    check_policy(settings)
    width = settings.critic_width
    require("critic_width", width, ">= 1, or none", width is None or width >= 1)
    require("critic_rate", settings.critic_rate, "> 0 and finite", 0 < settings.critic_rate < math.inf)
    require("candidates", settings.candidates, ">= 0", settings.candidates >= 0)
    require_default(settings, ["candidates"], "critic=off-policy-max", settings.critic == "off-policy-max")
    # The last critic learns towards the reward, which is the weight of its coagent anyway.
    drawing = drawing_layers(settings)
    require_default(settings, ["critic"], "two hidden layers draw", len(drawing) >= 2)
    require_default(settings, ["policy_weight"], "a layer draws", drawing or settings.units == "gaussian")


@_with_numbers
def check_action_value(settings: CoagentActionValueSettings) -> None:
    """Refuse values that ε-greedy units could not use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """
    check_network(settings)
    require_default(settings, ["value_target", "epsilon"], "a hidden layer draws", drawing_layers(settings))
    require("epsilon", settings.epsilon, "from 0 to 1", 0 <= settings.epsilon <= 1)
    decays = settings.epsilon_decay
    require("epsilon_decay", decays, "from 0 to 1", 0 <= decays <= 1)
    require_default(settings, ["epsilon_end"], "epsilon_decay > 0", decays > 0)
    allowed = f"from 0 to epsilon = {settings.epsilon}"
    require("epsilon_end", settings.epsilon_end, allowed, not decays or 0 <= settings.epsilon_end <= settings.epsilon)


def require_default(settings: CoagentNetworkSettings, names: Sequence[str], when: str, used: object) -> None:
    """Refuse settings that nothing would read.

    Args:
        settings: all of them.
        names: those that are read only sometimes.
        when: is that.
        used: whether it is so, by its truth.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    for name in names:
        value = getattr(settings, name)
        require(name, value, f"{defaults[name]}, its default, unless {when}", used or value == defaults[name])
