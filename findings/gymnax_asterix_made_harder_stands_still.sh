#!/usr/bin/env bash
# gymnax's Asterix stands still for ever if it is made harder: with an initial move interval below 5 nothing moves any
# more.
#
# Guess: as in MinAtar's Asterix the interval between moves of enemies and gold ramps down to 1 and stays there; a
# smaller `init_move_interval` gives a faster, harder game; when all rows are full, no more is spawned.
# Behaviour (gymnax 1.0.1, MinAtar 1.0.15, jax 0.10.2): the interval ramps down to 0, for the rule that should stop it
# at 1 asks whether it is above 0. The timer is then set to 0 and is -1 after the step, so it is never 0 again:
# everything stops where it is. With the default of 5 the ramp is over when it reaches 1; with 4, 3, 2 and 1 it stops
# after 817, 613, 409 and 205 of 1000 steps. Rows fill up with what is standing; a spawn that finds no free row then
# does not do nothing: it takes an entity away, gold or enemy. MinAtar's own game, from the same intervals, moves to
# the end.
# Whom it hurts: whoever makes a curriculum or a test of generalisation out of this parameter: the harder game is free
# of danger and of gold after a while, so the episode's return says how long one lasted until then; domain
# randomisation.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gymnax==1.0.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 six==1.17.0 minatar==1.0.15
cat > "$folder/probe.py" <<'PYTHON'
import gymnax
import jax
import jax.numpy as jnp
import numpy as np
from minatar.environments import asterix

STEPS = 1000
env, parameters = gymnax.make("Asterix-MinAtar")
shown = True


def watch(interval):
    """Whether something moved, and how many rows are filled, in each of 1000 steps; the player keeps out of the rows."""
    changed = parameters.replace(init_move_interval=interval)

    def body(state, key):
        state = state.replace(player_y=jnp.array(0))
        before = state.entities
        _, state, _, _, _ = env.step_env(key, state, 0, changed)
        there = (before[:, 4] == 1) & (state.entities[:, 4] == 1)
        moved = (there & (before[:, 0] != state.entities[:, 0])).any()
        return state, (moved, state.entities[:, 4].sum(), state.move_speed)

    @jax.jit
    @jax.vmap
    def run(key):
        first, rest = jax.random.split(key)
        return jax.lax.scan(body, env.reset_env(first, changed)[1], jax.random.split(rest, STEPS))[1]

    return map(np.asarray, run(jax.random.split(jax.random.key(0), 16)))


def watch_original(interval):
    asterix.init_move_interval = interval
    game = asterix.Env()
    game.random = np.random.RandomState(0)
    game.reset()
    last = 0
    for step in range(STEPS):
        game.player_y = 0
        before = [None if x is None else x[0] for x in game.entities]
        game.act(0)
        game.terminal = False
        after = [None if x is None else x[0] for x in game.entities]
        if any(a is not None and b is not None and a != b for a, b in zip(before, after)):
            last = step + 1
    return last, game.move_speed


for interval in (5, 4, 3, 2, 1):
    moved, filled, speed = watch(interval)
    last = max(np.flatnonzero(row)[-1] + 1 for row in moved)
    taken = int((np.diff(filled, axis=1) < 0)[:, last + 2 :].sum())
    last_original, speed_original = watch_original(interval)
    print(f"first interval {interval}: last move in step {last}, interval at the end {speed[0, -1]}, rows filled at the end "
          f"{filled[:, -1].mean():.1f}, entities that vanished while nothing moved {taken}; MinAtar: last move in step "
          f"{last_original}, interval {speed_original}")
    shown &= last_original > STEPS - 10 and speed_original == 1
    shown &= (last > STEPS - 10) if interval == 5 else (last < 950 and speed[0, -1] == 0)
    shown &= (taken > 0) == (interval < 5)
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/probe.py"
