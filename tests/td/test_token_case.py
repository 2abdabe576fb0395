"""The published case study without sampling: the values that a critic settles at, and the advantages that follow.

All ways to play it at random are played, each weighted by its probability, and a table of values is moved to the mean
of its returns until it rests. The state does not tell how many steps are left, so these are not the true advantages
(.34 and .55, in the tests of the environment).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.envs.text.household import CASE, CASE_STEPS, CLOSE, OPEN, PUT
from accumbens.td.tokens import RULES, Steps, credit, decay_of

TOKENS = 5
GAMMA = LAMBDA = 0.95


def episodes():
    """Every episode as rows of (state, action, reward, terminated), and its probability."""
    found = []

    def walk(state, rows, chance):
        actions = CASE[state][1]
        for action in actions:
            done = (state, action) == ("filled", CLOSE)
            lost = len(rows) + 1 == CASE_STEPS and not done
            longer = [*rows, (state, action, 1.0 if done else -1.0 if lost else 0.0, done or lost)]
            if done or lost:
                found.append((longer, chance / len(actions)))
            else:
                reached = {("shut", OPEN): "open", ("open", PUT): "filled"}.get((state, action), state)
                walk(reached, longer, chance / len(actions))

    walk("shut", [], 1.0)
    return found


class Play:
    """All episodes as arrays `[episodes, steps, tokens]`; what is behind an episode's end weighs nothing."""

    def __init__(self):
        found, names = episodes(), {}
        shape = len(found), CASE_STEPS
        self.which, self.weight = np.zeros((*shape, TOKENS), int), np.zeros(shape)
        self.cell, reward, terminated = np.full(shape, "", object), np.zeros(shape), np.zeros(shape, bool)
        for i, (rows, chance) in enumerate(found):
            for t, (state, action, gain, end) in enumerate(rows):
                self.weight[i, t], reward[i, t], terminated[i, t] = chance, gain, end
                self.cell[i, t] = f"{state}: {action}"
                for j in range(TOKENS):  # the first token tells the actions apart
                    name = (state, action if j else None, j)
                    self.which[i, t, j] = names.setdefault(name, len(names))
        self.size = len(names)
        no = np.zeros(shape)
        self.steps = Steps(np.full(shape, TOKENS), reward, terminated, np.zeros(shape, bool), no)

    def advantages(self, name):
        """Mean advantages of the tokens of every action in every state, once the values rest."""
        rule, steps = RULES[name], jax.tree.map(jnp.asarray, self.steps)
        decay = decay_of(rule, GAMMA, LAMBDA)
        told = jax.jit(jax.vmap(lambda values, steps: credit(rule, values, steps, decay)))
        weight = np.repeat(self.weight[..., None], TOKENS, axis=-1)
        learning = weight * (np.arange(TOKENS) == 0) if rule.level == "action" else weight
        mass = np.bincount(self.which.ravel(), learning.ravel(), self.size)
        table = np.zeros(self.size)
        for _ in range(200):
            found = told(jnp.asarray(table[self.which]), steps)
            sums = np.bincount(self.which.ravel(), (found.returns * learning).ravel(), self.size)
            table += 0.5 * (np.divide(sums, mass, out=np.zeros_like(sums), where=mass > 0) - table)
        means = {}
        for cell in ("shut: " + OPEN, "shut: " + CLOSE, "filled: " + OPEN, "filled: " + CLOSE):
            here = weight * (self.cell == cell)[..., None]
            means[cell] = (np.asarray(found.advantages) * here).sum((0, 1)) / here.sum((0, 1))
        return means


@pytest.fixture(scope="module")
def play():
    with jax.enable_x64(True):
        yield Play()


@pytest.mark.parametrize(
    ("name", "shut", "filled"),
    [
        ("poad", 0.216, 0.526),
        ("archer-bad", 0.216, 0.526),
        ("ntpo", 0.118, 0.447),
        ("archer", 0.128, 0.415),
        ("twosome", 0.310, 0.545),
    ],
)
def test_what_every_rule_tells_the_tokens(play, name, shut, filled):
    with jax.enable_x64(True):
        means = play.advantages(name)
    for state, good, size in (("shut", OPEN, shut), ("filled", CLOSE, filled)):
        bad = ({OPEN, CLOSE} - {good}).pop()
        for action, sign in ((good, 1), (bad, -1)):
            others = sign * size if name == "twosome" else 0.0
            wanted = [sign * size] + [others] * (TOKENS - 1)
            np.testing.assert_allclose(means[f"{state}: {action}"], wanted, atol=5e-4)
