#!/usr/bin/env bash
# Octax does not import without OpenCV, which it does not ask for; and its delay timer goes from 0 to 255.
#
# Guess: `pip install octax` is enough to play, as OpenCV is in its extra `gui`; and a CHIP-8 delay timer counts down to 0
# at 60 Hz and stays there, as every description of the machine says ("perfect fidelity to original game mechanics").
# Behaviour (octax 0.1.1): `octax/__init__.py` imports `octax/rendering.py`, which imports cv2. The timer is counted once
# per step, so every fourth frame, by `jnp.maximum(timer - 1, 0)` of a uint8: 0 - 1 is 255, and the maximum 255.
# Whom it hurts: who installs it without the extra. And who plays a game that reads its timer (16 of 22: those without
# `disable_delay`): what waits for it to be 0 waits until the program sets it anew, or 255 steps.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip install --quiet --disable-pip-version-check"
$pip octax==0.1.1 jax==0.10.2 flax==0.12.8 pillow==12.3.0 2> "$folder/log" || { cat "$folder/log"; exit 1; }
cat > "$folder/look.py" <<'PYTHON'
try:
    import octax
except ModuleNotFoundError as error:
    print("octax 0.1.1, import octax:", error)
    raise SystemExit(3 if error.name == "cv2" else 1) from None
import jax
import jax.numpy as jnp
from octax.environments import create_environment

env, _ = create_environment("filter")
# A program that does nothing but jump to itself: what is left is the environment's own counting.
state = env.reset(jax.random.key(0))[0]
state = state.replace(memory=state.memory.at[0x200:0x202].set(jnp.array([0x12, 0x00], jnp.uint8)), pc=jnp.uint16(0x200))
state = state.replace(delay_timer=jnp.uint8(2))
timers = []
for _ in range(4):
    state = env.step(state, jnp.int32(env.num_actions - 1))[0]
    timers.append(int(state.delay_timer))
print(f"octax 0.1.1, delay timer 2, after each step of {env.frame_skip} frames:", *timers)
raise SystemExit(0 if timers == [1, 0, 255, 254] else 1)
PYTHON
if "$folder/venv/bin/python" -W ignore "$folder/look.py"; then without=0; else without=$?; fi
$pip opencv-python-headless==5.0.0.93 2> "$folder/log" || { cat "$folder/log"; exit 1; }
"$folder/venv/bin/python" -W ignore "$folder/look.py"
[ "$without" = 3 ]
