#!/usr/bin/env bash
# Minari's DataCollector keeps the observations it is given, not copies of them.
#
# Guess: what is recorded is what was seen. Gymnasium's vector environments and replay buffers copy.
# Behaviour (minari 0.5.4, gymnasium 1.3.0): an environment that writes its next observation into the array of the last
# one is recorded with the final observation of every episode in the place of all of them. The space check passes, no
# warning is given, rewards and actions are right.
# Whom it hurts: everybody who records an environment that uses its memory again, as simulators with preallocated
# buffers do; whoever learns from the data sees states that tell nothing of the action.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "minari[hdf5,create]==0.5.4" gymnasium==1.3.0 numpy==2.4.6 pillow==13.0.0 # minari's extras lack it
cat > "$folder/record.py" <<'PYTHON'
import gymnasium
import minari
import numpy as np


class Clock(gymnasium.Env):
    """Shows the time, always in the same array."""

    observation_space = gymnasium.spaces.Box(0, 9, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self):
        self.time = np.zeros(1, np.float32)

    def reset(self, *, seed=None, options=None):
        self.time[:] = 0
        return self.time, {}

    def step(self, action):
        self.time += 1
        return self.time, 0.0, bool(self.time[0] == 4), False, {}


collector = minari.DataCollector(Clock())
collector.reset(seed=0)
seen = [0.0] + [float(collector.step(0)[0][0]) for _ in range(4)]
recorded = collector.create_dataset("test/clock-v0")[0].observations.ravel().tolist()
print(f"minari {minari.__version__}: seen {seen}, recorded {recorded}")
raise SystemExit(0 if recorded == [4.0] * 5 else 1)
PYTHON
MINARI_DATASETS_PATH="$folder/sets" "$folder/venv/bin/python" -W ignore "$folder/record.py"
