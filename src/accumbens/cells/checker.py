"""Does a cell of your own keep a cell's promises? For everyone who writes one."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from accumbens.cells.protocol import Cell, CellOutput, output_of
from accumbens.cells.readout import QuantileReadout, Readout, ScalarReadout
from accumbens.errors import AccumbensError, users_code
from accumbens.generator import make_key, pinned_generator
from accumbens.tracing.compile import quick_jit

INPUTS, HIDDEN, ACTIONS, FEATURES = 7, 5, 3, 2


@pinned_generator()
def check_cell(make: Callable[..., Cell]) -> None:
    """Check a kind of cell by making some and looking at what they compute.

    It finds missing arguments, wrong shapes and types, parameters that are not arrays of float32 or do not come from
    the key, an activity that depends on the action or that `hidden` computes differently, another output by
    `chosen` than by a call, activity, values and gradients that are not finite (silence included: a cell that sees only
    zeros), and readouts and cells without actions that do not work.

    Args:
        make: what `register_cell` takes.

    Raises:
        AccumbensError: the first promise that is broken, in words.
    """
    for readout, actions in ((ScalarReadout(0.5), ACTIONS), (QuantileReadout(4), ACTIONS), (ScalarReadout(), 0)):
        check_cell_with(make, readout, actions)
    if "action_features" in inspect.signature(make).parameters:
        check_cell_with(make, ScalarReadout(), ACTIONS, FEATURES)


def check_cell_with(
    make: Callable[..., Cell], readout: Readout, actions: int = ACTIONS, features: int | None = None
) -> None:
    """Check a kind of cell with one readout: as `check_cell`, in about a second.

    Args:
        make: what `register_cell` takes.
        readout: how values are read from it.
        actions: their number; 0 for a cell that predicts nothing.
        features: of every action, for a cell that is conditioned on it; None for one that is not.

    Raises:
        AccumbensError: the first promise that is broken, in words.
    """
    arguments = inspect.signature(make).parameters
    takes_all = any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values())
    for name in ("key", "readout", *(["action_features"] if features is not None else [])):
        _require(takes_all or name in arguments, f"it takes no argument {name!r}")
    options = {} if features is None else {"action_features": features}

    def made(seed: int) -> Any:
        return make(INPUTS, HIDDEN, actions, key=make_key(seed), readout=readout, **options)

    with users_code("the cell does not work", make):
        cell: Any = made(0)
        is_cell = all(isinstance(cell, kind) for kind in (eqx.Module, Cell))
        _require(is_cell, "it is not an Equinox module with `hidden`")
        parameters = jax.tree.leaves(cell)
        types = {str(getattr(leaf, "dtype", type(leaf).__name__)) for leaf in parameters}
        _require(types == {"float32"}, f"its parameters are of {', '.join(sorted(types))}, not arrays of float32")
        _require(_same(cell, made(0)), "the same key gives other parameters; all randomness must come from it")
        _require(not _same(cell, made(1)), "another key gives the same parameters")
        for candidates in _candidates(features):
            _check_outputs(cell, candidates, readout, actions)
        if hasattr(cell, "chosen") and features is None and actions:
            _check_chosen(cell, actions)


def _inputs() -> Float[Array, "cases inputs"]:
    """Silence, something constant, something random."""
    return jnp.asarray([np.zeros(INPUTS), np.ones(INPUTS), np.random.default_rng(0).normal(size=INPUTS)], jnp.float32)


def _candidates(features: int | None) -> Iterator[Float[Array, "candidates features"] | None]:
    if features is None:
        yield None
        return
    for count in (1, ACTIONS):  # one action, and all of them
        yield jax.random.normal(make_key(count), (count, features))


def _check_outputs(cell: Any, candidates: Array | None, readout: Readout, actions: int) -> None:
    output = eqx.filter_eval_shape(lambda x: cell(x, candidates), jnp.zeros(INPUTS))
    _require(isinstance(output, CellOutput), f"it returns a {type(output).__name__}, not a CellOutput")
    count = actions if candidates is None else len(candidates)
    quantiles = (readout.size,) if isinstance(readout, QuantileReadout) and actions else ()
    _require_array("hidden", output.hidden, (HIDDEN,))
    _require_array(f"value with {actions} actions", output.value, (*quantiles, count))

    def error(cell: Cell, x: Array) -> tuple[Array, CellOutput]:
        hidden, value = cell(x, candidates)
        return jnp.square(value - 1).sum() + jnp.square(hidden - 1).sum(), CellOutput(hidden, value)

    def computed(x: Array) -> tuple[CellOutput, Array, Cell]:
        gradient, output = jax.grad(error, has_aux=True)(cell, x)
        return output, cell.hidden(x), gradient

    every = jax.tree.map(np.asarray, quick_jit(jax.vmap(computed))(_inputs()))
    for case, x in enumerate(np.asarray(_inputs())):
        output, alone, gradient = jax.tree.map(lambda array, case=case: array[case], every)
        for name, array in output._asdict().items():
            _require(bool(np.isfinite(array).all()), f"its {name} is not finite where x is {x}")
        _require(_same(alone, output.hidden), "`hidden` and a call give different activities for the same inputs")
        finite = all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
        _require(finite, f"its gradient is not finite where x is {x}")


def _check_chosen(cell: Any, actions: int) -> None:
    """What a cell says of some actions is what it says of them among all."""
    some = jnp.asarray([actions - 1, 0])

    def both(x: Array) -> tuple[CellOutput, CellOutput]:
        output = cell(x)
        return output_of(cell, x, some), output._replace(value=output.value[..., some])

    chosen, expected = quick_jit(jax.vmap(both))(_inputs())
    _require(_same(chosen, expected), "`chosen` and a call give different outputs for the same actions")


@pinned_generator()
def check_readout(make: Callable[..., Readout]) -> None:
    """Check a kind of readout: what it reads of zeros and of random numbers must be one finite number per action.

    Args:
        make: what `register_readout` takes.

    Raises:
        AccumbensError: the first promise that is broken, in words.
    """
    with users_code("the readout does not work", make):
        readout: Any = make(HIDDEN, value_scale=0.5)
        is_readout = all(isinstance(readout, kind) for kind in (eqx.Module, Readout))
        _require(is_readout, "it is not an Equinox module with `size`", "readout")
        _require(isinstance(readout.size, int) and readout.size >= 1, f"its size is {readout.size!r}", "readout")
        shape = (ACTIONS, readout.size)
        found = eqx.filter_eval_shape(readout, jnp.zeros(shape))
        said = f"of {ACTIONS} actions it reads {_described(found)}, not float32[{ACTIONS}]"
        _require(_described(found) == f"float32[{ACTIONS}]", said, "readout")
        read = quick_jit(jax.vmap(jax.value_and_grad(lambda y: readout(y).sum())))
        for array in read(jnp.asarray([np.zeros(shape), np.random.default_rng(0).normal(size=shape)], jnp.float32)):
            _require(bool(np.isfinite(array).all()), "its values or their gradient are not finite", "readout")


def _require_array(name: str, array: Any, shape: tuple[int, ...]) -> None:
    expected = f"float32[{','.join(map(str, shape))}]"
    _require(_described(array) == expected, f"its {name} is {_described(array)}, not {expected}")


def _described(array: Any) -> str:
    return f"{array.dtype}[{','.join(map(str, array.shape))}]" if hasattr(array, "dtype") else type(array).__name__


def _same(one: Any, other: Any) -> bool:
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in leaves)


def _require(promise: bool, broken: str, what: str = "cell") -> None:
    if not promise:
        raise AccumbensError(f"the {what} breaks a promise: {broken}")
