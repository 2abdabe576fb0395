"""The token learner, of one seed, as pure functions: a language model acts, and learns by clipped policy gradients.

An action is a row of tokens, and `accumbens.td.tokens` says what each of them is told. With r_j the ratio of the new
and the old probability of token j and A_j its advantage, the actor ascends

    mean_j min(r_j A_j, clip(r_j, 1 - ε, 1 + ε) A_j) + β mean_j H_j,

at the level of actions with the ratio of the whole action's probabilities. The critic's values V_j, before each token,
move towards the returns. Actor and critic share no weights that learn, and have optimisers of their own.

Reference: Schulman et al. (2017), "Proximal policy optimization algorithms"; Wen et al. (2024), POAD.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from accumbens.agents.token_policy import Critic, Networks, likelihoods, only, stands_alone, state_values, what_learns
from accumbens.agents.token_settings import TokenSettings
from accumbens.language import Choices, Transformer
from accumbens.td.tokens import Credit, Decay, Rule, Steps, credit, decay_of, rule_named


class TokenState(NamedTuple):
    """What a learner has learned.

    Attributes:
        learned: the networks' weights that learn; None where they do not.
        target: those of a second critic that follows the first; None without one.
        actor, critic: states of the optimisers.
        updates: so far.
    """

    learned: Networks
    target: Critic | None
    actor: optax.OptState
    critic: optax.OptState
    updates: Int[Array, ""]


class Block(NamedTuple):
    """What is learned from.

    Attributes:
        choices: all different ones that there were, along a first axis, and perhaps some twice.
        place: which of them could be chosen from.
        chosen: the action that was.
        log_probs: of the tokens, when they were.
        values: before the tokens, then.
        steps: what the environments answered.
    """

    choices: Choices
    place: Int[Array, "time envs"]
    chosen: Int[Array, "time envs"]
    log_probs: Float[Array, "time envs tokens"]
    values: Float[Array, "time envs tokens"]
    steps: Steps


class TokenMetrics(NamedTuple):
    """Means over updates.

    Attributes:
        actor_loss, critic_loss: what was minimised, the entropy's part left out of the first.
        entropy: of a token's distribution, in nats; at the level of actions of an action's.
        approx_kl: mean of r - 1 - log r.
        clip_fraction: of ratios that were clipped.
        skipped: updates of which the actor was left out, as the divergence was too large.
        gradient_norm: of the actor, before clipping.
    """

    actor_loss: Float[Array, ""]
    critic_loss: Float[Array, ""]
    entropy: Float[Array, ""]
    approx_kl: Float[Array, ""]
    clip_fraction: Float[Array, ""]
    skipped: Float[Array, ""]
    gradient_norm: Float[Array, ""]


def optimisers(settings: TokenSettings) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    """Return the actor's and the critic's: Adam, each with its own clipping of the gradient's norm."""

    def adam(rate: float) -> optax.GradientTransformation:
        return optax.chain(optax.clip_by_global_norm(settings.max_gradient_norm), optax.adam(rate))

    return adam(settings.learning_rate), adam(settings.critic_learning_rate)


def first_state(settings: TokenSettings, networks: Networks) -> TokenState:
    """Return what has been learned before the first update."""
    learned = eqx.filter(networks, what_learns(networks))
    actor, critic = optimisers(settings)
    target = None if settings.target_rate is None else learned.critic
    return TokenState(
        learned, target, actor.init(learned.policy), critic.init(learned.critic), jnp.zeros((), jnp.int32)
    )


def rule_and_decay(settings: TokenSettings) -> tuple[Rule, Decay]:
    """Return what tokens are told by, and its discounts and traces."""
    rule = rule_named(settings.rule)
    inside = settings.inner_discount, settings.inner_trace_decay
    return rule, decay_of(rule, settings.discount, settings.trace_decay, *inside)


def credit_of(settings: TokenSettings, block: Block) -> Credit:
    """Return advantages and returns of every token, [time, envs, tokens]."""
    rule, decay = rule_and_decay(settings)
    return jax.vmap(lambda values, steps: credit(rule, values, steps, decay), 1, 1)(block.values, block.steps)


class Sample(NamedTuple):
    """Rows of a block, one after the other, with what is told of them."""

    place: Int[Array, " rows"]
    chosen: Int[Array, " rows"]
    log_probs: Float[Array, "rows tokens"]
    values: Float[Array, "rows tokens"]
    lengths: Int[Array, " rows"]
    credit: Credit


def learn(
    settings: TokenSettings, frozen: Networks, state: TokenState, block: Block, key: PRNGKeyArray
) -> tuple[TokenState, TokenMetrics]:
    """Learn from a block: some passes over it, each in minibatches that are drawn anew.

    Args:
        settings: of the learner.
        frozen: what does not learn.
        state: what has been learned.
        block: rows of all environments.
        key: of the order.
    """
    told = credit_of(settings, block)
    rows = block.chosen.size
    sample = jax.tree.map(
        lambda leaf: leaf.reshape(rows, *leaf.shape[2:]),
        Sample(block.place, block.chosen, block.log_probs, block.values, block.steps.lengths, told),
    )
    orders = jax.vmap(lambda key: jax.random.permutation(key, rows))(jax.random.split(key, settings.epochs))
    orders = orders.reshape(settings.epochs * settings.num_minibatches, -1)

    def update(state: TokenState, order: Array) -> tuple[TokenState, TokenMetrics]:
        return _update(settings, frozen, state, block.choices, jax.tree.map(lambda leaf: leaf[order], sample))

    state, metrics = jax.lax.scan(update, state, orders)
    return state, jax.tree.map(jnp.mean, metrics)


def _update(
    settings: TokenSettings, frozen: Networks, state: TokenState, choices: Choices, sample: Sample
) -> tuple[TokenState, TokenMetrics]:
    actor, critic = optimisers(settings)
    learned: Any = state.learned
    target: Any = state.target
    (_, parts), gradient = jax.value_and_grad(_actor_loss, has_aux=True)(
        learned.policy, settings, frozen.policy, choices, sample
    )
    changes, actor_state = actor.update(gradient, state.actor, learned.policy)
    moved = optax.apply_updates(learned.policy, changes)
    near = jnp.asarray(True) if settings.max_kl is None else parts["approx_kl"] <= settings.max_kl
    policy, actor_state = jax.tree.map(
        lambda new, old: jnp.where(near, new, old), (moved, actor_state), (learned.policy, state.actor)
    )
    # The reader of a frozen model is the policy's base, which does not learn.
    value_loss, value_gradient = jax.value_and_grad(_critic_loss)(learned.critic, settings, frozen, choices, sample)
    changes, critic_state = critic.update(value_gradient, state.critic, learned.critic)
    values: Any = optax.apply_updates(learned.critic, changes)
    if settings.target_rate is not None:
        target = optax.incremental_update(values, target, settings.target_rate)
    metrics = TokenMetrics(
        **parts,
        critic_loss=value_loss,
        skipped=1.0 - near.astype(jnp.float32),
        gradient_norm=optax.tree.norm(gradient),
    )
    return TokenState(Networks(policy, values), target, actor_state, critic_state, state.updates + 1), metrics


def _actor_loss(
    learned: Transformer, settings: TokenSettings, frozen: Transformer, choices: Choices, sample: Sample
) -> tuple[Float[Array, ""], dict[str, Array]]:
    policy = eqx.combine(learned, frozen)
    found = _of_chosen(lambda one: likelihoods(settings, policy, one), choices, sample, stands_alone(settings))
    log_probs, entropies = found
    there = _present(sample)
    change, advantages = jnp.where(there, log_probs - sample.log_probs, 0.0), sample.credit.advantages
    entropies = jnp.where(there, entropies, 0.0)
    if rule_named(settings.rule).level == "action":
        change, entropies = (jnp.sum(part, axis=1, keepdims=True) for part in (change, entropies))
        there, advantages = there[:, :1], advantages[:, :1]

    def mean(values: Array) -> Array:
        return jnp.sum(jnp.where(there, values, 0.0)) / jnp.sum(there)

    if settings.normalise_advantages:
        centred = advantages - mean(advantages)
        advantages = centred / (jnp.sqrt(mean(jnp.square(centred))) + 1e-8)
    ratio = jnp.exp(change)
    clipped = jnp.clip(ratio, 1.0 - settings.clip, 1.0 + settings.clip)
    loss, entropy = -mean(jnp.minimum(ratio * advantages, clipped * advantages)), mean(entropies)
    parts = {
        "actor_loss": loss,
        "entropy": entropy,
        "approx_kl": mean(ratio - 1.0 - change),
        "clip_fraction": mean((ratio != clipped).astype(jnp.float32)),
    }
    return loss - settings.entropy_coefficient * entropy, parts


def _critic_loss(
    learned: Critic, settings: TokenSettings, frozen: Networks, choices: Choices, sample: Sample
) -> Float[Array, ""]:
    networks = Networks(frozen.policy, eqx.combine(learned, frozen.critic))
    values = _of_chosen(lambda one: state_values(networks, one), choices, sample, alone=True)
    there, returns, before = _present(sample), sample.credit.returns, sample.values
    if rule_named(settings.rule).level == "action":
        there = there.at[:, 1:].set(False)
    error = jnp.square(values - returns)
    if settings.value_clip is not None:
        near = before + jnp.clip(values - before, -settings.value_clip, settings.value_clip)
        error = jnp.maximum(error, jnp.square(near - returns))
    return jnp.sum(jnp.where(there, error, 0.0)) / jnp.sum(there)


def _of_chosen(compute: Callable[[Choices], Any], choices: Choices, sample: Sample, alone: bool) -> Any:
    """What is computed of the tokens of the chosen actions, [rows, tokens].

    Args:
        compute: of choices, [actions, tokens].
        choices: the different ones.
        sample: says which, and which action.
        alone: an action's numbers do not depend on the other actions.
    """
    if len(choices.prompt_length) <= len(sample.chosen):  # games come back to where they were: computed once for all
        return jax.tree.map(lambda leaf: leaf[sample.place, sample.chosen], jax.vmap(compute)(choices))

    def of_row(place: Array, chosen: Array) -> Any:
        own = jax.tree.map(lambda leaf: leaf[place], choices)
        found = compute(only(own, chosen) if alone else own)
        return jax.tree.map(lambda leaf: leaf[0 if alone else chosen], found)

    return jax.vmap(of_row)(sample.place, sample.chosen)


def _present(sample: Sample) -> Bool[Array, "rows tokens"]:
    return jnp.arange(sample.values.shape[1]) < sample.lengths[:, None]
