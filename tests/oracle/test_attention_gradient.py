"""The derivatives worked out by hand, against finite differences: the reference must itself be right."""

import numpy as np
import numpy_agents as reference
import pytest


def random_cell(rng, inputs, hidden, actions, rank=2):
    return {
        "W": rng.normal(size=(inputs, hidden)),
        "b": rng.normal(size=hidden),
        "scale": rng.normal(size=hidden),
        "offset": rng.normal(size=hidden),
        "Z1": rng.normal(size=(inputs, rank, hidden)),
        "Z2": rng.normal(size=(inputs, rank, actions)),
    }


@pytest.mark.parametrize("backprop", [False, True])
def test_hand_derived_gradients_match_finite_differences(backprop):
    rng = np.random.default_rng(0)
    wiring = reference.Wiring()
    # Observation of 2; inputs: 2 + 4 + 3, and 4 + 2 + 3.
    stack = [random_cell(rng, 9, 4, 3), random_cell(rng, 9, 3, 3)]
    observation, carry = rng.normal(size=(5, 2)), [rng.normal(size=(5, 4)), rng.normal(size=(5, 3))]
    action, targets = rng.integers(0, 3, 5), rng.normal(size=(2, 5))

    def losses():
        return reference.gradients(stack, wiring, observation, carry, action, targets, backprop)[0]

    _, gradients = reference.gradients(stack, wiring, observation, carry, action, targets, backprop)
    step = 1e-6
    for level in range(2):
        for name, parameter in stack[level].items():
            numeric = np.zeros_like(parameter)
            for index in np.ndindex(parameter.shape):
                kept = parameter[index]
                parameter[index] = kept + step
                above = losses()
                parameter[index] = kept - step
                below = losses()
                parameter[index] = kept
                change = (above - below) / (2 * step)
                numeric[index] = change.sum() if backprop else change[level]
            np.testing.assert_allclose(gradients[level][name], numeric, rtol=1e-5, atol=1e-7, err_msg=name)
