"""A traced program run again, with other values where it has marks."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jax.extend import core
from jaxtyping import Array

from accumbens.credit.audit.reading import mark_label

OnMark = Callable[[str, Array], Array]
"""`on_mark(label, value) -> value`."""

_CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_LOOPS = ("scan", "while", "cond")


def replay(program: core.ClosedJaxpr, arguments: Sequence[Any], on_mark: OnMark) -> list[Any]:
    """Return the results of a program in which marked values are replaced.

    The rule's own derivatives are part of the program and stay what they are: only values are replaced. Where the rule
    stops gradients this does not, since a further derivative shall see all that is read. Marks and stops inside loops
    and branches are left alone, see `has_marks_in_loops`.

    Args:
        program: to run.
        arguments: of the program, flat.
        on_mark: what to put in place of every marked value, in the order of the program.
    """
    jaxpr = program.jaxpr
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, program.consts, strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def value(variable: Any) -> Any:
        return variable.val if isinstance(variable, core.Literal) else known[variable]

    for equation in jaxpr.eqns:
        inputs = [value(variable) for variable in equation.invars]
        name, inner = equation.primitive.name, _called(equation)
        label = mark_label(equation.params["name"]) if name == "name" else None
        if label is not None:
            results = [on_mark(label, inputs[0])]
        elif name == "stop_gradient":
            results = inputs
        elif inner is not None and name not in _LOOPS:
            results = replay(inner, inputs, on_mark)
        else:
            results = _bind(equation, inputs)
        known.update(zip(equation.outvars, results, strict=True))
    return [value(variable) for variable in jaxpr.outvars]


def has_marks_in_loops(program: core.ClosedJaxpr | core.Jaxpr, inside: bool = False) -> bool:
    """Return whether a loop or a branch of a program marks anything."""
    for equation in getattr(program, "jaxpr", program).eqns:
        name = equation.primitive.name
        if inside and name == "name" and mark_label(equation.params["name"]) is not None:
            return True
        if any(has_marks_in_loops(inner, inside or name in _LOOPS) for inner in _inner(equation.params)):
            return True
    return False


def _bind(equation: Any, inputs: list[Any]) -> Sequence[Any]:
    params = equation.primitive.get_bind_params(equation.params)
    functions, params = params if isinstance(params, tuple) else ((), params)  # a pair before JAX 0.10
    results = equation.primitive.bind(*functions, *inputs, **params)
    return results if equation.primitive.multiple_results else [results]


def _called(equation: Any) -> core.ClosedJaxpr | None:
    inner = next((equation.params[name] for name in _CALLS if equation.params.get(name) is not None), None)
    return core.ClosedJaxpr(inner, ()) if isinstance(inner, core.Jaxpr) else inner


def _inner(params: dict[str, Any]) -> Iterator[Any]:
    for value in params.values():
        for part in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(part, (core.Jaxpr, core.ClosedJaxpr)):
                yield part
