"""What a chunk reports, and what is said when something in it stopped being finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.agents.protocol import LearningMetrics
from accumbens.agents.settings import ParallelSettings, ReplaySettings
from accumbens.cells import MLPCell
from accumbens.envs.promises import PROMISES
from accumbens.errors import AccumbensError
from accumbens.runs.health import NotFiniteError, require_finite_parameters
from accumbens.training.episodes import no_episodes
from accumbens.training.health import negative_reward_warning, require_finite
from accumbens.training.metrics import BlockMetrics, ChunkMetrics, add_block, healthy, no_totals, summarise


def block(loss, updates, gradient_norm=1.0, lowest_reward=(0.0, 1.0), epsilon=0.5, broken=False):
    """Metrics of one block of two seeds and two cells; `loss` is per seed, cell 2 has ten times that of cell 1."""
    loss = jnp.asarray(loss, jnp.float32)[:, None] * jnp.array([1.0, 10.0])
    ones = jnp.ones((2, 2))
    learning = LearningMetrics(loss, 2 * loss, -loss, gradient_norm * ones, jnp.asarray(updates, jnp.int32))
    broken = jnp.zeros((2, len(PROMISES)), bool).at[1, 0].set(broken)
    return BlockMetrics(learning, jnp.asarray(lowest_reward, jnp.float32), jnp.full(2, epsilon), broken)


def stacked_episodes():
    return no_episodes(3)._replace(
        current_return=jnp.zeros((2, 3)),
        current_length=jnp.zeros((2, 3), jnp.int32),
        recent_returns=jnp.zeros((2, 100)).at[0, :2].set(jnp.array([4.0, 8.0])),
        recent_lengths=jnp.zeros((2, 100), jnp.int32).at[0, :2].set(jnp.array([3, 4])),
        completed=jnp.array([2, 0], jnp.int32),
        current_lost=jnp.zeros((2, 3)),
    )


def test_a_chunk_reports_means_over_its_updates_not_over_its_blocks():
    totals = no_totals(2, 2)
    totals = add_block(totals, block([0.0, 0.0], [0, 0]), jnp.int32(0))  # learning has not started
    totals = add_block(totals, block([1.0, 2.0], [1, 1]), jnp.int32(1))
    totals = add_block(totals, block([5.0, 2.0], [3, 3]), jnp.int32(2))
    assert healthy(totals)
    report = summarise(totals, stacked_episodes())
    np.testing.assert_allclose(report.learning.loss, [[4.0, 40.0], [2.0, 20.0]])
    np.testing.assert_allclose(report.learning.td_error, 2 * report.learning.loss)
    np.testing.assert_allclose(report.learning.value, -report.learning.loss)
    np.testing.assert_array_equal(report.learning.updates, [4, 4])
    np.testing.assert_array_equal(report.mean_return, [6.0, np.nan])
    np.testing.assert_array_equal(report.mean_length, [3.5, np.nan])
    np.testing.assert_array_equal(report.episodes, [2, 0])


def test_a_chunk_without_updates_reports_zeros():
    report = summarise(no_totals(2, 2), stacked_episodes())
    np.testing.assert_array_equal(report.learning.loss, np.zeros((2, 2)))
    np.testing.assert_array_equal(report.learning.updates, [0, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_bad_block_is_remembered_per_cell(bad):
    totals = no_totals(2, 2)
    totals = add_block(totals, block([1.0, 1.0], [1, 1]), jnp.int32(6))
    totals = add_block(totals, block([1.0, bad], [1, 1]), jnp.int32(7))
    totals = add_block(totals, block([bad, 1.0], [1, 1]), jnp.int32(8))
    assert not healthy(totals)
    np.testing.assert_array_equal(totals.first_bad_block, [[8, 8], [7, 7]])


def test_a_gradient_that_is_not_finite_counts_though_the_loss_is():
    totals = add_block(no_totals(2, 2), block([1.0, 1.0], [1, 1], gradient_norm=np.inf), jnp.int32(3))
    assert not healthy(totals)


def test_the_first_block_in_which_the_environment_broke_a_promise_is_remembered():
    totals = no_totals(2, 2)
    for number, broken in ((5, False), (6, True), (7, True)):
        totals = add_block(totals, block([1.0, 1.0], [1, 1], broken=broken), jnp.int32(number))
        assert healthy(totals) == (number == 5)
    expected = np.full((2, len(PROMISES)), -1)
    expected[1, 0] = 6
    np.testing.assert_array_equal(totals.first_broken, expected)


def test_a_chunk_reports_the_epsilon_of_its_last_block():
    totals = no_totals(2, 2)
    for epsilon in (0.75, 0.25):
        totals = add_block(totals, block([1.0, 1.0], [1, 1], epsilon=epsilon), jnp.int32(0))
    np.testing.assert_array_equal(summarise(totals, stacked_episodes()).epsilon, [0.25, 0.25])


def report_of(first_bad_block):
    totals = no_totals(2, 2)._replace(first_bad_block=jnp.asarray(first_bad_block, jnp.int32))
    report: ChunkMetrics = summarise(totals, stacked_episodes())
    return report


def test_nothing_is_said_while_all_is_finite():
    require_finite(report_of([[-1, -1], [-1, -1]]), [5, 6], steps_per_block=10)


@pytest.mark.parametrize(
    ("first_bad_block", "cell", "seed", "step"),
    [([[-1, 4], [-1, -1]], 2, 5, 50), ([[9, 9], [3, -1]], 1, 6, 40), ([[0, 0], [0, 0]], 1, 5, 10)],
)
def test_the_first_cell_its_seed_and_the_step_are_named(first_bad_block, cell, seed, step):
    with pytest.raises(NotFiniteError) as error:
        require_finite(report_of(first_bad_block), [5, 6], steps_per_block=10)
    assert str(error.value).startswith(
        f"cell {cell} of seed {seed} is no longer finite (NaN or Inf) in the loss or gradient of the block that ends "
        f"at step {step}; "
    )
    assert isinstance(error.value, AccumbensError)


def test_every_seed_that_went_wrong_has_its_own_words():
    with pytest.raises(NotFiniteError) as error:
        require_finite(report_of([[9, 9], [3, -1]]), [5, 6], steps_per_block=10)
    assert list(error.value.texts) == [1, 0]
    assert "cell 1 of seed 6 " in error.value.texts[1]
    assert "step 40;" in error.value.texts[1]
    assert "cell 1 of seed 5 " in error.value.texts[0]
    assert "step 100;" in error.value.texts[0]


def cells_of_two_seeds(bad=None):
    weights = np.ones((2, 3, 4), np.float32)
    if bad is not None:
        weights[1, 2, 3] = bad
    cell = MLPCell(3, 4, 2, key=jax.random.key(0))
    twice = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), cell)
    broken = jax.tree.map(lambda leaf: jnp.asarray(weights) if leaf.shape == (2, 3, 4) else leaf, twice)
    return [("cell 1", twice), ("cell 2", broken)]


def test_finite_parameters_pass():
    require_finite_parameters(cells_of_two_seeds(), [5, 6], "at step 640; lower it")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_parameter_that_is_not_finite_is_named(bad):
    with pytest.raises(NotFiniteError, match=r"cell 2 of seed 6 is no longer finite .* at step 640; lower it"):
        require_finite_parameters(cells_of_two_seeds(bad), [5, 6], "at step 640; lower it")


def test_the_lowest_reward_of_a_chunk():
    totals = add_block(no_totals(2, 2), block([1.0, 1.0], [1, 1], lowest_reward=(0.5, -2.0)), jnp.int32(0))
    totals = add_block(totals, block([1.0, 1.0], [1, 1], lowest_reward=(-1.0, 3.0)), jnp.int32(1))
    np.testing.assert_array_equal(summarise(totals, stacked_episodes()).lowest_reward, [-1.0, -2.0])


ARQ = {"readout": "goodness", "action_conditioning": True}


def test_negative_rewards_are_too_much_for_goodness_alone():
    warning = negative_reward_warning(ParallelSettings(**ARQ), -1.5)
    assert warning is not None
    assert "reward of -1.5" in warning
    assert "--set value_offset=true" in warning
    assert negative_reward_warning(ReplaySettings(**ARQ, goodness="variance"), -1.5)
    assert negative_reward_warning(ParallelSettings(**ARQ), 0.0) is None
    assert negative_reward_warning(ParallelSettings(**ARQ, value_offset=True), -1.5) is None
    assert negative_reward_warning(ParallelSettings(**ARQ, goodness="mean"), -1.5) is None
    assert negative_reward_warning(ParallelSettings(), -1.5) is None
