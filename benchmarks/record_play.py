"""Record trained play for the oracle tests: the actions of a trained agent in each MinAtar game.

    uv run accumbens experiment ad-minatar --only '*/ad_pqn/local'
    uv run python benchmarks/record_play.py

Writes `tests/oracle/play/<game>.npz` with `key` (the seed) and `actions` (uint8, one per step). The game is reset with
`key(seed)`, and step t gets `fold_in(key(seed), t)`, as the test harness replays it; the agent acts greedily. The play
that is committed came from runs of one seed and 5 M steps of an earlier commit.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.agents.protocol import reset_memory
from accumbens.envs import registry
from accumbens.envs.wrappers import auto_reset
from accumbens.generator import make_key
from accumbens.training.kind import AGENTS
from accumbens.training.trainer import Trainer

GAMES = ("breakout", "freeway", "asterix", "space_invaders", "seaquest")
PLAY = Path(__file__).parents[1] / "tests" / "oracle" / "play"


def record(run_path: Path, seed: int, num_steps: int) -> np.ndarray:
    """Return the actions of the run's newest checkpoint over `num_steps` steps."""
    run, config = AGENTS.open(run_path)
    trainer = Trainer(config)
    state = trainer.restore(run, print)
    env, agent, key = registry.make(config.env), trainer.agent, make_key(seed)
    trained = jax.tree.map(lambda leaf: leaf[0], agent.network(state.seeds.agent))

    def step(running, t):
        memory, env_state, observation = running
        decision = agent.act(trained, memory, observation[None], 0.0, key)
        env_state, observation, outcome = auto_reset(env, jax.random.fold_in(key, t), env_state, decision.action[0])
        ended = (outcome.terminated | outcome.truncated)[None]
        return (reset_memory(decision.memory, ended), env_state, observation), decision.action[0]

    @jax.jit
    def play():
        env_state, observation = env.reset(key)
        return jax.lax.scan(step, (agent.init_memory(1), env_state, observation), jnp.arange(num_steps))[1]

    return np.asarray(play(), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/experiments/ad-minatar-desk/minatar"))
    parser.add_argument("--name", default="ad_pqn/local", help="the run of each game, below its folder")
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    PLAY.mkdir(exist_ok=True)
    for game in GAMES:
        run = arguments.runs / game / arguments.name
        if not run.is_dir():
            print(f"{game}: no run at {run}, skipped")
            continue
        actions = record(run, arguments.seed, arguments.steps)
        np.savez_compressed(PLAY / f"{game}.npz", actions=actions, key=np.uint32(arguments.seed))
        print(f"{game}: {len(actions)} actions recorded")


if __name__ == "__main__":
    main()
