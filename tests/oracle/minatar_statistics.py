"""Measure random play in the original MinAtar and write `minatar_statistics.json` beside this file.

Usage: `python tests/oracle/minatar_statistics.py`; it takes about five minutes.
"""

import json
from importlib.metadata import version
from pathlib import Path

import minatar
import numpy as np

FILE = Path(__file__).with_suffix(".json")
NUM_EPISODES = {"breakout": 20_000, "freeway": 2_000, "asterix": 20_000, "space_invaders": 20_000, "seaquest": 20_000}


def random_play(game: str, num_episodes: int, seed: int) -> dict[str, np.ndarray]:
    """Play the original, sticky and ramping, with uniform actions of the minimal set: `returns` and `lengths`."""
    env = minatar.Environment(game)
    env.seed(seed)
    choose = np.random.default_rng(seed)
    actions = np.array(env.minimal_action_set())
    returns, lengths = np.zeros(num_episodes), np.zeros(num_episodes)
    for episode in range(num_episodes):
        env.reset()
        terminated = False
        while not terminated:
            reward, terminated = env.act(choose.choice(actions))
            returns[episode] += reward
            lengths[episode] += 1
    return {"returns": returns, "lengths": lengths}


def summary(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)), "n": len(values)}


def main() -> None:
    table = {
        game: {name: summary(values) for name, values in random_play(game, num_episodes, seed=0).items()}
        for game, num_episodes in NUM_EPISODES.items()
    }
    document = {"made_by": Path(__file__).name, "minatar": version("minatar"), "random_play": table}
    FILE.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
