"""What policies are told, against plain float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import plain_policies as plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.teams.losses import action_loss, angles, divergence, feature_distance, relation, weighted
from accumbens.teams.mapping import make_mapping

AGENTS, ACTIONS, WIDTH = 3, 4, 5


@pytest.fixture(scope="module")
def numbers():
    """Logits, features, actions and weights of 6 steps: of two agents at one step, and of nobody at another."""
    rng = np.random.default_rng(0)
    teacher, student = rng.normal(size=(2, 6, AGENTS, ACTIONS)) * 2
    of_teacher, of_student = rng.normal(size=(2, 6, AGENTS, WIDTH))
    action = rng.integers(0, ACTIONS, (6, AGENTS)).astype(np.int32)
    weight = np.ones((6, AGENTS))
    weight[2, 1], weight[4] = 0, 0
    return teacher, student, of_teacher, of_student, action, weight


def in_double(function, *arrays):
    with jax.enable_x64(True):
        return np.asarray(function(*(None if a is None else jnp.asarray(a) for a in arrays)))


def test_actions(numbers):
    _, student, _, _, action, weight = numbers
    expected = plain.action_loss(student, action, weight)
    assert in_double(action_loss, student, action, weight) == pytest.approx(expected, rel=1e-12)


def test_divergence(numbers):
    teacher, student, *_, weight = numbers
    assert in_double(divergence, teacher, student, weight) == pytest.approx(
        plain.divergence(teacher, student, weight), rel=1e-12
    )
    assert in_double(divergence, teacher, teacher + 3.0, weight) == pytest.approx(0.0, abs=1e-12)
    assert in_double(divergence, student, teacher, weight) != pytest.approx(plain.divergence(teacher, student, weight))


def test_what_is_illegal_to_both_adds_nothing(numbers):
    teacher, student, *_, weight = numbers
    few = [np.concatenate([part, np.full((6, AGENTS, 1), -1e9)], axis=-1) for part in (teacher, student)]
    expected = plain.divergence(teacher, student, weight)
    assert in_double(divergence, *few, weight) == pytest.approx(expected, rel=1e-12)
    gradient = in_double(jax.grad(divergence, argnums=1), *few, weight)
    assert np.isfinite(gradient).all()
    assert (gradient[..., -1] == 0).all()


def test_features(numbers):
    _, _, teacher, student, _, weight = numbers
    expected = plain.feature_distance(teacher, student, weight)
    assert in_double(feature_distance, teacher, student, weight) == pytest.approx(expected, rel=1e-12)


def test_angles(numbers):
    features = numbers[2]
    found = in_double(angles, features)
    for step, i, j in np.ndindex(found.shape):
        if i != j:
            assert found[step, i, j] == pytest.approx(plain.angle(features[step, i], features[step, j]), abs=1e-7)
    assert found[:, range(AGENTS), range(AGENTS)] == pytest.approx(0.0, abs=2e-3)  # as near to 1 as cosines come


def test_relation(numbers):
    _, _, teacher, student, _, weight = numbers
    expected = plain.relation(teacher, student, weight)
    assert in_double(relation, teacher, student, weight) == pytest.approx(expected, rel=1e-6)
    assert in_double(relation, teacher, teacher, weight) == pytest.approx(0.0, abs=1e-12)


def test_both_parts_of_the_huber_loss_are_met(numbers):
    _, _, teacher, student, *_ = numbers
    apart = np.abs(in_double(angles, student) - in_double(angles, teacher))
    assert (apart > 1).any()
    assert ((apart > 0) & (apart < 1)).any()


def test_others_are_the_second_of_each_pair(numbers):
    """With others that are constant, the gradient of one agent's features is half of that with both."""
    _, _, teacher, student, _, weight = numbers

    def own(student):
        return relation(jnp.asarray(teacher), student, jnp.asarray(weight), jax.lax.stop_gradient(student))

    def both(student):
        return relation(jnp.asarray(teacher), student, jnp.asarray(weight))

    assert in_double(own, student) == pytest.approx(in_double(both, student), rel=1e-12)
    np.testing.assert_allclose(in_double(jax.grad(both), student), 2 * in_double(jax.grad(own), student), rtol=1e-9)
    one = in_double(angles, student, student[:, ::-1])
    assert one[0, 0, 2] == pytest.approx(0.0, abs=2e-3)
    assert one[0, 0, 1] == pytest.approx(plain.angle(student[0, 0], student[0, 1]), abs=1e-7)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.floats(0.1, 100.0), min_size=6 * AGENTS, max_size=6 * AGENTS),
    st.sampled_from(["teacher", "student", "both"]),
)
def test_relation_does_not_see_the_length_of_features(numbers, lengths, whose):
    _, _, teacher, student, _, weight = numbers
    scale = np.array(lengths).reshape(6, AGENTS, 1)
    scaled = (teacher * (scale if whose != "student" else 1), student * (scale if whose != "teacher" else 1))
    assert in_double(relation, *scaled, weight) == pytest.approx(
        in_double(relation, teacher, student, weight), rel=1e-5
    )


def test_nor_does_it_behind_mapping_nets(numbers):
    _, _, teacher, student, _, weight = numbers
    with jax.enable_x64(True):
        m, n = (make_mapping(WIDTH, 7, key=jax.random.key(seed)) for seed in (0, 1))
        np.testing.assert_allclose(m(jnp.asarray(teacher)), plain.mapped(m, teacher), rtol=1e-12)
        found = [
            relation(m(jnp.asarray(teacher * a)), n(jnp.asarray(student * b)), jnp.asarray(weight))
            for a, b in ((1, 1), (9, 4))
        ]
    assert float(found[0]) == pytest.approx(float(found[1]), rel=1e-6)
    assert float(found[0]) == pytest.approx(
        plain.relation(plain.mapped(m, teacher), plain.mapped(n, student), weight), rel=1e-6
    )


@pytest.mark.parametrize("features", ["zero", "same", "opposite"])
def test_the_slope_of_an_angle_is_finite(features):
    student = np.ones((1, 2, WIDTH))
    student[0, 1] *= {"zero": 0.0, "same": 1.0, "opposite": -1.0}[features]
    teacher = np.random.default_rng(0).normal(size=(1, 2, WIDTH))
    for kind in (np.float32, np.float64):
        gradient = in_double(
            jax.grad(relation, argnums=1), teacher.astype(kind), student.astype(kind), np.ones((1, 2), kind)
        )
        assert np.isfinite(gradient).all()


def test_a_pair_counts_where_both_do(numbers):
    _, _, teacher, student, *_ = numbers
    weight = np.zeros((6, AGENTS))
    weight[0, 0] = 1
    assert in_double(relation, teacher, student, weight) == 0
    weight[0, 1] = 1
    apart = plain.angle(student[0, 0], student[0, 1]) - plain.angle(teacher[0, 0], teacher[0, 1])
    huber = apart**2 / 2 if abs(apart) <= 1 else abs(apart) - 0.5
    assert in_double(relation, teacher, student, weight) == pytest.approx(huber, rel=1e-6)


def test_nobody_is_a_pair_with_itself(numbers):
    """The angle of features of zero to themselves is none."""
    _, _, teacher, student, _, weight = numbers
    student = student.copy()
    student[:, 0] = 0
    expected = plain.relation(teacher, student, weight)
    assert in_double(relation, teacher, student, weight) == pytest.approx(expected, rel=1e-6)


def test_of_nothing_the_mean_is_nothing():
    assert in_double(weighted, np.ones(3), np.zeros(3)) == 0
    assert in_double(weighted, np.array([1.0, 5.0, 9.0]), np.array([1.0, 0.0, 1.0])) == 5
