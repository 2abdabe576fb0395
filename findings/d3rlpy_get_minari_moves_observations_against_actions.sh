#!/usr/bin/env bash
# d3rlpy's get_minari pairs observations with the actions of other steps: one step off in the second episode, two in the
# third, and so on.
#
# Guess: in every episode of `d3rlpy.datasets.get_minari(name)` the observations, actions and rewards are those of the same
# steps, as they are in Minari, whose episodes have one observation more than actions.
# Behaviour (d3rlpy 2.8.1, minari 0.5.4, gymnasium 1.0.0): all episodes are joined first, the observations with the one
# that each has more, and cut up again where the actions' episodes end. So episode k (from 0) gets k observations from the
# end of those before it, then its own, k steps late, without the last. In a data set of 50 episodes of CartPole, played
# at random, CartPole's own equations confirm all transitions as Minari has them. As d3rlpy has them they confirm those
# of the first episode, and 47 % of the others, as by chance between two actions. Nothing is said: all lengths agree,
# and each episode's sum of rewards is right.
# Whom it hurts: whoever learns offline from a Minari data set with d3rlpy: nearly all actions are unrelated to what was
# seen. Give MDPDataset the arrays, each episode's observations without the last.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 d3rlpy==2.8.1 "minari[hdf5,create]==0.5.4" gymnasium==1.0.0 numpy==2.4.6 \
    jax==0.10.2 jaxlib==0.10.2 pillow==13.0.0
cat > "$folder/pairs.py" <<'PYTHON'
import logging
from importlib.metadata import version

import gymnasium
import minari
import numpy as np
import structlog

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
import d3rlpy

print("d3rlpy", version("d3rlpy"), "minari", version("minari"), "gymnasium", version("gymnasium"))
EPISODES = 50
collector = minari.DataCollector(gymnasium.make("CartPole-v1"))
collector.action_space.seed(0)
for seed in range(EPISODES):
    collector.reset(seed=seed)
    while not any(collector.step(collector.action_space.sample())[2:4]):
        pass
recorded = list(collector.create_dataset("test/cartpole-v0").iterate_episodes())
simulator = gymnasium.make("CartPole-v1").unwrapped


def confirmed(observations, actions):
    """The share of transitions within an episode that CartPole's own equations make of the observation and the action."""
    right = []
    for before, action, after in zip(observations[:-1], actions, observations[1:], strict=False):
        simulator.reset()
        simulator.state = tuple(before.astype(float))
        right.append(np.allclose(simulator.step(int(np.squeeze(action)))[0], after, atol=1e-5))
    return np.mean(right)


def of(data_set):
    return [confirmed(episode.observations, episode.actions) for episode in data_set.episodes]


data, _ = d3rlpy.datasets.get_minari("test/cartpole-v0")
found = of(data)
in_minari = [confirmed(episode.observations, episode.actions) for episode in recorded]
aligned = d3rlpy.dataset.MDPDataset(
    observations=np.concatenate([episode.observations[:-1] for episode in recorded]),
    actions=np.concatenate([episode.actions for episode in recorded]),
    rewards=np.concatenate([episode.rewards for episode in recorded]),
    terminals=np.concatenate([episode.terminations for episode in recorded]),
    timeouts=np.concatenate([episode.truncations for episode in recorded]),
)
by_hand = of(aligned)
print(f"transitions that CartPole confirms: minari {np.mean(in_minari):.3f}, MDPDataset from aligned arrays {np.mean(by_hand):.3f}, "
      f"get_minari: first episode {found[0]:.3f}, the others {np.mean(found[1:]):.3f} on average, {max(found[1:]):.3f} at most")
stream = np.concatenate([episode.observations for episode in recorded])
start, moved = 0, 0
for number, (episode, original) in enumerate(zip(data.episodes, recorded, strict=True)):
    length = len(original.actions)
    assert (np.squeeze(episode.actions) == original.actions).all() and len(episode.observations) == length
    # In the joined observations this episode begins at start + number; get_minari begins at start.
    begins = start + number
    assert (stream[begins : begins + length + 1] == original.observations).all()
    moved += (episode.observations == stream[start : start + length]).all()
    if number and length > number:
        assert (episode.observations[number:] == original.observations[: length - number]).all()
    start += length
print(f"episodes that lag by their own number of steps: {moved} of {EPISODES}")
shown = min(in_minari) == min(by_hand) == found[0] == 1.0 and moved == EPISODES == len(data.episodes)
shown &= 0.4 < np.mean(found[1:]) < 0.6 and sum(share == 1.0 for share in found) == 1
shown &= [episode.compute_return() for episode in data.episodes] == [float(episode.rewards.sum()) for episode in recorded]
raise SystemExit(0 if shown else 1)
PYTHON
MINARI_DATASETS_PATH="$folder/data" CUDA_VISIBLE_DEVICES="" JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore "$folder/pairs.py"
