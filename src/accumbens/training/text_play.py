"""An episode of a trained language agent, token by token: what it could do, did, and what every token is told."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from accumbens.agents.token_policy import Networks, act, chances, first_value, state_values
from accumbens.agents.token_ppo import rule_and_decay
from accumbens.agents.token_settings import TokenSettings
from accumbens.envs.text.copies import TextCopies
from accumbens.generator import make_key
from accumbens.language import Choices
from accumbens.language.choices import Sizes, padded, sizes_of
from accumbens.language.tokenizer import END
from accumbens.td.tokens import Steps, credit
from accumbens.training.text_agent import ActingLanguageAgent
from accumbens.training.text_learner import make_copies


class Move(NamedTuple):
    """One step of an episode.

    Attributes:
        observation: what was acted on.
        options: the admissible actions.
        probabilities: of each; none where one writes freely.
        action: what was chosen or written.
        probability: of it, in the agent's policy.
        admissible: whether it was one of the options.
        random: whether it was drawn at random instead of by the policy.
        tokens: of the action, as texts.
        values: before each of them.
        reward: of the environment, less the penalty if there was one.
        terminated: the episode reached a terminal state.
        truncated: the episode was cut.
        reached: what was told next.
        beyond: value of the first token after that; 0 where it is not needed, as the next move has it.
    """

    observation: str
    options: tuple[str, ...]
    probabilities: tuple[float, ...]
    action: str
    probability: float
    admissible: bool
    random: bool
    tokens: tuple[str, ...]
    values: Float[np.ndarray, " tokens"]
    reward: float
    terminated: bool
    truncated: bool
    reached: str
    beyond: float


class Told(NamedTuple):
    """What the tokens of one move are told.

    Attributes:
        values: before each; at the level of actions the state's for all.
        errors: TD errors δ.
        advantages: those of the rule, with its traces.
    """

    values: Float[np.ndarray, " tokens"]
    errors: Float[np.ndarray, " tokens"]
    advantages: Float[np.ndarray, " tokens"]


def play(agent: ActingLanguageAgent, episode_seed: int, epsilon: float, max_steps: int) -> Generator[Move, None, None]:
    """Play one episode, greedily; freely writing, the most likely token each time.

    Args:
        agent: plays.
        episode_seed: of the environment, and of what is drawn.
        epsilon: probability of an admissible action that is drawn at random instead.
        max_steps: after which the episode is left.

    Raises:
        AccumbensError: the environment cannot be made, or a prompt does not fit the model's context.
    """
    mind, random = _Mind(agent), np.random.default_rng(episode_seed)
    copies = make_copies(agent.config.env, agent.language.settings, 1, episode_seed)
    try:
        for number in range(1, max_steps + 1):
            drawn = bool(random.random() < epsilon)
            action = random.choice(len(copies.admissible[0])) if drawn else None
            move = _step(mind, copies, action, last=number == max_steps)
            yield move
            if move.terminated or move.truncated:
                return
    finally:
        copies.close()


def told(settings: TokenSettings, moves: Sequence[Move]) -> list[Told]:
    """Return what the tokens of an episode are told, by the rule of its agent.

    A TD error is what the rule's advantage is without traces (λ = 0). The values are the critic's, also where an agent
    learns from a second one that follows it.
    """
    (rule, decay), lengths = rule_and_decay(settings), [len(move.values) for move in moves]
    values = jnp.asarray([np.pad(move.values, (0, max(lengths) - len(move.values))) for move in moves])
    steps = Steps(
        jnp.asarray(lengths), *(jnp.asarray([getattr(move, name) for move in moves]) for name in Steps._fields[1:])
    )
    if rule.level == "action":
        values = jnp.broadcast_to(values[:, :1], values.shape)
    without = decay._replace(trace=0.0, inner_trace=0.0)
    found = values, *(credit(rule, values, steps, one).advantages for one in (without, decay))
    rows = zip(*map(np.asarray, found), lengths, strict=True)
    return [Told(*(part[:length] for part in row)) for *row, length in rows]


class _Mind:
    """What an agent makes of a state; compiled for every size of prompts and actions."""

    def __init__(self, agent: ActingLanguageAgent):
        self.language, self._networks = agent.language, agent.networks
        settings = self.language.settings
        # An admissible action that is drawn at random is no text that was written freely.
        self._choosing = self.language._replace(settings=replace(settings, policy="tokens"))
        end = self.language.tokenizer.end

        def weighed(networks: Networks, choices: Choices) -> tuple[Array, Array]:
            return chances(settings, networks.policy, choices), state_values(networks, choices)

        def written(networks: Networks, choices: Choices) -> tuple[Array, Array]:
            acted = act(settings, end, networks, choices, make_key(0), jnp.asarray(True))
            return acted.written, acted.length

        self._weigh, self._write, self._value = jax.jit(weighed), jax.jit(written), jax.jit(first_value)

    def choices(self, observation: str, admissible: Sequence[str]) -> Choices:
        """Return prompt and actions as tokens."""
        return self._padded(self._choosing.choices(observation, admissible))

    def weigh(self, choices: Choices) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-probabilities of actions, and the values before their tokens."""
        found = self._weigh(self._networks, choices)
        return np.asarray(found[0]), np.asarray(found[1])

    def write(self, observation: str) -> Choices:
        """Return what is written, as the only choice."""
        choices = self.choices(observation, ())
        tokens, length = self._write(self._networks, choices)
        written = np.asarray(tokens)[None], np.asarray(length)[None], np.ones(1, np.int32)
        return self._padded(Choices(choices.prompt, choices.prompt_length, *written))

    def value(self, observation: str) -> float:
        """Return the value of a state."""
        return float(self._value(self._networks, self.choices(observation, ())))

    def _padded(self, choices: Choices) -> Choices:
        return padded(choices, Sizes(*map(max, zip(sizes_of(choices), self.language.least, strict=True))))


def _step(mind: _Mind, copies: TextCopies, random: int | None, last: bool) -> Move:
    """Act once.

    Args:
        mind: acts.
        copies: the environment, of which there is one.
        random: the number of an action that was drawn at random; None for what the policy does.
        last: nothing is done after it.
    """
    language, observation, options = mind.language, copies.observations[0], copies.admissible[0]
    free, number = language.settings.policy == "free", 0
    if not free:
        choices = mind.choices(observation, options)
    elif random is None:
        choices = mind.write(observation)
    else:
        choices = mind.choices(observation, [options[random]])
    weights, values = mind.weigh(choices)
    if not free:
        number = int(np.argmax(weights)) if random is None else random
    ids = np.asarray(choices.actions)[number, : choices.lengths[number]].tolist()
    action = language.text(ids) if free else options[number]
    answer = copies.step([action])
    terminated, truncated = bool(answer.terminated[0]), bool(answer.truncated[0])
    reached = answer.observation[0]
    return Move(
        observation,
        options,
        () if free else tuple(np.exp(weights[: len(options)]).tolist()),
        action,
        float(np.exp(weights[number])),
        " ".join(action.split()) in options,
        random is not None,
        tuple(END if token == language.tokenizer.end else language.tokenizer.decode([token]) for token in ids),
        values[number, : len(ids)],
        float(answer.reward[0]),
        terminated,
        truncated,
        reached,
        mind.value(reached) if truncated or (last and not terminated) else 0.0,
    )
