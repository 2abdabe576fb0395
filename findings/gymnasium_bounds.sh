#!/usr/bin/env bash
# Observations of Gymnasium's LunarLander and BipedalWalker leave the bounds that their own spaces declare.
#
# Guess: the bounds of `observation_space` hold; somebody who scales observations by them gets numbers in [-1, 1], and
# `env.observation_space.contains(observation)` is true on every step of an environment that Gymnasium itself ships.
# Behaviour (gymnasium 1.3.0, box2d 2.3.10): random play does not show it, one steady action does. A lander whose main
# engine is always on reaches a height of 20 and more where 2.5 is declared, and turns beyond its 2π; the hull of a walker
# turns to 3.9 where π is declared. `gymnasium.make`'s passive checker looks at the first step only, and says nothing.
# Whom it hurts: everybody who scales observations by declared bounds, refuses what is outside, or clips it; a policy
# that learns to hover meets inputs eight times as large as its bounds promise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gymnasium==1.3.0 box2d==2.3.10 pygame==2.6.1
cat > "$folder/play.py" <<'PYTHON'
import itertools

import gymnasium
import numpy as np

corners = [np.array(corner, np.float32) for corner in itertools.product((-1, 1), repeat=4)]
cases = {"LunarLander-v3": range(4), "BipedalWalker-v3": corners}
shown = True
for name, actions in cases.items():
    env = gymnasium.make(name)
    low, high = env.observation_space.low, env.observation_space.high
    largest, steps, outside = np.zeros(low.shape), 0, 0
    for action, seed in itertools.product(actions, range(5)):
        observation, _ = env.reset(seed=seed)
        ended = False
        while not ended:
            observation, _, terminated, truncated, _ = env.step(action)
            largest = np.maximum(largest, np.abs(observation) * ((observation < low) | (observation > high)))
            outside += not env.observation_space.contains(observation)
            ended, steps = terminated or truncated, steps + 1
    found = {int(i): (round(float(largest[i]), 2), round(float(high[i]), 2)) for i in np.flatnonzero(largest)}
    print(f"gymnasium {gymnasium.__version__}, {name}: {outside} of {steps} observations outside; "
          f"component: (largest, declared) {found}")
    shown &= outside > 0
raise SystemExit(0 if shown else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/play.py"
