#!/usr/bin/env bash
# NGC-Learn's reward prediction error cell, told not to predict online, predicts nothing: its error is the reward,
# always.
#
# Guess, from its own description: with use_online_predictor=False the prediction is updated once per episode, by
# `evolve`, towards the episode's mean reward; with True (the default) at every step, by `advance_state`.
# Behaviour (ngclearn 3.1.0; the lines are the same in 3.2.3): `evolve` updates the prediction only where the online
# predictor is on. With False nothing ever does: after any number of episodes the prediction is 0 and the error is the
# whole reward. With True both do, so that the prediction is moved once more at each episode's end.
# Whom it hurts: whoever models dopamine with it, or modulates synapses by its error: nothing adapts, and nothing is
# said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ngclearn==3.1.0 ngcsimlib==3.1.1 jax==0.10.2 jaxlib==0.10.2
cat > "$folder/cell.py" <<'PYTHON'
from importlib.metadata import version

import jax.numpy as jnp
from ngclearn import Context, MethodProcess
from ngclearn.components.neurons.graded.rewardErrorCell import RewardErrorCell

print("ngclearn", version("ngclearn"))
EPISODES, STEPS, RATE, WINDOW = 20, 3, 0.1, 2


def predictions(online):
    """The prediction and the error at the end of each episode; the reward is always 1."""
    with Context(f"online_{online}"):
        cell = RewardErrorCell("cell", 1, alpha=RATE, ema_window_len=WINDOW, use_online_predictor=online)
        step = MethodProcess("step") >> cell.advance_state
        end = MethodProcess("end") >> cell.evolve
    found = []
    for _ in range(EPISODES):
        for _ in range(STEPS):
            cell.reward.set(jnp.ones((1, 1)))
            step.run(dt=1.0)
        end.run(dt=1.0)
        found.append((float(cell.mu.get()[0, 0]), float(cell.rpe.get()[0, 0])))
    return found


by_episode, online = predictions(False), predictions(True)
print("by episode: prediction, error at the end of the first and the last:", by_episode[0], by_episode[-1])
print("online:     prediction, error at the end of the first and the last:", online[0], online[-1])
by_steps_alone = 1 - (1 - RATE) ** STEPS
twice = by_steps_alone + (1 - by_steps_alone) / WINDOW
shown = all(pair == (0.0, 1.0) for pair in by_episode)
shown &= abs(online[0][0] - twice) < 1e-5 and abs(online[-1][1]) < 1e-3
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/cell.py"
