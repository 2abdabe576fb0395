"""The loss of every example, and its derivative at the output: the error vector that rules deliver."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Num

from accumbens.credit import marks
from accumbens.credit.protocol import Kind


def losses(outputs: Float[Array, "batch outputs"], y: Num[Array, "batch ..."], kind: Kind) -> Float[Array, " batch"]:
    """Return the cross-entropy of every example, or its squared error, mean over outputs.

    Args:
        outputs: logits, or predicted numbers.
        y: classes [batch], or numbers to predict [batch, outputs].
        kind: of the task.
    """
    if kind == "classification":
        return marks.scalar(optax.losses.softmax_cross_entropy_with_integer_labels(outputs, y))
    return marks.scalar(jnp.square(outputs - y).mean(axis=-1))


def output_error(
    outputs: Float[Array, "batch outputs"], y: Num[Array, "batch ..."], kind: Kind
) -> Float[Array, "batch outputs"]:
    """Return the derivative of every example's own loss with respect to its outputs: softmax - one-hot, or 2(a - y).

    It is that of a single example: for the derivative of the batch's mean loss, divide by the number of examples.
    """
    if kind == "classification":
        return jax.nn.softmax(outputs) - jax.nn.one_hot(y, outputs.shape[-1])
    return 2 * (outputs - y) / outputs.shape[-1]


def correct(outputs: Float[Array, "batch outputs"], y: Num[Array, "batch ..."]) -> Float[Array, " batch"]:
    """Return 1 for every example whose class has the largest logit, 0 for the others."""
    return (outputs.argmax(axis=-1) == y).astype(outputs.dtype)
