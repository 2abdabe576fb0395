"""Measure the memory that the gradient of one block takes, and its time, against its steps: credit through time in RL.

    python benchmarks/block_memory.py [--steps 16 128 1024] [--repeats 3]

`ad_rtu_pqn` on a memory chain, 3 cells of 64, 16 environments. The memory is XLA's own analysis of the compiled
program: its temporary buffers, without parameters and the block itself. Time is the best and the median of several
gradients in turns, CPU and wall. Writes `benchmarks/results/block-memory/results.csv` and `curves.png`.
"""

import argparse
import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from measure_update import draw_against_steps, measure_updates

from accumbens.agents import network, stacks
from accumbens.agents.sequence_q import Sequences, make_gradient
from accumbens.envs import registry
from accumbens.generator import make_key
from accumbens.presets import resolve_preset
from accumbens.runs.pictures import save_figure
from accumbens.runs.tables import write_table

RESULTS = Path(__file__).parent / "results" / "block-memory"
ENV, NET_ARCH, ENVS = "memory/chain-8", (64, 64, 64), 16
FORMS: dict[str, dict[str, Any]] = {
    "exact traces": {"time_credit": "traces"},
    "none": {"time_credit": "none"},
    "backpropagation, cut every 8 steps": {"time_credit": "bptt", "bptt_steps": 8},
    "backpropagation": {"time_credit": "bptt"},
    "backpropagation, depth too": {"time_credit": "bptt", "credit": "backprop"},
}
COLOURS = dict(zip(FORMS, ("#009e73", "#999999", "#56b4e9", "#0072b2", "#e69f00"), strict=True))


def compiled_gradient(changes: dict[str, Any], steps: int) -> tuple[Any, Any, Sequences]:
    """Return the gradient of one block, a stack, and a block."""
    env = registry.make(ENV)
    settings: Any = resolve_preset("ad_rtu_pqn", ENV, "classic").settings
    settings = dataclasses.replace(settings, net_arch=NET_ARCH, num_envs=ENVS, rollout_length=steps, **changes)
    stack = stacks.build_stack(settings, env, make_key(0))
    traces: Any = ()
    if settings.time_credit == "traces":
        traces = jax.tree.map(lambda x: jnp.broadcast_to(x, (ENVS, *x.shape)), stack.no_traces())
    cells = network.num_predicting_cells(settings)
    block = Sequences(
        jnp.zeros((steps, ENVS, *env.observation_shape)),
        jnp.zeros((steps, ENVS), jnp.int32),
        jnp.ones((steps, ENVS, cells)),
        jnp.zeros((steps, ENVS), bool),
        network.init_memory(settings, env, ENVS).carry,
        traces,
    )
    gradient = jax.jit(make_gradient(settings, env, network.make_encoder(settings, env)))
    return gradient.lower(stack, block).compile(), stack, block


def measure(lengths: list[int], repeats: int) -> list[dict[str, Any]]:
    """Return a row for every length and form of credit."""
    found = []
    for steps in lengths:
        made = {name: compiled_gradient(changes, steps) for name, changes in FORMS.items()}
        calls = {name: (gradient, partial(gradient, stack, block)) for name, (gradient, stack, block) in made.items()}
        for name, columns in measure_updates(calls, repeats).items():
            found.append({"credit": name, "steps": steps, **columns})
            print("  ".join(f"{key} {value}" for key, value in found[-1].items()), flush=True)
    return found


def main() -> None:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", nargs="+", type=int, default=[16, 128, 1024])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rows = measure(arguments.steps, arguments.repeats)
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_table(RESULTS / "results.csv", rows)
    figure = draw_against_steps(rows, "credit", COLOURS)
    figure.suptitle(f"ad_rtu_pqn on {ENV}, cells {', '.join(map(str, NET_ARCH))}, {ENVS} environments", fontsize=11)
    save_figure(figure, RESULTS / "curves.png", dpi=150)


if __name__ == "__main__":
    main()
