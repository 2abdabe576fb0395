"""Initial weights: PyTorch's default, and those of Clark et al., 2021, for networks of mixed and of one sign."""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit.networks.architecture import Shape
from accumbens.errors import require

Initialisation = Literal["uniform", "normal", "on-off"]


def initial_weight(shape: Shape, initialisation: Initialisation, first: bool, key: PRNGKeyArray) -> Float[Array, "..."]:
    """Return random weights, [*kernel, *places, outputs, inputs].

    Args:
        shape: of the layer.
        initialisation: `uniform`: U(±1/√fan-in). `normal`: N(0, 1/fan-in) in the first layer, whose inputs are not
            gated; N(0, 2/fan-in) in the others, half of whose inputs are zero. `on-off`: pairs of units that start as
            negatives of one another without a negative weight but in the first layer.
        first: it is the first layer.
        key: decides.
    """
    size = (*shape.kernel, *shape.places, shape.outputs, shape.inputs)
    if initialisation == "uniform":
        bound = shape.fan_in**-0.5
        return jax.random.uniform(key, size, minval=-bound, maxval=bound)
    if initialisation == "normal":
        return jax.random.normal(key, size) * ((1 if first else 2) / shape.fan_in) ** 0.5
    return _on_off(shape, first, key)


def _on_off(shape: Shape, first: bool, key: PRNGKeyArray) -> Float[Array, "..."]:
    """Return weights of pairs of units, ON (even) and OFF (odd).

    First layer: rows w and -w, w ~ N(0, 1/fan-in). Others, with M ~ N(0, 4/fan-in) of half the rows and columns:

        ON  <- ON = relu(M)     ON  <- OFF = relu(-M)
        OFF <- ON = relu(-M)    OFF <- OFF = relu(M)

    so that as long as OFF = -ON below, ON becomes M times the ON below, and OFF its negative. An odd number of outputs
    leaves the last pair without its OFF unit.
    """
    half = (*shape.kernel, *shape.places, -(-shape.outputs // 2))
    if first:
        w = jax.random.normal(key, (*half, shape.inputs)) * shape.fan_in**-0.5
        both = _interleaved(w, -w, axis=-2)
    else:
        M = jax.random.normal(key, (*half, shape.inputs // 2)) * (4 / shape.fan_in) ** 0.5
        same, crossed = jax.nn.relu(M), jax.nn.relu(-M)
        both = _interleaved(_interleaved(same, crossed, axis=-1), _interleaved(crossed, same, axis=-1), axis=-2)
    return both[..., : shape.outputs, :]


def _interleaved(even: Float[Array, "..."], odd: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """Return even[0], odd[0], even[1], odd[1], … along an axis, counted from the last."""
    size = list(even.shape)
    size[axis] *= 2
    return jnp.stack([even, odd], axis=even.ndim + axis + 1).reshape(size)


def require_pairs(layers: tuple[int, ...], why: str) -> None:
    """Refuse hidden layers that cannot be divided into pairs of ON and OFF units.

    Args:
        layers: units of every hidden layer.
        why: the setting that makes pairs, with its value.

    Raises:
        AccumbensError: names them.
    """
    require(
        "layers",
        ",".join(map(str, layers)),
        f"even numbers with {why}: units come in pairs",
        all(n % 2 == 0 for n in layers),
    )
