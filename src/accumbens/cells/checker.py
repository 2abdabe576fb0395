"""Does a cell of your own keep a cell's promises? For everyone who writes one."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from accumbens.cells.protocol import Cell, CellOutput
from accumbens.cells.readout import QuantileReadout, Readout, ScalarReadout
from accumbens.errors import AccumbensError

INPUTS, HIDDEN, ACTIONS, FEATURES = 7, 5, 3, 2


def check_cell(make: Callable[..., Cell]) -> None:
    """Check a kind of cell by making some and looking at what they compute.

    It finds missing arguments, wrong shapes and types, parameters that are not arrays of float32 or do not come from
    the key, an activity that depends on the action or that `hidden` computes differently, activity, values and
    gradients that are not finite (silence included: a cell that sees only zeros), and readouts and cells without
    actions that do not work.

    Args:
        make: what `register_cell` takes.

    Raises:
        AccumbensError: the first promise that is broken, in words.
    """
    arguments = inspect.signature(make).parameters
    takes_all = any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values())
    for name in ("key", "readout"):
        _require(takes_all or name in arguments, f"it takes no argument {name!r}")
    for readout, actions in ((ScalarReadout(0.5), ACTIONS), (QuantileReadout(4), ACTIONS), (ScalarReadout(), 0)):
        _check_one(make, readout, actions, None)
    if "action_features" in arguments:
        _check_one(make, ScalarReadout(), ACTIONS, FEATURES)


def _check_one(make: Callable[..., Cell], readout: Readout, actions: int, features: int | None) -> None:
    options = {} if features is None else {"action_features": features}

    def made(seed: int) -> Any:
        return make(INPUTS, HIDDEN, actions, key=jax.random.key(seed), readout=readout, **options)

    try:
        cell: Any = made(0)
        is_cell = all(isinstance(cell, kind) for kind in (eqx.Module, Cell))
        _require(is_cell, "it is not an Equinox module with `hidden`")
        parameters = jax.tree.leaves(cell)
        types = {str(getattr(leaf, "dtype", type(leaf).__name__)) for leaf in parameters}
        _require(types == {"float32"}, f"its parameters are of {', '.join(sorted(types))}, not arrays of float32")
        _require(_same(cell, made(0)), "the same key gives other parameters; all randomness must come from it")
        _require(not _same(cell, made(1)), "another key gives the same parameters")
        for x in _inputs():
            for candidates in _candidates(features):
                _check_outputs(cell, x, candidates, readout, actions)
    except (TypeError, ValueError, AttributeError) as error:  # JAX's errors of shapes and tracing are among these
        raise AccumbensError(f"the cell does not work: {error}") from error


def _inputs() -> Iterator[Float[Array, " inputs"]]:
    """Silence, something constant, something random."""
    yield jnp.zeros(INPUTS)
    yield jnp.ones(INPUTS)
    yield jax.random.normal(jax.random.key(2), (INPUTS,))


def _candidates(features: int | None) -> Iterator[Float[Array, "candidates features"] | None]:
    if features is None:
        yield None
        return
    for count in (1, ACTIONS):  # one action, and all of them
        yield jax.random.normal(jax.random.key(count), (count, features))


def _check_outputs(cell: Cell, x: Array, candidates: Array | None, readout: Readout, actions: int) -> None:
    output = jax.jit(lambda cell, x, a: cell(x, a))(cell, x, candidates)
    _require(isinstance(output, CellOutput), f"it returns a {type(output).__name__}, not a CellOutput")
    count = actions if candidates is None else len(candidates)
    quantiles = (readout.size,) if isinstance(readout, QuantileReadout) and actions else ()
    _require_array("hidden", output.hidden, (HIDDEN,))
    _require_array(f"value with {actions} actions", output.value, (*quantiles, count))
    alone = jax.jit(lambda cell, x: cell.hidden(x))(cell, x)
    _require(_same(alone, output.hidden), "`hidden` and a call give different activities for the same inputs")

    def error(cell: Cell) -> Array:
        hidden, value = cell(x, candidates)
        return jnp.square(value - 1).sum() + jnp.square(hidden - 1).sum()

    gradient = jax.grad(error)(cell)
    finite = all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    _require(finite, f"its gradient is not finite where x is {np.asarray(x)}")


def _require_array(name: str, array: Array, shape: tuple[int, ...]) -> None:
    found = f"{array.dtype}{list(array.shape)}"
    _require((array.shape, array.dtype) == (shape, jnp.float32), f"its {name} is {found}, not float32{list(shape)}")
    _require(bool(np.isfinite(array).all()), f"its {name} is not finite")


def _same(one: Any, other: Any) -> bool:
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in leaves)


def _require(promise: bool, broken: str) -> None:
    if not promise:
        raise AccumbensError(f"the cell breaks a promise: {broken}")
