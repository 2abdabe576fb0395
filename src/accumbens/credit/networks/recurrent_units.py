"""Units of recurrent layers, written one unit at a time: s_i(t) = f(p_i, s_i(t-1), inputs(t)).

What a unit's next state depends on is its own parameters, its own state, and inputs that reach it over its own weights:
the network's input, and, unless the layer is diagonal, the activity h(t-1) of all units. Rules that carry eligibility
traces forward in time follow a single unit; backpropagation through time differentiates the whole layer.
"""

import math
from abc import abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

Nonlinearity = Literal["relu", "tanh", "linear"]
_FUNCTIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh, "linear": lambda x: x}


class Units(eqx.Module):
    """The units of one recurrent layer.

    Attributes:
        parameters: a tree of arrays with one row per unit.
        count: of units.
        numbers: of one unit's state.
        emitted: numbers that one unit passes on.
        connected: units see one another's activity, one step ago.
    """

    parameters: eqx.AbstractVar[Any]
    count: eqx.AbstractVar[int]
    numbers: ClassVar[int]
    emitted: ClassVar[int]
    connected: ClassVar[bool]

    @abstractmethod
    def unit(
        self, parameters: Any, state: Float[Array, " numbers"], inputs: Float[Array, " inputs"]
    ) -> Float[Array, " numbers"]:
        """Return the next state of one unit."""

    @abstractmethod
    def emit(self, state: Float[Array, " numbers"]) -> Float[Array, " emitted"]:
        """Return what one unit passes on in a state."""

    def silent(self) -> Float[Array, "units numbers"]:
        """Return the state before the first step."""
        return jnp.zeros((self.count, self.numbers))

    def inputs(self, state: Float[Array, "units numbers"], x: Float[Array, " inputs"]) -> Float[Array, " seen"]:
        """Return what every unit sees: the input, and the units' own activity one step ago."""
        return jnp.concatenate([x, self.activity(state)]) if self.connected else x

    def __call__(
        self, state: Float[Array, "units numbers"], x: Float[Array, " inputs"]
    ) -> Float[Array, "units numbers"]:
        """Return the next state of all units."""
        return jax.vmap(self.unit, (0, 0, None))(self.parameters, state, self.inputs(state, x))

    def activity(self, state: Float[Array, "units numbers"]) -> Float[Array, " activity"]:
        """Return what all units pass on."""
        return jax.vmap(self.emit)(state).ravel()


class Gate(NamedTuple):
    """Weights and bias of one sum, or of several, of one unit or of all."""

    weight: Float[Array, "... seen"]
    bias: Float[Array, "..."]

    def __call__(self, inputs: Float[Array, " seen"]) -> Float[Array, "..."]:
        """Return W inputs + b."""
        return self.weight @ inputs + self.bias


def random_gate(key: PRNGKeyArray, units: int, sums: tuple[int, ...], seen: int) -> Gate:
    """Return weights from U(±1/√units), PyTorch's default for recurrent layers."""
    weight_key, bias_key = jax.random.split(key)
    bound = units**-0.5
    return Gate(
        jax.random.uniform(weight_key, (units, *sums, seen), minval=-bound, maxval=bound),
        jax.random.uniform(bias_key, (units, *sums), minval=-bound, maxval=bound),
    )


class Rates(Units):
    """Leaky rate units: v ← (1 - α) v + α (W_in x + W_rec h + b), h = φ(v). With α = 1 the simple recurrent network."""

    parameters: Gate
    count: int = eqx.field(static=True)
    leak: float = eqx.field(static=True)
    nonlinearity: Nonlinearity = eqx.field(static=True)
    numbers: ClassVar[int] = 1
    emitted: ClassVar[int] = 1
    connected: ClassVar[bool] = True

    @classmethod
    def create(
        cls, inputs: int, count: int, key: PRNGKeyArray, leak: float = 1.0, nonlinearity: Nonlinearity = "tanh"
    ) -> "Rates":
        """Return random units."""
        return cls(random_gate(key, count, (), inputs + count), count, leak, nonlinearity)

    def unit(self, parameters: Gate, state: Array, inputs: Array) -> Array:
        """Return v."""
        return (1 - self.leak) * state + self.leak * parameters(inputs)

    def emit(self, state: Array) -> Array:
        """Return h."""
        return _FUNCTIONS[self.nonlinearity](state)


class LSTM(Units):
    """Long short-term memory: i, f, o = σ(·), g = tanh(·); c ← f c + i g, h = o tanh(c); the state is (c, h).

    Reference: Hochreiter & Schmidhuber (1997), with forget gates (Gers et al., 2000), as in PyTorch but with one bias.
    """

    parameters: Gate
    count: int = eqx.field(static=True)
    numbers: ClassVar[int] = 2
    emitted: ClassVar[int] = 1
    connected: ClassVar[bool] = True

    @classmethod
    def create(cls, inputs: int, count: int, key: PRNGKeyArray) -> "LSTM":
        """Return random units."""
        return cls(random_gate(key, count, (4,), inputs + count), count)

    def unit(self, parameters: Gate, state: Array, inputs: Array) -> Array:
        """Return (c, h)."""
        return jnp.stack(self.gate(parameters(inputs), state[0]))

    @staticmethod
    def gate(sums: Float[Array, "4 *rows"], c: Float[Array, " *rows"]) -> tuple[Float[Array, " *rows"], Array]:
        """Return (c, h), given what i, f, g, and o are made of."""
        i, f, g, o = sums
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return c, jax.nn.sigmoid(o) * jnp.tanh(c)

    def emit(self, state: Array) -> Array:
        """Return h."""
        return state[1:]


class GRU(Units):
    """Gated recurrent units, the reset gate behind the product: n = tanh(W x + b + r (U h + b')), h ← (1 - z) n + z h.

    Reference: Cho et al. (2014), in the form of cuDNN and PyTorch, in which a unit's gates are its own.
    """

    parameters: tuple[Gate, Gate]
    count: int = eqx.field(static=True)
    numbers: ClassVar[int] = 1
    emitted: ClassVar[int] = 1
    connected: ClassVar[bool] = True

    @classmethod
    def create(cls, inputs: int, count: int, key: PRNGKeyArray) -> "GRU":
        """Return random units."""
        of_input, of_units = jax.random.split(key)
        return cls((random_gate(of_input, count, (3,), inputs), random_gate(of_units, count, (3,), count)), count)

    def unit(self, parameters: tuple[Gate, Gate], state: Array, inputs: Array) -> Array:
        """Return h."""
        split = inputs.size - self.count
        r, z, n = zip(parameters[0](inputs[:split]), parameters[1](inputs[split:]), strict=True)
        reset, kept = jax.nn.sigmoid(sum(r)), jax.nn.sigmoid(sum(z))
        return (1 - kept) * jnp.tanh(n[0] + reset * n[1]) + kept * state

    def emit(self, state: Array) -> Array:
        """Return h."""
        return state


class DiagonalParameters(NamedTuple):
    """Of units that do not see one another: λ = exp(-exp(ν) + i exp(θ)), and weights of the real and imaginary part."""

    nu: Float[Array, "..."]
    theta: Float[Array, "..."]
    weight: Float[Array, "... 2 inputs"]


class Diagonal(Units):
    """Linear units that rotate and decay: s ← λ s + √(1 - |λ|²) W x, complex; the unit passes on φ(Re s) and φ(Im s).

    No unit depends on another, so what follows one unit through time is all there is: real-time recurrent learning is
    exact at the cost of the forward pass.

    Reference: Orvieto et al. (2023), linear recurrent units, whose |λ| and phases are drawn as here (between
    `least` and `most`, from 0 to `phase`); recurrent trace units of Elelimy et al. (2024) have φ behind them.
    """

    parameters: DiagonalParameters
    count: int = eqx.field(static=True)
    nonlinearity: Nonlinearity = eqx.field(static=True)
    numbers: ClassVar[int] = 2
    emitted: ClassVar[int] = 2
    connected: ClassVar[bool] = False

    @classmethod
    def create(
        cls,
        inputs: int,
        count: int,
        key: PRNGKeyArray,
        nonlinearity: Nonlinearity = "linear",
        least: float = 0.9,
        most: float = 0.999,
        phase: float = math.pi / 10,
    ) -> "Diagonal":
        """Return random units."""
        size_key, phase_key, weight_key = jax.random.split(key, 3)
        squared = jax.random.uniform(size_key, (count,), minval=least**2, maxval=most**2)
        theta = jnp.log(phase * jax.random.uniform(phase_key, (count,), minval=1e-3))
        weight = jax.random.normal(weight_key, (count, 2, inputs)) * (2 * inputs) ** -0.5
        nu = jnp.log(-0.5 * jnp.log(squared))
        return cls(DiagonalParameters(nu, theta, weight), count, nonlinearity)

    def unit(self, parameters: DiagonalParameters, state: Array, inputs: Array) -> Array:
        """Return (Re s, Im s)."""
        size, angle = jnp.exp(-jnp.exp(parameters.nu)), jnp.exp(parameters.theta)
        real, imaginary = size * jnp.cos(angle), size * jnp.sin(angle)
        turned = jnp.stack([real * state[0] - imaginary * state[1], imaginary * state[0] + real * state[1]])
        return turned + jnp.sqrt(1 - size**2) * (parameters.weight @ inputs)

    def emit(self, state: Array) -> Array:
        """Return φ of both parts."""
        return _FUNCTIONS[self.nonlinearity](state)
