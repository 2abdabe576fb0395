"""A recurrent network that moves a hand, and is told where the hand is behind: feedback control.

With u the inputs, r the rates, ε the position error of the hand and p pushes on it, at every step of dt = 10 ms,

    x_t = (1 - α) x_{t-1} + α (W_in u_t + W_rec r_{t-1} + W_fb ε_{t-1} + b_fb),  r = ReLU(x),  α = dt / τ = 0.2
    v_t = W_out r_t + b_out;   ε_t = ε_{t-1} + dt (v*_t - v_t - p_t)

The outputs are the positions of the hand, so that the error of an output is ε. Of a task whose error is direct, they
are v_t + p_t themselves, and ε_t = v*_t - v_t - p_t.

Reference: Kaleb et al. (2024), "Feedback control guides credit assignment in recurrent neural networks", and its
released code: no bias in the recurrent and input maps, b_fb there with feedback off; ε is added up from the first
read-out on, but what is fed back first is 0. Its loss counts that read-out as a 126th step; ours does not.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit import marks
from accumbens.credit.diagnostics import cosine
from accumbens.credit.losses import losses
from accumbens.credit.networks.recurrent_units import Gate
from accumbens.credit.protocol import Activity, Batch, Network, TaskFacts
from accumbens.credit.settings import RuleSettings
from accumbens.errors import require

DT, TAU = 0.01, 0.05
ALPHA = DT / TAU
INPUTS, DIMENSIONS = 3, 2
GOAL = (5, 6)
"""Which of a task's inputs say where the hand should be: the targets, since the error is made of them."""
NOISE = 0.1
"""x_0 is drawn from U(±NOISE) where there is a key."""


class Seen(NamedTuple):
    """What one step of a trial is given, in the order of a task's inputs.

    Attributes:
        u: displacement of the target, and a signal to hold still.
        push: p, velocity that is added to the hand's.
        goal: where the hand should be.
        feedback: 1 if the network is told the error, else 0.
    """

    u: Float[Array, "*rows 3"]
    push: Float[Array, "*rows 2"]
    goal: Float[Array, "*rows 2"]
    feedback: Float[Array, "*rows 1"]

    @classmethod
    def of(cls, x: Float[Array, "*rows 8"]) -> "Seen":
        """Return the parts of the inputs."""
        return cls(x[..., :3], x[..., 3:5], x[..., 5:7], x[..., 7:])


class Moment(NamedTuple):
    """The state of a trial.

    Attributes:
        x: of the units, before the rectifier.
        error: ε.
        told: what can be fed back at the next step: ε, before the first step 0.
        goal: of the step.
    """

    x: Float[Array, " units"]
    error: Float[Array, " 2"]
    told: Float[Array, " 2"]
    goal: Float[Array, " 2"]


class Controlled(eqx.Module):
    """The weights of the recurrent layer."""

    W_in: Float[Array, "units 3"]
    W_rec: Float[Array, "units units"]
    feedback: Gate

    @property
    def count(self) -> int:
        """Return the number of units."""
        return len(self.W_rec)

    def __call__(self, x: Array, u: Array, error: Array) -> Float[Array, " units"]:
        """Return x one step later."""
        return (1 - ALPHA) * x + ALPHA * (self.W_in @ u + self.W_rec @ jax.nn.relu(x) + self.feedback(error))


class Reaching(Network):
    """Units that are told the error of the hand, and a readout that moves it.

    Attributes:
        layers: the units, and the readout of the velocity.
        facts: of the task.
        adapting: only W_rec learns, and no gradient goes through what is fed back.
    """

    layers: tuple[Controlled, Gate]
    facts: TaskFacts = eqx.field(static=True)
    adapting: bool = eqx.field(static=True, default=False)

    @classmethod
    def create(cls, settings: RuleSettings, facts: TaskFacts, key: PRNGKeyArray, adapting: bool = False) -> "Reaching":
        """Return a network with PyTorch's random weights: U(±1/√units), of the feedback U(±1/√2).

        Raises:
            AccumbensError: there is not one hidden layer.
        """
        written = ",".join(map(str, settings.layers)) or "none"
        require("layers", written, "one number: the units", len(settings.layers) == 1)
        (n,) = settings.layers
        keys = iter(jax.random.split(key, 6))

        def uniform(bound: float, *shape: int) -> Array:
            return jax.random.uniform(next(keys), shape, minval=-bound, maxval=bound)

        of_units, of_feedback = n**-0.5, DIMENSIONS**-0.5
        units = Controlled(
            uniform(of_units, n, INPUTS),
            uniform(of_units, n, n),
            Gate(uniform(of_feedback, n, DIMENSIONS), uniform(of_feedback, n)),
        )
        return cls((units, Gate(uniform(of_units, DIMENSIONS, n), uniform(of_units, DIMENSIONS))), facts, adapting)

    def start(self, x: Float[Array, " units"], goal: Float[Array, " 2"]) -> Moment:
        """Return the moment before the first step; the error begins as the first read-out does."""
        x = marks.activity(x, 0)
        return Moment(x, marks.outputs(self.layers[1](jax.nn.relu(x))), jnp.zeros(DIMENSIONS), goal)

    def step(self, moment: Moment, seen: Seen) -> Moment:
        """Return the next moment."""
        units, readout = self.layers
        told = jax.lax.stop_gradient(moment.told) if self.adapting else moment.told
        x = marks.activity(units(moment.x, seen.u, seen.feedback * told), 0)
        v = marks.outputs(readout(jax.nn.relu(x))) + seen.push
        error = seen.goal - v if self.facts.direct else moment.error + (seen.goal - moment.goal) - DT * v
        return Moment(x, error, error, seen.goal)

    def follow(self, x: Float[Array, "steps 8"], start: Float[Array, " units"]) -> Moment:
        """Return all moments of a trial."""
        seen = Seen.of(x)

        def step(moment: Moment, seen: Seen) -> tuple[Moment, Moment]:
            moment = self.step(moment, seen)
            return moment, moment

        return jax.lax.scan(step, self.start(start, seen.goal[0]), seen)[1]

    def moments(self, x: Float[Array, "batch steps 8"], key: PRNGKeyArray | None = None) -> Moment:
        """Return all moments of a batch of trials; from silence if there is no key."""
        shape = (len(x), self.layers[0].count)
        starts = jnp.zeros(shape) if key is None else jax.random.uniform(key, shape, minval=-NOISE, maxval=NOISE)
        return jax.vmap(self.follow)(x, starts)

    def predict(self, x: Float[Array, "batch steps 8"]) -> Float[Array, "batch steps 2"]:
        """Return where the hand is."""
        found = self.moments(x)
        return found.goal - found.error

    def exact_loss(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean square of ε; its gradient goes back through time, and through the feedback."""
        found = self._learned().moments(batch.x, key)
        return losses(found.goal - found.error, batch.y, self.facts.kind).mean()

    def _learned(self) -> "Reaching":
        """The network with a gradient for what learns only."""
        if not self.adapting:
            return self
        still = jax.tree.map(jax.lax.stop_gradient, self)
        return eqx.tree_at(lambda network: network.layers[0].W_rec, still, self.layers[0].W_rec)

    def mean_square_activity(self, batch: Batch, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the mean of r² over trials, steps and units."""
        return jnp.square(jax.nn.relu(self.moments(batch.x, key).x)).mean()

    def activities(self, x: Float[Array, "batch steps 8"]) -> list[Activity]:
        """Return the part of units that are active."""
        return [Activity(jnp.zeros(()), (self.moments(x).x > 0).mean())]

    def measures(self) -> dict[str, Float[Array, ""]]:
        """Return the cosine of W_fb with (W_out W_rec)ᵀ, the way that an error of the hand would be sent back."""
        units, readout = self.layers
        return {"feedback_cosine": cosine(units.feedback.weight, (readout.weight @ units.W_rec).T)}

    def constrained(self) -> "Reaching":
        """Return the network: nothing constrains it."""
        return self
