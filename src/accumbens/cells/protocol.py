"""What a cell is, and the pieces cells share."""

import math
from typing import NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray


class CellOutput(NamedTuple):
    """What one cell computes from its inputs.

    Attributes:
        hidden: the activity that travels up, and through time; it never depends on the action.
        value: the cell's own prediction of the value: one number per action, or quantiles × actions.
    """

    hidden: Float[Array, " hidden"]
    value: Float[Array, "*quantiles actions"]


Candidates = Float[Array, "candidates features"] | Int[Array, " candidates"] | None
"""The actions to be valued: what they are made of, for cells that are conditioned on the action; otherwise their
numbers, or None for all actions at once."""


@runtime_checkable
class Cell(Protocol):
    """One layer: an unbatched Equinox module that knows nothing of time, reward or gradients.

    A cell may also have `chosen(x, actions) -> CellOutput`, the values of some actions by their numbers; learning,
    which needs one action's, is then spared the others (see `output_of`).
    """

    def hidden(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return only the activity; replaying a context needs no values."""
        ...

    def __call__(self, x: Float[Array, " inputs"], candidates: Candidates = None) -> CellOutput:
        """Return activity and values: of the candidates, or of all actions if the cell is not conditioned on them."""
        ...


def output_of(cell: Cell, x: Float[Array, " inputs"], candidates: Candidates) -> CellOutput:
    """Return activity and values of the candidates; given by their numbers, only if the cell is not conditioned."""
    if candidates is None or jnp.issubdtype(candidates.dtype, jnp.inexact):
        return cell(x, candidates)
    chosen = getattr(cell, "chosen", None)
    if chosen is not None:
        return chosen(x, candidates)
    output = cell(x)
    return output._replace(value=output.value[..., candidates])


def dense(key: PRNGKeyArray, inputs: int, outputs: int) -> Float[Array, "{inputs} {outputs}"]:
    """Return LeCun-normal weights, the initialiser of the published code; `x @ weights` applies them."""
    if outputs == 0:  # a cell that predicts nothing
        return jnp.zeros((inputs, 0))
    return jax.nn.initializers.lecun_normal()(key, (inputs, outputs), jnp.float32)


def dense_of(
    x: Float[Array, " inputs"], W: Float[Array, "inputs_and_features outputs"], candidates: Candidates
) -> Float[Array, "*candidates outputs"]:
    """Return [x, a] W for every candidate a, or x W without any; the part that comes from x is computed once."""
    z = x @ W[: x.size]
    return z if candidates is None else z + candidates @ W[x.size :]


class Convolution(eqx.Module):
    """c = ReLU(3 × 3 convolution of the image), flattened: what a convolutional first cell sees of the observation.

    Reference: Young & Tian (2019), the network usual for MinAtar: 16 channels, stride 1.
    """

    kernel: Float[Array, "3 3 channels features"]
    b: Float[Array, " features"]
    shape: tuple[int, int, int] = eqx.field(static=True)

    def __init__(self, shape: tuple[int, int, int], features: int, *, key: PRNGKeyArray):
        """Draw the weights for images of `shape` (rows, columns, channels)."""
        initialise = jax.nn.initializers.lecun_normal(in_axis=(0, 1, 2))
        self.kernel = initialise(key, (3, 3, shape[-1], features), jnp.float32)
        self.b = jnp.zeros(features)
        self.shape = shape

    @property
    def size(self) -> int:
        """Length of c."""
        return (self.shape[0] - 2) * (self.shape[1] - 2) * self.b.size

    def __call__(self, image: Float[Array, " pixels"]) -> Float[Array, " size"]:
        """Return c."""
        image = image.reshape(1, *self.shape)
        c = jax.lax.conv_general_dilated(
            image, self.kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jax.nn.relu(c + self.b).reshape(-1)


class Activity(eqx.Module):
    """h = LayerNorm(ReLU(W_h x + b)), the hidden activity of the released cell; the norm can be left out.

    With a convolution, x begins with an image, which is replaced by its convolution.
    """

    W_h: Float[Array, "inputs hidden"]
    b: Float[Array, " hidden"]
    norm: eqx.nn.LayerNorm | None
    convolution: Convolution | None

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        layer_norm: bool,
        key: PRNGKeyArray,
        convolution: Convolution | None = None,
    ):
        """Draw the weights; biases are zero, the norm's scale is one."""
        if convolution is not None:
            inputs += convolution.size - math.prod(convolution.shape)
        self.W_h = dense(key, inputs, hidden)
        self.b = jnp.zeros(hidden)
        self.norm = eqx.nn.LayerNorm(hidden, eps=1e-6) if layer_norm else None
        self.convolution = convolution

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        """Return h."""
        if self.convolution is not None:
            pixels = math.prod(self.convolution.shape)
            x = jnp.concatenate([self.convolution(x[:pixels]), x[pixels:]])
        h = jax.nn.relu(x @ self.W_h + self.b)
        return h if self.norm is None else self.norm(h)
