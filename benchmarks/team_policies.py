"""Policies written by hand for Fill-In and Equal Space, to know what returns are worth.

A `local` policy acts on what its agent sees alone, and remembers nothing. A `central` one knows the whole state and
chooses for all agents. Neither is optimal.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.envs.teams.equal_space import PUSHES, TARGET
from accumbens.envs.teams.fill_in import MOVES
from accumbens.envs.teams.protocol import Seen, State, TeamEnvironment

Policy = Callable[[TeamEnvironment, State, Seen, jax.Array], jax.Array]

# Of the 3 × 3 cells, row by row: those to the north, east, south and west, and the corners beside each of these.
_SIDES = np.array([1, 5, 7, 3])
_CORNERS = np.array([[0, 2], [2, 8], [6, 8], [0, 6]])


def random_legal(env: TeamEnvironment, state: State, seen: Seen, key: jax.Array) -> jax.Array:
    """Choose evenly among the legal actions."""
    return jax.random.categorical(key, jnp.where(seen.legal, 0.0, -jnp.inf)).astype(jnp.int32)


def local_fill_in(env: TeamEnvironment, state: State, seen: Seen, key: jax.Array) -> jax.Array:
    """Enter an empty cell beside the own, rather one with filled corners; if there is none, go where a corner is empty.

    Where nothing empty is seen, go anywhere on the grid.
    """
    window = seen.observation[:, 2:].reshape(-1, 2, 9)
    filled, outside = window[:, 0] > 0, window[:, 1] > 0
    empty = ~filled & ~outside
    corners = empty[:, _CORNERS].sum(-1)
    beside = empty[:, _SIDES]
    score = jnp.where(beside, 10.0 - corners, corners) - 100.0 * outside[:, _SIDES]
    return jnp.argmax(score + 0.5 * jax.random.uniform(key, score.shape), axis=1).astype(jnp.int32)


def central_fill_in(env: TeamEnvironment, state: State, seen: Seen, key: jax.Array) -> jax.Array:
    """One agent after the other, go to the nearest empty cell that no earlier one goes to, rather a hemmed-in one."""
    size = len(state.filled_by)
    cells = jnp.stack(jnp.meshgrid(jnp.arange(size), jnp.arange(size), indexing="ij"), axis=-1).reshape(-1, 2)
    empty = (state.filled_by == 0).ravel()
    apart = jnp.abs(cells[:, None] - cells).sum(-1)
    actions = []
    for index in range(len(state.positions)):
        neighbours = ((apart == 1) & empty).sum(1)
        far = jnp.abs(cells - state.positions[index]).sum(-1)
        cost = jnp.where(empty, 10.0 * far + neighbours, jnp.inf)
        target = cells[jnp.argmin(cost)]
        empty &= apart[jnp.argmin(cost)] > 0
        after = jnp.clip(state.positions[index] + jnp.asarray(MOVES), 0, size - 1)
        # On the way, through an empty cell if there is one.
        left = jnp.abs(after - target).sum(-1).astype(jnp.float32)
        stands = state.filled_by[after[:, 0], after[:, 1]] > 0
        actions.append(jnp.argmin(left + 0.5 * stands))
    return jnp.stack(actions).astype(jnp.int32)


def local_equal_space(env: TeamEnvironment, state: State, seen: Seen, key: jax.Array) -> jax.Array:
    """Push so that the nearest other comes to the target's distance, and brake."""
    velocity, towards = seen.observation[:, 2:4], seen.observation[:, 4:6]
    distance = jnp.linalg.norm(towards, axis=1, keepdims=True)
    wish = 4.0 * (distance - TARGET) * towards / jnp.maximum(distance, 1e-6) - 1.0 * velocity
    gain = wish @ PUSHES.T  # none gains 0
    return jnp.argmax(gain - 0.25 * (PUSHES**2).sum(1), axis=1).astype(jnp.int32)


def central_equal_space(env: TeamEnvironment, state: State, seen: Seen, key: jax.Array) -> jax.Array:
    """Of all that the team can do in a step, what pays most in that step and two more without pushing."""
    agents, actions = len(env.facts.agents), env.facts.num_actions
    choices = jnp.stack(jnp.meshgrid(*[jnp.arange(actions)] * agents, indexing="ij"), axis=-1).reshape(-1, agents)
    none = jnp.full(agents, actions - 1)

    def worth(choice: jax.Array) -> jax.Array:
        following, outcome = env.step(key, state, choice)
        total = outcome.rewards.mean()
        for _ in range(2):
            following, outcome = env.step(key, following, none)
            total += outcome.rewards.mean()
        return total

    return choices[jnp.argmax(jax.vmap(worth)(choices))].astype(jnp.int32)


POLICIES: dict[str, dict[str, Policy]] = {
    "team/fill-in": {"random": random_legal, "local": local_fill_in, "central": central_fill_in},
    "team/equal-space": {"random": random_legal, "local": local_equal_space, "central": central_equal_space},
}
"""By the beginning of an environment's name."""


def policies_of(name: str) -> dict[str, Policy]:
    """Return the policies that there are for an environment; random play for any."""
    found = [policies for start, policies in POLICIES.items() if name.startswith(start)]
    return found[0] if found else {"random": random_legal}
