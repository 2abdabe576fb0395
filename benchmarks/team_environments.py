"""Measure the environments of several agents: how fast they are, and what random and hand-written play returns.

Speed: many copies under `jax.vmap`, with automatic resets and random actions, inside one compiled `lax.scan`; a step is
one of the whole team. Returns: sums of an episode's rewards, mean over agents, each episode from a seed of its own.

Usage: `python benchmarks/team_environments.py`, on one core: `taskset -c 0 python benchmarks/team_environments.py`
"""

import os
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from environment_speed import measure
from team_policies import Policy, policies_of, random_legal

from accumbens.envs.teams.protocol import TeamEnvironment
from accumbens.envs.teams.registry import make_team
from accumbens.envs.teams.wrappers import auto_reset_team
from accumbens.generator import make_key
from accumbens.runs.tables import write_table

RESULTS = Path(__file__).parent / "results"
OURS = ("team/fill-in-2", "team/fill-in-4", "team/equal-space-3")


def random_rollout(env: TeamEnvironment, num_envs: int, num_steps: int, key: jax.Array):
    """Play at random; return the last states, what is seen, and the rewards' sum, so that none is optimised away."""
    states, seen = jax.vmap(env.reset)(jax.random.split(key, num_envs))

    def step(running, t):
        states, seen, total = running
        action_key, step_key = jax.random.split(jax.random.fold_in(key, t))
        if env.facts.masks:
            actions = random_legal(env, states, seen, action_key)
        else:
            actions = jax.random.randint(action_key, (num_envs, len(env.facts.agents)), 0, env.facts.num_actions)
        keys = jax.random.split(step_key, num_envs)
        states, seen, outcome = jax.vmap(partial(auto_reset_team, env))(keys, states, actions)
        return (states, seen, total + outcome.rewards.sum()), None

    return jax.lax.scan(step, (states, seen, jnp.float32(0)), jnp.arange(num_steps))[0]


def returns(env: TeamEnvironment, policy: Policy, episodes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Play episodes; return each one's return, length, and whether it terminated."""

    def episode(key):
        first = env.reset(key)

        def step(running, t):
            state, seen, over = running
            action_key, step_key = jax.random.split(jax.random.fold_in(key, t))
            state, outcome = env.step(step_key, state, policy(env, state, seen, action_key))
            told = (outcome.rewards.mean() * ~over, ~over, outcome.terminated & ~over)
            return (state, outcome.seen, over | outcome.terminated | outcome.truncated), told

        _, told = jax.lax.scan(step, (*first, jnp.zeros((), bool)), jnp.arange(env.facts.max_episode_steps))
        return told[0].sum(), told[1].sum(), told[2].any()

    played = jax.jit(jax.vmap(episode))(jax.random.split(make_key(0), episodes))
    paid, lengths, terminated = map(np.asarray, played)
    return paid, lengths, terminated


def main(
    envs: tuple[str, ...] = OURS,
    num_envs: int = 512,
    num_steps: int = 1_000,
    repeats: int = 7,
    episodes: int = 4_096,
    write: bool = True,
) -> None:
    """Print two tables and write them to `results/team_speed.csv` and `results/team_returns.csv` beside this file.

    Args:
        envs: names of environments of several agents on the device.
        num_envs: copies that run side by side.
        num_steps: steps of every copy in one repeat.
        repeats: how often each is timed; the median counts.
        episodes: how many each policy plays.
        write: without it, the tables are only printed.
    """
    speeds, worths = [], []
    for name in envs:
        env = make_team(name)
        if not isinstance(env, TeamEnvironment):
            raise SystemExit(f"{name} runs on the host")
        begin = time.process_time()
        rollout = jax.jit(partial(random_rollout, env, num_envs, num_steps)).lower(make_key(0)).compile()
        compile_seconds = time.process_time() - begin
        keys = jax.random.split(make_key(0), repeats)
        speed = measure(
            lambda repeat, run=rollout, keys=keys: jax.block_until_ready(run(keys[repeat])),
            num_envs * num_steps,
            repeats,
        )
        speeds.append(
            {
                "environment": name,
                "agents": len(env.facts.agents),
                "num_envs": num_envs,
                "median_steps_per_second": round(speed.median),
                "best_steps_per_second": round(speed.best),
                "steps_per_cpu_second": round(speed.per_core),
                "compile_cpu_seconds": round(compile_seconds, 2),
                "repeats": repeats,
                "device": jax.devices()[0].device_kind,
                "cores": len(os.sched_getaffinity(0)),
                "jax": jax.__version__,
            }
        )
        print(f"{name:24} {speed.median:11,.0f} steps/s (per CPU second {speed.per_core:,.0f})", flush=True)
        for kind, policy in policies_of(name).items():
            paid, lengths, terminated = returns(env, policy, episodes)
            worths.append(
                {
                    "environment": name,
                    "policy": kind,
                    "episodes": episodes,
                    "mean_return": round(float(paid.mean()), 3),
                    "standard_error": round(float(paid.std(ddof=1) / np.sqrt(episodes)), 3),
                    "best_return": round(float(paid.max()), 3),
                    "mean_length": round(float(lengths.mean()), 2),
                    "terminated": round(float(terminated.mean()), 3),
                }
            )
            print("  " + "  ".join(f"{key} {value}" for key, value in worths[-1].items() if key != "environment"))
    for name, rows in (("team_speed", speeds), ("team_returns", worths)) if write else ():
        write_table(RESULTS / f"{name}.csv", rows)


if __name__ == "__main__":
    tyro.cli(main)
