"""What a language agent is: a model that acts, token by token, and one that values the tokens. All is pure.

An agent of a prompt and of admissible actions, all of one environment; `jax.vmap` makes several of it.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from accumbens.agents.token_settings import TokenSettings
from accumbens.language import (
    Choices,
    LoraSettings,
    Restricted,
    Transformer,
    TransformerSettings,
    ValueHead,
    action_log_probs,
    learns,
    make_transformer,
    over_tokens,
    restricted,
    score,
    with_lora,
    without_lora,
    write,
)

LONGEST_CONTEXT = 8192
"""Positions of a small model; its weights do not depend on them."""


class Critic(eqx.Module):
    """Values of tokens, read from a transformer of its own, or from the policy's as it was before it learned."""

    reader: Transformer | None
    head: ValueHead


class Networks(eqx.Module):
    """What acts and what values."""

    policy: Transformer
    critic: Critic


class Acted(NamedTuple):
    """What was chosen, of one environment.

    Attributes:
        chosen: number of the action.
        written: its tokens, and padding.
        length: its tokens that count.
        log_probs: of each, as they are learned; 0 where it is padding.
        values: before each.
    """

    chosen: Int[Array, ""]
    written: Int[Array, " tokens"]
    length: Int[Array, ""]
    log_probs: Float[Array, " tokens"]
    values: Float[Array, " tokens"]


def make_networks(settings: TokenSettings, vocabulary: int, frozen: Transformer | None, key: PRNGKeyArray) -> Networks:
    """Return networks that have learned nothing yet.

    Args:
        settings: of the learner.
        vocabulary: tokens.
        frozen: a model that was read, which corrections are added to; None for small ones that learn from scratch.
        key: of the weights.
    """
    first, second, third = jax.random.split(key, 3)
    if frozen is not None:
        policy = with_lora(frozen, LoraSettings(settings.lora_rank, settings.lora_alpha), key=first)
        return Networks(policy, Critic(None, ValueHead(frozen.settings.width, settings.critic_layers, key=third)))
    sizes = TransformerSettings(
        vocabulary=vocabulary,
        width=settings.width,
        layers=settings.blocks,
        heads=settings.heads,
        key_value_heads=settings.heads,
        head_size=settings.width // settings.heads,
        inner=3 * settings.width,
        context=LONGEST_CONTEXT,
    )
    head = ValueHead(settings.width, settings.critic_layers, key=third)
    return Networks(make_transformer(sizes, key=first), Critic(make_transformer(sizes, key=second), head))


def what_learns(networks: Networks) -> Networks:
    """Return for every leaf whether it learns: the corrections of a frozen policy, or all of it; and the critic."""
    return Networks(learns(networks.policy), jax.tree.map(eqx.is_inexact_array, networks.critic))


def only(choices: Choices, chosen: Int[Array, ""]) -> Choices:
    """Return the prompt with one of its actions."""
    actions, lengths, words = (jnp.asarray(part)[chosen][None] for part in choices[2:])
    return Choices(choices.prompt, choices.prompt_length, actions, lengths, words)


def stands_alone(settings: TokenSettings) -> bool:
    """Return whether what is learned of an action's tokens does not depend on the other actions."""
    return settings.policy == "free" or settings.likelihood == "published"


def likelihoods(settings: TokenSettings, policy: Transformer, choices: Choices) -> Restricted:
    """Return log-probabilities and entropies of all actions' tokens, by the likelihood that is learned."""
    scores = score(policy, choices)
    if stands_alone(settings):
        return Restricted(scores.log_probs, scores.entropies)
    return _drawn_from(settings, scores.log_probs, choices)


def _drawn_from(settings: TokenSettings, log_probs: Float[Array, "actions tokens"], choices: Choices) -> Restricted:
    if settings.policy == "actions":
        return over_tokens(action_log_probs(log_probs, choices, settings.normalisation), choices)
    return restricted(log_probs, choices)


def chances(settings: TokenSettings, policy: Transformer, choices: Choices) -> Float[Array, " actions"]:
    """Return the log-probability of every action: with which it is drawn, or written freely; -∞ where there is none."""
    log_probs = score(policy, choices).log_probs
    if settings.policy != "free":
        log_probs = _drawn_from(settings, log_probs, choices).log_probs
    return jnp.where(jnp.asarray(choices.lengths) > 0, jnp.sum(log_probs, axis=1), -jnp.inf)


def state_values(networks: Networks, choices: Choices) -> Float[Array, "actions tokens"]:
    """Return the value before every token of all actions."""
    reader = networks.critic.reader
    reader = without_lora(networks.policy) if reader is None else reader
    return networks.critic.head(score(reader, choices).hidden)


def act(
    settings: TokenSettings,
    end: int,
    networks: Networks,
    choices: Choices,
    key: PRNGKeyArray,
    greedy: Bool[Array, ""],
) -> Acted:
    """Choose an action.

    Args:
        settings: of the learner.
        end: the token that ends a text.
        networks: choose and value.
        choices: what can be chosen; of a policy that writes freely, the prompt counts alone.
        key: of what is drawn.
        greedy: take the most likely action; freely written, the most likely token each time.
    """
    if settings.policy == "free":

        def written(temperature: float) -> Any:
            prompt, length = jnp.asarray(choices.prompt), jnp.asarray(choices.prompt_length)
            limit = settings.max_tokens
            return write(networks.policy, prompt, length, key, end=end, limit=limit, temperature=temperature)

        made = jax.lax.cond(greedy, lambda: written(0.0), lambda: written(1.0))
        one = Choices(choices.prompt, choices.prompt_length, made.tokens[None], made.length[None], jnp.ones(1, int))
        return Acted(jnp.zeros((), jnp.int32), made.tokens, made.length, made.log_probs, state_values(networks, one)[0])
    actions = chances(settings, networks.policy, choices)
    chosen = jnp.where(greedy, jnp.argmax(actions), jax.random.categorical(key, actions)).astype(jnp.int32)
    one = only(choices, chosen)
    return Acted(
        chosen,
        jnp.asarray(one.actions)[0],
        jnp.asarray(one.lengths)[0],
        likelihoods(settings, networks.policy, choices).log_probs[chosen],
        state_values(networks, one)[0],
    )


def first_value(networks: Networks, choices: Choices) -> Float[Array, ""]:
    """Return the value of a state before anything is chosen; the actions are not read."""
    return state_values(networks, only(choices, jnp.zeros((), jnp.int32)))[0, 0]
