"""Sparse attentive backtracking against a network written step by step, with a list of memories."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.losses import losses
from accumbens.credit.networks.attending import AdditiveScore
from accumbens.credit.networks.attentive import Attentive, loss_and_gradients
from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.settings import AttentiveSettings
from accumbens.errors import AccumbensError
from accumbens.tracing.compile import quick_jit

STEPS = 9
FACTS = TaskFacts("classification", 3, 4, steps=STEPS)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def network_of(**changes):
    given = {"layers": (4,), "truncation": 3, "write_every": 2, "attended": 3} | changes
    network = Attentive.create(AttentiveSettings(**given), FACTS, jax.random.key(1))
    network = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), network)
    # Scores of 0.01 are all alike.
    return eqx.tree_at(lambda n: n.layers[1], network, jax.tree.map(lambda leaf: 50 * leaf, network.layers[1]))


def batch_of(size=2, steps=STEPS):
    rng = np.random.default_rng(0)
    y = rng.integers(0, FACTS.outputs, (size, steps)).astype(np.int32)
    y[0, :3] = -1
    return Batch(jnp.asarray(rng.normal(size=(size, steps, FACTS.inputs))), jnp.asarray(y), jnp.int32(0))


def step_by_step(network, x, cut):
    """Outputs of one sequence, as the paper says it, and the weight of every memory at every step."""
    units, attention, readout = network.layers
    state, memories, outputs, attended = units.silent(), [jnp.zeros(units.count)], [], []
    for t in range(len(x)):
        if cut and t % network.truncation == 0:
            state = jax.lax.stop_gradient(state)
        c, h = units(state, x[t]).T
        score = attention.score
        if isinstance(score, AdditiveScore):
            w = jnp.concatenate([score.w_h, score.w_m])
            scores = jnp.stack([w @ jnp.tanh(jnp.concatenate([h, m])) for m in memories])
        else:
            W = jnp.concatenate([score.W_h, score.W_m])
            scores = jnp.stack([score.w @ jnp.tanh(jnp.concatenate([h, m]) @ W) for m in memories])
        top = attention.top
        if attention.sparsifier == "softmax":
            kept = jnp.argsort(-scores)[:top]
            a = jnp.zeros(len(memories)).at[kept].set(jax.nn.softmax(scores[kept]))
        elif len(memories) <= top:
            a = scores
        else:
            above = jnp.maximum(scores - (jnp.sort(scores)[-top] + 1e-7), 0)
            a = above / (above.sum() + 1e-7)
        s = sum(weight * m for weight, m in zip(a, memories, strict=True))
        h = h + s
        state = jnp.stack([c, h], axis=1)
        outputs.append(readout(jnp.concatenate([h, s])))
        attended.append(a)
        if (t + 1) % network.write_every == 0:
            memories.append(h)
    return jnp.stack(outputs), attended


def attended_by(network, x):
    """The steps that every step attends to, with their weights."""
    weights = quick_jit(lambda x: step_by_step(network, x, False)[1])(x)
    return [{i * network.write_every: float(w) for i, w in enumerate(a) if w != 0} for a in weights]


def reference_loss(network, batch, cut):
    outputs = jax.vmap(lambda x: step_by_step(network, x, cut)[0])(batch.x)
    return losses(outputs, batch.y, FACTS.kind).mean()


VARIANTS = {
    "released": {},
    "softmax": {"sparsifier": "softmax"},
    "mlp": {"score": "mlp"},
    "mlp, softmax": {"score": "mlp", "sparsifier": "softmax"},
    "all steps written": {"write_every": 1, "truncation": 4},
    "few memories": {"write_every": 5, "attended": 4},
    "one block": {"truncation": 20},
    "more than there are": {"truncation": 500, "attended": 40},
    "more than there are, softmax": {"truncation": 500, "attended": 40, "sparsifier": "softmax"},
    "blocks of one step": {"truncation": 1},
}


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("name", VARIANTS)
def test_loss_and_gradient_are_those_of_the_network_step_by_step(name, cut):
    network, batch = network_of(**VARIANTS[name]), batch_of()
    loss, gradients = quick_jit(partial(loss_and_gradients, cut=cut))(network, batch)
    expected, exact = quick_jit(jax.value_and_grad(partial(reference_loss, cut=cut)))(network, batch)
    np.testing.assert_allclose(loss, expected, rtol=1e-10)
    for mine, theirs in zip(jax.tree.leaves(gradients), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)
        assert np.any(mine)


def test_exact_loss_has_the_exact_gradient():
    network, batch = network_of(), batch_of()
    loss, gradients = quick_jit(jax.value_and_grad(lambda n: 3 * n.exact_loss(batch, jax.random.key(0))))(network)
    expected, exact = quick_jit(jax.value_and_grad(partial(reference_loss, cut=False)))(network, batch)
    np.testing.assert_allclose(loss, 3 * expected, rtol=1e-10)
    for mine, theirs in zip(jax.tree.leaves(gradients), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(mine, 3 * theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", VARIANTS)
def test_predictions_and_what_is_attended_to(name):
    network, batch = network_of(**VARIANTS[name]), batch_of()
    outputs = network.predict(batch.x)
    steps, weights = network.attended(batch.x)
    for row, x in enumerate(batch.x):
        expected = quick_jit(lambda x: step_by_step(network, x, False)[0])(x)
        np.testing.assert_allclose(outputs[row], expected, rtol=1e-9)
        for t, wanted in enumerate(attended_by(network, x)):
            found = {int(s): float(a) for s, a in zip(steps[row, t], weights[row, t], strict=True) if a != 0}
            assert found.keys() == wanted.keys()
            for s in found:
                np.testing.assert_allclose(found[s], wanted[s], rtol=1e-7)
            assert len(found) <= network.layers[1].top
            assert all(s <= t for s in found), "a memory of the future"


@pytest.mark.parametrize("changes", [{}, {"truncation": 1}, {"truncation": 500}, {"write_every": 20}])
def test_activities_are_those_of_the_steps_there_are(changes):
    network, batch = network_of(**changes), batch_of()
    weights = [np.array(list(found.values())) for x in batch.x for found in attended_by(network, x)]
    units, attention = network.activities(batch.x)
    at_most = min(3, 2 + STEPS // network.write_every)
    np.testing.assert_allclose(attention.sparsity, np.mean([len(a) for a in weights]) / at_most)
    shares = [np.abs(a) / np.abs(a).sum() for a in weights if len(a)]
    entropy = -sum((share * np.log(share)).sum() for share in shares) / len(weights)
    np.testing.assert_allclose(attention.entropy, entropy, rtol=1e-7, atol=1e-12)
    assert units.sparsity == 1


def test_settings_beyond_the_sequence_cost_nothing():
    def temporary(**changes):
        settings = AttentiveSettings(layers=(16,), **changes)
        network = Attentive.create(settings, FACTS, jax.random.key(0))
        batch = Batch(jnp.zeros((2, STEPS, 3)), jnp.zeros((2, STEPS), jnp.int32), jnp.int32(0))
        lowered = jax.jit(loss_and_gradients, static_argnums=2).lower(network, batch, True)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    whole = {"truncation": STEPS, "write_every": 2, "attended": STEPS // 2 + 2}
    assert temporary(truncation=500, write_every=2, attended=500) == temporary(**whole)


def test_the_gradient_reaches_back_only_through_memories_attended_to():
    network, batch = network_of(truncation=4, write_every=3), batch_of(1)
    begin = (STEPS - 1) // 4 * 4  # of the last block

    def to_inputs(network):
        jacobian = quick_jit(jax.jacobian(lambda x: step_by_step(network, x, True)[0][-1]))(batch.x[0])
        return np.abs(jacobian).sum((0, 2))

    attended = attended_by(network, batch.x[0])
    blind = eqx.tree_at(lambda n: n.layers[1].score, network, AdditiveScore(jnp.zeros(4), jnp.zeros(4)))
    without = to_inputs(blind)
    assert not without[:begin].any()
    assert without[begin:].all()
    # Whatever a step of the last block attends to opens the block in which that was written, up to it.
    opened, todo = set(range(begin, STEPS)), list(range(begin, STEPS))
    while todo:
        for memory in attended[todo.pop()]:
            steps = set(range((memory - 1) // 4 * 4, memory)) if memory else set()
            todo += steps - opened
            opened |= steps
    reached = to_inputs(network)
    assert not reached[[t for t in range(STEPS) if t not in opened]].any()
    assert any(reached[t] for t in range(begin))


def test_the_released_score_chooses_without_the_state():
    """Which memories score most depends on the memories alone: w_h · tanh(h) is the same for all."""

    def orders(score):
        rng = np.random.default_rng(1)
        keys = score.key_of(jnp.asarray(rng.normal(size=(9, 4))))
        return {tuple(np.argsort(score(jnp.asarray(rng.normal(size=4)), keys))) for _ in range(20)}

    assert len(orders(network_of().layers[1].score)) == 1
    assert len(orders(network_of(score="mlp").layers[1].score)) > 1


def test_the_memory_of_an_update_grows_with_the_memories_and_no_faster():
    settings = AttentiveSettings(layers=(16,), truncation=10, write_every=10, attended=3)

    def temporary(steps):
        facts = TaskFacts("classification", 3, 4, steps=steps)
        network = Attentive.create(settings, facts, jax.random.key(0))
        batch = Batch(jnp.zeros((2, steps, 3)), jnp.zeros((2, steps), jnp.int32), jnp.int32(0))
        lowered = jax.jit(loss_and_gradients, static_argnums=2).lower(network, batch, True)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    short, long = temporary(200), temporary(2000)
    assert long < 12 * short


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"layers": (4, 4)}, "layers=4,4"),
        ({"truncation": 0}, "truncation=0"),
        ({"write_every": 0}, "write_every=0"),
        ({"attended": 1}, "attended=1"),
    ],
)
def test_what_cannot_be_is_refused(changes, named):
    with pytest.raises(AccumbensError, match=named):
        network_of(**changes)
