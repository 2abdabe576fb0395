"""Recurrent networks: one layer of units that remember, and a linear readout at every step."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit import marks
from accumbens.credit.losses import losses
from accumbens.credit.networks.recurrent_units import GRU, LSTM, Diagonal, Gate, Rates, Units
from accumbens.credit.protocol import Activity, Batch, Network, TaskFacts
from accumbens.credit.settings import PenalisedSettings, RecurrentSettings
from accumbens.errors import require

_UNITS: dict[str | None, Callable[[int, int, PRNGKeyArray], Units]] = {
    "lstm": LSTM.create,
    "gru": GRU.create,
    "simple": Rates.create,
    "diagonal": Diagonal.create,
}


class Read(NamedTuple):
    """What a network does with a sequence.

    Attributes:
        outputs: at every step.
        activity: of all units at every step.
        state: after the last step.
    """

    outputs: Float[Array, "steps outputs"]
    activity: Float[Array, "steps emitted"]
    state: Float[Array, "units numbers"]


class Recurrent(Network):
    """y(t) = W h(t) + b, h(t) being what the units pass on.

    Attributes:
        layers: the units, and the readout.
        facts: of the task.
    """

    layers: tuple[Units, Gate]
    facts: TaskFacts = eqx.field(static=True)

    @classmethod
    def create(
        cls, settings: RecurrentSettings | PenalisedSettings, facts: TaskFacts, key: PRNGKeyArray
    ) -> "Recurrent":
        """Return a network with random weights.

        Raises:
            AccumbensError: there is not one hidden layer, or the task is to move a hand.
        """
        require_no_hand(facts)
        units_key, readout_key = jax.random.split(key)
        units = make_units(settings, facts.inputs, units_key)
        return cls((units, random_readout(readout_key, units.count * units.emitted, facts.outputs)), facts)

    def follow(self, x: Float[Array, "steps inputs"], state: Float[Array, "units numbers"] | None = None) -> Read:
        """Return what the network does with one sequence.

        Args:
            x: inputs.
            state: before the first step; None: silent.
        """
        units, readout = self.layers

        def step(state: Array, x: Array) -> tuple[Array, tuple[Array, Array]]:
            state = marks.activity(units(state, x), 0)
            activity = units.activity(state)
            return state, (marks.outputs(readout(activity)), activity)

        last, (outputs, activity) = jax.lax.scan(step, units.silent() if state is None else state, x)
        return Read(outputs, activity, last)

    def predict(self, x: Float[Array, "batch steps inputs"]) -> Float[Array, "batch steps outputs"]:
        """Return logits, or predicted numbers, at every step."""
        return jax.vmap(lambda x: self.follow(x).outputs)(x)

    def exact_loss(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean loss of the batch; its gradient goes back through time to the first step."""
        return losses(self.predict(batch.x), batch.y, self.facts.kind).mean()

    def mean_square_activity(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean of h² over sequences, steps and units."""
        return jnp.square(jax.vmap(lambda x: self.follow(x).activity)(batch.x)).mean()

    def activities(self, x: Float[Array, "batch steps inputs"]) -> list[Activity]:
        """Return the part of units that are active."""
        activity = jax.vmap(lambda x: self.follow(x).activity)(x)
        return [Activity(jnp.zeros(()), (activity != 0).mean())]

    def constrained(self) -> "Recurrent":
        """Return the network: nothing constrains it."""
        return self


def require_no_hand(facts: TaskFacts) -> None:
    """Refuse tasks that are to move a hand, whose inputs are not for other networks.

    Raises:
        AccumbensError: the task is one.
    """
    rules = "backprop-through-time, rflo, online-gradient"
    require("task", "one that moves a hand", f"another with this rule; rules for it: {rules}", not facts.controlled)


def make_units(settings: RecurrentSettings | PenalisedSettings, inputs: int, key: PRNGKeyArray) -> Units:
    """Return the random units that the settings ask for.

    Raises:
        AccumbensError: there is not one hidden layer.
    """
    require("layers", ",".join(map(str, settings.layers)) or "none", "one number: the units", len(settings.layers) == 1)
    (count,) = settings.layers
    return _UNITS[settings.units](inputs, count, key)


def random_readout(key: PRNGKeyArray, seen: int, outputs: int) -> Gate:
    """Return weights from U(±1/√inputs), PyTorch's default."""
    weight_key, bias_key = jax.random.split(key)
    bound = seen**-0.5
    return Gate(
        jax.random.uniform(weight_key, (outputs, seen), minval=-bound, maxval=bound),
        jax.random.uniform(bias_key, (outputs,), minval=-bound, maxval=bound),
    )
