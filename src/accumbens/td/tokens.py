"""Credit for actions that are written token by token: advantages and returns of every token.

An action is a row of tokens, and only its last one meets the environment. What the tokens before it are told depends on
whether they are discounted. If they are not, every token's value is on the scale of whole actions, and the best tokens
are the best actions; if they are, an action of n tokens is worth γ^(n-1) of what it is, and long ones are avoided.

Reference: Wen et al. (2024), "Reinforcing language agents via policy optimization with action decomposition" (POAD).
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from accumbens.errors import UnknownNameError


class Rule(NamedTuple):
    """How tokens are told of the TD error.

    Attributes:
        level: a TD error of every token, or one of the action for all its tokens.
        tokens_discounted: whether γ is applied inside an action as well as between actions.
        bootstrap: whose value the last token of an action looks ahead to: the `first` token of the next action, which
            is the next state's, or the `last` one.
    """

    level: Literal["token", "action"]
    tokens_discounted: bool
    bootstrap: Literal["first", "last"]


RULES = {
    "poad": Rule("token", tokens_discounted=False, bootstrap="first"),
    "ntpo": Rule("token", tokens_discounted=True, bootstrap="first"),
    "twosome": Rule("action", tokens_discounted=False, bootstrap="first"),
    "archer": Rule("token", tokens_discounted=True, bootstrap="last"),
    "archer-bad": Rule("token", tokens_discounted=False, bootstrap="last"),
}
"""By name. `archer` is what the published code of POAD compares with under this name, not the method of Zhou et al."""


class Decay(NamedTuple):
    """Discounts γ and trace decays λ, between actions and inside them. Numbers or arrays: a sweep compiles nothing.

    Attributes:
        discount: from an action's last token to what follows.
        inner_discount: from a token to the next one of its action.
        trace: λ at an action's last token.
        inner_trace: λ at the others.
    """

    discount: Float[Array, ""] | float
    inner_discount: Float[Array, ""] | float
    trace: Float[Array, ""] | float
    inner_trace: Float[Array, ""] | float


class Steps(NamedTuple):
    """What one environment answered to the actions, in order. `jax.vmap` makes several environments of it.

    Attributes:
        lengths: tokens of every action, 1 or more.
        reward: of the action.
        terminated: the episode reached a terminal state: nothing follows.
        truncated: the episode was cut: `beyond` follows.
        beyond: value of the first token after the *true* next observation. It is read where an episode was truncated,
            and in the last row; elsewhere the next row has it.
    """

    lengths: Int[Array, " time"]
    reward: Float[Array, " time"]
    terminated: Bool[Array, " time"]
    truncated: Bool[Array, " time"]
    beyond: Float[Array, " time"]


class Credit(NamedTuple):
    """Of every token; 0 where it is padding.

    Attributes:
        advantages: by how much the token was better than expected.
        returns: what its value shall become: the value and the advantage; at the level of actions, what V_1 shall.
    """

    advantages: Float[Array, "time tokens"]
    returns: Float[Array, "time tokens"]


def rule_named(name: str) -> Rule:
    """Return a rule.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in RULES:
        raise UnknownNameError("rule of credit for tokens", name, list(RULES))
    return RULES[name]


def decay_of(
    rule: Rule, discount: float, trace: float, inner_discount: float | None = None, inner_trace: float | None = None
) -> Decay:
    """Return the discounts of a rule.

    Args:
        rule: says what holds inside an action, where nothing else is said.
        discount: γ between actions.
        trace: λ between actions.
        inner_discount: inside an action; None for γ or 1, as the rule has it.
        inner_trace: inside an action; None for the one between, as published.
    """
    inner = discount if rule.tokens_discounted else 1.0
    return Decay(
        discount,
        inner if inner_discount is None else inner_discount,
        trace,
        trace if inner_trace is None else inner_trace,
    )


def credit(rule: Rule, values: Float[Array, "time tokens"], steps: Steps, decay: Decay) -> Credit:
    """Return advantages and returns by generalised advantage estimation over tokens.

    With V_j the value before token j of n, V' the value that is looked ahead to, and A⁺ the advantage of the token
    after this one, also where that is the next action's first:

    - inside an action, j < n: A_j = δ_j + γ_w λ_w A⁺ with δ_j = γ_w V_(j+1) - V_j;
    - at its last token: A_n = δ_n + γ λ A⁺ with δ_n = r + γ V' - V_n, no V' after a terminal state, and no A⁺ where
      an episode ended or the rows do.

    At the level of actions, n = 1: V_1 is the action's value, and every token has the action's advantage.

    Where an episode was truncated and in the last row, no next action was chosen, so V' is `beyond` for all rules. A
    rule that looks ahead to the last token adds up errors that are not those of its own value: its returns are no
    λ-returns, as in the published code.

    Args:
        rule: one of `RULES`.
        values: V_j; what stands at padding is not read.
        steps: what the environment answered.
        decay: see `decay_of`.
    """
    if rule.level == "action":
        found = _of_tokens(rule, values[:, :1], steps._replace(lengths=jnp.ones_like(steps.lengths)), decay)
        there = _present(values, steps)
        return Credit(*(jnp.where(there, part, 0.0) for part in found))
    return _of_tokens(rule, values, steps, decay)


def _of_tokens(rule: Rule, values: Array, steps: Steps, decay: Decay) -> Credit:
    there = _present(values, steps)
    values = jnp.where(there, values, 0.0)
    last = jnp.arange(values.shape[1]) == steps.lengths[:, None] - 1
    # The last row has nothing after it to look ahead to.
    cut = steps.truncated.at[-1].set(True)
    ahead = values[:, 0] if rule.bootstrap == "first" else jnp.sum(jnp.where(last, values, 0.0), axis=1)
    following = jnp.where(cut, steps.beyond, jnp.roll(ahead, -1))
    following = jnp.where(steps.terminated, 0.0, following)[:, None]
    inside = jnp.concatenate([values[:, 1:], jnp.zeros_like(values[:, :1])], axis=1)
    error = jnp.where(last, steps.reward[:, None] + decay.discount * following, decay.inner_discount * inside) - values
    goes_on = (~steps.terminated & ~cut)[:, None]
    passed = jnp.where(last, decay.discount * decay.trace * goes_on, decay.inner_discount * decay.inner_trace)
    # Padding is passed through: what comes after it comes after the last token.
    error, passed = jnp.where(there, error, 0.0), jnp.where(there, passed, 1.0)

    def backward(advantage: Array, token: tuple[Array, Array]) -> tuple[Array, Array]:
        advantage = token[0] + token[1] * advantage
        return advantage, advantage

    start = jnp.zeros((), error.dtype)
    _, advantages = jax.lax.scan(backward, start, (error.ravel(), passed.ravel()), reverse=True)
    advantages = jnp.where(there, advantages.reshape(values.shape), 0.0)
    return Credit(advantages, values + advantages)


def _present(values: Array, steps: Steps) -> Array:
    return jnp.arange(values.shape[1]) < steps.lengths[:, None]
