"""Episodes of the small team, made of random numbers: with deaths, masks, ends of both kinds."""

import numpy as np

from accumbens.teams.episodes import Episodes

from .conftest import ACTIONS, AGENTS, SIZE


def made_episodes(lengths, agents=AGENTS, size=SIZE, actions=ACTIONS, seed=0):
    """Return episodes of these lengths; the first two numbers that are seen are of the episode and of the step.

    What is done is legal; the last agent dies half-way through every other episode; behind the end is noise.
    """
    rng, count, steps = np.random.default_rng(seed), len(lengths), max(lengths)
    observation = rng.normal(size=(count, steps + 1, agents, size)).astype(np.float32)
    observation[..., 0] = np.arange(count)[:, None, None]
    observation[..., 1] = np.arange(steps + 1)[None, :, None]
    done = rng.integers(0, actions, (count, steps + 1, agents)).astype(np.int32)
    legal = rng.random((count, steps + 1, agents, actions)) < 0.6
    np.put_along_axis(legal, done[..., None], True, axis=-1)
    alive = np.ones((count, steps + 1, agents), bool)
    for episode in range(0, count, 2):
        alive[episode, (lengths[episode] + 1) // 2 :, -1] = False
    rewards = rng.normal(size=(count, steps, agents)).astype(np.float32)
    terminated = np.arange(count) % 3 != 0
    return Episodes(
        observation,
        legal,
        alive,
        done[:, :-1],
        rewards,
        np.array(lengths),
        terminated,
        ~terminated,
        np.arange(count),
    )
