"""An episode of a language agent: what tokens are told, by hand, and that what is played is what the agent computes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.agents.token_policy import act, chances, first_value, state_values, what_learns
from accumbens.agents.token_settings import TokenSettings
from accumbens.envs.text.copies import TextCopies
from accumbens.td.tokens import RULES
from accumbens.training.config import resolve_config
from accumbens.training.text_agent import ActingLanguageAgent, language_from, vocabulary_of
from accumbens.training.text_model import language_of
from accumbens.training.text_play import Move, play, told

TINY = {"width": "16", "blocks": "1", "heads": "2", "critic_layers": "8", "num_envs": "2", "rollout_length": "4"}


def moved(values, reward=0.0, terminated=False, truncated=False, beyond=0.0):
    tokens, values = ("a",) * len(values), np.asarray(values)
    return Move("", ("a",), (1.0,), "a", 1.0, True, False, tokens, values, reward, terminated, truncated, "", beyond)


# γ = λ = 1/2 between actions and λ_w = 1/4 inside them; values 1, 2 and 3, 4, and a reward of 1 at the end.
BY_HAND = {
    "poad": ([1, -0.5, 1, -3], [0.890625, -0.4375, 0.25, -3]),
    "ntpo": ([0, -0.5, -1, -3], [-0.10546875, -0.84375, -1.375, -3]),
    "twosome": ([0.5, 0.5, -2, -2], [0, 0, -2, -2]),
    "archer": ([0, 0, -1, -3], [-0.04296875, -0.34375, -1.375, -3]),
    "archer-bad": ([1, 0, 1, -3], [1.015625, 0.0625, 0.25, -3]),
}


def told_of(rule, *moves):
    with jax.enable_x64(True):
        return told(TokenSettings(rule=rule, discount=0.5, trace_decay=0.5, inner_trace_decay=0.25), moves)


def test_every_rule_by_hand():
    assert set(BY_HAND) == set(RULES)
    for rule, (errors, advantages) in BY_HAND.items():
        found = told_of(rule, moved([1.0, 2.0]), moved([3.0, 4.0], reward=1.0, terminated=True, beyond=9.0))
        assert np.concatenate([one.errors for one in found]).tolist() == errors, rule
        assert np.concatenate([one.advantages for one in found]).tolist() == advantages, rule
        values = [1, 1, 3, 3] if rule == "twosome" else [1, 2, 3, 4]
        assert np.concatenate([one.values for one in found]).tolist() == values, rule


@pytest.mark.parametrize("truncated", [True, False], ids=["truncated", "left"])
def test_what_was_not_terminated_looks_ahead_to_the_state_that_was_reached(truncated):
    (found,) = told_of("poad", moved([3.0, 4.0, 1.0], reward=1.0, truncated=truncated, beyond=2.0))
    assert found.errors.tolist() == [1, -3, 1], "r + γ V' - V = 1 + 1 - 1"


def test_moves_of_different_lengths_are_each_as_long_as_they_are():
    found = told_of("poad", moved([1.0]), moved([1.0, 2.0, 3.0]), moved([1.0, 1.0], terminated=True))
    assert [len(part) for one in found for part in one] == [1] * 3 + [3] * 3 + [2] * 3


def made(env="text/microwave", **changes):
    config = resolve_config(env, "poad", changes=TINY | changes)
    known = vocabulary_of(language_of(config.settings, config.env))
    networks = language_from(config.settings, known).networks(jax.random.key(3))
    # The head of the values begins at zero, which any value would be right for.
    random = np.random.default_rng(0)
    learned = jax.tree.map(
        lambda leaf: leaf + 0.1 * random.normal(size=leaf.shape).astype(leaf.dtype),
        eqx.filter(networks, what_learns(networks)),
    )
    return ActingLanguageAgent(config, known, learned, 0, 0)


POLICIES = {
    "tokens": {},
    "actions": {"policy": "actions", "normalisation": "words"},
    "learned as published": {"likelihood": "published"},
}


@pytest.mark.parametrize("changes", POLICIES.values(), ids=POLICIES)
def test_what_is_played_is_what_the_agent_computes(changes):
    agent = made(**changes)
    language, networks = agent.language, agent.networks
    settings = language.settings
    moves = list(play(agent, 0, 0.0, 10))
    assert 1 <= len(moves) <= 5
    assert [move.terminated for move in moves] == [False] * (len(moves) - 1) + [True]
    assert (moves[-1].reward, moves[-1].beyond) in {(1.0, 0.0), (-1.0, 0.0)}
    key, yes, end = jax.random.key(0), jnp.asarray(True), language.tokenizer.end
    acting = jax.jit(lambda one: act(settings, end, networks, one, key, yes))
    for move, after in zip(moves, [*moves[1:], None], strict=True):
        choices = language.choices(move.observation, move.options)
        acted = acting(choices)
        assert move.action == move.options[int(acted.chosen)]
        assert "".join(move.tokens).strip() == move.action
        np.testing.assert_allclose(move.values, acted.values[: int(acted.length)], rtol=1e-5)
        assert sum(move.probabilities) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(agent.probabilities(move.observation, move.options), move.probabilities, rtol=1e-5)
        assert move.probability == max(move.probabilities)
        assert move.admissible
        assert not move.random
        assert after is None or after.observation == move.reached


def test_the_last_step_before_it_is_left_knows_the_value_of_what_was_reached():
    agent = made()
    (move,) = play(agent, 0, 0.0, 1)
    assert (move.terminated, move.truncated) == (False, False)
    reached = agent.language.choices(move.reached, ())
    assert abs(move.beyond) > 0.01
    assert move.beyond == pytest.approx(float(first_value(agent.networks, reached)), rel=1e-5)


def test_actions_that_are_drawn_at_random_are_marked_and_valued():
    agent = made()
    episodes = [list(play(agent, seed, 1.0, 3)) for seed in range(2)]
    assert all(move.random for moves in episodes for move in moves)
    assert len({tuple(move.action for move in moves) for moves in episodes}) > 1
    valued = jax.jit(lambda one: state_values(agent.networks, one))
    for move in [move for moves in episodes for move in moves]:
        choices, number = agent.language.choices(move.observation, move.options), move.options.index(move.action)
        values = valued(choices)[number]
        np.testing.assert_allclose(move.values, values[: len(move.tokens)], rtol=1e-5)
        assert move.probability == pytest.approx(move.probabilities[number])


def test_what_is_written_freely_is_shown_as_it_is():
    agent = made(policy="free", max_tokens="3", penalty="-0.25")
    moves = list(play(agent, 0, 0.0, 4))
    assert len(moves) == 4
    for move in moves:
        assert move.probabilities == ()
        assert 1 <= len(move.tokens) == len(move.values) <= 3
        assert not move.admissible, "it has learned nothing"
        assert move.action not in move.options
        assert move.reward == pytest.approx(-0.25)
        assert 0 < move.probability < 0.1


def test_of_who_writes_freely_a_random_action_is_admissible_and_as_likely_as_its_text():
    agent = made(policy="free", max_tokens="6", penalty="-0.25")
    (move,) = play(agent, 0, 1.0, 1)
    assert move.random
    assert move.admissible
    assert move.action in move.options
    assert move.reward == 0
    choosing = agent.language._replace(settings=TokenSettings())
    one = choosing.choices(move.observation, [move.action])
    found = chances(agent.language.settings, agent.networks.policy, one)
    assert move.probability == pytest.approx(float(jnp.exp(found[0])), rel=1e-4)


def test_the_environment_is_closed_even_if_nobody_looks_to_the_end(monkeypatch):
    closed = []
    monkeypatch.setattr(TextCopies, "close", lambda self: closed.append(True))
    moves = play(made(), 0, 0.0, 5)
    next(moves)
    moves.close()
    assert closed
