"""Measure environment steps per second of learning, every preset in one run, beside the paper's agent.

    uv run python benchmarks/learner_speed.py [--env CartPole-v1] [--algos ad_dqn ad_pqn dqn pqn]

Each preset trains one seed as it would in the middle of a run (learning, not filling the replay buffer); compilation is
excluded. Writes `benchmarks/results/learner_speed.csv`. The ratio is to `ad_dqn`, measured in the same run; the
published script makes about 10 steps per second on a laptop.
"""

import argparse
import csv
import statistics
from pathlib import Path

from accumbens.training.config import resolve_config
from accumbens.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "learner_speed.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--algos", nargs="+", default=["ad_dqn", "ad_pqn", "dqn", "pqn"])
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    trainers = {algo: Trainer(resolve_config(arguments.env, algo)) for algo in arguments.algos}
    # Repeats are interleaved: whatever else the machine does hits all presets alike.
    speeds: dict[str, list[float]] = {algo: [] for algo in trainers}
    for _ in range(arguments.repeats):
        for algo, trainer in trainers.items():
            speeds[algo].append(trainer.measure_speed() * trainer.plan.steps_per_block)
    medians = {algo: statistics.median(values) for algo, values in speeds.items()}
    baseline = medians.get("ad_dqn", next(iter(medians.values())))
    rows = [(arguments.env, algo, f"{speed:.0f}", f"{speed / baseline:.1f}") for algo, speed in medians.items()]
    kept = []
    if RESULTS.exists():
        kept = [row for row in csv.reader(RESULTS.open()) if row[0] not in ("env", arguments.env)]
    with RESULTS.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("env", "algo", "steps_per_second", "ratio"), *kept, *rows])
    for row in rows:
        print("{:<16} {:<10} {:>9} steps/s   {:>7} × ad_dqn".format(*row))


if __name__ == "__main__":
    main()
