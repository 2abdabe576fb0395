"""Which runs of agents can learn side by side in one program: those that differ in numbers the program computes with.

Whether a setting is such a number is not listed anywhere: the program is traced with it as an array. Where Python
needs its value, such as for a branch or a size, tracing fails; where it is kept in the structure of the state, two
values make two structures. Either way runs with different values are programs of their own.
"""

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.training.config import RunConfig


def varied(configs: Sequence[RunConfig]) -> list[str]:
    """Return the names of the settings that are numbers in all runs, but not the same in all."""
    names = [field.name for field in dataclasses.fields(configs[0].settings)]
    values = {name: [getattr(config.settings, name) for config in configs] for name in names}
    return [name for name in names if all(map(_is_number, values[name])) and len(set(values[name])) > 1]


def values_of(configs: Sequence[RunConfig]) -> dict[str, jax.Array]:
    """Return the settings that are not the same in all runs, [runs × seeds]."""
    return {
        name: jnp.asarray(
            np.repeat([getattr(config.settings, name) for config in configs], configs[0].seeds), jnp.float32
        )
        for name in varied(configs)
    }


def groups(configs: Sequence[RunConfig]) -> list[list[int]]:
    """Return which runs can learn side by side, as indices; their environment must be on the device.

    Raises:
        AccumbensError: a run cannot be made.
    """
    found: list[list[int]] = []
    for alike in _by(configs, range(len(configs)), ()):
        names = varied([configs[index] for index in alike])
        if len(alike) == 1 or _is_computed_with(configs, alike, names):
            found.append(alike)
            continue
        fixed = tuple(
            name for name in names if not _is_computed_with(configs, _differing(configs, alike, name), [name])
        )
        found += _by(configs, alike, fixed)
    return found


def _by(configs: Sequence[RunConfig], indices: Sequence[int], fixed: tuple[str, ...]) -> list[list[int]]:
    """Groups of runs that are the same but for their seeds and for numbers that are not `fixed`."""
    found: dict[Hashable, list[int]] = {}
    for index in indices:
        config = configs[index]
        settings = {
            field.name: "number" if _is_number(value) and field.name not in fixed else value
            for field in dataclasses.fields(config.settings)
            for value in [getattr(config.settings, field.name)]
        }
        run = dataclasses.replace(config, seed=0)
        key = tuple(getattr(run, field.name) for field in dataclasses.fields(run) if field.name != "settings")
        found.setdefault((*key, type(config.settings), *settings.items()), []).append(index)
    return list(found.values())


def _differing(configs: Sequence[RunConfig], indices: Sequence[int], name: str) -> list[int]:
    """Two runs that differ in a setting."""
    first = getattr(configs[indices[0]].settings, name)
    return [indices[0], next(index for index in indices if getattr(configs[index].settings, name) != first)]


def _is_computed_with(configs: Sequence[RunConfig], indices: Sequence[int], names: Sequence[str]) -> bool:
    """Whether the program takes these settings as arrays."""
    from accumbens.training.trainer import Trainer

    first = dataclasses.replace(configs[indices[0]], seeds=1)

    def with_value_of(name: str) -> RunConfig:
        other = configs[_differing(configs, indices, name)[1]]
        changed = dataclasses.replace(first.settings, **{name: getattr(other.settings, name)})
        return dataclasses.replace(first, settings=changed)

    others = [with_value_of(name) for name in names]
    structure, *different = (jax.tree.structure(Trainer(config).like()) for config in (first, *others))
    if any(other != structure for other in different):  # equal ones may have other hashes
        return False
    try:
        Trainer(first, *others).trace()
    except TypeError:  # of JAX: a value is asked for that is not known yet
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, float)
