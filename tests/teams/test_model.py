"""Policies against float64 NumPy; who sees what, when, and whose loss reaches which layer, by exact derivatives."""

import jax
import numpy as np
import plain_policies as plain
import pytest

from accumbens.teams.losses import action_loss
from accumbens.teams.model import ILLEGAL, policies_of
from accumbens.teams.settings import DistilledSettings, PolicySettings
from accumbens.teams.windows import draw

from .learning import ACTIONS, AGENTS, FACTS, data_of, is_stacked, noisy, of_agent, small

CASES = {
    "idt": small(blocks=2),
    "bc": small(returns=False, readouts="every", blocks=2),
    "madt": small(shared=True),
    "mlp": small(network="mlp", blocks=2),
    "students": small(DistilledSettings),
    "teacher": small(centralised=True, blocks=2),
    "local": small(blocks=2, credit="local", readouts="every"),
}


@pytest.fixture(scope="module")
def batch():
    data = data_of(4)
    return draw(data.learned, data, 4, 6, jax.random.key(0))


def networks_of(settings):
    return noisy(policies_of(settings, FACTS).init(jax.random.key(1)))


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_the_papers_say(name, batch):
    settings = CASES[name]
    policies, networks = policies_of(settings, FACTS), networks_of(settings)
    found = jax.jit(jax.vmap(policies.read, in_axes=(None, 0)))(networks, batch.window)
    double = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), networks)
    team = [of_agent(double, agent) for agent in range(AGENTS)] if is_stacked(settings) else double
    for one in range(len(batch.action)):
        window = jax.tree.map(lambda leaf, one=one: np.asarray(leaf[one]), batch.window)
        features, logits = plain.read(team, window, settings, AGENTS, ACTIONS)
        np.testing.assert_allclose(found.features[one], features, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.logits[one], logits, rtol=1e-4, atol=1e-4)
    assert (np.asarray(found.logits)[:, -1][~np.asarray(batch.window.legal)] == np.float32(ILLEGAL)).all()


def dependence(settings, batch):
    """Whether what agent i would do at step s depends on what agent j is told of step t: `[s, i, t, j]`, exactly."""
    policies, networks = policies_of(settings, FACTS), networks_of(settings)
    window = jax.tree.map(lambda leaf: leaf[0], batch.window)
    total = np.zeros((4, AGENTS, 4, AGENTS))
    for name in ("observation", "returns"):

        def logits(part, name=name):
            return policies.read(networks, window._replace(**{name: part})).logits.sum(axis=0)

        jacobian = np.abs(jax.jit(jax.jacrev(logits))(getattr(window, name)))
        total += jacobian.reshape(4, AGENTS, ACTIONS, 4, AGENTS, -1).sum(axis=(2, 5))
    return total > 0


@pytest.mark.parametrize("name", CASES)
def test_nobody_sees_the_future_and_only_a_teacher_sees_others(name, batch):
    settings = CASES[name]
    found = dependence(settings, batch)
    for s in range(4):
        for t in range(4):
            past = t == s if settings.network == "mlp" else t <= s
            mine, others = found[s, range(AGENTS), t, range(AGENTS)], found[s, [0, 1], t, [1, 0]]
            assert mine.all() if past else not mine.any()
            assert others.all() if past and settings.centralised else not others.any()


@pytest.mark.parametrize("name", ["idt", "madt", "local"])
def test_what_others_did_before_is_not_seen_either(name, batch):
    settings = CASES[name]
    policies, networks = policies_of(settings, FACTS), networks_of(settings)
    window = jax.tree.map(lambda leaf: leaf[0], batch.window)
    other = window._replace(before=window.before.at[:, 1].set((window.before[:, 1] + 1) % ACTIONS))
    one, two = (policies.read(networks, part).logits for part in (window, other))
    np.testing.assert_array_equal(one[:, :, 0], two[:, :, 0])
    assert (one[:, :, 1] != two[:, :, 1]).any()


def reached(settings, batch):
    """Which layer's loss (row) has a derivative in which layer (column); what leads into the first belongs to it."""
    policies, networks = policies_of(settings, FACTS), networks_of(settings)

    def losses(networks):
        logits = jax.vmap(policies.read, in_axes=(None, 0))(networks, batch.window).logits
        return jax.vmap(action_loss, in_axes=(1, None, None))(logits, batch.action, batch.window.weight)

    jacobian = jax.jit(jax.jacrev(losses))(networks)
    parts = [(jacobian.inward, jacobian.layers[0]), *((layer,) for layer in jacobian.layers[1:])]
    rows = [[np.abs(leaf).reshape(len(leaf), -1).sum(axis=1) for leaf in jax.tree.leaves(part)] for part in parts]
    return np.stack([sum(leaves) for leaves in rows], axis=1)


def test_with_local_credit_no_loss_reaches_another_layer(batch):
    matrix = reached(small(blocks=3, credit="local", readouts="every"), batch)
    assert (matrix[~np.eye(3, dtype=bool)] == 0).all()
    assert (np.diag(matrix) > 0).all()


def test_its_twin_sends_every_loss_down(batch):
    matrix = reached(small(blocks=3, readouts="every"), batch)
    assert (matrix[np.tril_indices(3)] > 0).all()
    assert (matrix[np.triu_indices(3, 1)] == 0).all()


def test_twins_begin_alike_and_the_last_layer_learns_alike_at_first(batch):
    found = []
    for credit in ("local", "backprop"):
        settings = small(blocks=2, credit=credit, readouts="every")
        policies = policies_of(settings, FACTS)
        networks = policies.init(jax.random.key(1))

        def loss(networks, policies=policies):
            logits = jax.vmap(policies.read, in_axes=(None, 0))(networks, batch.window).logits
            each = jax.vmap(action_loss, in_axes=(1, None, None))(logits, batch.action, batch.window.weight)
            return each.sum()

        found.append((networks, jax.jit(jax.grad(loss))(networks)))
    (one, of_local), (two, of_twin) = found
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(jax.tree.leaves(of_local.layers[1]), jax.tree.leaves(of_twin.layers[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-8)
    difference = [np.abs(a - b).max() for a, b in zip(jax.tree.leaves(of_local), jax.tree.leaves(of_twin), strict=True)]
    assert max(difference) > 1e-4


def test_new_policies_are_nearly_indifferent(batch):
    settings = PolicySettings(context=4)
    policies = policies_of(settings, FACTS)
    logits = policies.read(policies.init(jax.random.key(0)), jax.tree.map(lambda leaf: leaf[0], batch.window)).logits
    legal = np.asarray(batch.window.legal[0])
    assert np.abs(np.asarray(logits[0])[legal]).max() < 0.1
