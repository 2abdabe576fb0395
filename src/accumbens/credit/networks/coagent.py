"""Coagent networks (Gupta et al., 2021): layers of units that draw what they emit, and are told how well it went."""

import dataclasses
import itertools
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num, PRNGKeyArray

from accumbens.credit import marks
from accumbens.credit.losses import losses
from accumbens.credit.networks.coagent_discrete import DiscreteUnits
from accumbens.credit.networks.coagent_gaussian import GaussianUnits
from accumbens.credit.networks.coagent_units import DeterministicUnits, Preferences, Units
from accumbens.credit.protocol import Activity, Batch, Kind, Network, TaskFacts
from accumbens.credit.settings import CoagentNetworkSettings, CoagentPolicySettings

Chosen = tuple[Bool[Array, "..."] | None, ...] | None
"""For every layer which units draw; None for all."""


def draw(key: PRNGKeyArray, shape: tuple[int, ...], gaussian: bool) -> Float[Array, "..."]:
    """Return what units draw by: standard normal numbers, or uniform ones from [0, 1) for discrete units."""
    return (jax.random.normal if gaussian else jax.random.uniform)(key, shape)


class Coagent(NamedTuple):
    """A layer of units that draw, and the deterministic layers below that belong to it.

    Attributes:
        layers: from its input to its action.
        first: place of the first of them in the network.
    """

    layers: tuple[Units, ...]
    first: int

    def greedy(self, observation: Float[Array, "... inputs"]) -> Float[Array, "... units"]:
        """Return the likeliest action."""
        for place, layer in enumerate(self.layers, start=self.first):
            observation = marks.activity(layer.greedy(observation), place)
        return observation

    def drawn(
        self, observation: Float[Array, "1 batch inputs"], key: PRNGKeyArray, number: int
    ) -> Float[Array, "number batch units"]:
        """Return so many actions."""
        *below, layer = self.layers
        h = Coagent(tuple(below), self.first).greedy(observation)
        noise = draw(key, (number, h.shape[1], layer.units), isinstance(layer, GaussianUnits))
        return marks.activity(layer.act(h, noise).value, self.first + len(below))


class Step(NamedTuple):
    """What one coagent did, one step of an episode that is as long as the network is deep.

    Attributes:
        observation: o, its input.
        action: a, what it emits.
        log_probability: log π(a | o), summed over units; can be differentiated with respect to its parameters alone.
        preferences: of discrete units; can be differentiated likewise.
    """

    observation: Float[Array, "drawn batch inputs"]
    action: Float[Array, "samples batch units"]
    log_probability: Float[Array, "samples batch"]
    preferences: Preferences | None


class Episode(NamedTuple):
    """What a network did with a batch, drawn one or several times.

    Attributes:
        steps: of every coagent that draws, from the input to the output.
        outputs: logits, or predicted numbers; can be differentiated with respect to the parameters of an output
            coagent that does not draw.
    """

    steps: list[Step]
    outputs: Float[Array, "drawn batch outputs"]


class CoagentNetwork(Network):
    """Layers of coagents.

    Each hidden layer draws, unless the partition makes it a deterministic layer of the coagent above it. The output
    layer of a Gaussian network draws too. That of a discrete network is linear and chooses nothing.

    Attributes:
        layers: units with their weights and biases.
        kind: of the task.
        settings: of the units.
    """

    layers: tuple[Units, ...]
    kind: Kind = eqx.field(static=True)
    settings: CoagentNetworkSettings = eqx.field(static=True)

    @classmethod
    def create(cls, settings: CoagentNetworkSettings, facts: TaskFacts, key: PRNGKeyArray) -> "CoagentNetwork":
        """Return a network with weights and biases drawn from U(±1/√inputs), PyTorch's default.

        Args:
            settings: of the units.
            facts: of the task.
            key: of the parameters.
        """
        # Networks of other learning rates are alike, and can learn side by side.
        settings = dataclasses.replace(settings, learning_rate=1.0)
        widths = [facts.inputs, *settings.layers, facts.outputs]
        letters = (settings.partition or "s" * len(settings.layers)) + ("s" if settings.units == "gaussian" else "d")
        layers: list[Units] = []
        for place, (inputs, units) in enumerate(itertools.pairwise(widths)):
            layer_key, last = jax.random.fold_in(key, place), place == len(widths) - 2
            if letters[place] == "d":
                layers.append(DeterministicUnits.create(layer_key, inputs, units, last))
            elif isinstance(settings, CoagentPolicySettings) and settings.units == "gaussian":
                layers.append(GaussianUnits.create(settings, layer_key, inputs, units, last))
            else:
                layers.append(DiscreteUnits.create(settings, layer_key, inputs, units))
        return cls(tuple(layers), facts.kind, settings)

    def coagents(self) -> list[Coagent]:
        """Return the coagents that draw, from the input to the output."""
        ends = [place + 1 for place, layer in enumerate(self.layers) if layer.draws]
        return [Coagent(self.layers[start:end], start) for start, end in itertools.pairwise([0, *ends])]

    def observation_sizes(self) -> list[int]:
        """Return how many numbers every coagent that draws observes."""
        return [coagent.layers[0].inputs for coagent in self.coagents()]

    def action_sizes(self) -> list[int]:
        """Return how many numbers every coagent that draws emits."""
        return [coagent.layers[-1].units for coagent in self.coagents()]

    def noise(self, key: PRNGKeyArray, samples: int, batch: int) -> list[Float[Array, "samples batch drawn"]]:
        """Return what every layer draws by, all of one draw."""
        widths = [layer.units if layer.draws else 0 for layer in self.layers]
        noise = draw(key, (samples, batch, sum(widths)), self.settings.units == "gaussian")
        return jnp.split(noise, list(itertools.accumulate(widths))[:-1], axis=-1)

    def play(
        self,
        x: Float[Array, "batch inputs"],
        key: PRNGKeyArray,
        samples: int = 1,
        chosen: Chosen = None,
    ) -> Episode:
        """Return what the network does with a batch while it learns.

        Args:
            x: inputs.
            key: of what is drawn.
            samples: N, how often the network is drawn.
            chosen: the units that draw, while the others do what is likeliest.
        """
        steps, observation = [], x[None]
        h = observation
        noises = self.noise(key, samples, x.shape[0])
        who_draws = chosen or [None] * len(self.layers)
        for place, (layer, noise, units) in enumerate(zip(self.layers, noises, who_draws, strict=True)):
            noise = self._marked(noise, place) if place < len(self.layers) - 1 else noise
            h, log_probability, preferences = layer.act(h, noise, units)
            h = self._marked(h, place)
            if log_probability is not None:
                steps.append(Step(observation, h, log_probability.sum(axis=-1), preferences))
                observation = h
        return Episode(steps, h)

    def loss(
        self, outputs: Float[Array, "drawn batch outputs"], y: Num[Array, "batch ..."]
    ) -> Float[Array, "drawn batch"]:
        """Return the loss of every example, in every draw."""
        return jax.vmap(lambda drawn: losses(drawn, y, self.kind))(outputs)

    def predict(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """Return logits, or predicted numbers, of units that do what is likeliest."""
        for place, layer in enumerate(self.layers):
            x = self._marked(layer.greedy(x), place)
        return x

    def exact_loss(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean loss of a network that can be differentiated through all layers.

        Gaussian units draw what `play` draws first with the same key, and the gradient goes through the drawn
        pre-activations (reparametrised): its mean over draws is that of REINFORCE. Discrete units emit their mean over
        softmax(z): the mean-field network, whose gradient is near that of the expected loss, but not the same.
        """
        h = batch.x[None]
        for place, (layer, noise) in enumerate(zip(self.layers, self.noise(key, 1, batch.x.shape[0]), strict=True)):
            h = self._marked(layer.smooth(h, noise), place)
        return self.loss(h, batch.y).mean()

    def activities(self, x: Float[Array, "batch inputs"]) -> list[Activity]:
        """Return entropy and sparsity of every hidden layer while its input is that of a greedy network."""
        found = []
        for layer in self.layers[:-1]:
            found.append(layer.activity(x))
            x = layer.greedy(x)
        return found

    def constrained(self) -> "CoagentNetwork":
        """Return the network after an optimiser step: what decays with updates, decays."""
        return eqx.tree_at(lambda network: network.layers, self, tuple(layer.constrained() for layer in self.layers))

    def _marked(self, made: Float[Array, "..."], place: int) -> Float[Array, "..."]:
        """Return what a layer makes, with its name for whoever reads the program."""
        return marks.activity(made, place) if place < len(self.layers) - 1 else marks.outputs(made)
