"""How much faster all students of a team learn in one program than one after the other.

    python benchmarks/student_speed.py [--repeats N] [--output benchmarks/results/student_speed.csv]

Apart: an update of each student by itself, in a program that is compiled once and called for every student, as the
publication's algorithm is written. Of `distilled` it reads the other students too, because the relation is one of
pairs, and the teacher; it moves its own student. Of `idt` it reads and moves one network. Together: one program reads
all once and moves all. Both have the same networks, windows, losses and optimisers (`distilled` without mapping nets,
which are nobody's own): after one update the weights are compared. Measured alternately, the best of all repeats.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.envs.teams.fill_in import fill_in
from accumbens.runs.streams import Stream, stream_key
from accumbens.runs.tables import write_table
from accumbens.teams.imitation import LayerOptimiser, make_imitation, teacher_settings, team_loss
from accumbens.teams.model import policies_of
from accumbens.teams.play import play
from accumbens.teams.policies import random_policy
from accumbens.teams.settings import DistilledSettings, PolicySettings
from accumbens.teams.windows import draw, prepare, scale_of

AGENTS = (2, 4, 8)
UPDATES = 10
COLUMNS = (
    *("method", "agents", "together_cpu_ms", "apart_cpu_ms", "cpu_ratio", "together_wall_ms", "apart_wall_ms"),
    *("wall_ratio", "largest_difference", "repeats"),
)
Step = Callable[[Any, int], Any]


class Pair(NamedTuple):
    """Both ways, `step(state, number) -> state`, and where they begin; `team(state)` are the students."""

    together: Step
    apart: Step
    state: Any


def make_pair(settings: PolicySettings, agents: int) -> Pair:
    """Return both ways for a team that has learned nothing yet."""
    facts = fill_in(agents).facts
    episodes = play(fill_in(agents), random_policy(), (), np.arange(200))
    scale, seed = scale_of(episodes), jnp.uint32(0)
    data = jax.tree.map(jnp.asarray, prepare(episodes, scale, settings.context, settings.held_out))
    learner = make_imitation(settings, facts, scale)
    policies, taught = policies_of(settings, facts), policies_of(teacher_settings(settings), facts)
    alone = policies_of(settings, facts._replace(agents=facts.agents[:1]))
    optimiser, first = LayerOptimiser(settings, stacked=False), learner.before
    distilled = isinstance(settings, DistilledSettings)
    whole = jax.jit(lambda state, number: learner.update(state, data, seed, number))

    def loss(own: Any, student: Any, networks: Any, batch: Any) -> Any:
        if not distilled:  # nothing of the others is read
            mine = jax.tree.map(lambda leaf: leaf[None], own)
            one = jax.tree.map(lambda leaf: leaf if leaf.ndim < 3 else leaf[:, :, student][:, :, None], batch)
            return team_loss(settings, alone, taught, networks._replace(team=mine, teacher=None), one)[0]
        team = jax.tree.map(lambda leaf, new: leaf.at[student].set(new), networks.team, own)
        return agents * team_loss(settings, policies, taught, networks._replace(team=team), batch)[0]

    @jax.jit
    def single(networks: Any, memory: Any, student: Any, number: Any) -> Any:
        key = stream_key(seed, Stream.LEARNING, number)
        batch = draw(data.learned, data, settings.context, settings.batch_size, key)
        own, kept = (jax.tree.map(lambda leaf: leaf[student], part) for part in (networks.team, memory.team))
        return optimiser.update(jax.grad(loss)(own, student, networks, batch), kept, own)

    def apart(state: Any, number: int) -> Any:
        rest = (state.networks, state.memory)
        done = [single(*rest, jnp.int32(student), jnp.int32(first + number)) for student in range(agents)]
        team, kept = jax.tree.map(lambda *leaves: jnp.stack(leaves), *done)
        return state._replace(networks=rest[0]._replace(team=team), memory=rest[1]._replace(team=kept))

    return Pair(lambda state, number: whole(state, jnp.int32(first + number)), apart, learner.init(seed))


def measured(step: Step, state: Any) -> tuple[float, float]:
    """Return CPU and wall milliseconds of an update."""
    cpu, wall = time.process_time(), time.perf_counter()
    for number in range(UPDATES):
        state = step(state, number)
    jax.block_until_ready(state)
    return 1e3 * (time.process_time() - cpu) / UPDATES, 1e3 * (time.perf_counter() - wall) / UPDATES


def row_of(method: str, settings: PolicySettings, agents: int, repeats: int) -> dict[str, Any]:
    """Measure both ways of a method."""
    pair = make_pair(settings, agents)
    ends = [step(pair.state, 0).networks.team for step in (pair.together, pair.apart)]
    apart = max(float(jnp.abs(a - b).max()) for a, b in zip(*map(jax.tree.leaves, ends), strict=True))
    times = [(*measured(pair.together, pair.state), *measured(pair.apart, pair.state)) for _ in range(repeats)]
    together_cpu, together_wall, apart_cpu, apart_wall = (min(column) for column in zip(*times, strict=True))
    numbers = (together_cpu, apart_cpu, apart_cpu / together_cpu, together_wall, apart_wall, apart_wall / together_wall)
    return dict(zip(COLUMNS, (method, agents, *(round(n, 2) for n in numbers), f"{apart:.1e}", repeats), strict=True))


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print and, if asked, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path)
    asked, rows = parser.parse_args(words), []
    distilled = DistilledSettings(mapping="none", teacher_updates=1)
    for method, settings in {"distilled": distilled, "idt": PolicySettings()}.items():
        for agents in AGENTS:
            rows.append(row_of(method, replace(settings, batch_size=32), agents, asked.repeats))
            print(rows[-1], flush=True)
    if asked.output:
        write_table(asked.output, rows, COLUMNS)


if __name__ == "__main__":
    main()
