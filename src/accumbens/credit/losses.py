"""The loss of every example, and its derivative at the output: the error vector that rules deliver."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Num

from accumbens.credit import marks
from accumbens.credit.protocol import Kind


def losses(
    outputs: Float[Array, "batch *steps outputs"], y: Num[Array, "batch ..."], kind: Kind
) -> Float[Array, " batch"]:
    """Return the cross-entropy of every example, or its squared error, mean over outputs; of sequences, over steps.

    Args:
        outputs: logits, or predicted numbers.
        y: classes [batch, *steps], or numbers to predict [batch, *steps, outputs]; see `Batch`.
        kind: of the task.
    """
    if outputs.ndim == 3:
        return marks.scalar(step_losses(outputs, y, kind).sum(axis=-1) / counted(y, kind).sum(axis=-1))
    if kind == "classification":
        return marks.scalar(optax.losses.softmax_cross_entropy_with_integer_labels(outputs, y))
    return marks.scalar(jnp.square(outputs - y).mean(axis=-1))


def step_losses(outputs: Float[Array, "*rows outputs"], y: Num[Array, "..."], kind: Kind) -> Float[Array, " *rows"]:
    """Return the loss of every step of sequences, zero where it does not count."""
    counts = counted(y, kind)
    if kind == "classification":
        each = optax.losses.softmax_cross_entropy_with_integer_labels(outputs, jnp.where(counts, y, 0))
    else:
        each = jnp.square(outputs - jnp.where(counts[..., None], y, 0.0)).mean(axis=-1)
    return jnp.where(counts, each, 0.0)


def counted(y: Num[Array, "..."], kind: Kind) -> Bool[Array, " *rows"]:
    """Return whether a step of sequences counts: it has a class other than -1, or numbers that are not NaN."""
    return y >= 0 if kind == "classification" else ~jnp.isnan(y).any(axis=-1)


def step_weights(y: Num[Array, "batch steps *outputs"], kind: Kind) -> Float[Array, "batch steps"]:
    """Return the weight of every step in the mean loss of a batch: 1 / (its steps that count × examples), or 0."""
    counts = counted(y, kind).astype(float)
    return counts / counts.sum(axis=1, keepdims=True) / len(counts)


def output_error(
    outputs: Float[Array, "*rows outputs"], y: Num[Array, "..."], kind: Kind
) -> Float[Array, "*rows outputs"]:
    """Return the derivative of every example's own loss with respect to its outputs: softmax - one-hot, or 2(a - y).

    It is that of a single example: for the derivative of the batch's mean loss, divide by the number of examples. Of
    sequences it is that of every step's own loss, not yet zero where the step does not count.
    """
    if kind == "classification":
        return jax.nn.softmax(outputs) - jax.nn.one_hot(y, outputs.shape[-1])
    return 2 * (outputs - y) / outputs.shape[-1]


def correct(outputs: Float[Array, "batch *steps outputs"], y: Num[Array, "batch ..."]) -> Float[Array, " batch"]:
    """Return 1 for every example whose class has the largest logit, 0 for the others; of sequences, the part of steps.

    Only steps that count do.
    """
    right = outputs.argmax(axis=-1) == y
    if outputs.ndim == 3:
        return right.sum(axis=-1) / counted(y, "classification").sum(axis=-1)
    return right.astype(outputs.dtype)
