"""Several runs in one program: which can be, and their states, one behind the other along the axis of seeds.

Runs can learn side by side that differ in nothing but seeds and numbers that the program computes with. Whether a
setting is such a number is not listed anywhere: the program is traced with it as an array. Where Python needs its
value, such as for a branch or a size, tracing fails; where it is kept in the structure of the state, two values make
two structures. Either way runs with different values are programs of their own.
"""

import copy
import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from accumbens.errors import AccumbensError
from accumbens.runs.job import Job

S = TypeVar("S")
T = TypeVar("T")

Values = Mapping[str, Float[Array, "*seeds"]] | None
"""Settings that are not the same for all seeds, by name; None where all are."""


class SideBySide(Job[S]):
    """The work of one run, or of several side by side; its state is a NamedTuple with `seeds`, see `split_runs`."""

    _runs: Sequence[Any]
    _values: Values

    def _take(self, configs: Sequence[Any], part: str) -> None:
        """Take up these runs, whose numbers stand in that part of their configurations."""
        self.config, self._runs, self._values = configs[0], [self], values_of(configs, part)
        self.seeds = [seed for own in configs for seed in own.seed_list()]

    def _alone(self, config: Any) -> Any:
        """Return the work of one of them, which reads and writes for itself but does not learn alone."""
        own = copy.copy(self)
        own.config, own.seeds, own._runs = config, config.seed_list(), [own]
        return own

    @property
    def jobs(self) -> Sequence[Any]:
        """Return the work of each of the runs."""
        return self._runs

    def like_one(self) -> Any:
        """Return the shapes of the state of one of the runs."""
        return like_one(self.like(), len(self._runs))

    def parts(self, state: S) -> list[S]:
        """Return the states of the runs."""
        return split_runs(state, len(self._runs))

    def joined(self, parts: Sequence[S]) -> S:
        """Return the state of all runs."""
        return join_runs(parts)


class Beside(NamedTuple):
    """How runs of one kind learn side by side.

    Attributes:
        part: the field of the configuration that holds the settings which may differ.
        make: `make(*configs)` makes the job of several runs.
        trace: goes through all programs of a job with the values that it has, and compiles none; a TypeError of JAX
            says that a value is needed that is not known yet.
        told: settings that the structure of a state has, and that the programs do not take from there.
    """

    part: str
    make: Callable[..., Job[Any]]
    trace: Callable[[Any], None]
    told: Sequence[str] = ()


def varied(configs: Sequence[Any], part: str) -> list[str]:
    """Return the names of the settings that are numbers in all runs, but not the same in all."""
    settings = [getattr(config, part) for config in configs]
    names = [field.name for field in dataclasses.fields(settings[0])]
    values = {name: [getattr(own, name) for own in settings] for name in names}
    return [name for name in names if all(map(_is_number, values[name])) and len(set(values[name])) > 1]


def values_of(configs: Sequence[Any], part: str) -> Values:
    """Return the settings that are not the same in all runs, `[runs × seeds]`."""
    settings, seeds = [getattr(config, part) for config in configs], configs[0].seeds
    found = {name: np.repeat([getattr(own, name) for own in settings], seeds) for name in varied(configs, part)}
    return {name: jnp.asarray(values, jnp.float32) for name, values in found.items()} or None


def with_values(settings: T, values: Mapping[str, Any]) -> T:
    """Return settings with arrays in place of some numbers, which are of another type than the fields say."""
    changed = copy.copy(settings)
    vars(changed).update(values)
    return changed


def groups(beside: Beside, configs: Sequence[Any]) -> list[list[int]]:
    """Return which runs can learn side by side, as indices.

    Args:
        beside: how they do.
        configs: of the runs, all of one class.
    """
    part, found = beside.part, []
    for alike in _by(configs, range(len(configs)), part, ()):
        names = varied([configs[index] for index in alike], part)
        if not names or _is_computed_with(beside, configs, alike, names):
            found.append(alike)
            continue
        free = [name for name in names if _is_computed_with(beside, configs, alike, [name])]
        found += _by(configs, alike, part, set(names).difference(free))
    return found


def _by(configs: Sequence[Any], indices: Sequence[int], part: str, fixed: Any) -> list[list[int]]:
    """Groups of runs that are the same but for their seeds and for numbers that are not `fixed`."""
    found: dict[Hashable, list[int]] = {}
    for index in indices:
        settings = getattr(configs[index], part)
        numbers = {
            field.name: "number" if _is_number(value) and field.name not in fixed else value
            for field in dataclasses.fields(settings)
            for value in [getattr(settings, field.name)]
        }
        rest = vars(dataclasses.replace(configs[index], seed=0)) | {part: type(settings)}
        found.setdefault((*rest.items(), *numbers.items()), []).append(index)
    return list(found.values())


def _is_computed_with(beside: Beside, configs: Sequence[Any], indices: Sequence[int], names: Sequence[str]) -> bool:
    """Whether the programs take these settings as arrays."""
    first = dataclasses.replace(configs[indices[0]], seeds=1)
    settings = getattr(first, beside.part)

    def with_another(name: str) -> Any:
        values = (getattr(getattr(configs[index], beside.part), name) for index in indices)
        other = next(value for value in values if value != getattr(settings, name))
        return dataclasses.replace(first, **{beside.part: dataclasses.replace(settings, **{name: other})})

    others = [with_another(name) for name in names]
    try:
        kept = [other for name, other in zip(names, others, strict=True) if name not in beside.told]
        structure, *different = (jax.tree.structure(beside.make(config).like()) for config in (first, *kept))
        if any(other != structure for other in different):  # equal ones may have other hashes
            return False
        beside.trace(beside.make(first, *others))
    except TypeError:
        return False
    except AccumbensError:  # a value that goes with others only, or that none goes with: then a run by itself says so
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, float)


def split_runs(state: Any, runs: int) -> list[Any]:
    """Return the states of so many runs of equally many seeds, in the memory of the host.

    Args:
        state: a NamedTuple with `seeds`, a tree whose arrays have a leading axis of all seeds; other fields are shared.
        runs: how many.
    """
    if runs == 1:
        return [state]
    leaves, structure = jax.tree.flatten(state.seeds)
    kinds = [_generator(leaf) for leaf in leaves]
    plain = [leaf if kind is None else jax.random.key_data(leaf) for leaf, kind in zip(leaves, kinds, strict=True)]
    pieces = [np.split(leaf, runs) for leaf in jax.device_get(plain)]
    return [
        state._replace(
            seeds=structure.unflatten(
                piece[index] if kind is None else jax.random.wrap_key_data(jnp.asarray(piece[index]), impl=kind)
                for piece, kind in zip(pieces, kinds, strict=True)
            )
        )
        for index in range(runs)
    ]


def like_one(like: Any, runs: int) -> Any:
    """Return the shapes of the state of one of so many runs, of those of the state of all."""

    def shape(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((leaf.shape[0] // runs, *leaf.shape[1:]), leaf.dtype)

    return like if runs == 1 else like._replace(seeds=jax.tree.map(shape, like.seeds))


def join_runs(parts: Sequence[Any]) -> Any:
    """Return the state of all runs, of which these are the states; `split_runs` takes it apart again.

    Raises:
        ValueError: their counters differ.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    for name in first._fields:
        if name != "seeds" and any(int(getattr(part, name)) != int(getattr(first, name)) for part in parts):
            raise ValueError(f"runs that stand at different points cannot go on side by side: {name}")

    def behind(*leaves: Any) -> Any:
        if _generator(leaves[0]) is not None:
            return jnp.concatenate(leaves)
        return jnp.asarray(np.concatenate([np.asarray(leaf) for leaf in leaves]))

    return first._replace(seeds=jax.tree.map(behind, *(part.seeds for part in parts)))


def _generator(leaf: Any) -> Any:
    """The generator that random keys are of; None for other arrays."""
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_impl(leaf) if is_key else None
