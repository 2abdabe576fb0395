"""Intervals against the t distribution's tables, and rows against numbers by hand."""

import csv
import math

import pytest

from accumbens.experiments.tables import COLUMNS, Row, document, quoted, row_of, write_summary
from accumbens.runs.directory import RunDirectory
from accumbens.stats import Estimate, estimate
from accumbens.training.config import resolve_config, write_config
from accumbens.training.plan import make_plan
from accumbens.training.published import Published

QUOTE = Published("AD", "CartPole-v1", 495.0, 5.0, 2000, "a paper", ((1000, 100.0), (2000, 300.0)))


@pytest.mark.parametrize(("count", "quantile"), [(2, 12.706), (3, 4.303), (5, 2.776), (10, 2.262), (30, 2.045)])
def test_the_interval_is_students(count, quantile):
    values = [float(value) for value in range(count)]
    deviation = math.sqrt(sum((value - (count - 1) / 2) ** 2 for value in values) / (count - 1))
    mean, interval = estimate(values)
    assert mean == pytest.approx((count - 1) / 2)
    assert interval == pytest.approx(quantile * deviation / math.sqrt(count), rel=1e-3)


def test_too_few_values_have_no_interval():
    assert str(estimate([])) == "–"
    assert str(estimate([3.21])) == "3.2"
    assert str(estimate([1.0, math.nan])) == "–"
    assert str(Estimate(3.21, 0.96)) == "3.2 ± 1.0"


@pytest.fixture
def run(tmp_path):
    """Two seeds, cut off in the middle of their third chunk."""
    there = RunDirectory(tmp_path)
    there.metrics.write_text(
        "step,seed,mean_return,wall_seconds\n64,0,nan,1.0\n64,1,5.0,1.0\n128,0,10.0,2.5\n128,1,20.0,2.5\n"
    )
    there.evaluations.write_text(
        "step,seed,cells,mean_return\n64,0,1,1\n64,0,2,2\n64,1,1,3\n64,1,2,4\n"
        "128,0,1,5\n128,0,2,6\n128,1,1,7\n128,1,2,8\n"
    )
    changes = {"net_arch": "6,5", "num_envs": "4", "rollout_length": "16", "num_minibatches": "2"}
    config = resolve_config("CartPole-v1", total_timesteps=1000, seeds=2, changes=changes)
    write_config(config, there.config)
    there.write_meta(commit="abc")
    return there, config


def test_a_row_says_how_far_the_run_is(run):
    there, config = run
    row = row_of(there, config, "local", None)
    parameters = sum(make_plan(config).cell_parameters)
    assert row == Row(
        "CartPole-v1", "ad_pqn", "local", 128, 1024, (10.0, 20.0), (6.0, 8.0), 2.5, parameters, None, "abc"
    )


def test_a_run_that_has_not_begun_has_no_row(run):
    there, config = run
    there.metrics.write_text("step,seed,mean_return,wall_seconds\n")
    assert row_of(there, config, "local", None) is None
    there.metrics.unlink()
    assert row_of(there, config, "local", None) is None


def test_before_the_first_evaluation_there_is_no_greedy_return(run):
    there, config = run
    there.evaluations.unlink()
    assert row_of(there, config, "local", None).greedy == ()


def test_the_csv_has_every_number_and_nothing_made_up(run, tmp_path):
    there, config = run
    mine = row_of(there, config, "local", QUOTE)._replace(steps=1500)
    write_summary([mine, quoted(QUOTE, 500)], tmp_path / "summary.csv")
    with (tmp_path / "summary.csv").open() as file:
        first, second = csv.DictReader(file)
    assert tuple(first) == COLUMNS
    assert first["final_return"] == "15.0"
    assert float(first["final_return_interval"]) == pytest.approx(12.706 * 5, rel=1e-3)
    assert first["final_return_per_seed"] == "10.00 20.00"
    assert first["greedy_return"] == "7.0"
    assert first["seeds"] == "2"
    assert first["published_return"] == "495.0"
    assert first["published_at_these_steps"] == "200.0"
    assert first["commit"] == "abc"
    assert {key for key, value in second.items() if value} == {
        "env",
        *("published_agent", "published_return", "published_interval", "published_steps", "published_source"),
    }


def test_what_is_not_known_is_none():
    values = document(Row("CartPole-v1", "ad_pqn", "local", 10, 20, (math.nan, 1.0)))
    assert values["final_return"] is None
    assert values["greedy_return"] is None
    assert values["published_return"] is None
