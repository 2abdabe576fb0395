"""From settings to an untrained stack: which cell, which readout, what they are given."""

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from accumbens import registration
from accumbens.agents.protocol import EnvironmentFacts
from accumbens.agents.settings import CommonSettings, SequenceSettings
from accumbens.cells import (
    AttentionCell,
    Cell,
    ConstantKeyCell,
    Convolution,
    DotCell,
    GoodnessReadout,
    MLPCell,
    QuantileReadout,
    Readout,
    RecurrentCell,
    RecurrentUnits,
    ScalarReadout,
    Stack,
)
from accumbens.errors import AccumbensError, UnknownNameError

CELLS: dict[str, Callable[..., Cell]] = {
    "attention": AttentionCell,
    "constant_key": ConstantKeyCell,
    "dot": DotCell,
    "mlp": MLPCell,
}


def build_stack(settings: CommonSettings, env: EnvironmentFacts, key: PRNGKeyArray) -> Stack:
    """Return an untrained stack for encoded observations of `env`."""

    build, takes = _cell_maker(settings)

    def make_plain_cell(inputs: int, hidden: int, actions: int, *, key: PRNGKeyArray, convolution: Convolution | None):
        options: dict[str, Any] = {
            "readout": make_readout(settings, hidden),
            "action_features": action_codes(env).shape[1] if settings.action_conditioning else None,
            "layer_norm": settings.layer_norm,
            "convolution": convolution,
            "rank": settings.rank,
            "standardise": settings.standardise,
        }
        return build(inputs, hidden, actions, key=key, **{name: options[name] for name in takes(options)})

    def make_cell(
        inputs: int,
        hidden: int,
        actions: int,
        *,
        key: PRNGKeyArray,
        convolution: Convolution | None = None,
        own: int | None = None,
    ):
        if own is None:
            return make_plain_cell(inputs, hidden, actions, key=key, convolution=convolution)
        units_key, key = jax.random.split(key)
        units = RecurrentUnits(inputs - hidden, hidden // 4, key=units_key)
        seen = inputs - hidden + units.size
        inner = make_plain_cell(seen, hidden - units.size, actions, key=key, convolution=convolution)
        return RecurrentCell(units, inner, own, hidden)

    def make_first_cell(inputs: int, hidden: int, actions: int, *, key: PRNGKeyArray, own: int | None = None):
        convolution = None
        if settings.convolution is not None:
            if len(env.observation_shape) != 3 or min(env.observation_shape[:2]) < 3:
                raise AccumbensError(
                    f"convolution={settings.convolution} cannot be used: it needs images of at least 3 × 3 pixels, and "
                    f"the observation's shape is {env.observation_shape}"
                )
            rows, columns, channels = env.observation_shape
            image_key, key = jax.random.split(key)
            convolution = Convolution((rows, columns, channels), settings.convolution, key=image_key)
        return make_cell(inputs, hidden, actions, key=key, convolution=convolution, own=own)

    return Stack(
        make_cell,
        math.prod(env.observation_shape),
        settings.net_arch,
        env.num_actions,
        key=key,
        make_first_cell=make_first_cell,
        input_skip=settings.input_skip,
        forward_gain=settings.forward_gain,
        recurrent_gain=settings.recurrent_gain,
        every_cell_predicts=settings.every_cell_predicts,
        tell_own=isinstance(settings, SequenceSettings) and settings.recurrent_units,
    )


def _cell_maker(settings: CommonSettings) -> tuple[Callable[..., Cell], Callable[[Iterable[str]], list[str]]]:
    """Return what makes cells, and which of some options it takes: those that its parameters name.

    Raises:
        UnknownNameError: no cell has that name.
        AccumbensError: a registered cell cannot be used with these settings.
    """
    name = settings.cell
    build = CELLS.get(name) or registration.CELLS.get(name)
    if build is None:
        raise UnknownNameError("cell", name, [*CELLS, *registration.CELLS.names()])
    parameters = inspect.signature(build).parameters.values()
    named = {parameter.name for parameter in parameters}
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    if name not in CELLS and not takes_all:
        needed = {"key": True, "readout": True, "action_features": settings.action_conditioning}
        for option, is_needed in (needed | {"convolution": settings.convolution is not None}).items():
            if is_needed and option not in named:
                raise AccumbensError(f"cell={name} cannot be used with these settings: it takes no argument {option!r}")
    return build, lambda options: [option for option in options if takes_all or option in named]


def make_readout(settings: CommonSettings, hidden: int) -> Readout:
    """Return the readout of a cell with `hidden` units.

    Raises:
        UnknownNameError: no readout has that name.
    """
    if settings.readout == "value":
        return ScalarReadout(settings.value_scale)
    if settings.readout == "quantile":
        return QuantileReadout(settings.num_quantiles, settings.value_scale)
    if settings.readout == "goodness":
        return GoodnessReadout(
            settings.goodness_width or hidden,
            settings.goodness,
            value_scale=settings.value_scale,
            value_offset=settings.value_offset,
        )
    make = registration.READOUTS.get(settings.readout)
    if make is None:
        ours = ["value", "quantile", "goodness"]
        raise UnknownNameError("readout", settings.readout, [*ours, *registration.READOUTS.names()])
    return make(hidden, value_scale=settings.value_scale)


def action_codes(env: EnvironmentFacts) -> Float[np.ndarray, "actions features"]:
    """Return what a conditioned cell sees of each action: its features, or one-hot where actions have none."""
    return np.eye(env.num_actions, dtype=np.float32) if env.action_features is None else env.action_features
