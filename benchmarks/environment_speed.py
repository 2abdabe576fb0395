"""Measure how many environment steps per second the environments on the device make, beside their originals.

Ours: many copies under `jax.vmap`, with automatic resets and random actions, inside one compiled `lax.scan` whose carry
holds the observations, so that none is optimised away. The original: MinAtar's or Gymnasium's, one instance in one
process, with random actions, observing after every step. Both are the median of several repeats.

Usage: `python benchmarks/environment_speed.py --envs minatar/breakout minatar/freeway --num-envs 512`
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import minatar
import numpy as np
import tyro

from accumbens.envs import registry
from accumbens.envs.protocol import Environment
from accumbens.envs.wrappers import auto_reset
from accumbens.generator import make_key
from accumbens.runs.tables import read_table, write_table

RESULTS = Path(__file__).parent / "results" / "environment_speed.csv"


def random_rollout(env: Environment, num_envs: int, num_steps: int, key: jax.Array):
    """Play at random; return the last states and observations, and the rewards' sum."""
    states, observations = jax.vmap(env.reset)(jax.random.split(key, num_envs))

    def step(running, t):
        states, observations, total = running
        action_key, step_key = jax.random.split(jax.random.fold_in(key, t))
        actions = jax.random.randint(action_key, (num_envs,), 0, env.num_actions)
        keys = jax.random.split(step_key, num_envs)
        states, observations, outcome = jax.vmap(partial(auto_reset, env))(keys, states, actions)
        return (states, observations, total + jnp.sum(outcome.reward)), None

    return jax.lax.scan(step, (states, observations, jnp.float32(0)), jnp.arange(num_steps))[0]


class Speed(NamedTuple):
    """Steps per second over several repeats.

    Attributes:
        median, best: by the clock on the wall; other programs slow them down.
        per_core: the best per second of CPU time, which other programs hardly touch.
    """

    median: float
    best: float
    per_core: float


def measure(play: Callable[[int], None], num_steps: int, repeats: int) -> Speed:
    """Time `play(repeat)`, which makes `num_steps` environment steps."""
    wall, cpu = [], []
    for repeat in range(repeats):
        begin_wall, begin_cpu = time.perf_counter(), time.process_time()
        play(repeat)
        wall.append(num_steps / (time.perf_counter() - begin_wall))
        cpu.append(num_steps / (time.process_time() - begin_cpu))
    return Speed(statistics.median(wall), max(wall), max(cpu))


def device_speed(env: Environment, num_envs: int, num_steps: int, repeats: int) -> tuple[Speed, float]:
    """Time our environment; also returns the CPU seconds it took to trace and compile."""
    begin = time.process_time()
    rollout = jax.jit(partial(random_rollout, env, num_envs, num_steps)).lower(make_key(0)).compile()
    compile_seconds = time.process_time() - begin
    keys = jax.random.split(make_key(0), repeats)
    return measure(
        lambda repeat: jax.block_until_ready(rollout(keys[repeat])), num_envs * num_steps, repeats
    ), compile_seconds


def original_step(name: str, seed: int = 0) -> Callable[[], None]:
    """Make the original environment; the result plays one step of it at random, and resets it where needed."""
    choose = np.random.default_rng(seed)
    if name.startswith("minatar/"):
        game = minatar.Environment(name.removeprefix("minatar/"))
        game.seed(seed)
        actions = game.minimal_action_set()

        def step() -> None:
            _, terminated = game.act(actions[choose.integers(len(actions))])
            if terminated:
                game.reset()
            game.state()

        return step

    env = gymnasium.make(name)
    env.reset(seed=seed)
    env.action_space.seed(seed)

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()

    return step


def original_speed(name: str, num_steps: int, repeats: int) -> Speed:
    """Time the original."""
    step = original_step(name)

    def play(_: int) -> None:
        for _ in range(num_steps):
            step()

    return measure(play, num_steps, repeats)


def originals() -> list[str]:
    """List the environments on the device that are MinAtar's or Gymnasium's."""
    names = registry.device_environments()
    return [name for name in names if name.startswith("minatar/") or name in gymnasium.registry]


def main(
    envs: tuple[str, ...] = (),
    num_envs: int = 512,
    num_steps: int = 1_000,
    original_steps: int = 5_000,
    repeats: int = 7,
) -> None:
    """Print a table and write it to `results/environment_speed.csv` beside this file, in the place of these rows.

    Args:
        envs: names of environments on the device that have an original; all of them if none is given.
        num_envs: copies that run side by side.
        num_steps: steps of every copy in one repeat.
        original_steps: steps of the original in one repeat.
        repeats: how often each is timed; the median counts.
    """
    before = read_table(RESULTS) if RESULTS.exists() else []
    rows: dict[str, Mapping[str, object]] = {row["environment"]: row for row in before}
    for name in envs or originals():
        ours, compile_seconds = device_speed(registry.make(name), num_envs, num_steps, repeats)
        original = original_speed(name, original_steps, repeats)
        rows[name] = {
            "environment": name,
            "num_envs": num_envs,
            "median_steps_per_second": round(ours.median),
            "best_steps_per_second": round(ours.best),
            "steps_per_cpu_second": round(ours.per_core),
            "compile_cpu_seconds": round(compile_seconds, 2),
            "original_median_steps_per_second": round(original.median),
            "original_best_steps_per_second": round(original.best),
            "original_steps_per_cpu_second": round(original.per_core),
            "ratio_of_medians": round(ours.median / original.median, 1),
            "ratio_per_cpu_second": round(ours.per_core / original.per_core, 1),
            "repeats": repeats,
            "device": jax.devices()[0].device_kind,
            "cores": os.cpu_count(),
            "jax": jax.__version__,
        }
        print(
            f"{name:24} {ours.median:11,.0f} steps/s (best {ours.best:,.0f}, per CPU second {ours.per_core:,.0f}); "
            f"original {original.median:7,.0f} (best {original.best:,.0f}); "
            f"ratio {ours.median / original.median:.1f}; compiled in {compile_seconds:.1f} s",
            flush=True,
        )
        write_table(RESULTS, list(rows.values()))


if __name__ == "__main__":
    tyro.cli(main)
