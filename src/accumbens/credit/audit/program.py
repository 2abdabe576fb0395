"""The program of a rule's update: traced once, with the label of everything that goes in."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.extend import core
from jaxtyping import PRNGKeyArray

from accumbens.credit.networks.controlled import GOAL
from accumbens.credit.protocol import Batch, Rule, TaskFacts
from accumbens.generator import make_key

KEY = jax.eval_shape(lambda: make_key(0))


def batch_shapes(facts: TaskFacts, examples: int) -> Any:
    """Return the shapes of a batch of a task."""
    rows = (examples,) if facts.steps is None else (examples, facts.steps)
    x, epoch = jax.ShapeDtypeStruct((*rows, facts.inputs), jnp.float32), jax.ShapeDtypeStruct((), jnp.int32)
    classes = jax.ShapeDtypeStruct(rows, jnp.int32)
    numbers = jax.ShapeDtypeStruct((*rows, facts.outputs), jnp.float32)
    shapes: Any = {"x": x, "y": classes if facts.kind == "classification" else numbers, "epoch": epoch}
    return Batch(**shapes)


class Program(NamedTuple):
    """The update of a rule as a program.

    Labels name what goes in: `weights:L` the parameters of a layer, from 0, `network:NAME` arrays of the network that
    belong to no layer, `memory:NAME` the rule's memory, `x`, `y`, `epoch`, and `key`, the noise.

    Attributes:
        jaxpr: the program.
        arguments: the label of every argument, in order.
        results: what every result is: the label of what it changes, `weights:L` or `network:NAME` if it is a gradient,
            `memory:NAME` if it is the new memory.
        num_layers: layers of the network, the output layer included.
        steps: of the sequences; None if examples are single.
        targets: which inputs are targets, of a task that moves a hand.
    """

    jaxpr: core.ClosedJaxpr
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    num_layers: int
    steps: int | None = None
    targets: tuple[int, ...] = ()

    def gradients(self, layer: int) -> list[int]:
        """Return the numbers of the results that are the gradient of a layer."""
        return [index for index, name in enumerate(self.results) if name == weights(layer)]


def weights(layer: int) -> str:
    """Return the label of a layer's parameters."""
    return f"weights:{layer}"


def trace(rule: Rule, facts: TaskFacts, examples: int) -> Program:
    """Return the program of a rule's update; nothing is computed.

    Args:
        rule: how the layers of a network learn.
        facts: of the task; best made small, see `sizes`.
        examples: of a batch.
    """
    network, memory = jax.eval_shape(rule.init, KEY)
    results: list[str] = []

    def update(network: Any, memory: Any, batch: Batch, key: PRNGKeyArray) -> list[Any]:
        found = rule.update(network, memory, batch, key)
        gradients = eqx.filter(found.gradients, eqx.is_inexact_array)
        results[:] = [*network_labels(gradients), *memory_labels(found.memory)]
        return [*jax.tree.leaves(gradients), *jax.tree.leaves(found.memory)]

    jaxpr = jax.make_jaxpr(update)(network, memory, batch_shapes(facts, examples), KEY)
    arguments = (*network_labels(network), *memory_labels(memory), "x", "y", "epoch", "key")
    targets = GOAL if facts.controlled else ()
    return Program(jaxpr, arguments, tuple(results), len(network.layers), facts.steps, targets)


def network_labels(network: Any) -> list[str]:
    """Return the label of every leaf of a network, or of a tree like it."""
    leaves, structure = jax.tree.flatten(network)
    numbered = jax.tree.unflatten(structure, range(len(leaves)))
    owners = {leaf: layer for layer, tree in enumerate(numbered.layers) for leaf in jax.tree.leaves(tree)}
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(network)]
    return [weights(owners[i]) if i in owners else f"network:{path.lstrip('.')}" for i, path in enumerate(paths)]


def memory_labels(memory: Any) -> list[str]:
    """Return the label of every leaf of a rule's memory."""
    paths = jax.tree_util.tree_leaves_with_path(memory)
    return [f"memory:{jax.tree_util.keystr(path).lstrip('.')}" for path, _ in paths]
