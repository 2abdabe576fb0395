#!/usr/bin/env bash
# navix's cost of hitting a wall is a reward, and is given for every step from the first hit on; events are never cleared.
#
# Guess, from its own description ("paying a cost for each wall hit"): with `wall_hit_cost` a step that runs into a wall
# gets -0.01 and every other step 0. The state's events are, as it says, those of this step.
# Behaviour (navix 0.7.4, jax 0.10.2): the sign is missing, so a hit gets +0.01; and an event that has happened stays in
# the state until the episode ends, so every later step gets it too, whatever is done. Who hits the wall first and then
# walks to the goal of Empty-5x5 has a return of 1.07, who walks straight 1.00; who turns on the spot until time is over
# has 0.99. (`action_cost` and `time_cost` are negative, as described.)
# Whom it hurts: whoever shapes rewards with it: what it teaches is to hit a wall at once and then to take one's time.
# And whoever reads `state.events` as what happened in a step, such as pickups or opened doors counted along an episode.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet navix==0.7.4 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/walls.py" <<'PYTHON'
from importlib.metadata import version

import jax
import jax.numpy as jnp
import navix
from navix import rewards

print("navix", version("navix"))
LEFT, RIGHT, FORWARD = range(3)
HIT, STRAIGHT = [LEFT, FORWARD, RIGHT], [FORWARD, FORWARD, RIGHT, FORWARD, FORWARD]


def episode(actions):
    """Rewards, and whether the state says that a wall was hit, of an episode in Empty-5x5, from its upper left corner."""
    env = navix.make(
        "Navix-Empty-5x5-v0", reward_fn=rewards.compose(rewards.on_goal_reached, rewards.wall_hit_cost)
    )
    timestep, step, paid, hits = env.reset(jax.random.key(0)), jax.jit(env.step), [], []
    for action in actions:
        timestep = step(timestep, jnp.int32(action))
        paid.append(round(float(timestep.reward), 2))
        hits.append(bool(timestep.state.events.wall_hit.happened))
        if timestep.is_done():
            break
    return paid, hits


straight, _ = episode(STRAIGHT)
hitting, hits = episode(HIT + STRAIGHT)
turning, _ = episode(HIT + [LEFT] * 95 + STRAIGHT)
print("straight to the goal:", straight, f"return {sum(straight):.2f}")
print("one hit first:       ", hitting, f"return {sum(hitting):.2f}")
print("a wall was hit:      ", hits)
print("one hit, then turning on the spot until the time limit:", f"return {sum(turning):.2f}")
shown = straight == [0, 0, 0, 0, 1] and hitting == [0] + [0.01] * 6 + [1.01] and hits == [False] + [True] * 7
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/walls.py"
