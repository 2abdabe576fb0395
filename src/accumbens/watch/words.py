"""An episode in words: what is shown of its tokens, on which scale, and what stands above it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from accumbens.agents.token_ppo import rule_and_decay
from accumbens.agents.token_settings import TokenSettings
from accumbens.training.text_agent import ActingLanguageAgent
from accumbens.training.text_play import Move, Told, told

_LEAST_SURPRISE = 0.1
"""What is shaded in full, as a share of the largest value, if nothing larger was met."""


class Quantity(NamedTuple):
    """What can be shown of a token.

    Attributes:
        key: of it, in `Told`, and in the page.
        symbol: as formulas have it.
        name: in words.
        meaning: a sentence.
        signed: whether it is a difference, and 0 means as expected.
    """

    key: str
    symbol: str
    name: str
    meaning: str
    signed: bool = True


class Scale(NamedTuple):
    """How a quantity is written and shaded.

    Attributes:
        largest: amount, which is shaded in full; 0 where nothing is shaded.
        places: behind the point.
        signed: whether a plus is written.
    """

    largest: float
    places: int
    signed: bool

    def share(self, number: float) -> float:
        """Return how strong its shade is, from -1 to 1."""
        return float(number) / self.largest if self.largest else 0.0

    def text(self, number: float) -> str:
        """Return the number with its sign; 0 has none."""
        written = f"{abs(number):.{self.places}f}"
        if float(written) == 0.0:
            return written
        return ("−" if number < 0 else "+" if self.signed else "") + written


class WordsEpisode(NamedTuple):
    """An episode and what is said of it.

    Attributes:
        title: environment and preset.
        subtitle: which networks, and how they play.
        settings: of the agent.
        moves: the steps.
        told: what the tokens of each are told.
    """

    title: str
    subtitle: str
    settings: TokenSettings
    moves: Sequence[Move]
    told: Sequence[Told]

    @property
    def episode_return(self) -> float:
        """The sum of rewards."""
        return sum(move.reward for move in self.moves)

    @property
    def discounted_return(self) -> float:
        """The same, discounted once for every action."""
        return sum(self.settings.discount**time * move.reward for time, move in enumerate(self.moves))

    @property
    def ended(self) -> str:
        """How it ended; empty if it was left."""
        last = self.moves[-1]
        return "terminated" if last.terminated else "truncated" if last.truncated else ""

    def scale(self, quantity: Quantity) -> Scale:
        """Return the scale of a quantity, the same for the whole episode.

        What is small beside the values stays pale: where everything is expected, nothing looks like a surprise.
        """

        def most(key: str) -> float:
            return float(max(np.abs(getattr(one, key)).max() for one in self.told))

        largest = max(most(quantity.key), _LEAST_SURPRISE * most("values"))
        places = 2 if largest == 0 else min(max(2, 1 - math.floor(math.log10(largest))), 6)
        return Scale(largest, places, quantity.signed)

    def facts(self) -> dict[str, str]:
        """Return by what rule credit is given, and its numbers, by name."""
        settings, (rule, decay) = self.settings, rule_and_decay(self.settings)
        facts = {"rule": settings.rule, "discount γ": f"{decay.discount:g}"}
        if rule.level == "token":
            facts["γ_w inside an action"] = f"{decay.inner_discount:g}"
        facts["trace decay λ"] = f"{decay.trace:g}"
        if rule.level == "token":
            facts["λ_w inside an action"] = f"{decay.inner_trace:g}"
        return facts


def episode_of(agent: ActingLanguageAgent, moves: Sequence[Move], epsilon: float) -> WordsEpisode:
    """Return an episode that was played.

    Args:
        agent: played it.
        moves: one or more.
        epsilon: with which it was.
    """
    config, settings = agent.config, agent.language.settings
    play = "greedy" if epsilon == 0 else f"ε = {epsilon:g}"
    networks = f"trained for {agent.step:,} steps" if agent.step else "untrained"
    subtitle = f"seed {agent.seed}  ·  {networks}  ·  {play}"
    return WordsEpisode(f"{config.env}  ·  {config.algo}", subtitle, settings, moves, told(settings, moves))


def quantities(settings: TokenSettings) -> tuple[Quantity, ...]:
    """Return what can be shown of the tokens of an agent."""
    rule, _ = rule_and_decay(settings)
    state = (
        "the value of the next state" if rule.bootstrap == "first" else "the value before the next action's last token"
    )
    taught = ", before it is normalised" if settings.normalise_advantages else ""
    error = (
        "The surprise at a token. Inside an action: γ_w × the value before the next token − the value before this one; "
        f"at its last token: reward + γ × {state} − the value before this token."
    )
    advantage = (
        f"What the token is taught{taught}: its TD error and those of all tokens after it, each of which counts "
        "γ_w λ_w of the one before inside an action, and γλ from one action to the next."
    )
    value = "What the critic expects before the token is chosen: rewards to come, discounted."
    if rule.level == "action":
        error = (
            "The surprise at an action, the same for all its tokens: reward + γ × the value of the next state − the "
            "value of this one."
        )
        advantage = (
            f"What all tokens of an action are taught{taught}: its TD error and those of all actions after it, each "
            "of which counts γλ of the one before."
        )
        value = "What the critic expects of the state: rewards to come, discounted. No token has a value of its own."
    if settings.target_rate is not None:
        value += " The agent learned from a second critic, which follows this one."
    return (
        Quantity("errors", "δ", "TD error", error),
        Quantity("advantages", "A", "advantage", advantage),
        Quantity("values", "V", "value", value, signed=False),
    )


def visible(token: str) -> str:
    """Return the text of a token with its line breaks as signs; blanks stay."""
    return token.replace("\r", "␍").replace("\n", "↵").replace("\t", "⇥")


def percent(probability: float) -> str:
    """Return a probability in words that never claim what is not so: only 1 is 100 %."""
    if 0 < probability < 0.001:
        return "< 0.1 %"
    if 0.999 < probability < 1:
        return "> 99.9 %"
    return f"{probability:.1%}".replace("%", " %")
