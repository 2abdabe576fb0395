#!/usr/bin/env bash
# navix's tasks have MiniGrid's names, not its rules: DistShift's lava is harmless, a collision ends the episode with 0, not -1.
#
# Guess, as it is "a reimplementation of MiniGrid": Navix-X has the ends, the rewards' signs and the time limit of
# MiniGrid-X; and GoToDoor, whose reward is described as given for the action `done` in front of a door, asks for that action.
# Behaviour (navix 0.7.4, minigrid 3.2.0, jax 0.10.2):
# - DistShift1 and 2: lava does not end the episode, and can be walked on. Six steps straight over it reach the goal for
#   the whole reward. In MiniGrid the second step is the last. (LavaGap's lava does end it.)
# - GoToDoor: the episode ends with reward 1 as soon as the agent faces the right door, whatever it did; it has not to
#   say `done`, and a wrong `done` does not end it. Which door is right is in the state, but not in the observation that
#   the task comes with, which is the same whichever it is; MiniGrid's observation names the door's colour.
# - Dynamic-Obstacles: a collision ends the episode with 0, not -1: it costs no more than reaching the time limit.
# - `navix.make` sets a time limit of 100 steps for every task that is not given one. Of the 33 that both have MiniGrid has
#   100 in six; it has 640 in DoorKey-8x8, 2560 in DoorKey-16x16.
# Whom it hurts: whoever compares returns or success rates with MiniGrid's by name, or studies with DistShift what its
# name says: its lava need not be avoided, so a shift of it changes nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet navix==0.7.4 minigrid==3.2.0 gymnasium==1.4.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/tasks.py" <<'PYTHON'
from importlib.metadata import version

import gymnasium
import jax
import jax.numpy as jnp
import minigrid  # noqa: F401  its tasks enter themselves in Gymnasium's register
import navix
import numpy as np

print("navix", version("navix"), "minigrid", version("minigrid"))
LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE, DONE = range(7)
GAMES, STEPS = 64, 90


def walk(name, actions):
    """Rewards and ends (0 no, 1 time limit, 2 terminated) of one episode in navix, and the same in MiniGrid."""
    env = navix.make(f"Navix-{name}")
    timestep, there, step = env.reset(jax.random.key(0)), [], jax.jit(env.step)
    for action in actions:
        timestep = step(timestep, jnp.int32(action))
        there.append((float(timestep.reward), int(timestep.step_type)))
        if there[-1][1]:
            break
    original, here = gymnasium.make(f"MiniGrid-{name}"), []
    original.reset(seed=0)
    for action in actions:
        _, reward, terminated, truncated, _ = original.step(action)
        here.append((round(float(reward), 2), 2 if terminated else int(truncated)))
        if here[-1][1]:
            break
    return there, here


def ends(name, actions):
    """(action, reward) at which episodes of random play are terminated, in navix and in MiniGrid."""
    env, found, original_found = navix.make(f"Navix-{name}"), set(), set()
    step, key = jax.jit(jax.vmap(env.step)), jax.random.key(0)
    timestep = jax.jit(jax.vmap(env.reset))(jax.random.split(key, GAMES))
    for now in range(STEPS):
        chosen = jax.random.choice(jax.random.fold_in(key, now), jnp.array(actions), (GAMES,))
        timestep = step(timestep, chosen)
        over = np.asarray(timestep.step_type) == 2
        found |= set(zip(np.asarray(chosen)[over].tolist(), np.asarray(timestep.reward)[over].tolist(), strict=True))
    original, chance = gymnasium.make(f"MiniGrid-{name}"), np.random.default_rng(0)
    for seed in range(GAMES):
        original.reset(seed=seed)
        for _ in range(STEPS):
            action = int(chance.choice(actions))
            _, reward, terminated, truncated, _ = original.step(action)
            if terminated:
                original_found.add((action, float(reward)))
            if terminated or truncated:
                break
    return found, original_found


lava, lava_original = walk("DistShift1-v0", [FORWARD] * 6)
print("DistShift1, forward: (reward, end) in navix", lava, "in MiniGrid", lava_original)
shown = lava == [(0.0, 0)] * 5 + [(1.0, 2)] and lava_original[-1] == (0.0, 2) and len(lava_original) == 2
gap = {reward for _, reward in ends("LavaGapS5-v0", [LEFT, RIGHT, FORWARD])[0]}
shown &= 0.0 in gap

door, door_original = ends("GoToDoor-8x8-v0", [LEFT, RIGHT, FORWARD])
print("GoToDoor, never `done`: (action, reward) at an end in navix", sorted(door), "in MiniGrid", sorted(door_original))
shown &= {action for action, reward in door if reward == 1} == {LEFT, RIGHT, FORWARD} and not door_original

task = navix.make("Navix-GoToDoor-8x8-v0")
first = jax.jit(task.reset)(jax.random.key(0))
doors, observe = first.state.get_doors(), jax.jit(task.observation_fn)
missions = [first.state.mission.replace(position=doors.position[i], colour=doors.colour[i]) for i in range(4)]
told = [np.array_equal(observe(first.state.replace(mission=mission)), first.observation) for mission in missions]
asked = [gymnasium.make("MiniGrid-GoToDoor-8x8-v0").reset(seed=seed)[0]["mission"] for seed in range(8)]
print("GoToDoor, the same observation whichever of the four doors is right:", told, "MiniGrid's says", sorted(set(asked)))
shown &= all(told) and len(np.unique(doors.position, axis=0)) == 4 and len(set(asked)) > 1

wrong = ends("GoToDoor-8x8-v0", [DONE])
shown &= all(reward == 1 for _, reward in wrong[0]) and {reward for _, reward in wrong[1]} > {0.0}

hit, hit_original = ({reward for _, reward in found} for found in ends("Dynamic-Obstacles-6x6-v0", [LEFT, RIGHT, FORWARD]))
print("Dynamic-Obstacles, lowest reward at an end: navix", min(hit), "MiniGrid", min(hit_original))
shown &= min(hit) == 0 and min(hit_original) == -1

limits = {
    name: (navix.make(name).max_steps, gymnasium.make(original).unwrapped.max_steps)
    for name in navix.registry()
    if (original := name.replace("Navix", "MiniGrid")) in gymnasium.registry
}
same = sum(ours == theirs for ours, theirs in limits.values())
print(f"time limits: {same} of {len(limits)} tasks have MiniGrid's;", {k: v for k, v in limits.items() if "DoorKey" in k})
shown &= {ours for ours, _ in limits.values()} == {100} and same == 6 and len(limits) == 33
shown &= limits["Navix-DoorKey-8x8-v0"] == (100, 640) and limits["Navix-DoorKey-16x16-v0"] == (100, 2560)
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/tasks.py"
