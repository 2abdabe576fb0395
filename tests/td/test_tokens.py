"""Against a recursion over lists of any length in float64, and what must hold whatever the values are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.errors import UnknownNameError
from accumbens.td.tokens import RULES, Decay, Steps, credit, decay_of, rule_named

TIME, TOKENS = 6, 5


def recursion(name, values, reward, terminated, truncated, beyond, decay):
    """Advantages of ragged rows, by the equations and token after token."""
    gamma, inner_gamma, lam, inner_lam = decay
    advantages = [[0.0] * len(row) for row in values]
    for t in reversed(range(len(values))):
        row = values[t]
        ends = terminated[t] or truncated[t] or t == len(values) - 1
        if terminated[t]:
            following = 0.0
        elif ends:
            following = beyond[t]
        else:
            following = values[t + 1][-1 if name.startswith("archer") else 0]
        for j in reversed(range(len(row))):
            if name == "twosome":
                after = 0.0 if ends else advantages[t + 1][0]
                advantages[t][j] = reward[t] + gamma * following - row[0] + gamma * lam * after
            elif j == len(row) - 1:
                after = 0.0 if ends else advantages[t + 1][0]
                advantages[t][j] = reward[t] + gamma * following - row[j] + gamma * lam * after
            else:
                advantages[t][j] = inner_gamma * row[j + 1] - row[j] + inner_gamma * inner_lam * advantages[t][j + 1]
    return advantages


numbers = st.floats(-3, 3, width=32)
fractions = st.floats(0, 1)


@st.composite
def rollouts(draw):
    values = draw(st.lists(st.lists(numbers, min_size=1, max_size=TOKENS), min_size=TIME, max_size=TIME))
    ends = draw(st.lists(st.sampled_from(["", "", "terminated", "truncated"]), min_size=TIME, max_size=TIME))
    reward, beyond = (draw(st.lists(numbers, min_size=TIME, max_size=TIME)) for _ in range(2))
    return values, reward, [end == "terminated" for end in ends], [end == "truncated" for end in ends], beyond


def padded(rollout, filler=np.nan):
    values, reward, terminated, truncated, beyond = rollout
    array = np.full((len(values), TOKENS), filler)
    for row, tokens in zip(array, values, strict=True):
        row[: len(tokens)] = tokens
    lengths = [len(row) for row in values]
    return jnp.asarray(array), Steps(*map(jnp.asarray, (lengths, reward, terminated, truncated, beyond)))


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


compiled = jax.jit(credit, static_argnums=0)


def found(name, rollout, decay):
    result = compiled(RULES[name], *padded(rollout), Decay(*map(jnp.asarray, decay)))
    lengths = [len(row) for row in rollout[0]]
    for part in result:
        for row, length in zip(np.asarray(part), lengths, strict=True):
            assert not row[length:].any()
    return [
        [np.asarray(row)[:length] for row, length in zip(part, lengths, strict=True)]
        for part in map(np.asarray, result)
    ]


def same(rows, others):
    for row, other in zip(rows, others, strict=True):
        np.testing.assert_allclose(row, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", list(RULES))
@settings(max_examples=60, deadline=None)
@given(rollout=rollouts(), decay=st.tuples(fractions, fractions, fractions, fractions))
def test_it_is_the_recursion(name, rollout, decay):
    advantages, returns = found(name, rollout, decay)
    expected = recursion(name, *rollout, decay)
    same(advantages, expected)
    base = [[row[0]] * len(row) for row in rollout[0]] if name == "twosome" else rollout[0]
    same(returns, [np.add(a, v) for a, v in zip(expected, base, strict=True)])


@settings(max_examples=40, deadline=None)
@given(rollout=rollouts(), gamma=fractions, lam=fractions)
def test_errors_inside_an_action_add_up_to_the_actions_own(rollout, gamma, lam):
    """POAD with λ = 1 inside actions tells the first token what TWOSOME tells the action, whatever the values are."""
    tokens, _ = found("poad", rollout, (gamma, 1.0, lam, 1.0))
    action, _ = found("twosome", rollout, (gamma, 1.0, lam, 1.0))
    same([row[:1] for row in tokens], [row[:1] for row in action])


@settings(max_examples=40, deadline=None)
@given(rollout=rollouts(), gamma=fractions)
def test_returns_without_bootstrapping(rollout, gamma):
    """With λ = 1 every token of POAD has its action's return, and a token of NTPO γ^(tokens after it) of its own."""
    values, reward, terminated, truncated, beyond = rollout
    action, naive, following_action, following_naive = [], [], None, None
    for t in reversed(range(TIME)):
        ends = truncated[t] or t == TIME - 1
        after = (
            [0.0 if terminated[t] else beyond[t]] * 2 if terminated[t] or ends else [following_action, following_naive]
        )
        following_action = reward[t] + gamma * after[0]
        at_the_end = reward[t] + gamma * after[1]
        n = len(values[t])
        action.insert(0, [following_action] * n)
        naive.insert(0, [gamma ** (n - 1 - j) * at_the_end for j in range(n)])
        following_naive = naive[0][0]
    same(found("poad", rollout, (gamma, 1.0, 1.0, 1.0))[1], action)
    same(found("ntpo", rollout, (gamma, gamma, 1.0, 1.0))[1], naive)


def test_actions_of_one_token_are_told_the_same_by_all_but_the_discount():
    rollout = (
        [[0.3], [-0.2], [0.9]] * 2,
        [0.0, 1.0, -1.0] * 2,
        [False] * 5 + [True],
        [False, True] + [False] * 4,
        [0.5] * 6,
    )
    decay = (0.9, 0.7, 0.8, 0.6)
    first, *others = (found(name, rollout, decay) for name in RULES)
    for other in others:
        same(first[0], other[0])


@pytest.mark.parametrize("name", list(RULES))
def test_padding_changes_nothing_and_breaks_no_gradient(name):
    rollout = ([[0.3, 0.1], [-0.2], [0.9, 0.2, 0.4]], [0.0, 1.0, -1.0], [False] * 3, [False] * 3, [0.5] * 3)
    decay = decay_of(RULES[name], 0.9, 0.8)
    wanted = credit(RULES[name], *padded(rollout, 0.0), decay)
    for filler in (np.nan, np.inf, 1e9):
        for part, other in zip(credit(RULES[name], *padded(rollout, filler), decay), wanted, strict=True):
            np.testing.assert_array_equal(part, other)
    values, steps = padded(rollout, np.nan)
    gradient = jax.grad(lambda values: credit(RULES[name], values, steps, decay).returns.sum())(values)
    assert np.isfinite(gradient).all()


def test_environments_side_by_side():
    rollouts = [
        ([[0.3, i], [-0.2 * i], [0.9, 0.2, 0.4]], [0.0, i, -1.0], [False] * 3, [False, i > 1, False], [0.5] * 3)
        for i in (1.0, 2.0)
    ]
    decay = Decay(0.9, 1.0, 0.8, 0.7)
    each = [credit(RULES["poad"], *padded(rollout), decay) for rollout in rollouts]
    batch = jax.tree.map(lambda *parts: jnp.stack(parts), *(padded(rollout) for rollout in rollouts))
    together = jax.vmap(lambda values, steps: credit(RULES["poad"], values, steps, decay))(*batch)
    for i, one in enumerate(each):
        np.testing.assert_allclose(together.advantages[i], one.advantages, rtol=1e-12)


def test_what_a_rule_says_of_the_inside():
    assert decay_of(RULES["poad"], 0.9, 0.8) == (0.9, 1.0, 0.8, 0.8)
    assert decay_of(RULES["ntpo"], 0.9, 0.8) == (0.9, 0.9, 0.8, 0.8)
    assert decay_of(RULES["archer-bad"], 0.9, 0.8, inner_discount=0.5, inner_trace=0.0) == (0.9, 0.5, 0.8, 0.0)
    with pytest.raises(UnknownNameError, match="rule of credit for tokens 'paod'; did you mean 'poad'"):
        rule_named("paod")
