"""Whether the optimiser keeps layers apart: the program of its step, walked through with labels."""

from typing import Any

import equinox as eqx
import jax
import optax

from accumbens.credit.audit.program import KEY, network_labels, weights
from accumbens.credit.protocol import Rule
from accumbens.tracing.taint import Walk


def crossings(rule: Rule, optimiser: optax.GradientTransformation) -> list[tuple[int, int]]:
    """Return which layers' gradients or weights reach the new weights of which other layers, in this step or later.

    Args:
        rule: that makes the network.
        optimiser: of the network.
    """
    network = jax.eval_shape(rule.init, KEY)[0]
    parameters = jax.eval_shape(lambda network: eqx.filter(network, eqx.is_inexact_array), network)
    state = jax.eval_shape(optimiser.init, parameters)
    structure = jax.tree.structure(state)

    def step(network: Any, gradients: Any, state: Any) -> tuple[Any, Any]:
        moved, new_state = optimiser.update(gradients, state, eqx.filter(network, eqx.is_inexact_array))
        return eqx.apply_updates(network, moved).constrained(), new_state

    owners = [*network_labels(network), *network_labels(parameters)]
    remembered = [f"state:{index}" for index in range(structure.num_leaves)]
    walk = Walk(list(dict.fromkeys([*owners, *remembered])), lambda name, mask: mask)
    jaxpr = jax.make_jaxpr(step)(network, parameters, state)
    masks = [
        walk.filled(variable.aval.shape, label)
        for variable, label in zip(jaxpr.jaxpr.invars, [*owners, *remembered], strict=True)
    ]
    found = [walk.names(mask) for mask in walk.run(jaxpr, masks)]
    made_of = dict(zip(remembered, found[len(found) - len(remembered) :], strict=True))

    layers = len(network.layers)
    crossed = set()
    for label, names in zip(network_labels(network), found[: len(found) - len(remembered)], strict=True):
        names = names.union(*(made_of[name] for name in names if name in made_of))
        crossed |= {
            (source, reached)
            for source in range(layers)
            for reached in range(layers)
            if source != reached and label == weights(reached) and weights(source) in names
        }
    return sorted(crossed)
