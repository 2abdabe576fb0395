"""What random actions return in the environments that the papers report, or in others.

    uv run --extra box2d --extra dmc python benchmarks/random_play.py
    uv run --extra octax python benchmarks/random_play.py octax/brix octax/pong octax/spacejam --output FILE

Every action is drawn uniformly from those an agent of ours has; continuous ones are bang-bang. The numbers land in
benchmarks/results/random_play.csv; `accumbens compare` puts the zero of a normalised score there.
"""

import argparse
import csv
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.envs import registry
from accumbens.envs.gymnasium import HostEnvironments
from accumbens.generator import make_key
from accumbens.training.comparing import REFERENCES

EPISODES = 1000
EPISODES_OF_A_SIMULATOR = 200


def on_device(name, num_episodes):
    env = registry.make(name)

    def unfinished(playing):
        return ~playing[1]

    def play(key):
        first_key, key = jax.random.split(key)

        def step(playing):
            state, _, total, time = playing
            action_key, step_key = jax.random.split(jax.random.fold_in(key, time))
            state, outcome = env.step(step_key, state, jax.random.randint(action_key, (), 0, env.num_actions))
            return state, outcome.terminated | outcome.truncated, total + outcome.reward, time + 1

        start = env.reset(first_key)[0], jnp.array(False), jnp.zeros(()), jnp.zeros((), jnp.int32)
        return jax.lax.while_loop(unfinished, step, start)[2]

    return np.asarray(jax.jit(jax.vmap(play))(jax.random.split(make_key(0), num_episodes)), np.float64)


def on_host(name, num_episodes):
    envs = HostEnvironments(name, num_episodes, [0])
    draw = np.random.default_rng(0)
    envs.reset([0])
    returns, ended = np.zeros(num_episodes), np.zeros(num_episodes, bool)
    while not ended.all():
        _, outcome = envs.step(draw.integers(envs.spec.num_actions, size=num_episodes, dtype=np.int32))
        returns += np.where(ended, 0.0, outcome.reward)
        ended |= outcome.terminated | outcome.truncated
    envs.close()
    return returns


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environments", nargs="*", default=list(REFERENCES))
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results") / "random_play.csv")
    arguments = parser.parse_args()
    with arguments.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["env", "episodes", "mean_return", "standard_error"])
        for name in arguments.environments:
            num_episodes = EPISODES_OF_A_SIMULATOR if name.startswith("dmc/") else EPISODES
            returns = (on_device if registry.is_on_device(name) else on_host)(name, num_episodes)
            error = returns.std(ddof=1) / num_episodes**0.5
            writer.writerow([name, num_episodes, f"{returns.mean():.4g}", f"{error:.2g}"])
            print(name, returns.mean(), error, flush=True)


if __name__ == "__main__":
    main()
