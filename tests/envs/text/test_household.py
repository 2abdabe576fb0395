"""Every state of both tasks, and their optimal policies."""

from collections import defaultdict, deque

import gymnasium
import numpy as np
import pytest

import accumbens  # noqa: F401 - registers the environments
from accumbens.envs.text.game import ADMISSIBLE
from accumbens.envs.text.household import (
    CASE,
    CASE_STEPS,
    CLOSE,
    OPEN,
    PUT,
    Kitchen,
    admissible,
    after,
    case_episodes,
    describe,
)

GAMMA = 0.95
PLAN = ["walk to the pancake", "grab the pancake", "walk to the microwave", OPEN, PUT, CLOSE]


def states():
    found, waiting = {Kitchen()}, deque([Kitchen()])
    while waiting:
        state = waiting.popleft()
        for action in admissible(state):
            reached = after(state, action)
            if reached not in found:
                found.add(reached)
                waiting.append(reached)
    return found


def play(env, actions):
    observation, info = env.reset(seed=0)
    rows = [(observation, 0.0, False, False, info)]
    for action in actions:
        rows.append(env.step(action))
    return rows


def values(told):
    """Optimal values by value iteration."""
    value = dict.fromkeys(told, 0.0)
    for _ in range(60):
        value = {
            state: max(
                (
                    1.0 if after(state, action).heated else GAMMA * value[after(state, action)]
                    for action in admissible(state)
                ),
                default=0.0,
            )
            for state in told
        }
    return value


def test_what_can_be_reached():
    found = states()
    # In the kitchen 6 with the pancake on the table, 4 with it in the hand, 4 and 2 with it in the open and the closed
    # microwave; in each other room open or closed with the pancake on the table or in the hand, and it in the open one.
    assert len(found) == 16 + 3 * 5
    assert sum(state.heated for state in found) == 2
    for state in found:
        assert not state.near_pancake or state.room == "kitchen" or state.pancake == "hand"
        assert not state.near_microwave or state.room == "kitchen"
        assert (not admissible(state)) == state.heated
        assert len(set(admissible(state))) == len(admissible(state)) <= 10
    assert len({action for state in found for action in admissible(state)}) == 10
    assert len({describe(state) for state in found}) == len(found)


def test_every_admissible_action_changes_something():
    for state in states():
        for action in admissible(state):
            assert after(state, action) != state
            assert describe(after(state, action)) != describe(state)


def test_whoever_walks_stays_near_to_what_is_held():
    held = Kitchen(pancake="hand", near_pancake=True, near_microwave=True, opened=True)
    away = after(held, "walk to the bedroom")
    assert away == Kitchen("bedroom", "hand", True, False, True)
    assert after(after(away, "walk to the kitchen"), "walk to the microwave") == held
    left = Kitchen(near_microwave=True, opened=True)
    assert after(left, "walk to the pancake") == Kitchen(near_pancake=True, opened=True)


def test_the_best_policy_needs_six_actions():
    value = values(states())
    assert value[Kitchen()] == pytest.approx(GAMMA**5)
    assert round(GAMMA**5, 3) == 0.774
    env = gymnasium.make("text/food-preparation")
    rows = play(env, PLAN)
    assert [row[1] for row in rows] == [0, 0, 0, 0, 0, 0, 1]
    assert [row[2] for row in rows] == [False] * 6 + [True]
    assert rows[-1][4][ADMISSIBLE] == ()
    assert not any(row[3] for row in rows)


def test_an_episode_is_truncated_after_50_steps():
    env = gymnasium.make("text/food-preparation")
    rows = play(env, ["walk to the bedroom", "walk to the kitchen"] * 25)
    assert [row[3] for row in rows] == [False] * 50 + [True]
    assert not rows[-1][2]


def case_after(state, action):
    return {("shut", OPEN): "open", ("open", PUT): "filled", ("filled", CLOSE): None}.get((state, action), state)


def action_value(state, action, elapsed, best):
    reached = case_after(state, action)
    if reached is None:
        return 1.0
    if elapsed + 1 == CASE_STEPS:
        return -1.0
    return GAMMA * best([action_value(reached, other, elapsed + 1, best) for other in CASE[reached][1]])


def test_the_case_by_every_sequence_of_actions():
    """All the ways to play it are played; returns and visits are those of the recursion above."""
    env = gymnasium.make("text/microwave")
    returns, lengths = {}, set()

    def explore(prefix):
        rows = play(env, prefix)
        if rows[-1][2]:
            returns[tuple(prefix)] = sum(GAMMA**i * row[1] for i, row in enumerate(rows[1:]))
            assert not any(row[1] for row in rows[:-1])
            lengths.add(len(prefix))
            return
        for action in rows[-1][4][ADMISSIBLE]:
            explore([*prefix, action])

    explore([])
    assert lengths == {3, 4, 5}
    assert max(returns.values()) == action_value("shut", OPEN, 0, max) == pytest.approx(GAMMA**2)
    listed = {
        tuple(step.action for step in steps): sum(GAMMA**i * step.reward for i, step in enumerate(steps))
        for steps in case_episodes()
    }
    assert listed == pytest.approx(returns)
    assert all([step.ends for step in steps] == [False] * (len(steps) - 1) + [True] for steps in case_episodes())
    late = (OPEN, PUT, OPEN, OPEN, CLOSE)
    assert returns[late] == pytest.approx(GAMMA**4)  # a correct close at the fifth step
    assert returns[(*late[:4], OPEN)] == returns[(CLOSE,) * 5] == pytest.approx(-(GAMMA**4))

    def uniform(values):
        return float(np.mean(values))

    chances = {prefix: np.prod([1 / len(CASE[state][1]) for state in visited(prefix)]) for prefix in returns}
    assert sum(chances.values()) == pytest.approx(1)
    expected = sum(chances[prefix] * returns[prefix] for prefix in returns)
    assert expected == pytest.approx(uniform([action_value("shut", action, 0, uniform) for action in (OPEN, CLOSE)]))


def visited(actions):
    state, found = "shut", []
    for action in actions:
        found.append(state)
        state = case_after(state, action)
    return found


def test_the_case_has_the_advantages_that_were_published():
    """Half the difference of the two actions under uniform play, over the visits: .34 and .55."""
    weights = defaultdict(float)

    def walk(state, elapsed, chance):
        weights[state, elapsed] += chance
        for action in CASE[state][1]:
            reached = case_after(state, action)
            if reached is not None and elapsed + 1 < CASE_STEPS:
                walk(reached, elapsed + 1, chance / len(CASE[state][1]))

    walk("shut", 0, 1.0)
    for state, good, advantage in (("shut", OPEN, 0.34), ("filled", CLOSE, 0.55)):
        bad = ({OPEN, CLOSE} - {good}).pop()
        visits = {elapsed: weight for (at, elapsed), weight in weights.items() if at == state}
        gaps = [
            weight * (action_value(state, good, t, np.mean) - action_value(state, bad, t, np.mean))
            for t, weight in visits.items()
        ]
        assert round(sum(gaps) / sum(visits.values()) / 2, 2) == advantage
