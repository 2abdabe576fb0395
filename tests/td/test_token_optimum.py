"""What the best token is: without discount inside actions that of the best action, with it not always."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.envs.text.household import Kitchen, admissible, after
from accumbens.td.tokens import RULES, Steps, credit, decay_of

GAMMA = 0.95


def action_values(mdp, gamma):
    """Q* of {state: {action: (reward, next state or None)}} by value iteration over actions."""
    value = dict.fromkeys(mdp, 0.0)
    for _ in range(400):
        q = {
            state: {action: reward + gamma * value.get(reached, 0.0) for action, (reward, reached) in choices.items()}
            for state, choices in mdp.items()
        }
        value = {state: max(choices.values()) for state, choices in q.items()}
    return q


def token_values(mdp, gamma, inner):
    """V of every beginning of an action, (state, tokens so far), by value iteration over tokens; actions are tuples."""
    beginnings = {
        (state, action[:j]) for state, choices in mdp.items() for action in choices for j in range(len(action))
    }
    following = next_tokens(mdp, beginnings)
    order = sorted(following, key=lambda place: -len(place[1]))  # from the end of actions, so that it takes less
    value, change = dict.fromkeys(following, 0.0), 1.0
    while change > 1e-9:
        change = 0.0
        for place in order:
            best = max(after_token(mdp, value, *place, token, gamma, inner) for token in following[place])
            change, value[place] = max(change, abs(best - value[place])), best
    return value


def next_tokens(mdp, beginnings):
    return {
        (state, begun): {action[len(begun)] for action in mdp[state] if action[: len(begun)] == begun}
        for state, begun in beginnings
    }


def after_token(mdp, value, state, begun, token, gamma, inner):
    written = (*begun, token)
    if written in mdp[state]:
        reward, reached = mdp[state][written]
        return reward + gamma * value.get((reached, ()), 0.0)
    return inner * value[state, written]


def written_greedily(mdp, value, state, gamma, inner):
    begun = ()
    while begun not in mdp[state]:
        tokens = next_tokens(mdp, {(state, begun)})[state, begun]
        begun = (
            *begun,
            max(sorted(tokens), key=lambda token: after_token(mdp, value, state, begun, token, gamma, inner)),
        )
    return begun


# None begins with another.
WORDS = [("a",), ("b", "a"), ("b", "b"), ("c", "a", "a"), ("c", "a", "b", "a"), ("c", "b")]


@st.composite
def mdps(draw):
    states = range(draw(st.integers(1, 3)))
    return {
        state: {
            action: (draw(st.integers(-8, 8)) / 4, draw(st.sampled_from([None, *states])))
            for action in draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4, unique=True))
        }
        for state in states
    }


@settings(max_examples=25, deadline=None)
@given(mdp=mdps(), gamma=st.sampled_from([0.0, 0.5, 0.8]))
def test_the_optimum_over_tokens_is_that_over_actions(mdp, gamma):
    found, q = token_values(mdp, gamma, 1.0), action_values(mdp, gamma)
    for (state, begun), value in found.items():
        possible = [q[state][action] for action in mdp[state] if action[: len(begun)] == begun]
        assert value == pytest.approx(max(possible), abs=1e-6)
    for state in mdp:
        chosen = written_greedily(mdp, found, state, gamma, 1.0)
        assert q[state][chosen] == pytest.approx(max(q[state].values()), abs=1e-6)


def test_the_smallest_case_where_discounted_tokens_choose_worse():
    """One state, one step: the better action has one token more than the other, and loses by γ what it gains."""
    mdp = {"only": {("short",): (1.0, None), ("a", "long"): (1.04, None)}}
    q = action_values(mdp, GAMMA)["only"]
    assert max(q, key=q.get) == ("a", "long")
    for inner, chosen in ((1.0, ("a", "long")), (GAMMA, ("short",))):
        value = token_values(mdp, GAMMA, inner)
        assert written_greedily(mdp, value, "only", GAMMA, inner) == chosen
    # It takes a second action and a second token: of one, or of actions of the same length, the order is the same.
    for lengths in ((1, 1), (2, 2), (3, 3)):
        actions = {
            tuple(f"{name}{j}" for j in range(n)): (gain, None)
            for name, n, gain in zip("ab", lengths, (1, 1.04), strict=True)
        }
        value = token_values({"only": actions}, GAMMA, GAMMA)
        assert written_greedily({"only": actions}, value, "only", GAMMA, GAMMA)[0] == "b0"
    assert GAMMA * 1.04 < 1 < 1.04


@pytest.mark.parametrize("tokens", [1, 2, 5, 9])
def test_an_action_is_worth_less_by_the_discount_of_its_tokens(tokens):
    """The gap to the action's value is (1 - γ_w^(n-1)) of it."""
    mdp = {"only": {tuple("abcdefghi"[:tokens]): (2.0, None)}}
    for inner in (1.0, 0.95, 0.5):
        assert token_values(mdp, GAMMA, inner)["only", ()] == pytest.approx(2.0 * inner ** (tokens - 1))


def test_the_optimum_of_food_preparation():
    """Over words, every state: the best return is .774; with a discount per word it is a fraction of that."""
    mdp = kitchen()
    value, q = token_values(mdp, GAMMA, 1.0), action_values(mdp, GAMMA)
    for state in mdp:
        assert value[state, ()] == pytest.approx(max(q[state].values()), abs=1e-9)
    assert value[Kitchen(), ()] == pytest.approx(GAMMA**5)
    plan = ["walk to the pancake", "grab the pancake", "walk to the microwave", "open the microwave"]
    plan += ["put the pancake in the microwave", "close the microwave"]
    words = sum(len(action.split()) for action in plan)
    assert token_values(mdp, GAMMA, GAMMA)[Kitchen(), ()] == pytest.approx(GAMMA ** (words - 1))


def kitchen():
    mdp, waiting = {}, [Kitchen()]
    while waiting:
        state = waiting.pop()
        mdp[state] = {}
        for action in admissible(state):
            reached = after(state, action)
            done = reached.heated
            mdp[state][tuple(action.split())] = float(done), None if done else reached
            if not done and reached not in mdp:
                mdp.setdefault(reached, {})
                waiting.append(reached)
    return mdp


@pytest.mark.parametrize("name", ["poad", "ntpo"])
def test_at_the_optimum_only_a_worse_token_is_told_of(name):
    """With the values of the optimum and λ = 0 the advantage of a token is what it loses, and of the best ones 0."""
    mdp, decay = kitchen(), decay_of(RULES[name], GAMMA, 0.0)
    value = token_values(mdp, GAMMA, 1.0 if name == "poad" else GAMMA)
    away, back = "walk to the microwave", "walk to the pancake"
    actions = [away, back, away, back, "grab the pancake"]
    rows, lengths, reward, state = [], [], [], Kitchen()
    for action in actions:
        words = tuple(action.split())
        rows.append([value[state, words[:j]] for j in range(len(words))])
        lengths.append(len(words))
        gain, state = mdp[state][words]
        reward.append(gain)
    values = np.zeros((len(rows), max(lengths)))
    for row, known in zip(values, rows, strict=True):
        row[: len(known)] = known
    no = np.zeros(len(rows), bool)
    beyond = np.full(len(rows), value[state, ()])
    with jax.enable_x64(True):
        steps = Steps(*map(jnp.asarray, (lengths, reward, no, no, beyond)))
        found = np.asarray(credit(RULES[name], jnp.asarray(values), steps, decay).advantages)
    lost = {(t, j) for t, j in itertools.product(range(len(rows)), range(values.shape[1])) if abs(found[t, j]) > 1e-9}
    # First only its fourth word is wrong; then all that begins with "walk", as the pancake could be grabbed.
    assert lost == {(0, 3), (2, 0)}
    assert found[0, 3] < 0
    assert found[2, 0] < 0
