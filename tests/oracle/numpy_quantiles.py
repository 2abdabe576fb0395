"""AD-QRDQN in float64 NumPy, written from the equations: one update of every cell, and nothing of our `td`.

The cells are those of `numpy_agents`, whose outputs are the quantiles of the actions, all of one action side by side.
Quantiles are [batch, actions, quantiles].

Reference: Dabney et al. (2018), eq. 9 and 10, algorithm 1; Guan et al. (2024), algorithm 1 and section 5.
"""

import numpy as np
import numpy_agents as agents


def quantiles_of(outputs, num_quantiles):
    """θ of the outputs of one cell."""
    return outputs.reshape(len(outputs), -1, num_quantiles)


def quantile_huber(theta, targets, kappa):
    """ρ of one distribution and its derivative with respect to θ, pair by pair."""
    number, loss, slope = len(theta), 0.0, np.zeros(len(theta))
    for i in range(number):
        middle = (i / number + (i + 1) / number) / 2
        for target in targets:
            error = target - theta[i]
            # A quantile that lies above the target is pulled down by 1 - τ, one that lies below it is pulled up by τ.
            weight = (1 - middle if error < 0 else middle) / len(targets)
            if abs(error) <= kappa:
                loss += weight * error**2 / (2 * kappa)
                slope[i] -= weight * error / kappa
            else:
                loss += weight * (abs(error) - kappa / 2)
                slope[i] -= weight * np.sign(error)
    return loss, slope


def targets(online, target, wiring, discount, windows, num_quantiles):
    """r + γ θ_target(s', a*), where a* has the largest mean of θ_online(s', ·), [cells, batch, quantiles]."""
    following = []
    for stack in (online, target):
        carry = agents.replay(stack, wiring, windows["context"], windows["valid"])
        _, carry, _ = agents.advance(stack, wiring, windows["observation"], carry)
        following.append(agents.advance(stack, wiring, windows["next_observation"], carry)[0])
    result = []
    for outputs, target_outputs in zip(*following, strict=True):
        ours, theirs = (quantiles_of(each, num_quantiles) for each in (outputs, target_outputs))
        rows = []
        for row in range(len(ours)):
            best = max(range(ours.shape[1]), key=lambda action: ours[row, action].sum())
            goes_on = 0.0 if windows["terminated"][row] else discount
            rows.append(windows["reward"][row] + goes_on * theirs[row, best])
        result.append(rows)
    return np.array(result)


def update(online, target, adams, wiring, discount, learning_rate, kappa, windows, num_quantiles):
    """The cells after one update, and of each the loss, the norm of the gradient, the size of its expected TD error and
    its expected value."""
    goals = targets(online, target, wiring, discount, windows, num_quantiles)
    carry = agents.replay(online, wiring, windows["context"], windows["valid"])
    outputs, _, saved = agents.advance(online, wiring, windows["observation"], carry)
    after, losses, norms, errors, values = [], [], [], [], []
    for level, (cell, adam) in enumerate(zip(online, adams, strict=True)):
        theta = quantiles_of(outputs[level], num_quantiles)
        loss, slopes, batch = 0.0, np.zeros_like(theta), len(theta)
        expected = np.array([theta[row, action].sum() / num_quantiles for row, action in enumerate(windows["action"])])
        for row, action in enumerate(windows["action"]):
            of_row, slope = quantile_huber(theta[row, action], goals[level, row], kappa)
            loss, slopes[row, action] = loss + of_row / batch, slope / batch
        gradient, _ = agents.attention_cell_gradient(cell, saved[level], slopes.reshape(batch, -1), 0.0)
        after.append(adam.step(cell, gradient, learning_rate))
        losses.append(loss)
        norms.append(agents.norm(gradient))
        errors.append(np.abs(goals[level].mean(axis=1) - expected).mean())
        values.append(expected.mean())
    return after, losses, norms, errors, values
