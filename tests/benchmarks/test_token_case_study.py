"""The published case study: what every rule tells its tokens, learned by sampling and at rest.

The state does not tell how many steps are left, so these are not the true advantages (.34 and .55, in the tests of the
environment).
"""

import csv

import jax
import numpy as np
import pytest

from accumbens.envs.text.household import CASE, CASE_STEPS, CLOSE, OPEN


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def study(script):
    return script("token_case_study")


SIZES = {
    "poad": (0.216, 0.526),
    "archer-bad": (0.216, 0.526),
    "ntpo": (0.118, 0.447),
    "archer": (0.128, 0.415),
    "twosome": (0.310, 0.545),
}
"""By how much the token that decides is better or worse, at first and in the end."""


def wanted(study, name):
    """The advantages of all tokens."""
    shut, filled = SIZES[name]
    first = {("shut", OPEN): shut, ("shut", CLOSE): -shut, ("filled", OPEN): -filled, ("filled", CLOSE): filled}
    rest = 1.0 if name == "twosome" else 0.0
    return [[first.get(cell, 0.0) * part for part in (1.0, *[rest] * (study.TOKENS - 1))] for cell in study.CELLS]


@pytest.mark.parametrize("name", list(SIZES))
def test_what_every_rule_tells_the_tokens_at_rest(study, name):
    np.testing.assert_allclose(study.settled(name), wanted(study, name), atol=5e-4)


@pytest.mark.parametrize("name", list(SIZES))
def test_what_is_learned_is_near_it_and_committed(study, name):
    """Returns are cut after 32 steps, so that the first choice is told a little less."""
    play = study.uniform_play(0, 50_000)
    found = study.learned(name, study.Play(*(part[None] for part in play)))[0]
    np.testing.assert_allclose(found, wanted(study, name), atol=0.04)
    with (study.RESULTS / "results.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["rule"] == name and row["seed"] == "0"]
    committed = [[float(row[f"token_{j + 1}"]) for j in range(study.TOKENS)] for row in rows]
    np.testing.assert_allclose(found, committed, atol=1e-4)


def test_the_longer_the_rollouts_the_nearer_it_is(study):
    first = []
    for environments, rollout in ((64, 8), (16, 32), (2, 256)):
        plays = [study.uniform_play(seed, 50_000, environments, rollout) for seed in range(4)]
        first.append(study.learned("twosome", study.Play(*map(np.stack, zip(*plays, strict=True))))[:, 0, 0].mean())
    assert first == pytest.approx([0.23, 0.29, 0.31], abs=0.01)


def test_play_is_of_the_case_study(study):
    """Episodes follow one another; all choices are as frequent; the value beyond is that of the next state."""
    play = study.uniform_play(3, 4 * study.ENVIRONMENTS * study.ROLLOUT)
    assert play.cell.shape == (4, study.ENVIRONMENTS, study.ROLLOUT)
    one = study.Play(*(part.swapaxes(0, 1).reshape(study.ENVIRONMENTS, -1) for part in play))
    for cells, reward, ends, beyond in zip(one.cell, one.reward, one.ends, one.beyond, strict=True):
        length = 0
        for t, cell in enumerate(cells[:-1]):
            state, action = study.CELLS[cell]
            length += 1
            done = (state, action) == ("filled", CLOSE)
            assert ends[t] == (done or length == CASE_STEPS)
            assert reward[t] == (1 if done else -1 if ends[t] else 0)
            following = study.CELLS[cells[t + 1]][0]
            reached = {("shut", OPEN): "open", ("open", CASE["open"][1][0]): "filled"}.get((state, action), state)
            assert following == ("shut" if ends[t] else reached)
            assert beyond[t] == study.WHICH[cells[t + 1], 0]
            length = 0 if ends[t] else length
    counts = np.bincount(one.cell.ravel(), minlength=len(study.CELLS))
    assert abs(counts[0] / counts[:2].sum() - 0.5) < 0.05
    assert abs(counts[3] / counts[3:].sum() - 0.5) < 0.05
