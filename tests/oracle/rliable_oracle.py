"""What `rliable` 1.2.0 makes of some scores: writes `rliable.json` beside this file, or to the path given.

It needs an environment of its own, because `rliable` does not import with current pandas:

    uv run --no-project --isolated --python 3.11 --with rliable==1.2.0 --with "pandas<2.2" --with "numpy<2" \
        python tests/oracle/rliable_oracle.py

Bootstraps differ from one to the next, so every interval is computed several times: the file has the mean of its ends
and their standard deviation.
"""

import json
import sys
from pathlib import Path

import numpy as np
from rliable import library, metrics

REPEATS = 8
THRESHOLDS = np.linspace(0.0, 1.5, 7)


def cases():
    """Scores of two groups, each [seeds, tasks]."""
    generator = np.random.default_rng(0)
    near = generator.gamma(4.0, 0.2, (10, 5)), generator.gamma(4.0, 0.25, (10, 5))
    ties = generator.integers(0, 5, (5, 3)) / 4, generator.integers(1, 6, (7, 3)) / 4
    one_task = generator.normal(0.8, 0.3, (6, 1)), generator.normal(0.5, 0.3, (5, 1))
    few = generator.normal(0.4, 0.2, (3, 2)), generator.normal(0.4, 0.6, (2, 2))
    return {"near": near, "ties": ties, "one_task": one_task, "few": few}


def aggregates(scores):
    return np.array(
        [
            metrics.aggregate_iqm(scores),
            metrics.aggregate_median(scores),
            metrics.aggregate_mean(scores),
            metrics.aggregate_optimality_gap(scores),
        ]
    )


def several(compute):
    """Point estimate, mean of the ends of intervals and their standard deviation."""
    runs = [compute() for _ in range(REPEATS)]
    ends = np.array([interval["group"] for _, interval in runs])
    point = np.asarray(runs[0][0]["group"])
    return {"point": point.tolist(), "ends": ends.mean(axis=0).tolist(), "spread": ends.std(axis=0, ddof=1).tolist()}


def intervals(scores, function, reps):
    return several(lambda: library.get_interval_estimates({"group": scores}, function, reps=reps))


def main(path):
    # `rliable` draws from NumPy's global generator, whatever random_state it is given.
    np.random.seed(0)  # noqa: NPY002
    document = {"thresholds": THRESHOLDS.tolist(), "cases": {}}
    for name, (x, y) in cases().items():
        document["cases"][name] = {
            "x": x.tolist(),
            "y": y.tolist(),
            "aggregates": intervals(x, aggregates, 10_000),
            "improvement": intervals([x, y], lambda x, y: np.array([metrics.probability_of_improvement(x, y)]), 2_000),
            "profile": several(lambda x=x: library.create_performance_profile({"group": x}, THRESHOLDS, reps=5_000)),
        }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("rliable.json"))
