"""Battles (SMAX) and particle worlds (MPE) of JaxMARL as environments of several agents; they need the extra `jaxmarl`.

Both of JaxMARL's end one step late (after 101 steps where 100 are asked for, and 26 where 25), and say "done" alone.
Here an episode has at most as many steps as the limit says, and its end is read from the state: a battle that is lost
or won has terminated, and everything else that ends has been truncated.

Reference: Rutherford et al. (2024), "JaxMARL: Multi-Agent RL Environments and Algorithms in JAX".
"""

import contextlib
import functools
import importlib
import importlib.util
import io
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from accumbens.envs.jax import strongly_typed
from accumbens.envs.teams.drawing import agent_colour, disc, paler
from accumbens.envs.teams.protocol import Seen, State, TeamEnvironment, TeamFacts, TeamStep
from accumbens.errors import AccumbensError, UnknownNameError

SMAX = {
    "3m": (3, 3),
    "2s3z": (5, 5),
    "8m": (8, 8),
    "3s5z": (8, 8),
    "5m_vs_6m": (5, 6),
    "3s5z_vs_3s6z": (8, 9),
    "3s_vs_5z": (3, 5),
    "6h_vs_8z": (6, 8),
}
"""Allies and enemies of the battles."""


class _World(NamedTuple):
    """A particle world: its id, and each agent's numbers and actions."""

    identifier: str
    agents: dict[str, tuple[int, int]]


MPE = {
    "simple_spread": _World("MPE_simple_spread_v3", {f"agent_{index}": (18, 5) for index in range(3)}),
    "simple_reference": _World("MPE_simple_reference_v3", {f"agent_{index}": (21, 50) for index in range(2)}),
    "simple_speaker_listener": _World("MPE_simple_speaker_listener_v4", {"speaker_0": (3, 3), "listener_0": (11, 5)}),
    "simple_tag": _World(
        "MPE_simple_tag_v3", {**{f"adversary_{index}": (16, 5) for index in range(3)}, "agent_0": (14, 5)}
    ),
}

_SMAX_STEPS, _MPE_STEPS = 100, 25
_MOVES = 5
_FIELD = 32.0
_UNIT, _SELF = 13, 10
"""Numbers by which a unit is seen, by others and by itself."""


def smax(scenario: str) -> TeamEnvironment:
    """Win a battle of StarCraft's kind against a heuristic that attacks whoever is closest.

    Actions are north, east, south, west, stop, and then one for shooting at each enemy, legal while it is in range. A
    unit that touches the border of the field dies, and such a move is legal. The dead can do nothing but stop. All
    allies get the same reward, the dead too: the share of the enemies' health that was lost in the step, and 1 more for
    killing the last of them while an ally lives. So a battle that is won returns 2, and one that is not at most 1.

    Episodes are terminated when all allies or all enemies are dead, and truncated after 100 steps.

    Args:
        scenario: such as `2s3z`.

    Raises:
        UnknownNameError: there is no such scenario.
        AccumbensError: the extra is not installed.
    """
    if scenario not in SMAX:
        raise UnknownNameError("scenario of SMAX", scenario, list(SMAX))
    name, (allies, enemies) = f"smax/{scenario}", SMAX[scenario]
    _require_installed(name)

    @functools.cache
    def make() -> Any:
        place = "jaxmarl.environments.smax.smax_env"
        units = _module(place).map_name_to_scenario(scenario)
        return _module("jaxmarl").make("HeuristicEnemySMAX", scenario=units, max_steps=_SMAX_STEPS)

    def legal_and_alive(game: Any, state: State) -> tuple[Bool[Array, "agents actions"], Bool[Array, " agents"]]:
        available = game.get_avail_actions(state)
        legal = jnp.stack([available[agent] for agent in game.agents]).astype(bool)
        return legal, state.state.unit_alive[:allies]

    def over(state: State) -> Bool[Array, ""]:
        alive = state.state.unit_alive
        return ~(alive[:allies].any() & alive[allies:].any())

    facts = TeamFacts(
        name=name,
        agents=tuple(f"ally_{index}" for index in range(allies)),
        observation_size=_UNIT * (allies + enemies - 1) + _SELF,
        num_actions=_MOVES + enemies,
        max_episode_steps=_SMAX_STEPS,
        masks=True,
        won=1.5,
    )
    env = _environment(facts, make, legal_and_alive, over, lambda state: state.state.step)
    return env._replace(board=functools.partial(smax_board, allies))


def mpe(world: str) -> TeamEnvironment:
    """Move, and in some worlds speak, among landmarks, with the rewards and observations of the particle worlds.

    An agent with fewer numbers to see, or fewer actions, than another sees zeros behind them, and may not choose the
    others' actions. Episodes are truncated after 25 steps and never terminated.

    Args:
        world: such as `simple_spread`.

    Raises:
        UnknownNameError: there is no such world.
        AccumbensError: the extra is not installed.
    """
    if world not in MPE:
        raise UnknownNameError("particle world", world, list(MPE))
    name, (identifier, agents) = f"mpe/{world}", MPE[world]
    _require_installed(name)
    sizes, actions = np.array(list(agents.values())).T
    legal = np.arange(actions.max()) < actions[:, None]
    alive = np.ones(len(agents), bool)

    @functools.cache
    def make() -> Any:
        return _module("jaxmarl").make(identifier, max_steps=_MPE_STEPS)

    facts = TeamFacts(
        name=name,
        agents=tuple(agents),
        observation_size=int(sizes.max()),
        num_actions=int(actions.max()),
        max_episode_steps=_MPE_STEPS,
        masks=bool(~legal.all()),
    )
    env = _environment(
        facts,
        make,
        lambda game, state: (jnp.asarray(legal), jnp.asarray(alive)),
        lambda state: jnp.zeros((), bool),
        lambda state: state.step,
    )
    return env._replace(board=functools.partial(mpe_board, len(agents)))


def smax_board(allies: int, state: State, side: int = 320) -> np.ndarray:
    """Draw the field: allies as discs in their colours, enemies in black, both the paler the less health they have.

    The dead are not drawn. A unit's health is seen relative to the healthiest unit of its type.

    Args:
        allies: how many of the units are.
        state: of one copy.
        side: pixels of the field's side, which is 32 long.
    """
    units = state.state
    picture = np.full((side, side, 3), 255, np.uint8)
    health, types, alive = np.asarray(units.unit_health), np.asarray(units.unit_types), np.asarray(units.unit_alive)
    for index, (x, y) in enumerate(np.asarray(units.unit_positions, np.float64) / _FIELD):
        if alive[index]:
            colour = agent_colour(index) if index < allies else np.array((30, 30, 30))
            share = 0.7 * (1 - float(health[index] / health[types == types[index]].max()))
            disc(picture, (x * side, (1 - y) * side), side / 50, paler(colour, share))
    return picture


def mpe_board(agents: int, state: State, side: int = 320) -> np.ndarray:
    """Draw the plane from -1.5 to 1.5: agents as discs in their colours, landmarks as smaller grey ones.

    Args:
        agents: how many of the entities are; the others are landmarks.
        state: of one copy.
        side: pixels of the picture's side.
    """
    picture = np.full((side, side, 3), 255, np.uint8)
    places = (np.asarray(state.p_pos, np.float64) + 1.5) / 3.0
    for index in reversed(range(len(places))):  # landmarks first, behind the agents
        colour, size = (agent_colour(index), 26) if index < agents else (np.array((138, 143, 153)), 40)
        disc(picture, (places[index, 0] * side, (1 - places[index, 1]) * side), side / size, colour)
    return picture


def _environment(
    facts: TeamFacts,
    make: Callable[[], Any],
    legal_and_alive: Callable[[Any, State], tuple[Bool[Array, "agents actions"], Bool[Array, " agents"]]],
    over: Callable[[State], Bool[Array, ""]],
    elapsed: Callable[[State], Int[Array, ""]],
) -> TeamEnvironment:
    """Wrap an environment of JaxMARL, whose own resets and time limit stay unused.

    It is made where it is first played: importing JaxMARL takes seconds, which who only asks for the facts need not
    wait for.
    """

    def game() -> Any:
        with jax.ensure_compile_time_eval():  # arrays that it made would outlive whatever is being traced
            return make()

    def see(observations: dict[str, Array], state: State) -> Seen:
        rows = [observations[agent].astype(jnp.float32) for agent in facts.agents]
        padded = [jnp.pad(row, (0, facts.observation_size - len(row))) for row in rows]
        return Seen(jnp.stack(padded), *legal_and_alive(game(), state))

    def reset(key: PRNGKeyArray) -> tuple[State, Seen]:
        observations, state = game().reset(key)
        state = strongly_typed(state)
        return state, see(observations, state)

    def step(key: PRNGKeyArray, state: State, actions: Int[Array, " agents"]) -> tuple[State, TeamStep]:
        chosen = dict(zip(facts.agents, actions, strict=True))
        observations, state, rewards, _, _ = game().step_env(key, state, chosen)
        state = strongly_typed(state)
        terminated = over(state)
        truncated = (elapsed(state) >= facts.max_episode_steps) & ~terminated
        paid = jnp.stack([rewards[agent].astype(jnp.float32) for agent in facts.agents])
        return state, TeamStep(see(observations, state), paid, terminated, truncated)

    return TeamEnvironment(facts, reset, step)


def _require_installed(name: str) -> None:
    if importlib.util.find_spec("jaxmarl") is None:
        raise AccumbensError(
            f"environment {name!r} needs JaxMARL, which is not installed. In a checkout run 'uv sync --extra jaxmarl', "
            """elsewhere 'pip install "accumbens[jaxmarl]"'."""
        )


def _module(name: str) -> ModuleType:
    """Import a module of JaxMARL without what it does to the standard streams (jaxmarl 0.2.0).

    It prints when it is imported, and points `sys.stdout` and `sys.stderr` at those that Python began with, which in
    notebooks are others than those in use. Streams and names are as they were afterwards.
    """
    began = sys.__stdout__
    # Entered with the streams that are in use, both put them back.
    with contextlib.redirect_stdout(io.StringIO()) as silent, contextlib.redirect_stderr(sys.stderr):
        sys.__stdout__ = silent  # pyright: ignore[reportAttributeAccessIssue]
        try:
            return importlib.import_module(name)
        finally:
            sys.__stdout__ = began  # pyright: ignore[reportAttributeAccessIssue]
