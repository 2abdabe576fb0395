"""Independent Q(λ) by playing: one network for all agents, no replay, no target network. It makes data to learn from.

The dead learn as well: what the team still earns is theirs, and the values of the living are made of it.

Reference: Gallici et al. (2025), "Simplifying deep temporal difference learning", algorithm 1 with λ-returns, and
independent learners with shared parameters as in its experiments on SMAX.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Integer

from accumbens.agents.optimiser import cell_optimiser
from accumbens.envs.teams.protocol import Seen, TeamEnvironment
from accumbens.envs.teams.wrappers import auto_reset_team
from accumbens.runs.streams import Stream, stream_key
from accumbens.td.targets import q_lambda
from accumbens.teams.acting import policy_of_values
from accumbens.teams.action_values import values_of
from accumbens.teams.learner import Learner, SeedState, added, no_losses
from accumbens.teams.model import ILLEGAL
from accumbens.teams.policies import draw_legal
from accumbens.teams.settings import PlayingSettings

LOSSES = ("learning_loss",)


class Memory(NamedTuple):
    """What is kept beside the network.

    Attributes:
        optimiser: its memory.
        states: of the copies of the environment.
        seen: by their agents.
    """

    optimiser: Any
    states: Any
    seen: Seen


class Row(NamedTuple):
    """One step of every copy."""

    seen: Seen
    action: Int[Array, "*steps copies agents"]
    reward: Float[Array, "*steps copies agents"]
    next_values: Float[Array, "*steps copies agents actions"]
    terminated: Bool[Array, "*steps copies"]
    truncated: Bool[Array, "*steps copies"]


def make_playing(settings: PlayingSettings, env: TeamEnvironment, updates: int) -> Learner:
    """Return the learner that plays.

    Args:
        settings: of the method.
        env: to play in, on the device.
        updates: of the run, over which exploration and step size fall.
    """
    facts = env.facts
    values, copies = values_of(True, settings.layers, facts), settings.num_envs
    steps_per_update = settings.epochs * settings.num_minibatches

    def rate(count: Int[Array, ""]) -> Float[Array, ""]:
        return settings.learning_rate * jnp.maximum(0.0, 1.0 - count / (updates * steps_per_update))

    optimiser = cell_optimiser("radam", rate, settings.max_grad_norm, 0.9, 0.999)
    read = jax.vmap(values.read, in_axes=(None, 0))

    def init(seed: Integer[Array, ""]) -> SeedState:
        networks = values.init(stream_key(seed, Stream.PARAMETERS, 0))
        states, seen = jax.vmap(env.reset)(jax.random.split(stream_key(seed, Stream.FIRST_STATES, 0), copies))
        return SeedState(networks, Memory(optimiser.init(networks), states, seen), no_losses(LOSSES))

    def exploration(number: Int[Array, ""]) -> Float[Array, ""]:
        falling = updates * settings.exploration_fraction
        part = jnp.minimum(1.0, number / falling) if falling else jnp.float32(1.0)
        return settings.start_e + part * (settings.end_e - settings.start_e)

    def legal_values(networks: Any, seen: Seen) -> Float[Array, "copies agents actions"]:
        return jnp.where(seen.legal, read(networks, seen.observation), ILLEGAL)

    def step(
        networks: Any,
        epsilon: Float[Array, ""],
        seed: Integer[Array, ""],
        carry: tuple[Any, Seen],
        time: Int[Array, ""],
    ) -> tuple[tuple[Any, Seen], Row]:
        states, seen = carry
        coin, wander = jax.random.split(stream_key(seed, Stream.EXPLORATION, time))
        greedy = jnp.argmax(legal_values(networks, seen), axis=-1).astype(jnp.int32)
        drawn = jax.vmap(draw_legal)(jax.random.split(wander, copies), seen.legal)
        action = jnp.where(jax.random.bernoulli(coin, epsilon, greedy.shape), drawn, greedy)
        keys = jax.random.split(stream_key(seed, Stream.ENVIRONMENT, time), copies)
        states, following, outcome = jax.vmap(functools.partial(auto_reset_team, env))(keys, states, action)
        row = Row(
            seen,
            action,
            outcome.rewards,
            legal_values(networks, outcome.seen),
            outcome.terminated,
            outcome.truncated,
        )
        return (states, following), row

    def update(state: SeedState, data: None, seed: Integer[Array, ""], number: Int[Array, ""]) -> SeedState:
        del data
        networks, memory = state.networks, state.memory
        times = number * settings.rollout_length + jnp.arange(settings.rollout_length)
        play = functools.partial(step, networks, exploration(number), seed)
        (states, seen), rows = jax.lax.scan(play, (memory.states, memory.seen), times)
        terminated, truncated = (
            jnp.broadcast_to(end[..., None], rows.reward.shape) for end in (rows.terminated, rows.truncated)
        )
        targets = q_lambda(
            rows.reward, terminated, truncated, rows.next_values, settings.discount, settings.trace_decay
        )
        flat = jax.tree.map(
            lambda part: part.reshape(-1, *part.shape[2:]), (rows.seen.observation, rows.action, targets)
        )

        def loss(networks: Any, batch: Any) -> Float[Array, ""]:
            observation, action, target = batch
            taken = jnp.take_along_axis(read(networks, observation), action[..., None], axis=-1)[..., 0]
            return 0.5 * jnp.square(target - taken).mean()

        def minibatch(carry: tuple[Any, Any], batch: Any) -> tuple[tuple[Any, Any], Float[Array, ""]]:
            networks, memory = carry
            value, gradient = jax.value_and_grad(loss)(networks, batch)
            changes, memory = optimiser.update(gradient, memory, networks)
            return (optax.apply_updates(networks, changes), memory), value

        def epoch(carry: tuple[Any, Any], key: Array) -> tuple[tuple[Any, Any], Float[Array, " minibatches"]]:
            order = jax.random.permutation(key, len(flat[1])).reshape(settings.num_minibatches, -1)
            return jax.lax.scan(minibatch, carry, jax.tree.map(lambda part: part[order], flat))

        keys = jax.random.split(stream_key(seed, Stream.LEARNING, number), settings.epochs)
        (networks, kept), losses = jax.lax.scan(epoch, (networks, memory.optimiser), keys)
        return SeedState(networks, Memory(kept, states, seen), added(state.losses, {"learning_loss": losses.mean()}))

    def measure(
        state: SeedState, data: None, seed: Integer[Array, ""], number: Int[Array, ""]
    ) -> dict[str, Float[Array, ""]]:
        del data, seed
        played = number * settings.rollout_length * copies
        return {"mean_value": legal_values(state.networks, state.memory.seen).max(axis=-1).mean(), "env_steps": played}

    return Learner(
        init=init,
        update=update,
        measure=measure,
        losses=LOSSES,
        measures=("mean_value", "env_steps"),
        policy=policy_of_values(values.read),
        params=lambda networks, target: networks,
    )
