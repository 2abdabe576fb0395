"""The same questions answered by numbers: the program of an update is run again with something else in one place.

Whatever the network marks is held at the value it had, so that a change in one place is seen only where that place
itself is read. The walk through the program proves what cannot be; this shows what is. The two must agree.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from accumbens.credit.audit.program import Program, weights
from accumbens.credit.audit.reading import OUTPUTS, SCALAR
from accumbens.credit.audit.replay import replay
from accumbens.credit.protocol import Batch, Rule, TaskFacts
from accumbens.generator import make_key
from accumbens.tracing.compile import quick_jit

DIRECTIONS = 256
"""Numbers of a layer up to which derivatives are taken with respect to each; of more, along so many directions."""

_TOLERANCE = 1e-3  # singular values below this part of the largest are rounding


class Point(NamedTuple):
    """Where a program is measured.

    Attributes:
        arguments: of the program.
        marks: label and value of everything that was marked, in the order of the program.
    """

    arguments: list[Array]
    marks: list[tuple[str, Array]]


class Measured(NamedTuple):
    """What numbers show.

    Attributes:
        changed: by label, which layers' updates changed to the bit when that alone was another.
        direct: norm of the derivative of the update of layer i (row) with respect to the weights of layer j (column),
            everything that is marked held; exactly zero where it reads nothing of them.
        by_activity: the same of what comes by way of activity: all there is, less what is direct.
        error_dimensions: of how many numbers an example's outputs are to the update of every layer: 0 where they do not
            matter, 1 if they come as a scalar, more if they come as a vector.
    """

    changed: dict[str, Bool[np.ndarray, " layers"]]
    direct: Float[np.ndarray, "layers layers"]
    by_activity: Float[np.ndarray, "layers layers"]
    error_dimensions: tuple[int, ...]


def draw(rule: Rule, facts: TaskFacts, program: Program, examples: int) -> Point:
    """Return random numbers to measure at: a new network, a random batch, and memory that is not at its start."""
    rng = np.random.default_rng(0)

    def moved(leaf: Array) -> Array:  # upwards: among it may be variances and deviations
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        return leaf + jnp.asarray(0.1 * np.abs(rng.normal(size=leaf.shape)), leaf.dtype)

    network, memory = quick_jit(rule.init)(make_key(0))
    rows = (examples,) if facts.steps is None else (examples, facts.steps)
    if facts.kind == "classification":
        y = rng.integers(0, facts.outputs, rows).astype(np.int32)
    else:
        y = rng.normal(size=(*rows, facts.outputs)).astype(np.float32)
    x = jnp.asarray(rng.normal(size=(*rows, facts.inputs)), jnp.float32)
    batch = Batch(x, jnp.asarray(y), jnp.zeros((), jnp.int32))
    arguments = [*jax.tree.leaves((network, jax.tree.map(moved, memory), batch)), make_key(1)]

    def record(arguments: list[Array]) -> list[Array]:
        values: list[Array] = []
        labels.clear()

        def on_mark(label: str, value: Array) -> Array:
            labels.append(label)
            values.append(value)
            return value

        replay(program.jaxpr, arguments, on_mark)
        return values

    labels: list[str] = []
    values = quick_jit(record)(arguments)
    return Point(arguments, list(zip(labels, values, strict=True)))


def measure(program: Program, point: Point) -> Measured:
    """Return what numbers show of a program whose marks are in no loop."""
    direct, by_activity = _jacobian(program, point)
    return Measured(_changed(program, point), direct, by_activity, _error_dimensions(program, point))


def _updates(program: Program, results: Sequence[Any]) -> list[list[Any]]:
    return [[results[index] for index in program.gradients(layer)] for layer in range(program.num_layers)]


def _held(program: Program, arguments: Sequence[Any], marks: Sequence[Any]) -> list[Any]:
    left = iter(marks)
    return replay(program.jaxpr, arguments, lambda label, value: next(left).astype(value.dtype))


def _changed(program: Program, point: Point) -> dict[str, Bool[np.ndarray, " layers"]]:
    """What every label changes, one at a time."""
    run = quick_jit(lambda arguments, marks: _updates(program, _held(program, arguments, marks)))
    labels, values = [label for label, _ in point.marks], [value for _, value in point.marks]
    before = run(point.arguments, values)
    changed = {}
    for source in dict.fromkeys([*program.arguments, *labels]):
        rng = np.random.default_rng(2)
        arguments = [
            _other(value, label, rng) if label == source else value
            for label, value in zip(program.arguments, point.arguments, strict=True)
        ]
        marks = [
            _other(value, label, rng) if label == source else value for label, value in zip(labels, values, strict=True)
        ]
        after = run(arguments, marks)
        changed[source] = np.asarray(
            [
                any(not np.array_equal(x, y, equal_nan=True) for x, y in zip(*pair, strict=True))
                for pair in zip(before, after, strict=True)
            ]
        )
    return changed


def _other(value: Array, label: str, rng: np.random.Generator) -> Array:
    """Another value that is as good: of another example if examples have one each, or moved a little."""
    if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return make_key(2) if value.ndim == 0 else value[::-1]
    other, active = np.asarray(value), label.startswith("activity:")
    if label == "epoch":
        other = other + 1
    if active or label in ("x", "y", SCALAR, OUTPUTS):
        other = np.roll(other, 1, axis=tuple(range(max(other.ndim - 1, min(other.ndim, 1)))))
    if jnp.issubdtype(value.dtype, jnp.floating) and not active:
        other = other * (1 + 0.1 * rng.random(other.shape)) + 0.01
    return jnp.asarray(other, value.dtype)


def _jacobian(program: Program, point: Point) -> tuple[Float[np.ndarray, "layers layers"], ...]:
    """Norms of the derivatives of all updates with respect to all weights: direct, and by way of what is marked."""
    places = [
        i
        for i, label in enumerate(program.arguments)
        if label.startswith("weights:") and jnp.issubdtype(point.arguments[i].dtype, jnp.floating)
    ]
    start = [point.arguments[i] for i in places]

    def updates(leaves: list[Array], hold: bool) -> list[list[Any]]:
        arguments = list(point.arguments)
        for place, leaf in zip(places, leaves, strict=True):
            arguments[place] = leaf
        on_mark = (lambda label, value: jax.lax.stop_gradient(value)) if hold else (lambda label, value: value)
        return _updates(program, replay(program.jaxpr, arguments, on_mark))

    def along(direction: list[Array]) -> tuple[Array, Array]:
        held, free = (jax.jvp(partial(updates, hold=hold), (start,), (direction,))[1] for hold in (True, False))
        return _squares(held), _squares(jax.tree.map(jnp.subtract, free, held))

    norms = quick_jit(lambda directions: [jnp.sqrt(part.sum(axis=0)) for part in jax.vmap(along)(directions)])
    columns = [
        norms(_directions(start, [program.arguments[i] == weights(source) for i in places]))
        for source in range(program.num_layers)
    ]
    return tuple(np.stack([np.asarray(column[part]) for column in columns], axis=1) for part in (0, 1))


def _squares(layers: list[list[Array]]) -> Float[Array, " layers"]:
    return jnp.stack([sum((jnp.square(leaf).sum() for leaf in layer), start=jnp.zeros(())) for layer in layers])


def _directions(leaves: list[Array], moving: list[bool]) -> list[Array]:
    """Directions in which only some leaves move: one for each of their numbers, or, where these are many, random ones.

    The squares of derivatives along random directions sum to the same on average.
    """
    total = sum(leaf.size for leaf, moves in zip(leaves, moving, strict=True) if moves)
    if total <= DIRECTIONS:
        rows = np.eye(DIRECTIONS, total)
    else:
        rows = np.random.default_rng(3).normal(size=(DIRECTIONS, total)) / DIRECTIONS**0.5
    found, start = [], 0
    for leaf, moves in zip(leaves, moving, strict=True):
        part = rows[:, start : start + leaf.size] if moves else np.zeros((DIRECTIONS, leaf.size))
        start += leaf.size if moves else 0
        found.append(jnp.asarray(part.reshape(-1, *leaf.shape), leaf.dtype))
    return found


def _error_dimensions(program: Program, point: Point) -> tuple[int, ...]:
    """Rank of the derivative of every layer's update with respect to the outputs of one example, the largest found."""
    places = [place for place, (label, _) in enumerate(point.marks) if label == OUTPUTS]

    def updates(outputs: Array, place: int) -> list[Array]:
        values = iter([outputs if index == place else value for index, (_, value) in enumerate(point.marks)])

        def on_mark(label: str, value: Array) -> Array:
            held = next(values)
            return value if label == SCALAR else held  # a scalar is what outputs reach an update by

        found = _updates(program, replay(program.jaxpr, point.arguments, on_mark))
        return [jnp.concatenate([leaf.ravel() for leaf in layer]) for layer in found]

    dimensions = np.zeros(program.num_layers, int)
    for place in places:
        outputs = point.marks[place][1]
        jacobian = quick_jit(jax.jacfwd(partial(updates, place=place)))(outputs)
        for layer, derivative in enumerate(jacobian):
            examples = np.asarray(derivative, np.float64).reshape(len(derivative), -1, outputs.shape[-1])
            dimensions[layer] = max(dimensions[layer], *map(_rank, np.moveaxis(examples, 1, 0)))
    return tuple(dimensions.tolist())


def _rank(matrix: Float[np.ndarray, "numbers outputs"]) -> int:
    sizes = np.linalg.svd(matrix, compute_uv=False)
    return int((sizes > _TOLERANCE * sizes[0]).sum())
