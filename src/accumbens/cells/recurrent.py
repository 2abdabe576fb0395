"""Recurrent units whose gradient through time needs no way back: each remembers nothing but its own past.

A unit is a complex number that turns and shrinks, and takes in what the cell sees:

    s_t = λ s_{t-1} + γ W x_t,    λ = exp(-exp ν + i exp θ),    γ = √(1 - |λ|²).

No unit reads another, so the derivative of s_t with respect to a unit's own ν, θ and column of W follows from that of
s_{t-1} alone: ∂s_t = λ ∂s_{t-1} + what the step itself adds. These derivatives, the *traces*, are as many as the
parameters (twice: of both parts of s), whatever the time that has passed. Real-time recurrent learning, which needs
n² times as many for n units that read each other, is exact here: `tell` hands the traces to ordinary differentiation.

Everything is kept in real numbers, real parts first: a state is [Re s, Im s].

Reference: Orvieto et al. (2023), "Resurrecting recurrent neural networks for long sequences" (the unit, λ and γ, which
is a function of λ here and in the following); Elelimy et al. (2024), "Real-time recurrent learning using trace units in
reinforcement learning", arXiv 2409.01449 (its traces); Zucchet et al. (2023), "Online learning of long-range
dependencies", for the same in depth.
"""

import math
from typing import NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from accumbens.cells.protocol import Candidates, Cell, CellOutput, dense, output_of

RADII = (0.9, 0.999)
"""Between which |λ| is drawn: a half-life of 7 to 700 steps."""

PHASE = math.pi / 10
"""Up to which the angle of λ is drawn: at least 20 steps for a turn."""


class Traces(NamedTuple):
    """Derivatives of a state [Re s, Im s] with respect to the parameters behind it; axis 0 is the part.

    Attributes:
        nu, theta: with respect to each unit's own ν and θ.
        weights: with respect to Re W; the derivative with respect to Im W is i times this.
    """

    nu: Float[Array, "2 units"]
    theta: Float[Array, "2 units"]
    weights: Float[Array, "2 inputs units"]


class RecurrentUnits(eqx.Module):
    """s_t = λ s_{t-1} + γ W x_t, elementwise in s; see the module."""

    nu: Float[Array, " units"]
    theta: Float[Array, " units"]
    W: Float[Array, "inputs 2*units"]

    def __init__(self, inputs: int, units: int, *, key: PRNGKeyArray):
        """Draw λ evenly from a ring of the complex plane, and W as everywhere, Re W beside Im W."""
        radius_key, phase_key, weights_key = jax.random.split(key, 3)
        low, high = RADII
        square = jax.random.uniform(radius_key, (units,), minval=low**2, maxval=high**2)
        self.nu = jnp.log(-0.5 * jnp.log(square))
        # Not zero, of which there is no logarithm.
        self.theta = jnp.log(PHASE * (1.0 - jax.random.uniform(phase_key, (units,))))
        self.W = dense(weights_key, inputs, 2 * units)

    @property
    def size(self) -> int:
        """Length of a state."""
        return self.W.shape[1]

    def __call__(self, state: Float[Array, " size"], x: Float[Array, " inputs"]) -> Float[Array, " size"]:
        """Return the state one step later."""
        s, drive = _parts(state), _parts(x @ self.W)
        return (_times(self._lambda(), s) + self._gamma() * drive).reshape(-1)

    def no_traces(self) -> Traces:
        """Return the traces at an episode's start, where the state is zero whatever the parameters."""
        inputs, units = self.W.shape[0], self.nu.size
        return Traces(jnp.zeros((2, units)), jnp.zeros((2, units)), jnp.zeros((2, inputs, units)))

    def traces_after(self, traces: Traces, state: Float[Array, " size"], x: Float[Array, " inputs"]) -> Traces:
        """Return the traces one step later.

        Args:
            traces: of `state`.
            state: before the step.
            x: what the step takes in; taken as constant.
        """
        factor, gamma, rate = self._lambda(), self._gamma(), jnp.exp(self.nu)
        turned, drive = _times(factor, _parts(state)), _parts(x @ self.W)
        # ∂λ/∂ν = -exp(ν) λ, ∂γ/∂ν = exp(ν) |λ|² / γ, ∂λ/∂θ = i exp(θ) λ.
        nu = rate * (jnp.exp(-2.0 * rate) / gamma * drive - turned)
        theta = jnp.exp(self.theta) * _times_i(turned)
        weights = _times(factor[:, None], traces.weights)
        return Traces(
            nu=_times(factor, traces.nu) + nu,
            theta=_times(factor, traces.theta) + theta,
            weights=weights.at[0].add(gamma * x[:, None]),
        )

    def tell(self, state: Float[Array, " size"], traces: Traces) -> Float[Array, " size"]:
        """Return the state, unchanged, which now has the derivative that its traces say with respect to the parameters.

        So the ordinary gradient of what is computed from it is that of real-time recurrent learning; the state itself
        and the traces are constants: nothing goes back in time.
        """
        return _tell(self, state, traces)

    def _lambda(self) -> Float[Array, "2 units"]:
        radius, phase = jnp.exp(-jnp.exp(self.nu)), jnp.exp(self.theta)
        return jnp.stack([radius * jnp.cos(phase), radius * jnp.sin(phase)])

    def _gamma(self) -> Float[Array, " units"]:
        return jnp.sqrt(-jnp.expm1(-2.0 * jnp.exp(self.nu)))


@runtime_checkable
class TracedCell(Cell, Protocol):
    """A cell whose own past reaches its gradient by traces; what else it sees is constant to them."""

    def no_traces(self) -> Traces:
        """Return the traces at an episode's start."""
        ...

    def traces_after(self, traces: Traces, x: Float[Array, " inputs"]) -> Traces:
        """Return the traces of the activity that `hidden` returns, from those of the cell's own activity in x."""
        ...

    def tell(self, activity: Float[Array, " hidden"], traces: Traces) -> Float[Array, " hidden"]:
        """Return the cell's own activity one step ago, unchanged, with the derivatives that its traces say."""
        ...


class RecurrentCell(eqx.Module):
    """A cell behind recurrent units: what it sees is the rest of its inputs, and the new state of its units.

    s = units(s one step ago, rest); h, values = inner([rest, s]). The activity that travels is [s, h], so the state
    needs no memory but the carry, and comes back by the recurrent connection, of which nothing else is read. So the
    past of a cell reaches it through its units alone.
    """

    units: RecurrentUnits
    inner: Cell
    own: int = eqx.field(static=True)
    num_hidden: int = eqx.field(static=True)

    def __init__(self, units: RecurrentUnits, inner: Cell, own: int, num_hidden: int):
        """Put a cell behind units.

        Args:
            units: take in all inputs of the cell but its own activity.
            inner: sees what the units take in, and their state behind it.
            own: where the cell's own activity, one step ago and with gain 1, begins in its inputs.
            num_hidden: length of the activity: of the state and of the inner cell's.
        """
        self.units, self.inner, self.own, self.num_hidden = units, inner, own, num_hidden

    def _seen(self, x: Float[Array, " inputs"]) -> tuple[Float[Array, " state"], Float[Array, " rest"]]:
        rest = jnp.concatenate([x[: self.own], x[self.own + self.num_hidden :]])
        return x[self.own : self.own + self.units.size], rest

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return [s, h]."""
        state, rest = self._seen(x)
        state = self.units(state, rest)
        return jnp.concatenate([state, self.inner.hidden(jnp.concatenate([rest, state]))])

    def __call__(self, x: Float[Array, " inputs"], candidates: Candidates = None) -> CellOutput:
        """Return [s, h] and the values that the inner cell reads."""
        state, rest = self._seen(x)
        state = self.units(state, rest)
        output = output_of(self.inner, jnp.concatenate([rest, state]), candidates)
        return CellOutput(hidden=jnp.concatenate([state, output.hidden]), value=output.value)

    def chosen(self, x: Float[Array, " inputs"], actions: Int[Array, " actions"]) -> CellOutput:
        """Return [s, h] and the values of some actions by their numbers."""
        return self(x, actions)

    def no_traces(self) -> Traces:
        """Return the traces at an episode's start."""
        return self.units.no_traces()

    def traces_after(self, traces: Traces, x: Float[Array, " inputs"]) -> Traces:
        """Return the traces of the activity that `hidden` returns, from those of the cell's own activity in x."""
        return self.units.traces_after(traces, *self._seen(x))

    def tell(self, activity: Float[Array, " hidden"], traces: Traces) -> Float[Array, " hidden"]:
        """Return the cell's own activity one step ago, its state with the derivatives of its traces."""
        size = self.units.size
        return jnp.concatenate([self.units.tell(activity[:size], traces), activity[size:]])


def _parts(state: Float[Array, " size"]) -> Float[Array, "2 units"]:
    return state.reshape(2, -1)


def _times(a: Float[Array, "2 *ones units"], b: Float[Array, "2 *any units"]) -> Float[Array, "2 *any units"]:
    """The product of complex numbers; the first may have axes of length 1."""
    return jnp.stack([a[0] * b[0] - a[1] * b[1], a[1] * b[0] + a[0] * b[1]])


def _times_i(a: Float[Array, "2 *any units"]) -> Float[Array, "2 *any units"]:
    return jnp.stack([-a[1], a[0]])


@jax.custom_vjp
def _tell(units: RecurrentUnits, state: Float[Array, " size"], traces: Traces) -> Float[Array, " size"]:
    del units, traces
    return state


def _tell_back(kept: tuple[RecurrentUnits, Traces], derivative: Float[Array, " size"]):
    (units, traces), (real, imaginary) = kept, _parts(derivative)
    weights = real * traces.weights[0] + imaginary * traces.weights[1]
    weights_i = imaginary * traces.weights[0] - real * traces.weights[1]
    nu = real * traces.nu[0] + imaginary * traces.nu[1]
    theta = real * traces.theta[0] + imaginary * traces.theta[1]
    gradient = nu, theta, jnp.concatenate([weights, weights_i], axis=1)
    return (
        eqx.tree_at(lambda u: (u.nu, u.theta, u.W), units, gradient),
        jnp.zeros_like(derivative),
        jax.tree.map(jnp.zeros_like, traces),
    )


_tell.defvjp(lambda units, state, traces: (state, (units, traces)), _tell_back)
