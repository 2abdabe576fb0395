"""Which elements of a primitive's results can depend on which elements of its operands.

A *mask* of an array of shape `[*shape]` is a boolean array `[*shape, labels]`: which labels each element may depend on.
A rule takes the equation and the masks of its operands and returns the masks of its results. Rules never look at
values, so what they leave out is excluded for every value. A primitive without a rule gets the coarsest: every element
of every result depends on every element of every operand.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsIndex

import numpy as np
from jaxtyping import Bool

Mask = Bool[np.ndarray, "..."]
Rule = Callable[[Any, list[Mask]], list[Mask]]

_ELEMENTWISE = """
    abs acos acosh add add_any and asin asinh atan atan2 atanh cbrt ceil clamp conj convert_element_type copy copy_p
    cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor ge gt imag integer_pow is_finite le lgamma log log1p
    logistic lt max min mul name ne neg nextafter not or population_count pow real reduce_precision rem round rsqrt
    select_n shift_left shift_right_arithmetic shift_right_logical sign sin sinh sqrt square stop_gradient sub tan tanh
    xor
"""
_REDUCTIONS = "reduce_sum reduce_max reduce_min reduce_prod reduce_and reduce_or argmax argmin"
_CUMULATIVE = "cumsum cumprod cummax cummin cumlogsumexp"
ELEMENTWISE, REDUCTIONS, CUMULATIVE = (frozenset(names.split()) for names in (_ELEMENTWISE, _REDUCTIONS, _CUMULATIVE))


def shape_of(variable: Any) -> tuple[int, ...]:
    """Return the shape of a variable of a jaxpr; random keys count as one element each."""
    return tuple(getattr(variable.aval, "shape", ()))


def anywhere(mask: Mask, axes: Iterable[SupportsIndex], keepdims: bool = False) -> Mask:
    """Return the union of a mask along some axes."""
    return np.asarray(mask.any(axis=tuple(map(operator.index, axes)), keepdims=keepdims))


def labels_of(mask: Mask) -> Bool[np.ndarray, " labels"]:
    """Return the labels that any element depends on."""
    return anywhere(mask, range(mask.ndim - 1))


def join(masks: Sequence[Mask], shape: tuple[int, ...]) -> Mask:
    """Return the elementwise union of masks that are broadcast to `shape`."""
    together = masks[0]
    for mask in masks[1:]:
        together = together | mask
    return np.broadcast_to(together, (*shape, masks[0].shape[-1]))


def coarse(equation: Any, masks: list[Mask]) -> list[Mask]:
    """Return masks in which everything depends on everything."""
    union = np.logical_or.reduce([labels_of(mask) for mask in masks])
    return [np.broadcast_to(union, (*shape_of(out), union.size)) for out in equation.outvars]


def apply_rule(equation: Any, masks: list[Mask]) -> list[Mask]:
    """Return the masks of the results of one equation that has no inner program."""
    name, shape = equation.primitive.name, shape_of(equation.outvars[0])
    if name in ELEMENTWISE:
        return [join(masks, shape)]
    if name in REDUCTIONS:
        return [anywhere(masks[0], equation.params["axes"])]
    if name in CUMULATIVE:
        return [_spread(masks[0], [equation.params["axis"]])]
    return RULES.get(name, coarse)(equation, masks)


def _spread(mask: Mask, axes: Sequence[SupportsIndex]) -> Mask:
    """Let every element depend on all that lie along these axes with it."""
    return np.broadcast_to(anywhere(mask, axes, keepdims=True), mask.shape)


def _along(sizes: Sequence[int], full: Sequence[int]) -> list[int]:
    """The axes along which a window is smaller than the array: it may lie anywhere there."""
    return [axis for axis, (size, whole) in enumerate(zip(sizes, full, strict=True)) if size != whole]


def _broadcast_in_dim(equation: Any, masks: list[Mask]) -> list[Mask]:
    shape, places = shape_of(equation.outvars[0]), equation.params["broadcast_dimensions"]
    sizes = [1] * len(shape)
    for place, size in zip(places, masks[0].shape[:-1], strict=True):
        sizes[int(place)] = size
    return [np.broadcast_to(masks[0].reshape(*sizes, -1), (*shape, masks[0].shape[-1]))]


def _reshape(equation: Any, masks: list[Mask]) -> list[Mask]:
    return [masks[0].reshape(*shape_of(equation.outvars[0]), masks[0].shape[-1])]


def _transpose(equation: Any, masks: list[Mask]) -> list[Mask]:
    return [masks[0].transpose(*equation.params["permutation"], masks[0].ndim - 1)]


def _concatenate(equation: Any, masks: list[Mask]) -> list[Mask]:
    return [np.concatenate(masks, axis=equation.params["dimension"])]


def _stack(equation: Any, masks: list[Mask]) -> list[Mask]:
    return [np.stack(masks, axis=equation.params["axis"])]


def _unstack(equation: Any, masks: list[Mask]) -> list[Mask]:
    return list(np.moveaxis(masks[0], equation.params["axis"], 0))


def _tile(equation: Any, masks: list[Mask]) -> list[Mask]:
    return [np.tile(masks[0], (*equation.params["reps"], 1))]


def _split(equation: Any, masks: list[Mask]) -> list[Mask]:
    sizes, axis = equation.params["sizes"], equation.params["axis"]
    return np.split(masks[0], np.cumsum(sizes)[:-1], axis=axis)


def _slice(equation: Any, masks: list[Mask]) -> list[Mask]:
    starts, limits = equation.params["start_indices"], equation.params["limit_indices"]
    strides = equation.params["strides"] or (1,) * len(starts)
    return [masks[0][tuple(slice(*window) for window in zip(starts, limits, strides, strict=True))]]


def _reverse(equation: Any, masks: list[Mask]) -> list[Mask]:
    return [np.flip(masks[0], axis=tuple(equation.params["dimensions"]))]


def _pad(equation: Any, masks: list[Mask]) -> list[Mask]:
    shape = shape_of(equation.outvars[0])
    padded = np.array(np.broadcast_to(masks[1], (*shape, masks[1].shape[-1])))
    kept, places = [], []
    for size, whole, (low, _, interior) in zip(masks[0].shape, shape, equation.params["padding_config"], strict=False):
        place = low + np.arange(size) * (interior + 1)
        inside = (place >= 0) & (place < whole)
        kept.append(np.flatnonzero(inside))
        places.append(place[inside])
    padded[np.ix_(*places)] = masks[0][np.ix_(*kept)]
    return [padded]


def _dot_general(equation: Any, masks: list[Mask]) -> list[Mask]:
    (contract_left, contract_right), (batch_left, batch_right) = equation.params["dimension_numbers"]
    sides = []
    for mask, contract, batch in zip(masks, (contract_left, contract_right), (batch_left, batch_right), strict=True):
        free = [axis for axis in range(mask.ndim - 1) if axis not in (*contract, *batch)]
        ordered = mask.transpose(*batch, *free, *contract, mask.ndim - 1)
        sides.append((anywhere(ordered, range(len(batch) + len(free), mask.ndim - 1)), len(batch), len(free)))
    (left, batch, left_free), (right, _, right_free) = sides
    left = np.expand_dims(left, tuple(range(batch + left_free, batch + left_free + right_free)))
    right = np.expand_dims(right, tuple(range(batch, batch + left_free)))
    return [join([left, right], shape_of(equation.outvars[0]))]


def _sort(equation: Any, masks: list[Mask]) -> list[Mask]:
    spread = _spread(join(masks, masks[0].shape[:-1]), [equation.params["dimension"]])
    return [spread] * len(masks)


def _dynamic_slice(equation: Any, masks: list[Mask]) -> list[Mask]:
    operand, *starts = masks
    sizes = equation.params["slice_sizes"]
    window = anywhere(operand, _along(sizes, operand.shape[:-1]), keepdims=True)
    return [join([window, *starts], tuple(sizes))]


def _dynamic_update_slice(equation: Any, masks: list[Mask]) -> list[Mask]:
    operand, update, *starts = masks
    written = anywhere(update, _along(update.shape[:-1], operand.shape[:-1]), keepdims=True)
    return [join([operand, written, *starts], operand.shape[:-1])]


def _gather(equation: Any, masks: list[Mask]) -> list[Mask]:
    operand, indices = masks
    numbers, sizes = equation.params["dimension_numbers"], equation.params["slice_sizes"]
    shape = shape_of(equation.outvars[0])
    batch_places = [axis for axis in range(len(shape)) if axis not in numbers.offset_dims]
    batching = _pairs(numbers.operand_batching_dims, numbers.start_indices_batching_dims)
    offsets = iter(numbers.offset_dims)
    places, gone, loose = [], [], []
    for axis, size in enumerate(sizes):
        if axis in batching:
            places.append(batch_places[batching[axis]])
            continue
        if size != operand.shape[axis]:
            loose.append(axis)
        if axis in numbers.collapsed_slice_dims:
            gone.append(axis)
            loose.append(axis)
        else:
            places.append(next(offsets))
    window = anywhere(operand, set(loose), keepdims=True).squeeze(axis=tuple(gone))
    where = anywhere(indices, [indices.ndim - 2])  # the axis of index vectors
    return [join([_placed(window, places, len(shape)), _placed(where, batch_places, len(shape))], shape)]


def _scatter(equation: Any, masks: list[Mask]) -> list[Mask]:
    operand, indices, updates = masks
    numbers = equation.params["dimension_numbers"]
    batching = _pairs(numbers.operand_batching_dims, numbers.scatter_indices_batching_dims)
    ndim = operand.ndim - 1
    update_batch = [axis for axis in range(updates.ndim - 1) if axis not in numbers.update_window_dims]
    windows = iter(numbers.update_window_dims)
    places = {}  # axis of the updates -> axis of the operand
    for axis in range(ndim):
        if axis in batching:
            places[update_batch[batching[axis]]] = axis
        elif axis not in numbers.inserted_window_dims:
            window = next(windows)
            if updates.shape[window] == operand.shape[axis]:
                places[window] = axis
    gone = [axis for axis in range(updates.ndim - 1) if axis not in places]
    written = _placed(anywhere(updates, gone), [places[axis] for axis in sorted(places)], ndim)
    kept = [axis for axis in range(indices.ndim - 2) if axis in batching.values()]
    owners = {index: axis for axis, index in batching.items()}
    gone = [axis for axis in range(indices.ndim - 1) if axis not in kept]
    where = _placed(anywhere(indices, gone), [owners[axis] for axis in kept], ndim)
    return [join([operand, written, where], operand.shape[:-1])]


def _pairs(operand: Sequence[SupportsIndex], indices: Sequence[SupportsIndex]) -> dict[int, int]:
    """Axes of the operand that are batched together with axes of the indices."""
    return {operator.index(first): operator.index(second) for first, second in zip(operand, indices, strict=True)}


def _placed(mask: Mask, places: Sequence[SupportsIndex], ndim: int) -> Mask:
    """`mask` with its axes at `places` of an array of `ndim` axes, and axes of length 1 elsewhere."""
    axes = [operator.index(place) for place in places]
    mask = mask.transpose(*np.argsort(axes), mask.ndim - 1)
    return np.expand_dims(mask, tuple(axis for axis in range(ndim) if axis not in axes))


RULES: dict[str, Rule] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "concatenate": _concatenate,
    "dot_general": _dot_general,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "expand_dims": _reshape,
    "gather": _gather,
    "pad": _pad,
    "reshape": _reshape,
    "rev": _reverse,
    "scatter": _scatter,
    "scatter-add": _scatter,
    "scatter_add": _scatter,
    "slice": _slice,
    "sort": _sort,
    "split": _split,
    "squeeze": _reshape,
    "stack": _stack,
    "tile": _tile,
    "transpose": _transpose,
    "unstack": _unstack,
}
