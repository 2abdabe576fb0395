"""Policies of a team: what the agents have seen in, what each is likely to do out.

A step's vector has what an agent sees, what it did before, the return that is still to come, and the time. A
transformer reads the vectors of the last steps, one token for each (a decision transformer has three: return,
observation, action; the numbers that a prediction may depend on are the same). A centralised network reads the vectors
of all agents as one.

Reference: Chen et al. (2021), "Decision Transformer"; Tseng et al. (2022), "Offline multi-agent reinforcement learning
with knowledge distillation", section 3.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.language.assembly import matrix_shapes
from accumbens.language.matrices import Dense
from accumbens.language.transformer import (
    Block,
    TransformerSettings,
    Turns,
    attention_weights,
    normed,
    through,
    turns_of,
)
from accumbens.teams.settings import PolicySettings

ILLEGAL = -1e9
"""The logit of what is illegal: no probability in float32, and no infinity that would make a NaN of a gradient."""

SMALL = 0.01
"""What logits of new networks are scaled by: all actions are nearly alike then, and there is nothing to unlearn."""


class Window(NamedTuple):
    """Consecutive steps of a team.

    Attributes:
        observation: of each agent.
        before: what each did in the step before; -1 in an episode's first.
        returns: the sum of rewards that are still to come, as it is told; see `Scale`.
        time: steps since the episode's start, over the longest episode's.
        legal: what each may do.
        weight: 1 where a step is one of the episode and the agent alive, else 0.
    """

    observation: Float[Array, "steps agents observation"]
    before: Int[Array, "steps agents"]
    returns: Float[Array, "steps agents"]
    time: Float[Array, " steps"]
    legal: Bool[Array, "steps agents actions"]
    weight: Float[Array, "steps agents"]


class Reading(NamedTuple):
    """What policies make of a window, at every readout.

    Attributes:
        features: that each agent's actions are read from.
        logits: of each agent's actions; of illegal ones `ILLEGAL`.
    """

    features: Float[Array, "readouts steps agents width"]
    logits: Float[Array, "readouts steps agents actions"]


class Layer(eqx.Module):
    """A layer, and, if it is read, the weights that read it.

    Attributes:
        body: a transformer's block, or the matrix of rectified units.
        gain: of the norm before the readout.
        maps: of a centralised network: each agent's features are a map of the same vector.
        head: features to logits, of each agent that this network speaks for.
    """

    body: Block | Dense
    gain: Float[Array, " width"]
    maps: Float[Array, "agents width width"] | None
    head: Float[Array, "agents actions width"] | None


class Policy(eqx.Module):
    """A network: vectors of steps to features and logits, at one readout or more."""

    inward: Dense
    layers: tuple[Layer, ...]
    sizes: TransformerSettings = eqx.field(static=True)
    local: bool = eqx.field(static=True)

    def __call__(
        self, inputs: Float[Array, "steps inputs"]
    ) -> tuple[Float[Array, "readouts steps spoken_for width"], Float[Array, "readouts steps spoken_for actions"]]:
        """Return features and logits at every layer that is read."""
        x = self.inward(inputs)
        turns = turns_of(self.sizes, jnp.arange(len(inputs)), x.dtype)
        features, logits = [], []
        for number, layer in enumerate(self.layers):
            if self.local and number:
                x = jax.lax.stop_gradient(x)
            x = self._through(layer, x, turns)
            if layer.head is not None:
                read = normed(self.sizes, x, layer.gain)
                maps = read[:, None] if layer.maps is None else jnp.einsum("nvw,tw->tnv", layer.maps, read)
                features.append(maps)
                logits.append(jnp.einsum("naw,tnw->tna", layer.head, maps))
        return jnp.stack(features), jnp.stack(logits)

    def _through(self, layer: Layer, x: Float[Array, "steps width"], turns: Turns) -> Float[Array, "steps width"]:
        if isinstance(layer.body, Block):
            return through(self.sizes, layer.body, x, turns)[0]
        return jax.nn.relu(layer.body(x))

    def attention(self, inputs: Float[Array, "steps inputs"]) -> Float[Array, "heads steps steps"]:
        """Return how much each step attends to each, itself and those before it, in the last block of a transformer."""
        x, (*others, last) = self.inward(inputs), self.layers
        turns = turns_of(self.sizes, jnp.arange(len(inputs)), x.dtype)
        for layer in others:
            x = self._through(layer, x, turns)
        assert isinstance(last.body, Block)
        return attention_weights(self.sizes, last.body, x, turns)


def make_policy(settings: PolicySettings, inputs: int, agents: int, actions: int, *, key: PRNGKeyArray) -> Policy:
    """Draw the weights of a network, normal with variance 1 / inputs; those that end a branch smaller by √(2 layers).

    Args:
        settings: its sizes.
        inputs: numbers of a step.
        agents: that it speaks for: all of a team, if it is centralised, else 1.
        actions: of each.
        key: of the weights.
    """
    transformer = settings.network == "transformer"
    heads = settings.heads if transformer else 1
    sizes = TransformerSettings(
        vocabulary=1,
        width=settings.width,
        layers=settings.blocks,
        heads=heads,
        key_value_heads=heads,
        head_size=settings.width // heads if transformer else 2,
        inner=2 * settings.width,
        context=settings.context,
    )
    keys = iter(jax.random.split(key, 1 + 9 * settings.blocks))

    def drawn(shape: tuple[int, ...], shrunk: float = 1.0) -> Array:
        return jax.random.normal(next(keys), shape) / (shrunk * math.sqrt(shape[-1]))

    def body() -> Block | Dense:
        if not transformer:
            return Dense(math.sqrt(2) * drawn((settings.width, settings.width)))
        shapes, ends = matrix_shapes(sizes), math.sqrt(2 * settings.blocks)
        names = ("q", "k", "v", "o", "gate", "up", "down")
        parts: dict[str, Any] = {
            name: Dense(drawn(shapes[name], ends if name in ("o", "down") else 1.0)) for name in names
        }
        return Block(attention_norm=jnp.ones(settings.width), inner_norm=jnp.ones(settings.width), **parts)

    def layer(number: int) -> Layer:
        is_read = settings.readouts == "every" or number == settings.blocks - 1
        return Layer(
            body=body(),
            gain=jnp.ones(settings.width),
            maps=drawn((agents, settings.width, settings.width)) if settings.centralised and is_read else None,
            head=drawn((agents, actions, settings.width), 1 / SMALL) if is_read else None,
        )

    inward = Dense(drawn((settings.width, inputs)))
    return Policy(inward, tuple(layer(number) for number in range(settings.blocks)), sizes, settings.credit == "local")


class Policies(NamedTuple):
    """The policies of a team, as pure functions.

    Attributes:
        init: draws the networks; of agents that do not share one, with a leading axis of agents.
        read: `read(networks, window) -> Reading`.
        attend: `attend(networks, window) -> weights [minds, heads, steps, steps]`: how much each step attends to each
            before it, in the last block; a centralised network is one mind, otherwise every agent is. None without
            attention.
    """

    init: Callable[[PRNGKeyArray], Policy]
    read: Callable[[Policy, Window], Reading]
    attend: Callable[[Policy, Window], Float[Array, "minds heads steps steps"]] | None = None


def policies_of(settings: PolicySettings, facts: TeamFacts) -> Policies:
    """Return the policies that settings stand for, in an environment."""
    agents, actions = len(facts.agents), facts.num_actions
    identity = jnp.eye(agents)

    def step_vectors(window: Window) -> Float[Array, "steps agents numbers"]:
        shape = window.before.shape
        parts = [window.observation, jax.nn.one_hot(window.before, actions)]
        if settings.returns:
            parts.append(window.returns[..., None])
        if not settings.centralised:
            parts.append(jnp.broadcast_to(window.time[:, None, None], (*shape, 1)))
        if settings.shared:
            parts.append(jnp.broadcast_to(identity, (*shape, agents)))
        return jnp.concatenate(parts, axis=-1)

    of_each = facts.observation_size + actions + settings.returns + (not settings.centralised)
    of_each += agents * settings.shared
    inputs = agents * of_each + 1 if settings.centralised else of_each
    spoken_for = agents if settings.centralised else 1

    def one(key: PRNGKeyArray) -> Policy:
        return make_policy(settings, inputs, spoken_for, actions, key=key)

    def init(key: PRNGKeyArray) -> Policy:
        if settings.centralised or settings.shared:
            return one(key)
        return eqx.filter_vmap(one)(jax.random.split(key, agents))

    axis = None if settings.shared else eqx.if_array(0)

    def whole(vectors: Float[Array, "steps agents numbers"], window: Window) -> Float[Array, "steps inputs"]:
        return jnp.concatenate([vectors.reshape(len(vectors), -1), window.time[:, None]], axis=-1)

    def read(networks: Policy, window: Window) -> Reading:
        vectors = step_vectors(window)
        if settings.centralised:
            features, logits = networks(whole(vectors, window))
        else:
            call = eqx.filter_vmap(lambda network, own: network(own), in_axes=(axis, 1), out_axes=2)
            features, logits = (part[:, :, :, 0] for part in call(networks, vectors))
        return Reading(features, jnp.where(window.legal, logits, ILLEGAL))

    def attend(networks: Policy, window: Window) -> Float[Array, "minds heads steps steps"]:
        vectors = step_vectors(window)
        if settings.centralised:
            return networks.attention(whole(vectors, window))[None]
        return eqx.filter_vmap(lambda network, own: network.attention(own), in_axes=(axis, 1))(networks, vectors)

    return Policies(init, read, attend if settings.network == "transformer" else None)
