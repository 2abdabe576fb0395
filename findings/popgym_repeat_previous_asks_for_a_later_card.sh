#!/usr/bin/env bash
# POPGym's RepeatPrevious asks for the card of k - 1 steps ago: with k = 1 it is the one on the table, no memory is
# needed.
#
# Guess: as its documentation says, "if k == 1, then the agent must output the suit of the previous card"; so k = 4,
# the easy task, asks for the card of four steps ago. And its bandits, as they say, return zero reward without a
# payout.
# Behaviour (popgym 1.0.7, gymnasium 1.3.0): an action is compared with the k-th last of the cards that have been
# shown, the current one included. With k = 1 it is the current observation; the tasks with k = 4, 32 and 64 ask for a
# memory of 3, 31 and 63 steps. One who answers with the card of k steps ago, as documented, has the return of chance,
# about -0.5 of 1. A MultiarmedBandit takes 1/200 for every pull without payout, where its documentation says that it
# returns zero reward.
# Whom it hurts: whoever gives the lengths of memory that a model can bridge, or uses k = 1 as the smallest test of
# one: a feed-forward network solves it; whoever writes the oracle by the documentation, or the same task anew, to
# compare.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile popgym==1.0.7 gymnasium==1.3.0 numpy==2.4.6
cat > "$folder/probe.py" <<'PYTHON'
import numpy as np
from popgym.envs.multiarmed_bandit import MultiarmedBandit
from popgym.envs.repeat_previous import RepeatPrevious


def mean_return(decks, k, back):
    """Of one who answers with the suit that was shown `back` steps ago; 0 is the current observation."""
    totals = []
    for seed in range(20):
        env = RepeatPrevious(num_decks=decks, k=k)
        seen = [env.reset(seed=seed)[0]]
        over, total = False, 0.0
        while not over:
            action = seen[-1 - back] if len(seen) > back else 0
            observation, reward, terminated, truncated, _ = env.step(action)
            seen.append(observation)
            over, total = terminated or truncated, total + reward
        totals.append(total)
    return float(np.mean(totals))


shown = True
for decks, k in ((1, 1), (1, 2), (1, 4), (2, 32), (3, 64)):
    documented, found = mean_return(decks, k, k), mean_return(decks, k, k - 1)
    print(f"k = {k}: mean return with the card of {k} steps ago {documented:.3f}, of {k - 1} steps ago {found:.3f}")
    shown &= abs(found - 1) < 1e-9 and documented < 0

env = MultiarmedBandit(num_bandits=10, episode_length=200)
env.reset(seed=0)
rewards = {reward for reward in (env.step(0)[1] for _ in range(199))}
print("rewards of a bandit's arm:", sorted(rewards))
shown &= min(rewards) < 0
raise SystemExit(0 if shown else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
