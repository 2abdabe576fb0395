"""Which runs a report finds, what it calls them, and the numbers of its curves, against formulas of their own."""

import math
import shutil

import numpy as np
import pytest
from made_runs import SMALL, greedy_return, make_run, sizes, training_return

from accumbens.errors import AccumbensError
from accumbens.report import find_runs, load_runs
from accumbens.report.series import Series, read
from accumbens.training.chapter import (
    CHAPTER,
    cell_columns,
    learning,
    other_columns,
    prefixes,
)
from accumbens.training.chapter import (
    greedy_return as greedy_line,
)
from accumbens.training.chapter import (
    training_return as training_line,
)

# Two-sided 95 % quantile of Student's t with two degrees of freedom, from a printed table.
T_2 = 4.302653


def along(line):
    """Return the curve of a line over environment steps."""
    return read(line, CHAPTER.clock)


def test_a_run_and_a_folder_of_runs_are_found_once(tmp_path):
    one, two = make_run(tmp_path), make_run(tmp_path, name="backprop", changes=SMALL | {"credit": "backprop"})
    (tmp_path / "CartPole-v1" / "ad_pqn" / ".being-made").mkdir()
    shutil.copy(one / "config.toml", tmp_path / "CartPole-v1" / "ad_pqn" / ".being-made")
    assert [files.path for files in find_runs([one, tmp_path])] == [one, two]
    assert [files.path for files in find_runs([tmp_path])] == [two, one]
    # Local credit stands before its twin, whatever the folders are called.
    assert [run.path for run in load_runs([tmp_path])] == [one, two]


def test_a_path_without_runs_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    for path, message in (("empty", "no run at"), ("nowhere", "nothing at"), ("file.txt", "no run at")):
        with pytest.raises(AccumbensError, match=message):
            load_runs([tmp_path / path])


def test_runs_of_an_environment_stand_together(tmp_path):
    first, second = make_run(tmp_path / "a"), make_run(tmp_path / "b", name="again")
    other = make_run(tmp_path / "c", env="Acrobot-v1")
    assert [run.path for run in load_runs([first, other, second])] == [first, second, other]


def test_labels_say_what_differs_and_twins_share_a_family(tmp_path):
    make_run(tmp_path)
    make_run(tmp_path, name="backprop", changes=SMALL | {"credit": "backprop"})
    make_run(tmp_path, algo="pqn", name="plain", cells=1)
    labels = {run.label: run.family for run in load_runs([tmp_path])}
    assert labels == {
        "ad_pqn, local": "ad_pqn, local",
        "ad_pqn, backprop": "ad_pqn, local",
        "pqn, backprop": "pqn, backprop",
    }
    make_run(tmp_path, name="slow", changes=SMALL | {"learning_rate": "1e-5"})
    assert {run.label for run in load_runs([tmp_path])} == {
        "ad_pqn/local",
        "ad_pqn/backprop",
        "ad_pqn/slow",
        "pqn/plain",
    }


def test_the_same_configuration_twice_is_no_twin(tmp_path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b")
    make_run(tmp_path / "b", env="minatar/breakout")
    runs = load_runs([tmp_path])
    assert [run.label for run in runs] == ["ad_pqn/a/local", "ad_pqn/b/local", "ad_pqn/b/local"]
    assert len({run.family for run in runs if run.config.env == "CartPole-v1"}) == 2


def test_facts_of_a_run(tmp_path):
    path = make_run(tmp_path)
    (run,) = load_runs([path])
    assert run.sizes.parameters == {f"cell {number}": size for number, size in enumerate(sizes(path), start=1)}
    assert (run.steps, run.done, run.sizes.asked, run.seconds) == (5120, 5120, 5120, 40.0)
    (longer,) = load_runs([make_run(tmp_path / "x", wall_seconds=99.0, chunks=10)])
    assert (longer.steps, longer.seconds, longer.is_cut) == (1280, 99.0, True)


def test_curves_are_means_over_seeds_with_students_interval(tmp_path):
    (run,) = load_runs([make_run(tmp_path)])
    series = along(training_line(run))
    assert series.steps == [128 * chunk for chunk in range(2, 41)]  # no episode had ended before
    values = [training_return(5120, seed) for seed in range(3)]
    mean = sum(values) / 3
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / 2)
    assert series.mean[-1] == pytest.approx(mean)
    assert series.interval is not None
    assert series.interval[-1] == pytest.approx(T_2 * deviation / math.sqrt(3), rel=1e-6)
    assert prefixes(run) == [1, 2]
    for cells, asked in ((1, 1), (2, 2), (2, None)):
        expected = np.mean([greedy_return(2560, seed, cells) for seed in range(3)])
        assert along(greedy_line(run, asked)).steps == [1280, 2560, 3840, 5120]
        assert along(greedy_line(run, asked)).mean[1] == pytest.approx(expected)


def test_one_seed_has_no_interval(tmp_path):
    (run,) = load_runs([make_run(tmp_path, seeds=1)])
    assert along(training_line(run)).interval is None


def test_learning_begins_with_the_first_update(tmp_path):
    (run,) = load_runs([make_run(tmp_path, first_update=5)])
    assert cell_columns(run)["td_error"] == ["td_error_1", "td_error_2"]
    series = along(learning(run, "loss_2"))
    assert series.steps[0] == 128 * 5
    assert series.mean[0] == pytest.approx(2 * (1 + 2 + 3) / 3 / 5)
    assert other_columns(run) == []


def test_sac_has_no_cells(tmp_path):
    changes = {"net_arch": "8", "learning_starts": "100", "batch_size": "16"}
    (run,) = load_runs([make_run(tmp_path, "Pendulum-v1", "sac", "gaussian", changes=changes, cells=1)])
    assert cell_columns(run) == {}
    assert other_columns(run) == ["critic_loss", "actor_loss", "entropy_coefficient"]
    assert prefixes(run) == [1]
    assert list(run.sizes.parameters) == ["the actor", "critic 1", "critic 2"]


def test_a_run_that_was_cut_off(tmp_path):
    path = make_run(tmp_path, evaluations=0)
    with (path / "metrics.csv").open("a") as file:
        file.write("5248,0,41,41.0,99.0,39,0.1")  # the power failed here
    with (path / "evaluations.csv").open("a") as file:
        file.write("1280,0,1,2,5.0,1.0,9.0\n1280,0,2,2,5.")
    (run,) = load_runs([path])
    assert run.steps == 5120
    nothing = make_run(tmp_path / "b", chunks=0, evaluations=0)
    (run,) = load_runs([nothing])
    assert (run.steps, run.training, run.evaluations) == (0, [], [])
    assert along(training_line(run)).steps == along(greedy_line(run)).steps == []


def test_a_step_without_all_seeds_is_dropped(tmp_path):
    path = make_run(tmp_path)
    lines = (path / "metrics.csv").read_text().splitlines(keepends=True)
    (path / "metrics.csv").write_text("".join(lines[:-1]))
    (run,) = load_runs([path])
    assert run.steps == 5120 - 128


def test_files_that_are_no_tables_are_named(tmp_path):
    path = make_run(tmp_path)
    (path / "metrics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(AccumbensError, match=r"metrics\.csv cannot be read as a run's table"):
        load_runs([path])
    (path / "metrics.csv").write_text("step,seed\nfive,2\n")
    with pytest.raises(AccumbensError, match=r"metrics\.csv"):
        load_runs([path])
    (path / "config.toml").write_text("format_version = 99\n")
    with pytest.raises(AccumbensError, match="format version 99"):
        load_runs([path])


def test_an_environment_that_cannot_be_made_costs_only_its_sizes(tmp_path, monkeypatch):
    def missing(config):
        raise AccumbensError("needs an extra")

    monkeypatch.setattr("accumbens.training.chapter.make_plan", missing)
    (run,) = load_runs([make_run(tmp_path)])
    assert run.sizes == ({}, 5120)


def test_exported_runs_are_read_as_they_are(tmp_path):
    path = make_run(tmp_path / "runs", env="minatar/breakout", name="local")
    out = tmp_path / "exported"
    out.mkdir()
    stem = "minatar-breakout-ad_pqn-local"
    shutil.copy(path / "config.toml", out / f"{stem}.toml")
    shutil.copy(path / "metrics.csv", out / f"{stem}.csv")
    shutil.copy(path / "evaluations.csv", out / f"{stem}_evaluations.csv")
    (out / "command.txt").write_text("accumbens experiment mine --export exported\n")
    (out / "summary.csv").write_text("env,algo,variant,commit\nminatar/breakout,ad_pqn,local,abc\n")
    (run,) = load_runs([out])
    assert (run.variant, run.label, run.steps) == ("local", "ad_pqn, local", 5120)
    assert run.meta == {"command": "accumbens experiment mine --export exported", "commit": "abc"}


def test_thinning_keeps_the_ends():
    series = Series(list(range(1000)), np.arange(1000.0)[None])
    thinned = series.thinned(50)
    assert len(thinned.steps) == 50
    assert (thinned.steps[0], thinned.steps[-1]) == (0, 999)
    assert thinned.values[0].tolist() == [float(step) for step in thinned.steps]
    assert series.thinned(1000) is series


def test_the_value_at_a_step_is_the_last_before_it():
    series = Series([100, 200, 300], np.zeros((1, 3)))
    assert [series.at(step) for step in (99, 100, 199, 250, 300, 400, 401)] == [None, 0, 0, 1, 2, 2, None]
