"""Representation: the vectors that values are read from, their components, and the states they are looked at in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.agents import network, stacks
from accumbens.cells import goodness_of
from accumbens.errors import AccumbensError
from accumbens.representation import Request
from accumbens.representation.recording import draw, rows
from accumbens.representation.scenarios import (
    Scenario,
    by_preference,
    find_scenarios,
    make_firing,
    respond,
)
from accumbens.representation.study import early
from accumbens.representation.vectors import (
    kinds_of,
    make_vectors,
    pearson,
    principal_components,
    variance_shares,
)
from accumbens.training.config import resolve_config
from accumbens.training.plan import environment_facts
from accumbens.training.play import Moment

RNG = np.random.default_rng(0)


def test_components_are_eigenvectors_of_the_covariance():
    points = RNG.normal(size=(300, 5)) @ RNG.normal(size=(5, 5)) + 7
    values = points @ RNG.normal(size=5)
    found = principal_components(points, values)
    variances, directions = np.linalg.eigh(np.cov(points.T))
    order = np.argsort(-variances)[:2]
    np.testing.assert_allclose(found.explained, variances[order] / variances.sum(), rtol=1e-9)
    expected = (points - points.mean(0)) @ directions[:, order]
    np.testing.assert_allclose(np.abs(found.scores), np.abs(expected), atol=1e-9)
    for scores, correlation in zip(found.scores.T, found.correlation, strict=True):
        assert np.corrcoef(scores, values)[0, 1] == pytest.approx(correlation)
        assert correlation > 0


@pytest.mark.parametrize("shape", [(4, 1), (1, 3), (2, 3)])
def test_few_points_and_few_numbers_have_components_too(shape):
    points = RNG.normal(size=shape)
    found = principal_components(points, np.arange(shape[0], dtype=float))
    assert found.scores.shape == (shape[0], 2)
    assert found.explained.sum() == pytest.approx(1.0 if shape[0] > 1 else 0.0)


def test_what_does_not_vary_has_no_components():
    found = principal_components(np.full((50, 3), 0.1, np.float32), RNG.normal(size=50))
    assert not np.any(found.scores)
    assert not np.any(found.explained)
    assert not np.any(found.correlation)
    assert variance_shares(np.full((5, 3, 2), 0.1)) == (0, 0)
    assert pearson(np.ones(4), np.arange(4.0)) == 0


def test_shares_of_the_variance():
    action, state = RNG.normal(size=(1, 3, 4)), RNG.normal(size=(50, 1, 4))
    shares = variance_shares(action + state)
    by_action = np.square(action - action.mean(1)).sum(-1).mean()
    by_state = np.square(state - state.mean(0)).sum(-1).mean()
    assert shares.action == pytest.approx(by_action / (by_action + by_state))
    assert shares.state == pytest.approx(by_state / (by_action + by_state))
    alone = variance_shares(action + 0 * state)
    assert (alone.action, alone.state) == (pytest.approx(1), pytest.approx(0))
    crossed = np.array([[1.0, -1.0], [-1.0, 1.0]])[..., None]
    assert variance_shares(crossed) == (0, 0), "all of it is interaction"


CASES = {
    "contributions": ("ad_pqn", {"value_scale": "0.5"}),
    "contributions of an action that is seen": ("ad_pqn", {"cell": "dot", "action_conditioning": "true"}),
    "goodness": ("arq_pqn", {"goodness_width": "4", "value_offset": "false"}),
    "quantiles": ("ad_qr_pqn", {"num_quantiles": "3"}),
    "activity": ("pqn", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_value_is_read_from_the_vector(case, quick_jit):
    algo, changes = CASES[case]
    config = resolve_config("CartPole-v1", algo, net_arch=(6, 5), changes={"rank": "2"} | changes)
    settings, facts = config.settings, environment_facts("CartPole-v1", "joint")[0]
    stack = stacks.build_stack(settings, facts, jax.random.key(0))
    observation = jnp.asarray(RNG.normal(size=(7, 4)), jnp.float32)
    carry = tuple(jnp.asarray(RNG.normal(size=(7, hidden)), jnp.float32) for hidden in (6, 5))
    vectors = quick_jit(make_vectors(settings, facts))(stack, observation, carry)
    encoded = network.make_encoder(settings, facts)(observation)
    values, hidden = network.value_function(settings, facts).all(stack, encoded, carry)
    kinds = kinds_of(stack)
    assert set(kinds) == {case.split()[0]}
    for cell, (kind, vector) in enumerate(zip(kinds, vectors, strict=True)):
        if kind == "activity":
            np.testing.assert_allclose(vector[:, 0], hidden[cell], atol=1e-5)
            continue
        read = {
            "contributions": lambda v: v.sum(-1),
            "goodness": lambda v: goodness_of(v, settings.goodness),
            "quantiles": lambda v: jnp.swapaxes(v, 1, 2),
        }[kind](vector)
        np.testing.assert_allclose(settings.value_scale * read, values[:, cell], rtol=1e-4, atol=1e-5)


def test_firing_is_the_activity_before_the_norm(quick_jit):
    config = resolve_config("CartPole-v1", "ad_pqn", net_arch=(6, 5), changes={"rank": "2", "layer_norm": "true"})
    settings, facts = config.settings, environment_facts("CartPole-v1", "joint")[0]
    stack = stacks.build_stack(settings, facts, jax.random.key(0))
    observation = jnp.asarray(RNG.normal(size=(7, 4)), jnp.float32)
    carry = tuple(jnp.asarray(RNG.normal(size=(7, hidden)), jnp.float32) for hidden in (6, 5))
    firing = quick_jit(make_firing(settings, facts))(stack, observation, carry)
    _, hidden = jax.vmap(stack)(network.make_encoder(settings, facts)(observation), carry)
    for fired, normed in zip(map(np.asarray, firing), hidden, strict=True):
        assert (fired >= 0).all()
        assert (fired == 0).any()
        expected = (fired - fired.mean(-1, keepdims=True)) / np.sqrt(fired.var(-1, keepdims=True) + 1e-6)
        np.testing.assert_allclose(normed, expected, atol=1e-4)


def test_firing_of_a_cell_with_recurrent_units_has_their_state_as_it_is(quick_jit):
    changes = {"rank": "2", "layer_norm": "true"}
    config = resolve_config("CartPole-v1", "ad_rtu_pqn", net_arch=(9, 8), changes=changes)
    settings, facts = config.settings, environment_facts("CartPole-v1", "joint")[0]
    stack = stacks.build_stack(settings, facts, jax.random.key(0))
    observation = jnp.asarray(RNG.normal(size=(7, 4)), jnp.float32)
    carry = tuple(jnp.asarray(RNG.normal(size=(7, hidden)), jnp.float32) for hidden in (9, 8))
    firing = quick_jit(make_firing(settings, facts))(stack, observation, carry)
    _, hidden = jax.vmap(stack)(network.make_encoder(settings, facts)(observation), carry)
    for fired, normed in zip(map(np.asarray, firing), hidden, strict=True):
        np.testing.assert_allclose(fired[:, :4], normed[:, :4], atol=1e-5)
        assert (fired[:, 4:] >= 0).all()
        assert (normed[:, 4:] < 0).any()


def moment(**arrays):
    time, envs = arrays["reward"].shape
    nothing = np.zeros((time, envs))
    found = dict.fromkeys(Moment._fields, nothing) | {"carry": (), "hidden": ()}
    found["terminated"] = found["truncated"] = np.zeros((time, envs), bool)
    return Moment(**(found | {"td_error": nothing[..., None]} | arrays))


def test_scenarios_are_what_they_say():
    time, envs = 60, 2
    reward, terminated, truncated = np.zeros((time, envs)), np.zeros((time, envs), bool), np.zeros((time, envs), bool)
    reward[20, 0] = reward[40, 1] = 1
    terminated[21, 0] = truncated[41, 1] = True
    td_error = RNG.normal(size=(time, envs, 3))
    value, greedy = RNG.normal(size=(time, envs)), RNG.integers(0, 2, (time, envs, 1))
    greedy[0, 0] = 5  # once only
    recording = moment(reward=reward, terminated=terminated, truncated=truncated, td_error=td_error)
    found = {name: member.reshape(time, envs) for name, member in find_scenarios(recording, value, greedy)}

    def at(name):
        return set(zip(*map(np.ndarray.tolist, np.nonzero(found[name])), strict=True))

    assert at("episode starts") == {
        *((t, e) for t in range(5) for e in range(2)),
        *((t, 0) for t in range(22, 27)),
        *((t, 1) for t in range(42, 47)),
    }
    assert at("reward soon") == {*((t, 0) for t in (18, 19, 20)), *((t, 1) for t in (38, 39, 40))}
    assert at("episode ends soon") == {(t, 0) for t in range(12, 22)}, "a time limit is not an end"
    assert "punishment soon" not in found, "no state is one"
    assert "would do 5" not in found, "too few are"
    assert found["would do 0"].sum() == (greedy == 0).sum()
    assert found["high value"].sum() == found["low value"].sum() == time * envs / 4
    mean_error = td_error.mean(-1)
    assert mean_error[found["better than expected"]].min() > np.quantile(mean_error, 0.75)
    assert mean_error[found["worse than expected"]].max() < np.quantile(mean_error, 0.25)


def test_a_reward_of_the_next_episode_is_not_soon():
    reward, terminated = np.zeros((40, 1)), np.zeros((40, 1), bool)
    reward[[11, 21, 31]] = 1
    terminated[[10, 20, 30]] = True
    found = dict(
        find_scenarios(moment(reward=reward, terminated=terminated), np.zeros((40, 1)), np.zeros((40, 1, 1), int))
    )
    assert "reward soon" not in found, "three states, which are too few: those before them are of another episode"
    assert "would do 0" not in found, "every state is one"


def test_responses_are_means_in_standard_deviations():
    firing = RNG.normal(size=(100, 4)).astype(np.float32)
    firing[:, 2] = 0.3
    member = RNG.random(100) < 0.3
    found = respond(firing, [Scenario("a", member), Scenario("b", ~member)])
    np.testing.assert_allclose(found.mean[:, 0], firing[member].mean(0), rtol=1e-5)
    expected = (firing[member].mean(0) - firing.mean(0)) / firing.std(0)
    np.testing.assert_allclose(found.score[[0, 1, 3], 0], expected[[0, 1, 3]], rtol=1e-4)
    assert found.silent.tolist() == [False, False, True, False]
    assert not found.score[2].any()


def test_units_are_ordered_by_the_scenario_they_prefer():
    score = np.array([[0.0, 1.0], [2.0, 1.0], [0.0, 3.0], [5.0, 0.0]])
    assert by_preference(score).tolist() == [3, 1, 2, 0]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([7], [7]),
        ([0, 100], [0, 100]),
        ([0, 10, 30, 100], [0, 10, 100]),
        ([0, 70, 100], [0, 100]),
        ([0, 5, 14, 50, 100], [0, 14, 100]),
    ],
)
def test_first_early_and_last_step(steps, expected):
    assert early(steps) == expected


def test_states_are_drawn_without_repetition_and_rows_are_those_of_all_copies():
    drawn = draw(np.random.default_rng(0), 10, 12)
    assert len(set(drawn)) == 10
    assert (np.diff(drawn) > 0).all()
    recording = moment(reward=np.arange(12.0).reshape(6, 2), hidden=(np.arange(24.0).reshape(6, 2, 2),))
    assert rows(recording, np.array([0, 3])).reward.tolist() == [0, 3]
    assert rows(recording, np.array([3])).hidden[0].tolist() == [[6, 7]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"states": 2}, "states=2 .* at least 3"),
        ({"steps": 1}, "steps=1 .* at least 2"),
        ({"transitions": 0}, "transitions=0 .* at least 1"),
        ({"states": 17, "steps": 2}, "states=17 .* 2 steps of 8 copies .* are 16"),
        ({"states": 3, "steps": 2}, "transitions=1024 .* are 16"),
        ({"epsilon": 1.5}, "epsilon=1.5 .* from 0 to 1"),
        ({"epsilon": float("nan")}, "epsilon=nan"),
    ],
)
def test_numbers_that_cannot_be_are_refused(changes, said):
    with pytest.raises(AccumbensError, match=said):
        Request(**changes).check()
