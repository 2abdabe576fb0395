"""What learns in a run of a team, whatever the method: pure functions of one seed."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Integer

from accumbens.teams.policies import TeamPolicy


class SeedState(NamedTuple):
    """Where one seed stands.

    Attributes:
        networks: what was learned.
        memory: of the optimiser, and of what else the method keeps.
        losses: sums since the last evaluation, by name.
    """

    networks: Any
    memory: Any
    losses: Mapping[str, Float[Array, ""]]


class Learner(NamedTuple):
    """A method, in an environment.

    Attributes:
        init: `init(seed) -> SeedState`.
        update: `update(state, data, seed, update) -> SeedState`: one update, the one of that number.
        measure: `measure(state, data, seed, update) -> numbers by name`: what is recorded with an evaluation.
        losses: names of the losses.
        measures: names of what is measured.
        policy: how the team plays.
        params: `params(networks, target) -> what the policy is given`, where the target is the return that is asked
            for; it has no effect on policies that are told none.
        before: updates before the team itself learns.
    """

    init: Callable[[Integer[Array, ""]], SeedState]
    update: Callable[[SeedState, Any, Integer[Array, ""], Int[Array, ""]], SeedState]
    measure: Callable[[SeedState, Any, Integer[Array, ""], Int[Array, ""]], dict[str, Float[Array, ""]]]
    losses: tuple[str, ...]
    measures: tuple[str, ...]
    policy: TeamPolicy
    params: Callable[[Any, float], Any]
    before: int = 0


def no_losses(names: tuple[str, ...]) -> dict[str, Float[Array, ""]]:
    """Return sums of nothing."""
    return {name: jnp.zeros(()) for name in names}


def added(sums: Mapping[str, Float[Array, ""]], losses: Mapping[str, Float[Array, ""]]) -> dict[str, Float[Array, ""]]:
    """Return sums with the losses of an update added; what an update does not have counts 0."""
    return {name: total + losses[name] if name in losses else total for name, total in sums.items()}
