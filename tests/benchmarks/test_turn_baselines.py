"""Expected gradients under baselines of groups: every group is listed, and found is what the formulas say."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def baselines(script):
    return script("turn_baselines")


@pytest.fixture(scope="module")
def known(baselines):
    """A function that remembers what it has found."""
    found = {}

    def known(name, policy):
        if (name, policy) not in found:
            found[name, policy] = baselines.known(baselines.GAMES[name](), policy)
        return found[name, policy]

    return known


UNBIASED = ("episode", "returns", "turn-returns")
KINDS = (
    *UNBIASED,
    "episode, own",
    "returns, own",
    "turn-returns, own",
    "turn-rewards",
    "turn-rewards, own",
    "episode, mean over its turns",
)
POLICIES = {"microwave": ((0.5, 0.5), (0.3, 0.8), (0.9, 0.05)), "once more": ((0.5,), (0.9,))}


@pytest.mark.parametrize("kind", KINDS)
def test_the_formulas_are_what_all_groups_have_in_the_mean(baselines, known, kind):
    for name, size in (("microwave", 2), ("microwave", 3), ("microwave", 4), ("once more", 5)):
        game = baselines.GAMES[name]()
        groups = baselines.groups_of(game, size)
        advantages = baselines.told(game, groups, kind)
        for policy in POLICIES[name]:
            facts = known(name, policy)
            found = baselines.enumerated(facts, groups, advantages).mean
            np.testing.assert_allclose(found, baselines.closed_form(facts, kind, size), atol=1e-12)
            unbiased = np.allclose(found, facts.slope, rtol=1e-9)
            assert unbiased == (kind in UNBIASED) or lucky(name, kind, size, policy)


def lucky(name, kind, size, policy):
    """Where the biases of two turns cancel each other: at this policy in groups of 4."""
    return (name, kind, size, policy) == ("microwave", "turn-rewards", 4, (0.5, 0.5))


def test_the_gradient_is_that_of_differences(baselines, known):
    facts, logits = known("microwave", (0.3, 0.8)), jnp.log(jnp.array([0.3 / 0.7, 0.8 / 0.2]))
    assert float(facts.chances.sum()) == pytest.approx(1)
    for i, found in enumerate(facts.slope):
        step = jnp.zeros(2).at[i].set(1e-5)
        difference = facts.game.expected_return(logits + step) - facts.game.expected_return(logits - step)
        assert float(difference) / 2e-5 == pytest.approx(float(found), rel=1e-6)


def test_who_is_paid_for_another_turn_never_learns_to_take_it(baselines, known):
    """With means of rewards at every turn the gradient is 0, and nearly so if only the others are in the mean."""
    facts = known("once more", (0.5,))
    for size in (2, 8, 64):
        assert baselines.closed_form(facts, "turn-rewards, own", size) == pytest.approx([0.0], abs=1e-15)
        assert baselines.closed_form(facts, "turn-rewards", size) == pytest.approx([0.25 * 0.5 ** (size - 1)])


def test_the_committed_table_is_what_is_found(baselines):
    with baselines.RESULTS.open(encoding="utf-8") as file:
        committed = {tuple(row.values())[:4]: row for row in csv.DictReader(file)}
    assert len(committed) == len(baselines.SIZES) * len(baselines.KINDS) * sum(map(len, baselines.POLICIES.values()))
    for row in baselines.rows(sizes=(2,)):
        there = committed[tuple(map(str, row[:4]))]
        for name in ("gradient", "bias", "closed_form", "length", "angle", "deviation"):
            found, wanted = ([float(n) for n in str(entry).split()] for entry in (getattr(row, name), there[name]))
            assert found == pytest.approx(wanted, abs=2e-4, nan_ok=True)
