"""With local credit the memory that an update takes does not grow with the number of cells; that of its twin does."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from facts import facts

from accumbens.agents import network, per_cell, stacks
from accumbens.agents.settings import ParallelSettings

BATCH, HIDDEN = 2048, 16
FACTS = facts((8,), 2)


def temporary_bytes(settings: ParallelSettings, credit: str, cells: int) -> int:
    """XLA's temporary buffers of one update; nothing is computed."""
    changes: Any = {"net_arch": (HIDDEN,) * cells, "credit": credit, "rank": 2}
    settings = dataclasses.replace(settings, **changes)
    optimiser = network.make_optimiser(settings, lambda count: 1e-3)
    update = per_cell.make_update(settings, FACTS, optimiser)

    def init(key):
        stack = stacks.build_stack(settings, FACTS, key)
        return stack, network.init_optimiser_states(optimiser, stack)

    quantiles = (settings.num_quantiles,) if settings.readout == "quantile" else ()
    rows = (
        jax.ShapeDtypeStruct((BATCH, 8), jnp.float32),
        tuple(jax.ShapeDtypeStruct((BATCH, HIDDEN), jnp.float32) for _ in range(cells)),
        jax.ShapeDtypeStruct((BATCH,), jnp.int32),
        jax.ShapeDtypeStruct((BATCH, cells, *quantiles), jnp.float32),
    )
    state = jax.eval_shape(init, jax.random.key(0))
    memory = jax.jit(update, donate_argnums=(0, 1)).lower(*state, *rows).compile().memory_analysis()
    assert memory is not None
    return memory.temp_size_in_bytes


@pytest.mark.parametrize(
    "changes",
    [
        {"recurrent_gain": 1.0, "standardise": True},
        {"cell": "constant_key", "recurrent_gain": None},
        {"readout": "quantile", "loss": "quantile_huber", "num_quantiles": 3},
        {"readout": "goodness", "action_conditioning": True, "goodness_width": 4},
    ],
    ids=["attention", "constant_key", "quantiles", "arq"],
)
def test_the_memory_of_local_credit_does_not_grow_with_depth(changes):
    settings = dataclasses.replace(ParallelSettings(), **changes)
    few, many, twin = (
        temporary_bytes(settings, credit, cells) for credit, cells in [("local", 3), ("local", 8), ("backprop", 8)]
    )
    assert many < 1.1 * few  # parameters are small here
    assert twin > 2 * many
