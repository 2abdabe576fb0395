#!/usr/bin/env bash
# gxm's TimeLimit counts on through the ends of episodes, and its StackObservations keeps the frames of the one before.
#
# Guess, from their descriptions: TimeLimit gives an episode its "maximum number of steps before the episode is truncated";
# StackObservations with padding="reset" fills the stack with the first frame of each episode, as its `reset` does.
# Behaviour (gxm 0.4.0, pgx 2.6.0, jax 0.10.2): environments of gxm begin the next episode within `step`, so nobody calls
# the wrappers' `reset`. Then
# - TimeLimit sets its counter back only when it truncates. In Breakout, where random play ends after 6 to 48 steps, a
#   limit of 100 should never matter; but every 100 or 101 steps the episode that happens to be played is cut off, after 1
#   to 24 steps of its own;
# - StackObservations puts the first frame of a new episode behind the last three of the old one, at every end.
# Where an episode does not end by itself (Freeway) it is cut off after 100 steps, as told.
# Whom it hurts: whoever gives short or failing episodes a time limit: returns and lengths are too small, and good states
# are cut off at random; and whoever takes the direction of motion from stacked frames.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gxm==0.4.0 pgx==2.6.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/wrappers.py" <<'PYTHON'
from importlib.metadata import version

import gxm
import jax
import numpy as np
from gxm.wrappers import StackObservations, TimeLimit

print("gxm", version("gxm"), "pgx", version("pgx"))
LIMIT, STEPS, FRAMES = 100, 5000, 4


def play(env, steps=STEPS):
    """What `init` shows, and what each of many random steps shows."""

    @jax.jit
    def roll(key):
        first, *keys = jax.random.split(key, 3)
        state, start = env.init(first)

        def one(state, key):
            choice, chance = jax.random.split(key)
            return env.step(chance, state, env.action_space.sample(choice))

        return start.next_obs, jax.lax.scan(one, state, jax.random.split(keys[0], steps))[1]

    start, steps = roll(jax.random.key(0))
    return np.asarray(start), jax.tree.map(np.asarray, steps)


def lengths(steps):
    """How long the episodes were that ended by themselves, and those that were cut off."""
    ends = np.flatnonzero(steps.terminated | steps.truncated)
    long = np.diff(ends, prepend=-1)
    return long[steps.terminated[ends]], long[steps.truncated[ends]]


plain, none = lengths(play(gxm.make("Pgx/minatar-breakout"))[1])
print(f"Breakout: {plain.size} episodes of {plain.min()} to {plain.max()} steps, {none.size} cut off")
_, steps = play(TimeLimit(gxm.make("Pgx/minatar-breakout"), time_limit=LIMIT))
ended, cut = lengths(steps)
print(f"with TimeLimit {LIMIT}: {ended.size} of {ended.min()} to {ended.max()} steps, {cut.size} cut off after {cut.min()} to {cut.max()}")
between = np.diff(np.flatnonzero(steps.truncated), prepend=-1)
print(f"    from one cut to the next {between.min()} to {between.max()} steps")
shown = none.size == 0 and plain.max() < LIMIT and cut.size > 40 and cut.max() < LIMIT / 2 and set(between) <= {LIMIT, LIMIT + 1}
_, control = lengths(play(TimeLimit(gxm.make("Pgx/minatar-freeway"), time_limit=LIMIT))[1])
print(f"Freeway with TimeLimit {LIMIT}: cut off after", np.unique(control))
shown &= control.size == STEPS // LIMIT and (control == LIMIT).all()

frame, single = play(gxm.make("Pgx/minatar-breakout"))
stack, stacked = play(StackObservations(gxm.make("Pgx/minatar-breakout"), FRAMES))
shown &= (stack == frame).all()  # as promised where an episode begins by `init`
shown &= (stacked.next_obs[:, -1] == single.next_obs).all() and (stacked.terminated == single.terminated).all()
seen = np.concatenate([np.repeat(frame[None], FRAMES, 0), single.next_obs])
mixed = fresh = 0
ends = np.flatnonzero(single.terminated)
for end in ends:
    mixed += (stacked.next_obs[end] == seen[end + 1 : end + 1 + FRAMES]).all()  # the last of the old, the first of the new
    fresh += (stacked.next_obs[end] == single.next_obs[end]).all()
print(f"of {ends.size} stacks that begin an episode {mixed} begin with frames of the one before, {fresh} with its own alone")
shown &= ends.size > 100 and mixed == ends.size and fresh == 0
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/wrappers.py"
