"""Play our MinAtar games against the original ones: same actions, same chance, every state compared.

Our environment plays on its own, inside one `lax.scan`. The original then gets the executed actions, and from its
random generator the very values that chance decided in ours; it follows its own evolution from an episode's beginning
to its end. A game adds a `Correspondence`: how our state reads as the original's attributes, and how our draws answer
the original's calls.
"""

from collections.abc import Callable
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.envs.minatar.common import Chance, Game, StickyState, draw_chance, make
from accumbens.envs.protocol import Step

CONSTANTS = {"channels", "action_map", "random", "ramping", "terminal"}
RECORDED_PLAY = Path(__file__).parent / "play"


class Dictated:
    """Stands in for the original's random generator and returns given answers in the order of the calls.

    A callable answer is called with the call's arguments.
    """

    def __init__(self):
        self.answers: list[Any] = []

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        assert self.answers, "the original asked for a random number that our game does not draw"
        answer = self.answers.pop(0)
        return answer(*args, **kwargs) if callable(answer) else answer

    rand = randint = choice = answer


def own_attributes(original: Any) -> dict[str, Any]:
    """All that changes in an instance of the original, save `terminal`, which the harness compares itself."""
    return {name: value for name, value in vars(original).items() if name not in CONSTANTS}


class Correspondence(NamedTuple):
    """What the harness must know of a game.

    Attributes:
        game: ours.
        attributes: `attributes(state)`: our state, leaves NumPy arrays without a batch, as a dictionary with the names
            and values of *all* the original's attributes that change (see `own_attributes`).
        answers: `answers(draws, original)`: what the original's calls of its random generator return, in the order of
            the calls, in the next step from where `original` stands, or in its `reset`. Answers that are not asked for
            are ignored; a callable answer gets the call's arguments.
        player: `player(state, key) -> action`: jax code that plays well enough to reach deep states.
        original_attributes: reads the original, where its own attributes need a canonical order first.
        options: keyword arguments of the original's constructor.
    """

    game: Game
    attributes: Callable[[Any], dict[str, Any]]
    answers: Callable[[Any, Any], list[Any]]
    player: Callable[[Any, jax.Array], jax.Array]
    original_attributes: Callable[[Any], dict[str, Any]] = own_attributes
    options: dict[str, Any] = {"ramping": True}  # noqa: RUF012


class Play(NamedTuple):
    """A recording of ours; every leaf is a NumPy array whose first axis is time.

    Attributes:
        first: state that the first step starts from.
        first_chance: the chance of the reset that made it.
        state: the state after each step, before any reset.
        step: the outcome of each step.
        chance: what chance decided in each step.
        restart: the state after each step, after a reset where the episode ended.
        restart_chance: the chance of that reset.
    """

    first: StickyState
    first_chance: Chance
    state: StickyState
    step: Step
    chance: Chance
    restart: StickyState
    restart_chance: Chance


def look_ahead(game: Game, depth: int) -> Callable[[Any, jax.Array], jax.Array]:
    """A player for any game that tries all plans of `depth` actions, and survives before it earns.

    A first action counts by the best plan it begins and the average one, for an action may stick. The player foresees
    the rules but not chance. Ties are broken at random.
    """
    plans = jnp.array(list(product(range(game.num_actions), repeat=depth)))

    def worth(state: Any, plan: jax.Array, draws: Any) -> jax.Array:
        total, alive = jnp.float32(0), jnp.bool_(True)
        for action in plan:
            state, reward, terminated = game.advance(state, action, draws)
            total, alive = total + alive * (reward - 100.0 * terminated), alive & ~terminated
        return total

    def player(state: Any, key: jax.Array) -> jax.Array:
        chance_key, tie_key = jax.random.split(key)
        worths = jax.vmap(worth, (None, 0, None))(state, plans, draw_chance(game, chance_key).draws)
        worths = worths.reshape(game.num_actions, -1)
        ties = jax.random.uniform(tie_key, (game.num_actions,), maxval=0.1)
        return jnp.argmax(worths.max(axis=1) + worths.mean(axis=1) + ties)

    return player


def play(game: Game, choose: Callable, seed: int, num_steps: int, options: dict[str, Any] | None = None) -> Play:
    """Play our environment; `choose(t, state, key) -> action`; `options` are the compiler's.

    `env.reset` gets `key(seed)` and step t is `auto_reset(env, fold_in(key(seed), t), …)`: recordings rely on it.
    """
    env = make(game)
    key = jax.random.key(seed)

    def advance(state: StickyState, t: jax.Array):
        step_key, reset_key = jax.random.split(jax.random.fold_in(key, t))
        action = choose(t, state.game, jax.random.fold_in(step_key, 0))
        following, step = env.step(step_key, state, action)
        first, _ = env.reset(reset_key)
        ended = step.terminated | step.truncated
        restart = jax.tree.map(lambda new, old: jnp.where(ended, new, old), first, following)
        return restart, (following, step, draw_chance(game, step_key), restart, draw_chance(game, reset_key))

    def record() -> Play:
        first, _ = env.reset(key)
        _, history = jax.lax.scan(advance, first, jnp.arange(num_steps))
        return Play(first, draw_chance(game, key), *history)

    return jax.tree.map(np.asarray, jax.jit(record, compiler_options=options)())


def play_at_random(game: Game, seed: int, num_steps: int) -> Play:
    """Uniformly random actions."""
    return play(game, lambda t, state, key: jax.random.randint(key, (), 0, game.num_actions), seed, num_steps)


def play_well(correspondence: Correspondence, seed: int, num_steps: int) -> Play:
    """The scripted player's game. It tries so much in each step that a program with all optimisations is worth it."""
    options = {"xla_backend_optimization_level": 3, "xla_llvm_disable_expensive_passes": False}
    return play(correspondence.game, lambda t, state, key: correspondence.player(state, key), seed, num_steps, options)


def play_trained(correspondence: Correspondence) -> Play:
    """A trained agent's game: the actions that `benchmarks/record_play.py` wrote to `play/<game>.npz`."""
    with np.load(RECORDED_PLAY / f"{correspondence.game.name}.npz") as recording:
        actions, seed = jnp.asarray(recording["actions"], jnp.int32), int(recording["key"])
    return play(correspondence.game, lambda t, state, key: actions[t], seed, len(actions))


def at(tree: Any, t: int) -> Any:
    """One instant of a recording."""
    return jax.tree.map(lambda leaf: leaf[t], tree)


def assert_same(ours: dict[str, Any], theirs: dict[str, Any], t: int) -> None:
    """Same names, and equal values."""
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        same = np.array_equal(ours[name], value) if isinstance(value, np.ndarray) else ours[name] == value
        assert same, f"at {t}: {name} is {ours[name]} in ours, {value} in the original"


def assert_steps_follow(correspondence: Correspondence, states: Any, key: jax.Array) -> Step:
    """Put each of a batch of game states, reachable or not, into the original, and compare one random action's step."""
    game, attributes, answers, _, original_attributes, options = correspondence
    batch = len(jax.tree.leaves(states)[0])

    def advance(state: Any, key: jax.Array):
        chance_key, action_key = jax.random.split(key)
        draws, action = draw_chance(game, chance_key).draws, jax.random.randint(action_key, (), 0, game.num_actions)
        following, reward, terminated = game.advance(state, action, draws)
        return draws, action, following, Step(game.observe(following), reward, terminated, jnp.bool_(False))

    stepped = jax.jit(jax.vmap(advance))(states, jax.random.split(key, batch))
    states, draws, action, following, step = jax.tree.map(np.asarray, (states, *stepped))
    original = import_module(f"minatar.environments.{game.name}").Env(**options)
    dictated = original.random = Dictated()
    for i in range(batch):
        vars(original).update(attributes(at(states, i)), terminal=False)
        dictated.answers = answers(at(draws, i), original)
        outcome = original.act(original.minimal_action_set()[action[i]])
        assert_same(attributes(at(following, i)), original_attributes(original), i)
        np.testing.assert_array_equal(step.observation[i], original.state(), err_msg=f"state {i}: observation")
        assert (step.reward[i], step.terminated[i]) == outcome, f"state {i}: reward, terminated"
    return step


def assert_follows(correspondence: Correspondence, recording: Play) -> int:
    """Replay a recording in the original and compare everything after every step; returns the number of episodes."""
    game, attributes, answers, _, original_attributes, options = correspondence
    module = import_module(f"minatar.environments.{game.name}")
    original = module.Env(**options)
    actions = original.minimal_action_set()
    assert game.num_actions == len(actions)
    dictated = original.random = Dictated()

    def reset(state: StickyState, chance: Chance, t: int) -> None:
        dictated.answers = answers(chance.draws, original)
        original.reset()
        assert_same(attributes(state.game), original_attributes(original), t)

    reset(recording.first, recording.first_chance, 0)
    num_episodes = 0
    for t in range(len(recording.step.reward)):
        state, step = at(recording.state, t), at(recording.step, t)
        dictated.answers = answers(at(recording.chance.draws, t), original)
        reward, terminal = original.act(actions[state.last_action])
        assert_same(attributes(state.game), original_attributes(original), t)
        np.testing.assert_array_equal(step.observation, original.state(), err_msg=f"step {t}: observation")
        assert step.observation.dtype == bool
        assert step.reward == reward, f"step {t}: reward"
        assert step.terminated == terminal, f"step {t}: terminated"
        assert not step.truncated
        if terminal:
            num_episodes += 1
            reset(at(recording.restart, t), at(recording.restart_chance, t), t)
    return num_episodes
