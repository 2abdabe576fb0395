"""One update of policies that learn from data, against finite differences of the loss in NumPy; and who learns when."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.teams.losses import action_loss
from accumbens.teams.model import policies_of
from accumbens.teams.settings import DistilledSettings

from .learning import (
    AGENTS,
    FACTS,
    SEED,
    data_of,
    first_update,
    gradient_of,
    is_stacked,
    layer_of,
    losses,
    mapped_own,
    small,
    with_layer,
)

TOLD = {"alpha": 0.7, "beta": 0.6, "feature": 0.3, "mapping_width": 5, "mapping_period": 3, "teacher_updates": 2}
CASES = {
    "idt": small(blocks=2),
    "madt": small(shared=True, network="mlp", blocks=2, readouts="every"),
    "bc": small(returns=False, network="mlp"),
    "teacher": small(centralised=True),
    "local": small(blocks=2, credit="local", readouts="every"),
    "distilled": small(DistilledSettings, **TOLD),
    "own": small(DistilledSettings, network="mlp", **TOLD | {"relation_gradient": "own"}),
    "one-map": small(DistilledSettings, network="mlp", blocks=2, readouts="every", **TOLD | {"mapping": "shared"}),
    "no-map": small(DistilledSettings, network="mlp", shared=True, **TOLD | {"mapping": "none"}),
}


@pytest.fixture(scope="module")
def done():
    """`done(name)`: the first update of a case, made once."""
    return functools.cache(lambda name: first_update(CASES[name]))


def slope(function, tree, direction, step=1e-5):
    """The derivative of a function of a tree along a direction, from both sides."""
    ends = [function(jax.tree.map(lambda x, d, s=sign: x + s * step * d, tree, direction)) for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * step)


def along(gradient, direction):
    return sum((g * d).sum() for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True))


def directions(tree, rng, agent=None, count=2):
    """Random directions, of all parameters or of those of one agent."""
    for _ in range(count):
        drawn = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), tree)
        if agent is not None:
            drawn = jax.tree.map(
                lambda leaf: leaf * (np.arange(len(leaf)) == agent).reshape(-1, *[1] * (leaf.ndim - 1)), drawn
            )
        yield drawn


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_every_layer_of_every_agent(name, done):
    settings, _, batch, before, after = done(name)
    rng, networks = np.random.default_rng(0), before.networks
    others = mapped_own(settings, networks, batch) if name == "own" else None
    for layer in range(settings.blocks):
        part, gradient = layer_of(networks.team, layer), gradient_of(after.memory.team[layer])

        def loss(part, layer=layer):
            moved = networks._replace(team=with_layer(networks.team, layer, part))
            of_readouts = losses(settings, moved, batch, others)
            return of_readouts[layer] if settings.credit == "local" else of_readouts.sum()

        for agent in range(AGENTS) if is_stacked(settings) else (None,):
            for direction in directions(part, rng, agent):
                expected = slope(loss, part, direction)
                assert abs(expected) > 1e-3
                assert along(gradient, direction) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", ["distilled", "own", "one-map"])
@pytest.mark.parametrize("which", ["team_map", "teacher_map"])
def test_the_gradient_of_the_mapping_nets(name, which, done):
    settings, _, batch, before, after = done(name)
    networks = before.networks
    net = getattr(networks, which)
    if name == "one-map" and which == "teacher_map":
        assert net is None
        return
    others = mapped_own(settings, networks, batch) if name == "own" else None

    def loss(net):
        return losses(settings, networks._replace(**{which: net}), batch, others).sum()

    gradient = gradient_of(getattr(after.memory, which))
    for direction in directions(net, np.random.default_rng(0)):
        assert along(gradient, direction) == pytest.approx(slope(loss, net, direction), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_what_is_reported_is_what_was_learned(name, done):
    settings, _, batch, before, after = done(name)
    if name in ("idt", "bc", "teacher"):
        total = losses(settings, before.networks, batch).sum() / (AGENTS if is_stacked(settings) else 1)
        assert float(after.losses["learning_loss"]) == pytest.approx(total, rel=1e-9)
    if isinstance(settings, DistilledSettings) and settings.readouts == "last":
        told = after.losses
        total = told["learning_loss"] + settings.beta * told["kl_loss"] + settings.alpha * told["relation_loss"]
        total = (total + settings.feature * told["feature_loss"]) * (AGENTS if is_stacked(settings) else 1)
        assert float(total) == pytest.approx(losses(settings, before.networks, batch).sum(), rel=1e-6)
        assert told["teacher_loss"] == 0


def test_the_step_is_adams_and_the_clip_is_each_layers_own(done):
    settings, _, _, before, after = done("idt")
    norms = []
    for layer in range(2):
        gradient = gradient_of(after.memory.team[layer])
        was, now = (layer_of(part.networks.team, layer) for part in (before, after))
        for old, new, g in zip(*map(jax.tree.leaves, (was, now, gradient)), strict=True):
            np.testing.assert_allclose(new, old - settings.learning_rate * g / (np.abs(g) + 1e-8), rtol=1e-9)
        norms.append([np.sqrt(sum((leaf[agent] ** 2).sum() for leaf in jax.tree.leaves(gradient))) for agent in (0, 1)])
    limit = float(np.sort(np.ravel(norms))[1] + 1e-6)  # between the norms: some are clipped
    clipped = first_update(small(blocks=2, max_grad_norm=limit)).after
    for layer in range(2):
        whole, short = (gradient_of(part.memory.team[layer]) for part in (after, clipped))
        for agent in (0, 1):
            factor = min(1.0, limit / norms[layer][agent])
            for g, c in zip(jax.tree.leaves(whole), jax.tree.leaves(short), strict=True):
                np.testing.assert_allclose(c[agent], factor * g[agent], rtol=1e-9)


def changed(one, two):
    return any(not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True))


def states(done, name, count):
    """States before and after each of the first updates."""
    learner = done(name).learner
    update, data = jax.jit(learner.update), data_of()
    state = learner.init(jnp.uint32(SEED))
    found = [state]
    for number in range(count):
        found.append(update(found[-1], data, jnp.uint32(SEED), jnp.int32(number)))
    return [jax.tree.map(np.asarray, one) for one in found]


def test_a_teacher_learns_first_and_m_once_in_a_while(done):
    """Two updates of the teacher; then N with every update, M with every third, and the teacher never."""
    found = states(done, "distilled", 10)
    moved = {
        name: [changed(getattr(a.networks, name), getattr(b.networks, name)) for a, b in itertools.pairwise(found)]
        for name in ("teacher", "team", "team_map", "teacher_map")
    }
    assert moved["teacher"] == [True] * 2 + [False] * 8
    assert moved["team"] == moved["team_map"] == [False] * 2 + [True] * 8
    assert moved["teacher_map"] == [False] * 2 + [True, False, False] * 2 + [True, False]
    m = [one.memory.teacher_map[1].count for one in found]
    assert m == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3], "what M's optimiser remembers waits, too"
    assert found[2].losses["teacher_loss"] > 0
    assert found[2].losses["learning_loss"] == 0
    assert found[-1].losses["teacher_loss"] == found[2].losses["teacher_loss"]


def test_without_a_period_m_is_updated_every_time(done):
    found = first_update(small(DistilledSettings, network="mlp", **TOLD | {"mapping_period": 1}), number=3)
    assert changed(found.before.networks.teacher_map, found.after.networks.teacher_map)
    waits = first_update(small(DistilledSettings, network="mlp", **TOLD), number=3)
    assert not changed(waits.before.networks.teacher_map, waits.after.networks.teacher_map)


def test_which_mapping_nets_there_are(done):
    for name, nets in {"distilled": (1, 1), "one-map": (0, 1), "no-map": (0, 0)}.items():
        networks = done(name).before.networks
        assert [net is not None for net in (networks.teacher_map, networks.team_map)] == list(map(bool, nets))


@pytest.mark.parametrize("name", ["madt", "teacher", "distilled"])
def test_the_dead_teach_nothing(name, done):
    """What an agent without weight did is in no gradient, of nobody's network."""
    settings, _, batch, before, _ = done(name)
    weight = batch.window.weight.copy()
    weight[:, :, 1] = 0
    dead = batch._replace(window=batch.window._replace(weight=weight))
    other = dead._replace(action=(batch.action + np.array([0, 1])) % 3)
    one, two = (losses(settings, before.networks, part) for part in (dead, other))
    np.testing.assert_array_equal(one, two)
    gradients = [gradient_by(settings, part, before) for part in (dead, other, batch)]
    assert not changed(gradients[0], gradients[1])
    assert changed(gradients[0], gradients[2])


def gradient_by(settings, batch, before):
    """The gradient of L_action, of the team."""
    policies = policies_of(settings, FACTS)

    def loss(team, batch):
        logits = jax.vmap(policies.read, in_axes=(None, 0))(team, batch.window).logits[:, -1]
        return action_loss(logits, batch.action, batch.window.weight)

    with jax.enable_x64(True):
        return jax.grad(loss)(*jax.tree.map(jnp.asarray, (before.networks.team, batch)))
