"""Artificial Dopamine in float64 NumPy, written from the equations, with derivatives worked out by hand.

Arrays of a batch have the batch first. One attention cell is a dict: W (inputs, hidden), b, scale, offset (hidden),
Z1 (inputs, rank, hidden), Z2 (inputs, rank, actions). A stack is a list of such dicts.
"""

from typing import NamedTuple

import numpy as np

NORM_EPSILON = 1e-6
STD_EPSILON = 1e-6


class Wiring(NamedTuple):
    """How the cells of a stack are connected; a gain of None leaves the connection out."""

    input_skip: bool = True
    forward_gain: float | None = 1.0
    recurrent_gain: float | None = 1.0


def from_attention_cell(cell):
    """The dict of an `AttentionCell`."""

    def double(array):
        return np.asarray(array, np.float64)

    inputs = cell.W_z1.shape[0]
    return {
        "W": double(cell.activity.W_h),
        "b": double(cell.activity.b),
        "scale": double(cell.activity.norm.weight),
        "offset": double(cell.activity.norm.bias),
        "Z1": double(cell.W_z1).reshape(inputs, cell.rank, -1),
        "Z2": double(cell.W_z2).reshape(inputs, cell.rank, -1),
    }


def attention_cell(cell, x):
    """Hidden activity and values of a batch, and everything the derivatives need."""
    positive = np.maximum(x @ cell["W"] + cell["b"], 0)
    centred = positive - positive.mean(1, keepdims=True)
    spread = np.sqrt((centred**2).mean(1, keepdims=True) + NORM_EPSILON)
    unit = centred / spread
    h = unit * cell["scale"] + cell["offset"]

    z1 = np.einsum("bi,ikd->bkd", x, cell["Z1"])
    z2 = np.einsum("bi,ika->bka", x, cell["Z2"])
    product = np.einsum("bka,bkd->bad", z2, z1)
    row = product - product.mean(2, keepdims=True)
    row_std = np.sqrt((row**2).mean(2, keepdims=True))
    attention = np.tanh(row / (row_std + STD_EPSILON))
    q = np.einsum("bad,bd->ba", attention, h)
    return h, q, (x, positive, spread, unit, h, z1, z2, row, row_std, attention)


def attention_cell_gradient(cell, saved, d_q, d_h):
    """Derivatives with respect to the cell's parameters and to its input, from those with respect to q and h."""
    x, positive, spread, unit, h, z1, z2, row, row_std, attention = saved
    hidden = h.shape[1]
    # q = attention · h
    d_attention = d_q[:, :, None] * h[:, None, :]
    d_h = d_h + np.einsum("ba,bad->bd", d_q, attention)
    # attention = tanh(row / (std(row) + ε))
    d_standard = d_attention * (1 - attention**2)
    divisor = row_std + STD_EPSILON
    along = (d_standard * row).sum(2, keepdims=True)
    d_row = d_standard / divisor - row * along / (divisor**2 * row_std * hidden)
    d_product = d_row - d_row.mean(2, keepdims=True)
    # product = z2ᵀ z1
    d_z1 = np.einsum("bka,bad->bkd", z2, d_product)
    d_z2 = np.einsum("bkd,bad->bka", z1, d_product)
    # h = scale · unit + offset, with unit = centred / spread
    d_unit = d_h * cell["scale"]
    d_positive = (d_unit - d_unit.mean(1, keepdims=True) - unit * (d_unit * unit).mean(1, keepdims=True)) / spread
    d_drive = d_positive * (positive > 0)
    gradient = {
        "W": x.T @ d_drive,
        "b": d_drive.sum(0),
        "scale": (d_h * unit).sum(0),
        "offset": d_h.sum(0),
        "Z1": np.einsum("bi,bkd->ikd", x, d_z1),
        "Z2": np.einsum("bi,bka->ika", x, d_z2),
    }
    d_x = d_drive @ cell["W"].T
    d_x += np.einsum("bkd,ikd->bi", d_z1, cell["Z1"]) + np.einsum("bka,ika->bi", d_z2, cell["Z2"])
    return gradient, d_x


def silent(stack, batch):
    """The carry at an episode's start."""
    return [np.zeros((batch, cell["b"].size)) for cell in stack]


def advance(stack, wiring, observation, carry):
    """One step: values (cells, batch, actions), new carry, and what every cell saved for its derivatives."""
    activities, values, saved = [], [], []
    for level, cell in enumerate(stack):
        x = [activities[-1] if level else observation]
        if wiring.input_skip and level:
            x.append(observation)
        if wiring.recurrent_gain is not None:
            x.append(wiring.recurrent_gain * carry[level])
        if wiring.forward_gain is not None and level + 1 < len(stack):
            x.append(wiring.forward_gain * carry[level + 1])
        h, q, kept = attention_cell(cell, np.concatenate(x, axis=1))
        activities.append(h)
        values.append(q)
        saved.append(kept)
    return np.stack(values), activities, saved


def replay(stack, wiring, context, valid):
    """The carry after the valid ones of the observations `context` (steps, batch, n), from silence, row by row."""
    carry = silent(stack, context.shape[1])
    for row in range(context.shape[1]):
        own = silent(stack, 1)
        for observation in context[valid[:, row], row]:
            _, own, _ = advance(stack, wiring, observation[None], own)
        for level, h in enumerate(own):
            carry[level][row] = h[0]
    return carry


def gradients(stack, wiring, observation, carry, action, targets, backprop=False):
    """Loss of every cell, the mean of (target - q)², and its gradient; with `backprop`, through the cells below too."""
    values, _, saved = advance(stack, wiring, observation, carry)
    batch = np.arange(len(action))
    losses, result, d_below = [], [None] * len(stack), 0.0
    for level in reversed(range(len(stack))):
        error = targets[level] - values[level][batch, action]
        losses.insert(0, np.mean(error**2))
        d_q = np.zeros_like(values[level])
        d_q[batch, action] = -2 * error / len(batch)
        result[level], d_x = attention_cell_gradient(stack[level], saved[level], d_q, d_below)
        if backprop and level:
            d_below = d_x[:, : stack[level - 1]["b"].size]
    return np.array(losses), result


def double_q_targets(online, target, wiring, discount, windows):
    """r + γ Q_target(s', argmax Q_online(s')) inside each cell; both networks replay the context by themselves."""
    following = []
    for stack in (online, target):
        carry = replay(stack, wiring, windows["context"], windows["valid"])
        _, carry, _ = advance(stack, wiring, windows["observation"], carry)
        following.append(advance(stack, wiring, windows["next_observation"], carry)[0])
    best = following[0].argmax(2)
    chosen = np.take_along_axis(following[1], best[:, :, None], axis=2)[:, :, 0]
    return windows["reward"] + discount * (1 - windows["terminated"]) * chosen


def norm(gradient):
    """Global norm of one cell's gradient."""
    return np.sqrt(sum((g**2).sum() for g in gradient.values()))


class Adam:
    """Adam for one cell, after a clip by the cell's own gradient norm."""

    def __init__(self, b1=0.9, b2=0.99, epsilon=1e-8, max_norm=1.0):
        self.b1, self.b2, self.epsilon, self.max_norm = b1, b2, epsilon, max_norm
        self.count, self.first, self.second = 0, {}, {}

    def step(self, cell, gradient, learning_rate):
        """The cell after one step."""
        self.count += 1
        shrink = min(1.0, self.max_norm / norm(gradient))
        after = {}
        for name, g in gradient.items():
            g = shrink * g
            self.first[name] = self.b1 * self.first.get(name, 0.0) + (1 - self.b1) * g
            self.second[name] = self.b2 * self.second.get(name, 0.0) + (1 - self.b2) * g**2
            mean = self.first[name] / (1 - self.b1**self.count)
            square = self.second[name] / (1 - self.b2**self.count)
            after[name] = cell[name] - learning_rate * mean / (np.sqrt(square) + self.epsilon)
        return after


def q_lambda(reward, terminated, truncated, next_values, discount, trace_decay):
    """Q(λ) returns (time, envs, cells) by the recursion, one number at a time."""
    steps, envs, cells, _ = next_values.shape
    returns = np.zeros((steps, envs, cells))
    for env in range(envs):
        for cell in range(cells):
            for t in reversed(range(steps)):
                best = next_values[t, env, cell].max()
                if terminated[t, env]:
                    beyond = 0.0
                elif truncated[t, env] or t == steps - 1:
                    beyond = best
                else:
                    beyond = (1 - trace_decay) * best + trace_decay * returns[t + 1, env, cell]
                returns[t, env, cell] = reward[t, env] + discount * beyond
    return returns
