"""Both learners on environments whose values are known by hand, compared in every state and every cell."""

import dataclasses
import functools

import numpy as np
import pytest
import tables

from accumbens.agents.settings import ParallelSettings, ReplaySettings
from training import assert_values, make_training

DISCOUNT, TRACE_DECAY, EPSILON = 0.8, 0.5, 0.4
COMMON = {
    "net_arch": (12, 8),
    "rank": 4,
    "value_scale": 0.3,
    "discount": DISCOUNT,
    "learning_rate": 5e-3,
    "learning_rate_schedule": "linear",
    "epsilon_start": EPSILON,
    "epsilon_end": EPSILON,
}
PARALLEL = ParallelSettings(
    **COMMON, num_envs=16, rollout_length=8, trace_decay=TRACE_DECAY, epochs=1, num_minibatches=2
)
REPLAY = ReplaySettings(
    **COMMON,
    num_envs=4,
    train_every=8,
    batch_size=64,
    learning_starts=200,
    target_every=80,
    replay_capacity=4000,
    context_length=3,
)
STORED_CARRY = dataclasses.replace(REPLAY, stored_carry=True)
LEARNERS = {"parallel": (PARALLEL, 400), "replay": (REPLAY, 800), "stored carry": (STORED_CARRY, 800)}
ALONE = {"input_skip": False, "forward_gain": None, "recurrent_gain": None}

# State by state, and where they differ action by action.
EXPECTED = {
    "CONSTANT_REWARD": {0: 1},
    "REWARD_IS_OBSERVATION": {0: 1, 1: -1},
    "TWO_STEPS": {0: 0.8, 1: 1},
    "CHOICE": {0: [-1, 1]},
    "ENDS": {3: 1, 2: 1.8, 1: 2.44, 0: 2.952},
}


@pytest.fixture(scope="module")
def trained(quick_jit):
    @functools.cache
    def compiled(learner, **wiring):
        settings, blocks = LEARNERS[learner]
        return quick_jit(make_training(dataclasses.replace(settings, **wiring), blocks, num_seeds=1))

    return lambda learner, probe, **wiring: compiled(learner, **wiring)(getattr(tables, probe))


@pytest.mark.parametrize("learner", ["parallel", "replay"])
@pytest.mark.parametrize("probe", EXPECTED)
def test_values(learner, probe, trained):
    _, states, values = trained(learner, probe)
    assert_values(states, values, EXPECTED[probe], tolerance=0.1)


@pytest.mark.parametrize("learner", ["parallel", "replay"])
def test_truncation_is_not_termination(learner, trained):
    """The rewards of ENDS, but cut instead of ended: 1 / (1 - γ). No memory, for that would know the time."""
    _, states, values = trained(learner, "CUT", **ALONE)
    assert_values(states, values, dict.fromkeys(range(4), 5), tolerance=0.1)


def cue_values(learner):
    """Values where the cue is known; a Q(λ) return goes through a choice that explores, the replay target does not."""
    next_choice = 1 - TRACE_DECAY * EPSILON if learner == "parallel" else 1
    return {0: DISCOUNT * next_choice, 1: DISCOUNT * next_choice, 2: [1, -1], 3: [-1, 1]}


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_carry_remembers_the_cue(learner, trained):
    metrics, states, values = trained(learner, "CUE")
    assert_values(states, values, cue_values(learner), tolerance=0.2)
    # With probability ε the choice is made at random.
    np.testing.assert_allclose(metrics.mean_return, 1 - EPSILON, atol=0.35)


@pytest.mark.parametrize("connection", ["forward_gain", "recurrent_gain"])
def test_one_connection_through_time_is_enough(connection, trained):
    _, states, values = trained("parallel", "CUE", **ALONE | {connection: 1.0})
    assert_values(states, values, cue_values("parallel"), tolerance=0.2)


@pytest.mark.parametrize("learner", ["parallel", "replay"])
def test_without_connections_through_time_the_cue_is_lost(learner, trained):
    metrics, states, values = trained(learner, "CUE", **ALONE)
    assert_values(states, values, dict.fromkeys(range(4), 0), tolerance=0.4)
    np.testing.assert_allclose(metrics.mean_return, 0, atol=0.35)
