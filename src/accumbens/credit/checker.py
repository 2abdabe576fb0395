"""Does a rule of your own keep a rule's promises?"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from accumbens.credit.protocol import Batch, Network, Rule, TaskFacts, Update
from accumbens.errors import AccumbensError, users_code
from accumbens.generator import make_key, pinned_generator
from accumbens.tracing.compile import quick_jit


@pinned_generator()
def check_rule(rule: Any, facts: TaskFacts, batch_size: int = 8) -> None:
    """Check a rule by its shapes and one update of a small batch of random examples.

    It finds what is no rule or no network, predictions of a wrong shape, gradients that are not like the network, a
    memory that changes its type, a loss that is no number, and an update of which some is not finite.

    Args:
        rule: what `make(settings, facts)` returned.
        facts: of the task.
        batch_size: examples of the update.

    Raises:
        AccumbensError: the first promise that is broken, in words.
    """
    _require(isinstance(rule, Rule), f"make returns a {type(rule).__name__}, not a Rule")
    numbers = np.random.default_rng(0)
    rows = (batch_size,) if facts.steps is None else (batch_size, facts.steps)
    x, y = (numbers.normal(size=(*rows, count)).astype(np.float32) for count in (facts.inputs, facts.outputs))
    if facts.kind == "classification":
        y = np.arange(math.prod(rows), dtype=np.int32).reshape(rows) % facts.outputs
    batch, key = Batch(jnp.asarray(x), jnp.asarray(y), jnp.int32(0)), make_key(0)
    with users_code("the rule does not work", rule.update):
        network, memory = _shapes_of_init(rule, key)
        _check_network(network, batch, facts)
        found: Any = eqx.filter_eval_shape(rule.update, network, memory, batch, key)
        _check_update(found, network, memory)
        update = quick_jit(lambda key: rule.update(*rule.init(key), batch, key))(key)
    for name, part in update._asdict().items():
        leaves = jax.tree.leaves(eqx.filter(part, eqx.is_inexact_array))
        _require(
            all(np.isfinite(leaf).all() for leaf in leaves),
            f"its first update has {name} with a number that is not finite",
        )


def _shapes_of_init(rule: Rule, key: Any) -> tuple[Any, Any]:
    found: Any = eqx.filter_eval_shape(rule.init, key)
    _require(isinstance(found, tuple) and len(found) == 2, "init does not return (network, memory)")
    return found


def _check_network(network: Any, batch: Batch, facts: TaskFacts) -> None:
    _require(isinstance(network, Network), f"init returns a {type(network).__name__}, not a Network")
    outputs = eqx.filter_eval_shape(lambda network: network.predict(batch.x), network)
    expected = f"float32[{','.join(map(str, (*batch.x.shape[:-1], facts.outputs)))}]"
    _require(_described(outputs) == expected, f"its network predicts {_described(outputs)}, not {expected}")


def _check_update(found: Any, network: Any, memory: Any) -> None:
    _require(isinstance(found, Update), f"update returns a {type(found).__name__}, not an Update")
    _require(_described(found.loss) == "float32[]", f"the loss is {_described(found.loss)}, not float32[]")
    pairs = (("gradients", found.gradients, "the network", network), ("memory", found.memory, "init's", memory))
    for name, tree, what, expected in pairs:
        one, other = (_leaves(part) for part in (tree, expected))
        _require(len(one) == len(other), f"{name} has {len(one)} arrays, {what} {len(other)}")
        for mine, theirs in zip(one, other, strict=True):
            _require(mine == theirs, f"{name} has {mine} where {what} has {theirs}")


def _leaves(tree: Any) -> list[str]:
    return [_described(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, _is_number))]


def _is_number(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _described(array: Any) -> str:
    return f"{array.dtype}[{','.join(map(str, array.shape))}]" if hasattr(array, "dtype") else type(array).__name__


def _require(promise: bool, broken: str) -> None:
    if not promise:
        raise AccumbensError(f"the rule breaks a promise: {broken}")
