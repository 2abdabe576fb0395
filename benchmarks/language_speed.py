"""Measure what it costs to score actions, to write a token and to learn with SmolLM2-135M.

    uv run --extra language --group smollm2 python benchmarks/language_speed.py

Ten actions of 8 tokens behind a prompt of 200: all together behind the prompt's cache, as `score` does it (once at
these sizes and once at those it is padded to), and one by one without a cache. One token is written behind a cache of
200. Learning is the gradient of one action's log-probability with respect to low-rank corrections of q and v. Weights
are float32, or kept in 8 bits as the file has them. Of all repeats, which take turns, the least counts; compilation is
excluded. On one core it is the processor time, on several (`--cores`, of a machine with no other work) the time that
passes. Writes the rows of this number of cores into `benchmarks/results/language_speed.csv`; the others stay.
"""

import argparse
import csv
import os
import time
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from accumbens.generator import make_key
from accumbens.language import LoraSettings, Sizes, choices_of, learns, load_language_model, score, with_lora

RESULTS = Path(__file__).parent / "results" / "language_speed.csv"
PROMPT, ACTIONS, TOKENS = 200, 10, 8


ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class Row(NamedTuple):
    cores: int
    weights: str
    megabytes: float
    what: str
    tokens: int
    seconds: float
    tokens_per_second: float


class Numbers:
    """A tokenizer of texts that are numbers already."""

    size, end = 49_152, 2

    def encode(self, text):
        return [int(number) for number in text.split()]

    def decode(self, tokens):
        return " ".join(map(str, tokens))


def texts():
    """A prompt and actions of random tokens."""
    chance = np.random.default_rng(0)
    prompt, *actions = (chance.integers(17, 49_152, n) for n in (PROMPT, *(TOKENS for _ in range(ACTIONS))))
    return " ".join(map(str, prompt)), [" ".join(map(str, action)) for action in actions]


def alone(model, tokens):
    """Log-probabilities of an action's tokens behind a prompt, all of it computed anew."""
    hidden = model(tokens[:-1]).hidden[PROMPT - 1 :]
    log_probs = jax.nn.log_softmax(model.logits(hidden))
    return log_probs[jnp.arange(TOKENS), tokens[PROMPT:]]


def work(model):
    """What is measured: by name, tokens that it counts for, and a function without arguments."""
    prompt, actions = texts()
    context = model.settings.context
    tight = choices_of(Numbers(), prompt, actions, context, Sizes(PROMPT, ACTIONS, TOKENS))
    padded = choices_of(Numbers(), prompt, actions, context)
    joined = [jnp.concatenate([tight.prompt, action]) for action in tight.actions]
    scored, by_one = (eqx.filter_jit(f) for f in (lambda model, choices: score(model, choices).log_probs, alone))
    past = eqx.filter_jit(lambda model, tokens: model(tokens).cache(PROMPT, spare=TOKENS))(model, tight.prompt)
    next_token = eqx.filter_jit(lambda model, past, token: jnp.argmax(model.logits(model(token, past).hidden)))
    corrected = with_lora(model, LoraSettings(), key=make_key(0))
    moving, frozen = eqx.partition(corrected, learns(corrected))

    @eqx.filter_jit
    def gradient(moving, frozen, tokens):
        return jax.grad(lambda moving: alone(eqx.combine(moving, frozen), tokens).sum())(moving)

    found = np.asarray(scored(model, tight))
    np.testing.assert_allclose(found, [by_one(model, tokens) for tokens in joined], rtol=1e-4, atol=1e-4)
    return {
        "actions together": (ACTIONS * TOKENS, lambda: scored(model, tight)),
        "actions together, padded": (ACTIONS * TOKENS, lambda: scored(model, padded)),
        "actions one by one": (ACTIONS * TOKENS, lambda: [by_one(model, tokens) for tokens in joined]),
        "writing": (1, lambda: next_token(model, past, tight.prompt[:1])),
        "learning from an action": (TOKENS, lambda: gradient(moving, frozen, joined[0])),
    }


def measured(repeats, cores):
    """All rows of this many cores."""
    clock = time.process_time if cores == 1 else time.perf_counter
    for weights in ("float32", "8 bits"):
        model = load_language_model("smollm2", quantised=weights == "8 bits").transformer
        megabytes = round(sum(leaf.nbytes for leaf in jax.tree.leaves(model)) / 1e6, 1)
        made = work(model)
        best = dict.fromkeys(made, float("inf"))
        for _ in range(repeats + 1):  # the first compiles
            for name, (_, do) in made.items():
                begin = clock()
                jax.block_until_ready(do())
                best[name] = min(best[name], clock() - begin)
        for name, (tokens, _) in made.items():
            seconds = best[name]
            yield Row(cores, weights, megabytes, name, tokens, round(seconds, 3), round(tokens / seconds, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    if arguments.cores == 1:
        os.environ["XLA_FLAGS"] = ONE_THREAD  # which is read when the first array is made
    rows = []
    for row in measured(arguments.repeats, arguments.cores):
        rows.append(list(map(str, row)))
        print(*row, flush=True)
    if arguments.output.exists():
        with arguments.output.open(newline="", encoding="utf-8") as file:
            rows += [row for row in list(csv.reader(file))[1:] if row[0] != str(arguments.cores)]
    with arguments.output.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([Row._fields, *sorted(rows, key=lambda row: int(row[0]))])


if __name__ == "__main__":
    main()
