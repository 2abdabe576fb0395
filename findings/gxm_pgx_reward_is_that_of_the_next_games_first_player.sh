#!/usr/bin/env bash
# gxm's adapter for pgx gives a finished two-player game's reward to whoever moves first in the next game.
#
# Guess: in `gxm.make("Pgx/...")` the reward of a step is that of the player who made the move (or always that of the
# other one), so a winning move is told from a losing one.
# Behaviour (gxm 0.4.0, pgx 2.6.0, jax 0.10.2): the adapter restarts a finished game and only then looks up the reward of
# `current_player`, which by then is the first player of the new game, drawn by lot. So the same winning move pays 1 or
# -1 by the toss of a coin: 111 times 1 and 89 times -1 in 200 games of tic-tac-toe, 97 and 103 in Connect Four. In pgx
# itself the winner has 1 every time. All rewards before the last are 0, and nothing else in a time step says who won.
# Whom it hurts: whoever trains or scores agents by self-play in gxm: winning moves are paid about 0 on average, as
# losing ones are. Games of one player are paid correctly.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gxm==0.4.0 pgx==2.6.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/games.py" <<'PYTHON'
from importlib.metadata import version

import gxm
import jax
import jax.numpy as jnp
import numpy as np
import pgx
from pgx.experimental import auto_reset

print("gxm", version("gxm"), "pgx", version("pgx"))
GAMES = 200
# The one who begins wins with the last of these moves.
WINS = {"tic_tac_toe": (0, 3, 1, 4, 2), "connect_four": (0, 1, 0, 1, 0, 1, 0)}


def through_gxm(name, keys):
    """The rewards before the last move, of the last move, whether it ended the game, and who begins the next one."""
    env = gxm.make(f"Pgx/{name}")

    def game(key):
        state, _ = env.init(key)
        winner = state.pgx_state.current_player
        rewards = []
        for number, move in enumerate(WINS[name]):
            state, step = env.step(jax.random.fold_in(key, number), state, jnp.int32(move))
            rewards.append(step.reward)
        all_rewards = state.pgx_state.rewards
        return jnp.stack(rewards[:-1]), rewards[-1], step.terminated, all_rewards, state.pgx_state.current_player, winner

    return [np.asarray(found) for found in jax.jit(jax.vmap(game))(keys)]


def in_pgx(name, keys):
    """The same games without gxm: the winner's reward, and whether the last move ended the game."""
    env = pgx.make(name)

    def game(key):
        state = env.init(key)
        winner = state.current_player
        for move in WINS[name]:
            state = env.step(state, jnp.int32(move))
        return state.rewards[winner], state.terminated

    return [np.asarray(found) for found in jax.jit(jax.vmap(game))(keys)]


shown = True
keys = jax.random.split(jax.random.key(0), GAMES)
for name in WINS:
    of_winner, ended = in_pgx(name, keys)
    before, last, ended_there, rewards, first_of_next, winner = through_gxm(name, keys)
    won, lost = int((last == 1).sum()), int((last == -1).sum())
    print(f"{name}: pgx gives the winner 1 in {int((of_winner == 1).sum())} of {GAMES} games; "
          f"gxm's reward of the winning move is 1 in {won}, -1 in {lost}")
    print(f"    it is that of the next game's first player in {int((last == rewards[range(GAMES), first_of_next]).sum())}")
    shown &= ended.all() and (of_winner == 1).all() and ended_there.all() and (before == 0).all()
    shown &= (rewards[range(GAMES), winner] == 1).all() and (last == rewards[range(GAMES), first_of_next]).all()
    shown &= won + lost == GAMES and 0.4 * GAMES < won < 0.6 * GAMES

# Control: in a game of one player the sum of gxm's rewards is that of pgx, move by move.
STEPS = 300
actions = jax.random.randint(jax.random.key(1), (STEPS,), 0, 3)
step_keys = jax.random.split(jax.random.key(2), STEPS)
env, original = gxm.make("Pgx/minatar-breakout"), pgx.make("minatar-breakout")
stepped = auto_reset(original.step, original.init)


def one(state, now):
    state, step = env.step(now[1], state, now[0])
    return state, step.reward


def one_in_pgx(state, now):
    state = stepped(state, now[0], now[1])
    return state, state.rewards[0]


found = jax.lax.scan(one, env.init(jax.random.key(3))[0], (actions, step_keys))[1]
wanted = jax.lax.scan(one_in_pgx, original.init(jax.random.key(3)), (actions, step_keys))[1]
print(f"minatar-breakout: rewards {float(found.sum())} in gxm and {float(wanted.sum())} in pgx, step by step the same:",
      bool((found == wanted).all()))
shown &= bool((found == wanted).all()) and float(wanted.sum()) > 0
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/games.py"
