"""Returns of long episodes, by programs that are compiled as for real runs; printed as JSON beside those in float64."""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "probe"))

from tables import environment, table

from accumbens.agents.factory import make_agent
from accumbens.agents.settings import ParallelSettings
from accumbens.training import evaluate
from accumbens.training.episodes import no_episodes, record

BLOCKS, STEPS = 10, 100_000
EVALUATED = 200_000


def training():
    """The running returns of three environments after a million steps in ten blocks, and those of NumPy."""
    rng = np.random.default_rng(0)
    columns = [np.full(STEPS, 0.1), rng.random(STEPS), rng.normal(size=STEPS) * 10.0 ** rng.integers(-4, 4, STEPS)]
    reward = np.stack(columns, axis=1).astype(np.float32)
    ended, episodes, block = jnp.zeros((STEPS, 3), bool), no_episodes(3), jax.jit(record)
    for _ in range(BLOCKS):
        episodes = block(episodes, reward, ended)
    assert (episodes.current_length == BLOCKS * STEPS).all()
    return episodes.current_return.tolist(), (BLOCKS * reward.astype(np.float64).sum(axis=0)).tolist()


def evaluation():
    """The return of one evaluation episode of 0.1 a step, and that of NumPy."""
    evaluate.LONGEST_EPISODE = EVALUATED
    env = environment(table([([1], (0.1, 0))]))
    settings = ParallelSettings(net_arch=(2,), cell="mlp", num_envs=1, rollout_length=1, num_minibatches=1)
    agent = make_agent(settings, env, 1, truncates=False)
    play = jax.jit(evaluate.make_device_evaluation(env, agent, 1))
    played = play(agent.init(jax.random.key(0)))
    assert played.lengths.tolist() == [[EVALUATED]]
    return played.returns.ravel().tolist(), [EVALUATED * float(np.float32(0.1))]


if __name__ == "__main__":
    ours, exact = zip(training(), evaluation(), strict=True)
    print(json.dumps([np.concatenate(each).tolist() for each in (ours, exact)]))
