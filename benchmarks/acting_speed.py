"""Measure CPU time of acting alone, a step of one environment, beside an earlier build.

    uv run python benchmarks/acting_speed.py --builds 639f3bf=../at-639f3bf today=. [--envs minatar/breakout]

Every agent, untrained, acts ε-greedily on random boolean observations of the game's shape, for as many environments as
its preset has, without collecting what learning needs, and without the environment's own step. Each round is one
process per build on one core, and builds take turns. Writes `results/acting_speed.csv`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "acting_speed.csv"
STEPS = 256


def measure(env: str, algo: str, repeats: int) -> list[float]:
    """Return CPU microseconds a step of acting, once for each repeat."""
    import jax
    import jax.numpy as jnp

    from accumbens.training.config import resolve_config
    from accumbens.training.trainer import Trainer

    trainer = Trainer(resolve_config(env, algo))
    agent, state = trainer.agent, trainer.init()
    # The earliest build has no make_key.
    keys = jax.random.wrap_key_data(jnp.arange(2 * repeats + 4, dtype=jnp.uint32).reshape(-1, 2), impl="threefry2x32")
    seen = jax.random.bernoulli(keys[0], 0.1, (STEPS, *state.seeds.observation.shape[1:]))

    @jax.jit
    def act(network, memory, key):
        def step(memory, row):
            observation, key = row
            decision = agent.act(network, memory, observation, 0.01, key)
            return decision.memory, (decision.action, decision.values)

        return jax.lax.scan(step, memory, (seen, jax.random.split(key, STEPS)))

    network = jax.tree.map(lambda x: x[0], agent.network(state.seeds.agent))
    memory, times = agent.init_memory(agent.num_envs), []
    for repeat in range(repeats + 1):
        begin = time.process_time()
        memory, _ = jax.block_until_ready(act(network, memory, keys[1 + repeat]))
        if repeat:  # the first compiles
            times.append(1e6 * (time.process_time() - begin) / (STEPS * agent.num_envs))
    assert jnp.isfinite(jnp.concatenate([jnp.ravel(hidden) for hidden in memory.carry])).all()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--builds", nargs="+", default=["today=."], help="name=worktree")
    parser.add_argument("--envs", nargs="+", default=["minatar/breakout", "minatar/space_invaders"])
    parser.add_argument("--algos", nargs="+", default=["ad_pqn", "ad_ck_pqn", "arq_pqn", "pqn"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--child", nargs=2, metavar=("ENV", "ALGO"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(*arguments.child, arguments.repeats)))
        return
    # Not in a child, whose build may lack these or what they import.
    from time_to_score import child, parse_build

    from accumbens.runs.tables import write_table

    builds = [parse_build(text) for text in arguments.builds]
    rows = []
    for env in arguments.envs:
        for algo in arguments.algos:
            times: dict[str, list[float]] = {build.name: [] for build in builds}
            able = list(builds)
            for _ in range(arguments.rounds):
                for build in list(able):
                    words = ("--child", env, algo, "--repeats", str(arguments.repeats))
                    try:
                        found = child(build, arguments.core, *words, script=Path(__file__))
                    except subprocess.CalledProcessError:
                        able.remove(build)
                        print(f"left out: {build.name}, {env} {algo}: see above", flush=True)
                        continue
                    times[build.name].append(statistics.median(json.loads(found)))
            for build in builds:
                if times[build.name]:
                    us = {"us_best": min(times[build.name]), "us_median": statistics.median(times[build.name])}
                    row = {"build": build.name, "commit": build.commit, "env": env, "algo": algo}
                    rows.append(
                        row | {name: f"{value:.2f}" for name, value in us.items()} | {"rounds": arguments.rounds}
                    )
                    print(rows[-1], flush=True)
    write_table(RESULTS, rows)


if __name__ == "__main__":
    sys.exit(main())
