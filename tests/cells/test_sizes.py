"""Conditioned cells run at sizes at which an XLA fusion once crashed the process."""

import jax
import numpy as np
import pytest

from accumbens.cells import AttentionCell, GoodnessReadout

# As a user's programs are compiled, unlike those of other tests.
ALL_OPTIMISATIONS = {
    "xla_backend_optimization_level": 3,
    "xla_llvm_disable_expensive_passes": False,
    "xla_cpu_use_fusion_emitters": True,
}


@pytest.mark.parametrize(("rows", "candidates", "hidden", "width", "rank"), [(64, 2, 8, 32, 8), (512, 4, 96, 32, 8)])
def test_compiled_with_all_optimisations(rows, candidates, hidden, width, rank):
    readout = GoodnessReadout(width)
    cell = AttentionCell(6, hidden, candidates, key=jax.random.key(0), rank=rank, readout=readout, action_features=2)
    x = jax.random.normal(jax.random.key(1), (1, rows, 6))
    codes = jax.random.normal(jax.random.key(2), (candidates, 2))
    seeds = jax.tree.map(lambda leaf: leaf[None], cell)
    evaluate = jax.vmap(lambda cell, x: jax.vmap(lambda x: cell(x, codes).value)(x))
    values = jax.jit(evaluate, compiler_options=ALL_OPTIMISATIONS)(seeds, x)
    np.testing.assert_allclose(values[0, 0], cell(x[0, 0], codes).value, rtol=1e-4)
