"""Several runs in one program: their states, one behind the other along the axis of seeds.

A kind whose job can do that has states with a field `seeds`, a tree whose arrays all have a leading axis of seeds; all
other fields, the counters, are shared.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def split(state: Any, runs: int) -> list[Any]:
    """Return the states of so many runs of equally many seeds, in the memory of the host.

    Args:
        state: a NamedTuple with `seeds`, of all of them.
        runs: how many.
    """
    leaves, structure = jax.tree.flatten(jax.device_get(jax.tree.map(_plain, state.seeds)))
    kinds = [_generator(leaf) for leaf in jax.tree.leaves(state.seeds)]
    pieces = [np.split(leaf, runs) for leaf in leaves]
    return [
        state._replace(
            seeds=structure.unflatten(
                piece[index] if kind is None else jax.random.wrap_key_data(jnp.asarray(piece[index]), impl=kind)
                for piece, kind in zip(pieces, kinds, strict=True)
            )
        )
        for index in range(runs)
    ]


def join(parts: Sequence[Any]) -> Any:
    """Return the state of all runs, of which these are the states; `split` takes it apart again.

    Raises:
        ValueError: their counters differ.
    """
    first = parts[0]
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


def _plain(leaf: Any) -> Any:
    return leaf if _generator(leaf) is None else jax.random.key_data(leaf)
