"""What one cell cannot do and two can: the parity of three signs, with two units per cell.

Two ReLUs of sums are too few for the four changes of parity between eight corners: from a hundred starts, no single
cell came nearer than a mean squared error of 3/32. The second cell also sees the first one's units. Whether it finds
the way depends on where it starts, for each cell follows its own error only.
"""

import numpy as np
import tables

from accumbens.agents.settings import ParallelSettings
from training import make_training

SETTINGS = ParallelSettings(
    cell="mlp",
    net_arch=(2, 2),
    layer_norm=False,
    forward_gain=None,
    recurrent_gain=None,
    trace_decay=0.0,
    learning_rate=1e-2,
    learning_rate_schedule="linear",
    num_envs=16,
    rollout_length=1,
    epochs=1,
    num_minibatches=1,
)
SEEDS = 64


def test_parity_takes_two_cells(quick_jit):
    _, states, values = quick_jit(make_training(SETTINGS, 3000, SEEDS))(tables.PARITY)
    parity = tables.PARITY.reward[np.asarray(states)]  # [seeds, steps, envs, actions]
    error = np.square(np.asarray(values) - parity[..., None, :]).mean(axis=-1)
    by_state = np.array([[error[seed][states[seed] == s].mean(axis=0) for s in range(8)] for seed in range(SEEDS)])
    first, second = by_state.mean(axis=1).T
    assert first.min() > 3 / 32 - 1e-3
    assert second.min() < 0.02
