"""How arrays of action values are laid out, and the three things that are asked of them."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class Layout(NamedTuple):
    """The last axes of an array of values: actions, or quantiles and actions.

    Attributes:
        num_quantiles: quantiles of the return per action; None for its mean alone.
        action_dimensions: None for one choice among all actions. Otherwise an action is a vector of choices, the axis
            of actions holds the choices of all dimensions one after the other, and the value of an action is the mean
            of its choices' values.

    Reference: for factored actions Seyde et al. (2023), "Solving continuous control via Q-learning", eq. 2.
    """

    num_quantiles: int | None = None
    action_dimensions: int | None = None

    @property
    def axes(self) -> int:
        """Number of axes that belong to one value array."""
        return 1 if self.num_quantiles is None else 2

    def expected(self, values: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the expected values `[..., actions]`."""
        return values if self.num_quantiles is None else values.mean(axis=-2)

    def greedy(self, expected: Float[Array, "... actions"]) -> Int[Array, "..."]:
        """Return the action of highest expected value, `[...]` or, factored, `[..., dimensions]`."""
        if self.action_dimensions is not None:
            expected = expected.reshape(*expected.shape[:-1], self.action_dimensions, -1)
        return jnp.argmax(expected, axis=-1).astype(jnp.int32)

    def at(self, values: Float[Array, "..."], action: Int[Array, "..."]) -> Float[Array, "..."]:
        """Return the values of actions.

        Args:
            values: `[*batch, actions]` or `[*batch, quantiles, actions]`.
            action: `[*batch]` or, factored, `[*batch, dimensions]`; axes of length 1 are broadcast.

        Returns:
            `[*batch]` or `[*batch, quantiles]`.
        """
        index, factored = action[..., None], self.action_dimensions is not None
        if factored:
            values = values.reshape(*values.shape[:-1], self.action_dimensions, -1)
        if self.num_quantiles is not None:
            index = jnp.expand_dims(index, axis=-3 if factored else -2)
        values = jnp.take_along_axis(values, index, axis=-1)[..., 0]
        return values.mean(axis=-1) if factored else values

    def best(self, values: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the values of the greedy action, `[*batch]` or `[*batch, quantiles]`."""
        return self.at(values, self.greedy(self.expected(values)))

    def choices(self, num_actions: int) -> int:
        """Return how many actions one choice is among."""
        return num_actions // (self.action_dimensions or 1)


SCALAR = Layout()
