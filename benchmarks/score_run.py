"""One training of `time_to_score.py`, in a process of its own: `python score_run.py train|probe JSON`.

It runs under whichever build PYTHONPATH names, so it uses only what builds have in common.

- `probe` takes a list of `{env, algo, settings}` and prints, for each, the environment steps of the whole run, or why
  this build cannot do it.
- `train` takes `{env, algo, settings, total_timesteps, seed, target, max_steps, curve}`, writes the curve to a file
  point by point, and prints what compiling cost.
"""

import csv
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

COLUMNS = ("steps", "cpu_seconds", "wall_seconds", "mean_return", "episodes")
"""Of a curve. Seconds are of training: from the first block, without compiling; CPU seconds are of all threads."""
EPISODES = 100
"""That the mean return is taken over: before so many have ended, no target counts as passed."""
POINTS, MOST_STEPS = 100, 50_000
"""A run is looked at so often, and at least every so many steps, as far as blocks are short enough."""


def has_passed(mean_return: float, episodes: int, target: float) -> bool:
    """Return whether a full window of episodes has the mean return asked for; NaN has not."""
    return episodes >= EPISODES and mean_return >= target


def blocks_of_chunk(total_timesteps: int, steps_per_block: int) -> int:
    """Return how many blocks run between two looks at the mean return."""
    return max(1, min(total_timesteps // POINTS, MOST_STEPS) // steps_per_block)


def clocks() -> tuple[float, float]:
    """Return CPU seconds of this process, all threads, and seconds on the wall."""
    return time.process_time(), time.perf_counter()


def resolve(env: str, algo: str, settings: dict[str, str], total_timesteps: int | None, seed: int = 0) -> Any:
    from accumbens.training.config import resolve_config

    return resolve_config(env, algo, changes=settings, total_timesteps=total_timesteps, seed=seed)


def probe(asked: list[dict[str, Any]]) -> list[int | str]:
    from accumbens.errors import AccumbensError

    def answer(one: dict[str, Any]) -> int | str:
        try:
            return resolve(**one).total_timesteps
        except AccumbensError as error:
            return str(error)

    return [answer(one) for one in asked]


def train(
    env: str,
    algo: str,
    settings: dict[str, str],
    total_timesteps: int | None,
    seed: int,
    target: float,
    max_steps: int | None,
    curve: str,
) -> dict[str, Any]:
    from accumbens.training.trainer import Trainer

    trainer = Trainer(resolve(env, algo, settings, total_timesteps, seed))
    plan = trainer.plan
    blocks = plan.blocks if max_steps is None else min(plan.blocks, -(-max_steps // plan.steps_per_block))
    chunk = blocks_of_chunk(plan.blocks * plan.steps_per_block, plan.steps_per_block)
    cpu, wall = clocks()
    trainer.chunk(trainer.init(), 1)[1].episodes.tolist()  # waits; the state is thrown away
    compile_cpu, compile_wall = (now - then for now, then in zip(clocks(), (cpu, wall), strict=True))
    state, done = trainer.init(), 0
    state.iteration.block_until_ready()
    with Path(curve).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        cpu, wall = clocks()
        while done < blocks:
            asked = min(chunk, blocks - done)
            state, metrics = trainer.chunk(state, asked)
            mean_return, episodes = float(metrics.mean_return[0]), int(metrics.episodes[0])
            now_cpu, now_wall = clocks()
            done += asked
            if trainer.step_of(state) != done * plan.steps_per_block:
                raise SystemExit(f"{env} {algo} seed {seed}: stopped being finite near step {trainer.step_of(state)}")
            seconds = f"{now_cpu - cpu:.3f}", f"{now_wall - wall:.3f}"
            writer.writerow((done * plan.steps_per_block, *seconds, f"{mean_return:.4f}", episodes))
            file.flush()
            if has_passed(mean_return, episodes, target):
                break
    trainer.close()
    return {
        "compile_cpu_seconds": round(compile_cpu, 2),
        "compile_wall_seconds": round(compile_wall, 2),
        "resolution": chunk * plan.steps_per_block,
    }


def main() -> None:
    import accumbens

    source = Path(os.environ["PYTHONPATH"])
    if not Path(accumbens.__file__ or "").is_relative_to(source):
        raise SystemExit(f"{accumbens.__file__} was imported, not the build in {source}")
    what, document = sys.argv[1], json.loads(sys.argv[2])
    print(json.dumps(probe(document) if what == "probe" else train(**document)))


if __name__ == "__main__":
    main()
