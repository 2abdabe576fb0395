#!/usr/bin/env bash
# Jumanji's wrapper for Gymnasium says of every episode's end that it is truncated, of a snake's death too.
#
# Guess: an episode that ends with discount 0 is `terminated` and not `truncated`, and one that ends with discount 1, such as
# that of Level-based Foraging at its time limit, is the other way round.
# Behaviour (jumanji 1.1.2, gymnasium 1.3.0, jax 0.10.2): `truncated` is true at every last step. Where the discount is 0 both
# are true: when a snake runs into the wall, when a maze is solved, when its 100 steps are over. So the two numbers
# together do not tell a time limit from a death, and `truncated` alone tells nothing. Level-based Foraging, whose end
# would be a truncation, cannot be stepped at all: it has a reward for each agent, and the wrapper wants one number
# (TypeError).
# Whom it hurts: whoever bootstraps where `truncated` is true, counts time limits, or trusts a checker that says both
# cannot be. accumbens takes such a step of a Gymnasium environment as terminated.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jumanji==1.1.2 gymnasium==1.3.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/ends.py" <<'PYTHON'
from importlib.metadata import version

import jumanji
from jumanji.wrappers import JumanjiToGymWrapper

print("jumanji", version("jumanji"))
shown = True
for name, longest in (("Snake-v1", 4000), ("Maze-v0", 100)):
    env = JumanjiToGymWrapper(jumanji.make(name))
    env.action_space.seed(0)
    ends = set()
    for seed in range(20):
        env.reset(seed=seed)
        steps, terminated, truncated = 0, False, False
        while not (terminated or truncated):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            steps += 1
        ends.add((steps < longest, terminated, truncated))
    for early, terminated, truncated in sorted(ends):
        print(f"{name}: {'before' if early else 'at'} the time limit: terminated {terminated}, truncated {truncated}")
    shown &= {end[1:] for end in ends} == {(True, True)} and any(end[0] for end in ends)
env = JumanjiToGymWrapper(jumanji.make("LevelBasedForaging-v0"))
env.reset(seed=0)
try:
    env.step(env.action_space.sample())
    shown = False
except TypeError as error:
    print(f"LevelBasedForaging-v0: TypeError: {error}")
raise SystemExit(0 if shown else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/ends.py"
