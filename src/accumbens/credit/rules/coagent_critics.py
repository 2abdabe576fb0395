"""Critics of coagents: what reward is to be expected if a coagent that observes o emits a."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit.networks.coagent import Coagent, CoagentNetwork, Step
from accumbens.credit.networks.coagent_units import uniform
from accumbens.credit.networks.connections import Dense
from accumbens.credit.rules.coagent_baselines import rmsprop
from accumbens.credit.settings import CoagentActorCriticSettings


class Critic(eqx.Module):
    """Q(o, a) = v · ReLU(z) + c with z = W_o o + W_a a + b; or linear, Q(o, a) = z, a single number.

    Attributes:
        observing: W_o.
        acting: W_a.
        bias: b.
        valuing: v and c; None of a linear critic.
    """

    observing: Dense
    acting: Dense
    bias: Float[Array, " width"]
    valuing: tuple[Dense, Float[Array, " 1"]] | None

    @classmethod
    def create(cls, key: PRNGKeyArray, inputs: int, units: int, width: int | None) -> "Critic":
        """Return a critic with weights and biases drawn from U(±1/√inputs), PyTorch's default.

        Args:
            key: of the parameters.
            inputs: numbers that the coagent observes.
            units: numbers that it emits.
            width: hidden units; None makes it linear.
        """
        first, second = jax.random.split(key)
        both, bias = uniform(first, inputs + units, width or 1)
        observing, acting = Dense(both.weight[:, :inputs]), Dense(both.weight[:, inputs:])
        return cls(observing, acting, bias, uniform(second, width, 1) if width else None)

    def __call__(
        self, observation: Float[Array, "... batch inputs"], action: Float[Array, "*more batch units"]
    ) -> Float[Array, "*more batch"]:
        """Return Q of every observation and action; of one observation and several actions, too."""
        z = observation @ self.observing.weight.T + action @ self.acting.weight.T + self.bias
        if self.valuing is None:
            return z[..., 0]
        value, bias = self.valuing
        return (jax.nn.relu(z) @ value.weight.T + bias)[..., 0]


class CriticState(NamedTuple):
    """Of every hidden coagent that draws, from the input to the output.

    Attributes:
        critics: one each.
        optimisers: the optimiser's state of each.
    """

    critics: list[Critic]
    optimisers: list[Any]


class Critics(NamedTuple):
    """How critics learn.

    Attributes:
        init: `init(network, key) -> state`.
        learn: `learn(state, coagents, steps, rewards, key) -> (state, targets)`, a target [drawn, batch] for every
            critic.
    """

    init: Callable[[CoagentNetwork, PRNGKeyArray], CriticState]
    learn: Callable[..., tuple[CriticState, list[Float[Array, "drawn batch"]]]]


def make_critics(settings: CoagentActorCriticSettings) -> Critics:
    """Return how critics learn: by RMSprop with a rate of their own, without target networks."""
    optimiser = rmsprop(settings.critic_rate * settings.learning_rate)

    def init(network: CoagentNetwork, key: PRNGKeyArray) -> CriticState:
        sizes = zip(network.observation_sizes(), network.action_sizes(), strict=True)
        hidden = list(sizes)[: sum(layer.draws for layer in network.layers[:-1])]
        critics: Any = [
            Critic.create(jax.random.fold_in(key, place), inputs, units, settings.critic_width)
            for place, (inputs, units) in enumerate(hidden)
        ]
        return CriticState(critics, [optimiser.init(critic) for critic in critics])

    def learn(
        state: CriticState,
        coagents: Sequence[Coagent],
        steps: Sequence[Step],
        rewards: Float[Array, "drawn batch"],
        key: PRNGKeyArray,
    ) -> tuple[CriticState, list[Float[Array, "drawn batch"]]]:
        """From the last critic to the first: its target is what the next, already nearer to its own, says; or R."""
        critics, states = list(state.critics), list(state.optimisers)
        targets: list[Any] = [rewards] * len(critics)
        for place in reversed(range(len(critics))):
            if place + 1 < len(critics):
                above, here = place + 1, jax.random.fold_in(key, place)
                targets[place] = next_value(critics[above], coagents[above], steps[above], here)
            critics[place], states[place] = nearer(critics[place], states[place], steps[place], targets[place])
        return CriticState(critics, states), targets

    def next_value(critic: Critic, coagent: Coagent, step: Step, key: PRNGKeyArray) -> Float[Array, "drawn batch"]:
        """Return Q of the action that was taken, of the greedy one, or of the best of several."""
        if settings.critic == "on-policy":
            return critic(step.observation, step.action)
        greedy = coagent.greedy(step.observation)
        if settings.critic == "off-policy":
            return critic(step.observation, greedy)
        drawn = coagent.drawn(step.observation, key, settings.candidates)
        return critic(step.observation, jnp.concatenate([step.action, greedy, drawn])).max(axis=0, keepdims=True)

    def nearer(critic: Critic, state: Any, step: Step, target: Float[Array, "drawn batch"]) -> tuple[Critic, Any]:
        """Return the critic after one step down (target - Q(o, a))²."""

        def error(critic: Critic) -> Float[Array, ""]:
            return jnp.square(target - critic(step.observation, step.action)).mean()

        change, state = optimiser.update(jax.grad(error)(critic), state)
        return eqx.apply_updates(critic, change), state

    return Critics(init, learn)
