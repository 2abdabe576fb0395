"""Our statistics beside those of `rliable`; see `rliable_oracle.py`."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from accumbens import stats

SCRIPT = Path(__file__).with_name("rliable_oracle.py")
DOCUMENT = json.loads(SCRIPT.with_name("rliable.json").read_text(encoding="utf-8"))
REPETITIONS = 40_000


def scores(matrix):
    return {f"task {index}": column for index, column in enumerate(np.array(matrix).T)}


def assert_same(interval, theirs, index=0):
    """The same estimate, and ends that differ by no more than two bootstraps do."""
    assert interval.point == pytest.approx(theirs["point"][index], abs=1e-12)
    for end, mean, spread in zip(
        interval[1:], np.array(theirs["ends"])[:, index], np.array(theirs["spread"])[:, index], strict=True
    ):
        assert end == pytest.approx(mean, abs=5 * spread + 1e-3)


@pytest.fixture(params=DOCUMENT["cases"])
def case(request):
    return DOCUMENT["cases"][request.param]


def test_aggregates(case):
    summary = stats.summarise(scores(case["x"]), repetitions=REPETITIONS)
    for index, interval in enumerate(summary[:4]):
        assert_same(interval, case["aggregates"], index)


@pytest.mark.parametrize("paired", [False, True])
def test_probability_of_improvement(case, paired):
    x, y = scores(case["x"]), scores(case["y"])
    if not paired:
        assert_same(stats.probability_of_improvement(x, y, repetitions=REPETITIONS), case["improvement"])
    elif len(case["x"]) == len(case["y"]):
        point = stats.probability_of_improvement(x, y, paired=True).point
        assert point == pytest.approx(case["improvement"]["point"][0])


def test_performance_profile(case):
    profile = stats.performance_profile(scores(case["x"]), DOCUMENT["thresholds"], repetitions=REPETITIONS)
    assert profile.thresholds.tolist() == DOCUMENT["thresholds"]
    for index, interval in enumerate(zip(profile.point, profile.low, profile.high, strict=True)):
        assert_same(stats.Interval(*interval), case["profile"], index)


def test_the_cases_are_those_that_tell_estimators_apart():
    near = DOCUMENT["cases"]["near"]["aggregates"]["point"]
    assert len(set(np.round(near, 2))) == 4
    ties = DOCUMENT["cases"]["ties"]
    assert np.isin(np.array(ties["x"]), np.array(ties["y"])).any()


@pytest.mark.slow
def test_rliable_says_so_still(tmp_path):
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    packages = [word for name in ("rliable==1.2.0", "pandas<2.2", "numpy<2") for word in ("--with", name)]
    environment = [uv, "run", "--no-project", "--isolated", "--python", "3.11", *packages, "python"]
    available = subprocess.run([*environment, "-c", "import rliable.library"], capture_output=True, text=True)
    if available.returncode:
        pytest.skip(f"rliable cannot be installed here: {available.stderr.strip().splitlines()[-1:]}")
    subprocess.run([*environment, SCRIPT, tmp_path / "again.json"], check=True)
    again = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))
    for name, case in DOCUMENT["cases"].items():
        for part in ("aggregates", "improvement", "profile"):
            new, old = again["cases"][name][part], case[part]
            np.testing.assert_allclose(new["point"], old["point"], rtol=1e-12)
            tolerance = 5 * np.array(old["spread"]) + 1e-3
            assert (np.abs(np.array(new["ends"]) - old["ends"]) <= tolerance).all()
