"""Teams that play: what they remember is what a window of the recorded episode shows; nothing illegal is done."""

import jax
import jax.numpy as jnp
import numpy as np
import plain_policies as plain
import pytest

from accumbens.envs.teams.protocol import Seen
from accumbens.teams.acting import Asked, policy_of, policy_of_values
from accumbens.teams.action_values import values_of
from accumbens.teams.model import Window, policies_of
from accumbens.teams.play import play
from accumbens.teams.settings import PolicySettings

from .conftest import ACTIONS, AGENTS
from .learning import FACTS, is_stacked, noisy, of_agent

CONTEXT, HORIZON, DEVIATION = 5, 30, 2.5
USUAL = np.linspace(-40, -1, 20)  # shorter than episodes are: the last of it stands for what is behind
CASES = {
    "idt": PolicySettings(context=CONTEXT, width=4, blocks=1, heads=2),
    "madt": PolicySettings(context=CONTEXT, width=4, blocks=1, heads=2, shared=True, readouts="every"),
    "bc": PolicySettings(context=CONTEXT, width=8, blocks=2, network="mlp", returns=False),
    "teacher": PolicySettings(context=CONTEXT, width=4, blocks=1, heads=2, centralised=True),
}


def asked(networks, target):
    numbers = (jnp.float32(target), jnp.array(USUAL, jnp.float32), jnp.float32(DEVIATION), jnp.float32(HORIZON))
    return Asked(networks, *numbers)


@pytest.fixture(scope="module", params=CASES)
def team(request, drift):
    settings = CASES[request.param]
    policies = policies_of(settings, drift.facts)
    networks = noisy(noisy(policies.init(jax.random.key(0)), 1), 2)
    return settings, networks, policy_of(policies, drift.facts, CONTEXT)


def windows_of(episodes, episode, target):
    """Of every step what a team should have before it, as it is written down."""
    length = int(episodes.lengths[episode])
    done = np.concatenate([np.full((1, AGENTS), -1), episodes.actions[episode, : length - 1]])
    spent = np.concatenate([np.zeros((1, AGENTS)), episodes.rewards[episode, : length - 1]]).cumsum(axis=0)
    usual = USUAL[np.minimum(np.arange(length), len(USUAL) - 1)]
    told = (target - spent - usual[:, None]) / DEVIATION
    for step in range(length):
        some = slice(max(0, step - CONTEXT + 1), step + 1)
        yield Window(
            episodes.observation[episode, some],
            done[some],
            told[some],
            np.arange(length)[some] / HORIZON,
            episodes.legal[episode, some],
            episodes.alive[episode, some],
        )


def test_what_is_remembered_is_what_was_recorded(team, drift):
    settings, networks, policy = team
    target = -12.5
    episodes = play(drift, policy, asked(networks, target), np.arange(3))
    double = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), networks)
    each = [of_agent(double, agent) for agent in range(AGENTS)] if is_stacked(settings) else double
    compared = 0
    for episode in range(3):
        for step, window in enumerate(windows_of(episodes, episode, target)):
            logits = plain.read(each, window, settings, AGENTS, ACTIONS)[1][-1, -1]
            best = np.sort(logits, axis=-1)
            clear = best[:, -1] - best[:, -2] > 1e-3
            np.testing.assert_array_equal(logits.argmax(axis=-1)[clear], episodes.actions[episode, step][clear])
            compared += clear.sum()
    assert episodes.lengths.max() > CONTEXT + 3
    assert compared > 0.8 * episodes.lengths.sum() * AGENTS
    inside = np.arange(episodes.actions.shape[1]) < episodes.lengths[:, None]
    legal = np.take_along_axis(episodes.legal[:, :-1], episodes.actions[..., None], -1)[..., 0]
    assert legal[inside].all()
    assert (~episodes.alive[:, :-1][inside]).any(), "some died on the way"
    assert len(np.unique(episodes.actions[inside])) > 1


def test_the_return_that_is_asked_for_matters_where_it_is_told(team, drift):
    settings, networks, policy = team
    one, two = (play(drift, policy, asked(networks, target), np.arange(3)) for target in (-400.0, 400.0))
    same = one.actions.shape == two.actions.shape and (one.actions == two.actions).all()
    assert same == (not settings.returns)


def test_what_is_behind_the_newest_step_means_nothing(team, drift):
    _, networks, policy = team
    rng = np.random.default_rng(0)
    memory = policy.init()
    noise = memory.window._replace(
        observation=jnp.asarray(rng.normal(size=memory.window.observation.shape), jnp.float32),
        returns=jnp.asarray(rng.normal(size=memory.window.returns.shape), jnp.float32),
    )
    act = jax.jit(policy.act)
    _, seen = drift.reset(jax.random.key(3))
    nothing, key = jnp.zeros(AGENTS), jax.random.key(0)
    plainly, noisily = (
        act(asked(networks, 0.0), m, seen, nothing, key) for m in (memory, memory._replace(window=noise))
    )
    np.testing.assert_array_equal(plainly[0], noisily[0])


def test_values_take_the_best_of_what_is_legal():
    shared = values_of(True, (4,), FACTS)
    policy = policy_of_values(lambda networks, observation: networks + observation[:, :1])
    values = jnp.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    legal = jnp.array([[False, True, True], [True, True, True]])
    seen = Seen(jnp.zeros((2, 3)), legal, jnp.ones(2, bool))
    actions, memory = policy.act(values, policy.init(), seen, jnp.zeros(2), jax.random.key(0))
    assert (actions.tolist(), memory) == ([1, 2], ())
    networks = shared.init(jax.random.key(0))
    alike = shared.read(networks, jnp.ones((2, 3)))
    assert (alike[0] != alike[1]).any(), "they are told who they are"
