"""Probe trials: what the script does, the TD error of every cell by plain NumPy, and a tabular learner beside it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.conditioning.trials import (
    ALONE,
    EARLY,
    LATE,
    OMITTED,
    PAIRED,
    TIMES,
    WARM_UP,
    exact_td_errors,
    make_probe,
)
from accumbens.envs.conditioning import DELAY, LINE, MEAN_WAIT, WAITING
from accumbens.training.config import resolve_config
from accumbens.training.plan import environment_facts, make_agent_and_plan
from accumbens.training.trained import Trained

TRIALS = (ALONE, PAIRED, OMITTED, EARLY, LATE)
CASES = {
    "ad_pqn": {"reward_scale": "0.5", "act_on": "top"},
    "ad_qr_pqn": {"num_quantiles": "3"},
    "arq_pqn": {"goodness_width": "4"},
}


def untrained(algo, changes, seeds=2):
    config = resolve_config("probe/conditioning", algo, seeds=seeds, net_arch=(7, 6), changes=changes)
    agent, _ = make_agent_and_plan(config)
    facts, _ = environment_facts(config.env, "joint")
    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    networks = jax.vmap(lambda key: agent.network(agent.init(key)))(keys)
    return Trained(config, config.settings, facts, config.seed_list(), agent, networks, 0)


def at(time):
    return TIMES.tolist().index(time)


def test_what_is_done_in_each_trial():
    times = np.array([-1, 0, DELAY // 2, DELAY, DELAY + DELAY // 2, LINE - 1, LINE])
    on = [WAITING, 0, 4, 8, 12, 15, WAITING]
    silent = [WAITING] * 7
    expected = {
        ALONE: (silent, [0, 0, 0, 1, 0, 0, 0]),
        PAIRED: (on, [0, 0, 0, 1, 0, 0, 0]),
        OMITTED: (on, [0, 0, 0, 0, 0, 0, 0]),
        EARLY: (on, [0, 0, 1, 0, 0, 0, 0]),
        LATE: (on, [0, 0, 0, 0, 1, 0, 0]),
    }
    for trial, (states, rewards) in expected.items():
        np.testing.assert_array_equal(trial.states(times), states)
        np.testing.assert_array_equal(trial.rewards(times), rewards)


def one_hot(state):
    observation = np.zeros(LINE + 1, np.float32)
    observation[0] = 1
    if state != WAITING:
        observation[1 + state] = 1
    return observation


@pytest.mark.parametrize("algo", CASES)
def test_td_errors_are_reward_plus_discounted_next_value_minus_value(algo):
    trained = untrained(algo, CASES[algo])
    settings = trained.settings
    found = np.asarray(make_probe(trained, TRIALS)(trained.networks))
    cells = trained.agent.num_cells
    assert found.shape == (2, len(TRIALS), len(TIMES), cells)
    codes = jnp.eye(2) if settings.action_conditioning else None
    for seed in (0, 1):
        stack = trained.network(seed)
        step = jax.jit(lambda observation, carry, stack=stack: stack(observation, carry, "local", codes))
        for number, trial in enumerate(TRIALS):
            times = range(TIMES[0] - WARM_UP - 1, TIMES[-1] + 1)
            carry, values = stack.initial_carry(), []
            for time in times:
                state = time if trial.cue and 0 <= time < LINE else WAITING
                value, carry = step(one_hot(state), carry)
                value = np.asarray(value, np.float64)
                values.append(value.mean(axis=1) if settings.readout == "quantile" else value)
            values = np.stack(values)  # [times, cells, actions]
            weights = np.eye(cells)[-1] if settings.act_on == "top" else np.full(cells, 1 / cells)
            action = (values * weights[:, None]).sum(axis=1).argmax(axis=-1)
            taken = values[np.arange(len(values)), :, action]
            reward = np.array([1.0 if time == trial.reward else 0.0 for time in times])[1:, None]
            best = values[1:].max(axis=-1)
            expected = reward + (settings.discount * best - taken[:-1]) / settings.reward_scale
            np.testing.assert_allclose(found[seed, number], expected[-len(TIMES) :], rtol=1e-3, atol=1e-4)


def test_probing_changes_nothing_and_is_the_same_every_time():
    trained = untrained("ad_pqn", {})
    before = jax.tree.map(np.array, jax.tree.leaves(trained.networks))
    probe = make_probe(trained, (PAIRED, OMITTED))
    first, again = np.asarray(probe(trained.networks)), np.asarray(probe(trained.networks))
    np.testing.assert_array_equal(first, again)
    jax.tree.map(np.testing.assert_array_equal, before, jax.tree.leaves(trained.networks))
    assert not np.allclose(first[0], first[1]), "another seed, another network"
    # Until the reward fails to come, nothing tells one trial from the other.
    np.testing.assert_array_equal(first[:, 0, : at(DELAY)], first[:, 1, : at(DELAY)])
    np.testing.assert_allclose(first[:, 0, at(DELAY)] - first[:, 1, at(DELAY)], 1, atol=1e-5)


def test_exact_td_errors_are_those_of_the_theory():
    discount = 0.95
    exact = dict(zip(TRIALS, exact_td_errors(TRIALS, discount), strict=True))
    assert exact[PAIRED][at(0)] > 0.4, "the cue is a surprise"
    others = [time for time in TIMES if 0 < time <= LINE]
    np.testing.assert_allclose(exact[PAIRED][[at(time) for time in others]], 0, atol=1e-12)
    assert np.all((exact[PAIRED][: at(0)] < 0) & (exact[PAIRED][: at(0)] > -0.02)), "no cue yet: a small loss"
    np.testing.assert_allclose(exact[OMITTED][at(DELAY)], -1, atol=1e-12)
    np.testing.assert_allclose(exact[ALONE][at(DELAY)], 1 + exact[ALONE][at(0)], atol=1e-12)
    np.testing.assert_allclose(exact[EARLY][[at(DELAY // 2), at(DELAY)]], [1, -1], atol=1e-12)
    np.testing.assert_allclose(exact[LATE][[at(DELAY), at(DELAY + DELAY // 2)]], [-1, 1], atol=1e-12)


def test_a_table_that_learns_by_td_comes_to_the_same():
    """TD(0) with a table, in NumPy, on trials that NumPy makes."""
    generator, discount = np.random.default_rng(0), 0.95
    value = np.zeros(LINE + 1)

    def probe():
        rows = []
        for trial in TRIALS:
            states = trial.states(np.arange(TIMES[0] - 1, TIMES[-1] + 1))
            rows.append(trial.rewards(TIMES) + discount * value[states[1:]] - value[states[:-1]])
        return np.stack(rows)

    before = probe()
    state, stages = WAITING, {}
    for step in range(200_000):
        after_silence = 0 if generator.random() < 1 / MEAN_WAIT else WAITING
        following = after_silence if state == WAITING else state + 1
        reward = 1.0 if following == DELAY else 0.0
        rate = 0.2 if step < 100_000 else 0.01
        value[state] += rate * (reward + discount * value[following] - value[state])
        state = following
        if step == 800:
            stages["early"] = probe()
    after, exact = probe(), exact_td_errors(TRIALS, discount)
    assert before[1, at(DELAY)] == 1
    assert before[1, at(0)] == 0
    assert 0 < stages["early"][1, at(DELAY)] < 1, "the response to the reward fades …"
    assert after[1, at(0)] > 0.4, "… and moves to the cue"
    assert after[2, at(DELAY)] < -0.9
    np.testing.assert_allclose(after, exact, atol=0.05)
