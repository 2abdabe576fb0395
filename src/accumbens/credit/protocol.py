"""What a task, a network and a rule are to one another: for one seed; `vmap` adds the others."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float, Int, Num, PRNGKeyArray

Kind = Literal["classification", "regression"]


class TaskFacts(NamedTuple):
    """What a rule may know of a task before it sees data.

    Attributes:
        kind: classification has whole numbers as targets and the cross-entropy as loss; regression the squared error.
        inputs: numbers of one example.
        outputs: classes, or numbers to predict.
        image_shape: (channels, height, width) of an example whose numbers are an image in that order; None if they are
            none.
        steps: of an example that is a sequence; None if examples are single. Sequences that test may be longer.
        controlled: the network moves a hand, and may be told its error: see `networks.controlled`.
        direct: of such a task: the error is of what the network puts out, not of the position that this adds up to.
    """

    kind: Kind
    inputs: int
    outputs: int
    image_shape: tuple[int, int, int] | None = None
    steps: int | None = None
    controlled: bool = False
    direct: bool = False


class Batch(NamedTuple):
    """Examples that are learned from together.

    Attributes:
        x: inputs, of every step if examples are sequences.
        y: classes [batch, *steps], or numbers to predict [batch, *steps, outputs]; of sequences, a step with class -1
            or a number that is NaN does not count.
        epoch: which pass through the data this is, from 0.
    """

    x: Float[Array, "batch *steps inputs"]
    y: Num[Array, "batch ..."]
    epoch: Int[Array, ""]


class Activity(NamedTuple):
    """What one hidden layer does when the network predicts, mean over examples and units.

    Attributes:
        entropy: of a unit's choice, in nats; 0 of a unit that does not choose.
        sparsity: fraction of active units, which emit something other than zero, or take another action than the
            first if they choose from some.
    """

    entropy: Float[Array, ""]
    sparsity: Float[Array, ""]


class Network(eqx.Module):
    """The parameters of one network. Every array in it is learned, but for those behind `jax.lax.stop_gradient`.

    Attributes:
        layers: the parameters of every layer, from the input to the output: trees of arrays.
    """

    layers: eqx.AbstractVar[tuple[Any, ...]]

    @abstractmethod
    def predict(self, x: Float[Array, "batch *steps inputs"]) -> Float[Array, "batch *steps outputs"]:
        """Return logits, or predicted numbers; without noise (greedily)."""

    @abstractmethod
    def exact_loss(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return a loss of the batch that can be differentiated through all layers.

        Its gradient is what alignment is measured against. A network with noise says which gradient that is.
        """

    @abstractmethod
    def activities(self, x: Float[Array, "batch *steps inputs"]) -> list[Activity]:
        """Return what every hidden layer does while the network predicts."""

    def measures(self) -> dict[str, Float[Array, ""]]:
        """Return numbers of this network that an evaluation records besides, by the names of their columns."""
        return {}

    @abstractmethod
    def constrained(self) -> "Network":
        """Return the network with its parameters where they are allowed to be; called after every optimiser step."""


class Update(NamedTuple):
    """What a rule makes of a batch.

    Attributes:
        gradients: a tree like the network: what the optimiser descends.
        memory: the rule's own state afterwards: baselines, critics, fixed random feedback.
        loss: mean loss of the batch as the rule met it, noise included.
    """

    gradients: Any
    memory: Any
    loss: Float[Array, ""]


class Rule(NamedTuple):
    """How the layers of a network learn.

    Attributes:
        init: `init(key) -> (network, memory)`.
        update: `update(network, memory, batch, key) -> Update`; pure, without an optimiser step on the network.
    """

    init: Callable[[PRNGKeyArray], tuple[Network, Any]]
    update: Callable[[Any, Any, Batch, PRNGKeyArray], Update]
