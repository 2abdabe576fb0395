#!/usr/bin/env bash
# In pgx's MinAtar Seaquest the submarines' bullets come to a stop within a few hundred steps, hang there, and do no harm.
#
# Guess: minatar-seaquest of pgx has the rules of MinAtar's Seaquest: an enemy's bullet moves one cell per frame and is
# gone at the edge, and who shares a cell with one dies.
# Behaviour (pgx 2.6.0, minatar 1.0.15, jax 0.10.2): a bullet that leaves on the right is never removed, one that leaves on
# the left marks its place in the list as the end of the list, and what stands behind that end is neither moved nor
# asked whether it hits, until new bullets have filled the list up to it. Who waits at the surface, where nothing can hit,
# sees in MinAtar no bullet stand still, ever; in pgx nine of ten do from step 500 on, with every
# game still on. A submarine drives through them and lives (18 times in 32 games here); MinAtar's never shares a cell
# with a bullet alive.
# Whom it hurts: whoever reports Seaquest of pgx as MinAtar's: the longer an agent lives the fewer bullets are dangerous,
# so good agents are flattered most, and observations show bullets that are none. accumbens has its own MinAtar.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pgx==2.6.0 minatar==1.0.15 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/bullets.py" <<'PYTHON'
import logging
from importlib.metadata import version

logging.disable(logging.WARNING)  # MinAtar's, about drawing

import jax
import jax.numpy as jnp
import numpy as np
import pgx
from minatar import Environment

print("pgx", version("pgx"), "minatar", version("minatar"))
SUBMARINE, BULLET, GAMES, WAIT, SETTLED, DRIVE = 0, 4, 32, 1500, 500, 60
STILL, MOVES = 0, (0, 1, 3, 4)  # nothing, left, right, down: never back to the surface
env = pgx.make("minatar-seaquest")
step = jax.vmap(env.step)


@jax.jit
def in_pgx(key):
    """Bullets [steps, games, 10, 10] and ends [steps, games] while waiting; alive in a bullet's cell while driving about."""
    begin, wait, drive = jax.random.split(key, 3)

    def waiting(state, key):
        state = step(state, jnp.full(GAMES, STILL), jax.random.split(key, GAMES))
        return state, (state.observation[..., BULLET], state.terminated)

    def driving(state, key):
        choice, chance = jax.random.split(key)
        action = jax.random.choice(choice, jnp.array(MOVES), (GAMES,))
        state = step(state, action, jax.random.split(chance, GAMES))
        both = state.observation[..., SUBMARINE] & state.observation[..., BULLET]
        return state, (both.any((1, 2)) & ~state.terminated)

    state = jax.vmap(env.init)(jax.random.split(begin, GAMES))
    state, (seen, over) = jax.lax.scan(waiting, state, jax.random.split(wait, WAIT))
    _, inside = jax.lax.scan(driving, state, jax.random.split(drive, DRIVE))
    return seen, over, inside


def in_minatar(seed):
    """The same of one game, which must not end while waiting."""
    game, chance = Environment("seaquest"), np.random.default_rng(seed)
    game.seed(seed)
    game.reset()
    seen, inside = [], 0
    for _ in range(WAIT):
        assert game.act(STILL) == (0, False)
        seen.append(game.state()[..., BULLET])
    for _ in range(DRIVE):
        if game.act(int(chance.choice(MOVES)))[1]:
            break
        inside += (game.state()[..., SUBMARINE] & game.state()[..., BULLET]).any()
    return np.stack(seen), inside


def standing(seen):
    """How many bullets were where one had been a step before, and of how many, once the game has run for a while."""
    settled = np.asarray(seen)[SETTLED:]
    return int((settled[1:] & settled[:-1]).sum()), int(settled[1:].sum())


seen, over, inside = in_pgx(jax.random.key(0))
stood, of = standing(seen)
ended, alive = int(over.any(0).sum()), int(inside.sum())
print(f"pgx:     {ended} of {GAMES} games ended while waiting")
print(f"pgx:     {stood} of {of} sightings of a bullet are where one was the step before; in a bullet's cell and alive: {alive}")
games = [in_minatar(seed) for seed in range(GAMES)]
stood_there, of_there = np.sum([standing(seen) for seen, _ in games], 0)
alive_there = sum(inside for _, inside in games)
print(f"minatar: {stood_there} of {of_there}; {alive_there}")
shown = ended == 0 and of > 1000 and stood > 0.8 * of and alive > 0 and of_there > 1000 and stood_there == alive_there == 0
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/bullets.py"
