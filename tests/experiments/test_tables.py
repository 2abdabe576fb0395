"""Intervals against the t distribution's tables, and rows against numbers by hand."""

import csv
import math

import pytest

from accumbens.experiments.tables import end_table, write_summary
from accumbens.runs.directory import RunDirectory
from accumbens.runs.experimenting import Panel, read_begun
from accumbens.stats import Estimate, estimate
from accumbens.training import experimenting
from accumbens.training.config import resolve_config
from accumbens.training.experimenting import COLUMNS, EXPERIMENTING, Beside
from accumbens.training.kind import AGENTS
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


def test_an_estimate_can_be_written_in_any_form():
    assert f"{Estimate(3.21, 0.96)}" == "3.2 ± 1.0"
    assert f"{Estimate(1234.5, 0.96):,.2f}" == "1,234.50 ± 0.96"
    assert f"{Estimate(3.21, math.nan):.3g}" == "3.21"


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
    AGENTS.write(config, there.config)
    there.write_meta(commit="abc")
    return there, config


def begun(run):
    there, config = run
    return read_begun("ad_pqn", "local", "ad_pqn/local", config, there)


@pytest.fixture
def rows(monkeypatch):
    """`rows(runs, published)`: the table of these runs in CartPole, AD being comparable with the variant `local`."""

    def call(runs, published=()):
        monkeypatch.setattr(experimenting, "find", lambda tables, env: list(published))
        panel = Panel("CartPole-v1", "CartPole-v1", list(runs))
        return EXPERIMENTING.rows(panel, Beside(("ad-classic",), {"ad_pqn/local": "AD"}))

    return call


def test_a_row_says_how_far_the_run_is(run, rows):
    (row,) = rows([begun(run)])
    parameters = sum(make_plan(run[1]).cell_parameters)
    assert row.values == dict.fromkeys(COLUMNS) | {
        **{"env": "CartPole-v1", "algo": "ad_pqn", "variant": "local", "seeds": 2, "steps": 128},
        **{"final_return": 15.0, "final_return_interval": 63.531, "final_return_per_seed": "10.00 20.00"},
        # Of 6 and 8, the full network's at the last evaluation.
        **{"greedy_return": 7.0, "greedy_return_interval": 12.706},
        **{"seconds": 2.5, "parameters": parameters, "commit": "abc"},
    }
    assert row[:3] == ("CartPole-v1", "ad_pqn/local", 2)
    assert row.cells == ["15.0 ± 63.5", "7.0 ± 12.7", "128 of 1,024", "2", f"{parameters:,}"]


def test_a_run_that_has_not_begun_has_no_row(run):
    there, _ = run
    there.metrics.write_text("step,seed,mean_return,wall_seconds\n")
    assert begun(run) is None
    there.metrics.unlink()
    assert begun(run) is None


def test_before_the_first_evaluation_there_is_no_greedy_return(run, rows):
    run[0].evaluations.unlink()
    (row,) = rows([begun(run)])
    assert row.values["greedy_return"] is None
    assert row.cells[1] == "–"


def test_the_csv_has_every_number_and_nothing_made_up(run, rows, tmp_path):
    there, _ = run
    there.metrics.write_text(there.metrics.read_text().replace("128,", "1500,"))
    other = QUOTE._replace(agent="DQN", curve=((2000, 100.0), (3000, 300.0)))
    write_summary(EXPERIMENTING, rows([begun(run)], [QUOTE, other]), tmp_path / "summary.csv")
    with (tmp_path / "summary.csv").open() as file:
        first, second = csv.DictReader(file)
    assert tuple(first) == COLUMNS
    assert first["final_return"] == "15.0"
    assert float(first["final_return_interval"]) == pytest.approx(12.706 * 5, rel=1e-3)
    assert first["final_return_per_seed"] == "10.00 20.00"
    assert first["greedy_return"] == "7.0"
    assert first["seeds"] == "2"
    assert first["published_agent"] == "AD"
    assert first["published_return"] == "495.0"
    assert first["published_at_these_steps"] == "200.0"
    assert first["commit"] == "abc"
    assert {key for key, value in second.items() if value} == {
        "env",
        *("published_agent", "published_return", "published_interval", "published_steps", "published_source"),
    }


def test_what_is_not_known_is_none(run, rows):
    there, _ = run
    there.metrics.write_text(there.metrics.read_text().replace("128,0,10.0", "128,0,nan"))
    there.evaluations.unlink()
    (row,) = rows([begun(run)])
    assert row.values["final_return"] is None
    assert row.values["greedy_return"] is None
    assert row.values["published_return"] is None


def test_the_table_in_the_terminal(run, rows):
    other = QUOTE._replace(agent="DQN", source="another")
    table = end_table(EXPERIMENTING, rows([begun(run)], [QUOTE, other]))
    assert table.headings == ["", "seeds", "return", "greedy", "steps", "seconds", "parameters", "published"]
    assert list(table.panels) == ["CartPole-v1"]
    mine, theirs = table.panels["CartPole-v1"]
    assert mine[:6] == ["ad_pqn/local", "2", "15.0 ± 63.5", "7.0 ± 12.7", "128 of 1,024", "2"]
    assert mine[-1] == "495 ± 5 at 0.002 M [1]"
    assert theirs == ["DQN, published", *[""] * 6, "495 ± 5 at 0.002 M [2]"]
    assert table.notes[0].endswith("± 95 % t-interval over seeds; few seeds: rough")
    assert table.notes[1:] == ["[1] a paper", "[2] another"]
