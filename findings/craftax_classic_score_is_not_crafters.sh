#!/usr/bin/env bash
# Craftax-Classic's `info["score"]`, averaged over episodes, is not Crafter's score: a random agent gets less than half of it.
#
# Guess: the mean of `info["score"]` over finished episodes is the score that Crafter is reported with: over the 22
# achievements, the geometric mean of the share of episodes that unlocked each, in per cent, with 1 added before the
# logarithm and taken off again.
# Behaviour (craftax 1.6.1, jax 0.10.2): the same formula is applied to one episode, where each share is 0 or 100 %. A mean
# of such numbers is another one, and never higher, as a geometric mean is concave: 64 episodes of random play have 1.77
# by Crafter's formula (Hafner, 2022, reports about 1.6 for it) and a mean `score` of 0.75. Eleven achievements in each
# episode, each of the 22 in half of them, would have 50 by Crafter's formula and a mean `score` of 9.0. The right one is
# exp(mean(log(1 + share))) - 1 of the means of `info["Achievements/..."]` over the steps that end an episode.
# Whom it hurts: whoever logs the mean of it and sets it beside Crafter's table, or compares agents by it: of two with equal
# shares the one that does everything in some episodes and nothing in others has more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet craftax==1.6.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/score.py" <<'PYTHON'
from importlib.metadata import version

import jax
import numpy as np
from craftax.craftax_env import make_craftax_env_from_name

print("craftax", version("craftax"))
GAMES, STEPS = 64, 500
env = make_craftax_env_from_name("Craftax-Classic-Symbolic-v1", auto_reset=False)


@jax.jit
def play(key):
    """Ends and information of every step of random play."""
    begin, key = jax.random.split(key)
    _, state = jax.vmap(env.reset)(jax.random.split(begin, GAMES))

    def step(state, key):
        choice, chance = jax.random.split(key)
        action = jax.random.randint(choice, (GAMES,), 0, env.num_actions)
        _, state, _, done, info = jax.vmap(env.step)(jax.random.split(chance, GAMES), state, action)
        return state, (done, info)

    return jax.lax.scan(step, state, jax.random.split(key, STEPS))[1]


def crafters(shares):
    """Crafter's score of the shares of episodes, in per cent, that unlocked each achievement."""
    return float(np.exp(np.log1p(shares).mean()) - 1)


done, info = jax.tree.map(np.asarray, play(jax.random.PRNGKey(0)))
last = done & (np.cumsum(done, 0) == 1)
unlocked = np.array([values[last] for name, values in info.items() if name.startswith("Achievements/")])
shares = unlocked.mean(1)
print(f"{last.sum()} episodes, {len(shares)} achievements; shares in %:", np.sort(shares)[::-1].round(1)[:8])
score = float(info["score"][last].mean())
print(f'mean of info["score"]: {score:.2f}; Crafter\'s score of the same episodes: {crafters(shares):.2f}')
one_by_one = np.allclose(info["score"][last], [crafters(episode) for episode in unlocked.T], rtol=1e-3, atol=1e-3)
print("each `score` is that formula of its own episode:", one_by_one)
half = np.repeat([0.0, 100.0], 11)
print(f"eleven of 22 in each episode: {crafters(half):.1f}; each of 22 in half of them: {crafters(np.full(22, 50.0)):.1f}")
shown = one_by_one and last.sum() >= 60 and len(shares) == 22 and score < 0.5 * crafters(shares) and 1 < crafters(shares) < 3
raise SystemExit(0 if shown else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/score.py"
