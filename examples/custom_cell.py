"""A cell of your own: gated hidden units. `accumbens train CartPole-v1 ad_pqn --set cell=examples.custom_cell:gated`"""

import equinox as eqx
import jax
import jax.numpy as jnp

import accumbens
from accumbens.cells import CellOutput, Readout, dense


class GatedCell(eqx.Module):
    """h = tanh(x W_h) · sigmoid(x W_g), and every action's value is read out of h; gradients stop by themselves."""

    W_h: jax.Array
    W_g: jax.Array
    W_q: jax.Array
    readout: Readout
    actions: int = eqx.field(static=True)

    def __init__(self, inputs, hidden, actions, *, key, readout):
        keys = jax.random.split(key, 3)
        self.W_h, self.W_g = dense(keys[0], inputs, hidden), dense(keys[1], inputs, hidden)
        self.W_q = dense(keys[2], hidden, actions * readout.size)
        self.readout, self.actions = readout, actions

    def hidden(self, x):
        return jnp.tanh(x @ self.W_h) * jax.nn.sigmoid(x @ self.W_g)

    def __call__(self, x, candidates=None):
        h = self.hidden(x)
        if self.actions == 0:  # a cell that only passes activity on
            return CellOutput(h, jnp.zeros(0))
        return CellOutput(h, self.readout((h @ self.W_q).reshape(self.actions, self.readout.size)))


accumbens.register_cell("gated", GatedCell)
