#!/usr/bin/env bash
# navix's cost of hitting a wall is a reward, and is given for every step from the first hit on: the event is not cleared.
#
# Guess, from its own description ("paying a cost for each wall hit"): with `wall_hit_cost` a step that runs into a wall
# gets -0.01 and every other step 0. The state's events are, as it says, those of this step.
# Behaviour (navix 0.7.4, jax 0.10.2): the sign is missing, so a hit gets +0.01; and the event, once it has happened, stays
# in the state until the episode ends, so every later step gets it too, whatever is done. Who hits the wall first and then
# walks to the goal of Empty-5x5 has a return of 1.07, who walks straight 1.00; who hits it and then turns on the spot
# until time is over has 0.99. In DoorKey-5x5 the events of picking up the key and of opening the door stay as well; the
# other events were not run. (`action_cost` and `time_cost` are negative, as described.)
# Whom it hurts: whoever shapes rewards with it: what it teaches is to hit a wall at once and then to take one's time.
# And whoever reads `state.events` as what happened in a step, such as pickups and opened doors counted along an episode.
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
LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE, DONE = range(7)
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


def in_door_key():
    """Whether the state says that the key was picked up, and that the door was opened, at each step in DoorKey-5x5."""
    env = navix.make("Navix-DoorKey-5x5-v0")
    timestep, step, said = env.reset(jax.random.key(0)), jax.jit(env.step), []
    key = [RIGHT, PICKUP, FORWARD, PICKUP]  # in the first column, one or two cells below
    door = [LEFT, TOGGLE, RIGHT, FORWARD, LEFT, TOGGLE, LEFT, FORWARD, FORWARD, RIGHT, TOGGLE]  # beside that column
    for action in key + door + [LEFT] * 5:
        timestep = step(timestep, jnp.int32(action))
        events = timestep.state.events
        said.append((bool(events.key_pickup.happened), bool(events.door_opening.happened)))
    return [list(event) for event in zip(*said, strict=True)]


def stays(event):
    """Whether it begins after the first step and before the last five, which only turn, and is there ever after."""
    return not event[0] and event[-6] and event == sorted(event)


def cost(reward_fn):
    """The reward of one turn."""
    env = navix.make("Navix-Empty-5x5-v0", reward_fn=reward_fn)
    return round(float(env.step(env.reset(jax.random.key(0)), jnp.int32(LEFT)).reward), 2)


straight, _ = episode(STRAIGHT)
hitting, hits = episode(HIT + STRAIGHT)
turning, _ = episode(HIT + [LEFT] * 95 + STRAIGHT)
print("straight to the goal:", straight, f"return {sum(straight):.2f}")
print("one hit first:       ", hitting, f"return {sum(hitting):.2f}")
print("a wall was hit:      ", hits)
print("one hit, then turning on the spot until the time limit:", f"return {sum(turning):.2f}")
picked, opened = in_door_key()
print("DoorKey-5x5, at each step, the key was picked up:", *map(int, picked), "the door was opened:", *map(int, opened))
costs = cost(rewards.action_cost), cost(rewards.time_cost)
print("a turn by action_cost and time_cost:", costs)
shown = straight == [0, 0, 0, 0, 1] and hitting == [0] + [0.01] * 6 + [1.01] and hits == [False] + [True] * 7
shown &= len(turning) == 100 and round(sum(turning), 2) == 0.99
shown &= stays(picked) and stays(opened) and costs == (-0.01, -0.01)
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/walls.py"
