"""The work of a sweep, with training played by a stand-in: who goes on, from where, and what is decided again."""

import contextlib
import csv
import math
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from accumbens.credit.registry import RULES
from accumbens.errors import AccumbensError
from accumbens.experiments.cluster.where import Here
from accumbens.experiments.execute import Outcome
from accumbens.presets import PRESETS
from accumbens.runs.settings import hints_of
from accumbens.runs.tables import Table, read_table, write_table
from accumbens.sweeps.diverged import read_diverged, write_diverged
from accumbens.sweeps.effects import OF_PAIRS, OF_PART, OVER_POINTS, effects_of
from accumbens.sweeps.files import export, write
from accumbens.sweeps.halving import Rung, better_first, rungs
from accumbens.sweeps.result import read_standing, require_same_runs, score_at
from accumbens.sweeps.tables import COLUMNS, verdict
from accumbens.sweeps.tables import document as plain
from accumbens.sweeps.work import carry_out, parts_of, programs_of
from accumbens.teams.methods import METHODS


class Quiet:
    """A view of nothing, that remembers what failed."""

    def __init__(self):
        self.failures = []

    def __getattr__(self, name):
        return lambda *arguments, **named: None

    def failed(self, run, reason):
        self.failures.append(run.variant)


@pytest.fixture
def go(monkeypatch, tmp_path):
    """`go(sweep, most=64, where=None) -> Outcome`, with each point alone in a program unless `together`."""

    def call(sweep, most=64, together=True, where=None):
        def group(self, configs):
            return [list(range(len(configs)))] if together else [[index] for index in range(len(configs))]

        monkeypatch.setattr(type(sweep.kind), "programs", group)
        view = Quiet()
        call.view = view
        return carry_out(sweep, tmp_path, lambda *_: contextlib.nullcontext(view), most=most, where=where)

    return call


def good(config, seed, step):
    """Better for larger steps and traces; seeds differ by a little."""
    return 10 * math.log10(config.settings.learning_rate) + 50 + config.settings.trace_decay + 0.01 * seed + step / 1000


def test_the_rungs_of_a_halving_search():
    assert rungs(27, 3) == [Rung(27, 1 / 27), Rung(9, 1 / 9), Rung(3, 1 / 3), Rung(1, 1.0)]
    assert [rung.points for rung in rungs(10, 3)] == [10, 3, 1]
    assert [rung.points for rung in rungs(2, 3)] == [2]
    assert [rung.until for rung in rungs(4, 2)] == [0.25, 0.5, 1.0]


def test_who_is_better():
    runs, scores = list("abcde"), [1.0, math.nan, 3.0, 3.0, 9.0]
    assert "".join(better_first(runs, scores, lambda run: run == "e", False)) == "cdabe"
    assert "".join(better_first(runs, scores, lambda run: run == "e", True)) == "acdbe"


def test_all_points_and_then_the_best_with_other_seeds(make, trained, go, tmp_path):
    trained.score = good
    sweep = make(report_seeds=2)
    assert not go(sweep).interrupted
    (names, starts, until), report = trained.calls
    assert (len(names), starts, until) == (6, {0}, 1.0)
    assert report == (["learning_rate=0.01,trace_decay=0.9,seeds=3-4"], {0}, 1.0)
    standing = read_standing(sweep, tmp_path)
    assert sweep.point_of(standing.best.run) == {"learning_rate": "0.01", "trace_decay": "0.9"}
    assert standing.best.score.seeds == pytest.approx([31.8, 31.81, 31.82])
    assert standing.report.seeds == pytest.approx([31.83, 31.84])
    lines = verdict(sweep, standing)
    assert lines[1].startswith("best of 6 points by 3 seeds: 31.8 ± 0.0; the same point on 2 other seeds: 31.8 ± 0.1")
    assert "biased" in lines[2]
    go(sweep)
    assert len(trained.calls) == 2  # nothing was left to do


def test_without_reporting_seeds_the_bias_is_told_all_the_same(make, trained, go, tmp_path):
    trained.score = good
    sweep = make(report_seeds=0)
    go(sweep)
    assert len(trained.calls) == 1
    assert "too high" in verdict(sweep, read_standing(sweep, tmp_path))[-1]


def halving(make, **changes):
    return make(search="halving", over={"learning_rate": "1e-4..1e-1:9"}, report_seeds=0, **changes)


def test_survivors_go_on_from_where_they_stand(make, trained, go, tmp_path):
    trained.score = good
    sweep = halving(make)
    go(sweep)
    best = [run.variant for run in sweep.runs][::-1]
    assert trained.calls == [
        ([run.variant for run in sweep.runs], {0}, 1 / 9),
        (best[:3], {100}, 1 / 3),
        (best[:1], {300}, 1.0),
    ]
    standing = read_standing(sweep, tmp_path)
    assert [tried.state for tried in standing.tried[:4]] == ["done", *["stopped at 0.333"] * 2, "stopped at 0.111"]
    assert standing.best.run.variant == best[0]
    go(sweep)
    assert len(trained.calls) == 3


def test_what_is_decided_does_not_change_when_runs_are_longer(make, trained, go, tmp_path):
    """The middle point leads at the first rung, and falls back after it."""
    middle = 1e-3
    sweep = make(search="halving", over={"learning_rate": [1e-4, 1e-3, 1e-2]}, report_seeds=0)
    trained.score = lambda config, seed, step: (
        1000.0 - step if config.settings.learning_rate == middle else config.settings.learning_rate
    )
    go(sweep)
    first = [level.runs[0].config.settings.learning_rate for level in read_standing(sweep, tmp_path).levels]
    assert first == [middle, middle]
    assert read_standing(sweep, tmp_path).best.score.step == 900
    go(sweep)
    assert len(trained.calls) == 2


def test_what_is_measured_where_a_run_pauses_counts(make, trained, go, tmp_path):
    """A run pauses where a block ends, after a third of its 1000 steps at 350; the better one is worse before that."""
    sweep = make(search="halving", over={"learning_rate": [1e-4, 1e-3, 1e-2]}, total_timesteps=1000, report_seeds=0)
    trained.score = lambda config, seed, step: float(step >= 350) if config.settings.learning_rate == 1e-3 else 0.5
    go(sweep)
    for _ in range(2):  # and when the best has gone on
        levels = read_standing(sweep, tmp_path).levels
        assert levels[1].runs[0].config.settings.learning_rate == 1e-3
        go(sweep)


def test_where_only_evaluations_are_logged_a_later_one_does_not_count(make, trained, go, tmp_path):
    """As of fits and teams: that of 400 steps comes when the best, which paused at 350, has gone on."""
    sweep = make(search="halving", over={"learning_rate": [1e-4, 1e-3, 1e-2]}, total_timesteps=1000, report_seeds=0)
    trained.score = good
    go(sweep)
    metric = sweep.kind.comparing.metrics[0]
    for run in sweep.runs:
        files = run.directory(tmp_path)
        files.evaluations.unlink()
        rows = [row for row in read_table(files.metrics) if int(row["step"]) % 200 == 0]
        write_table(files.metrics, rows)
        assert score_at(metric, run, tmp_path, 1 / 3).step == 200
    files.metrics.unlink()
    assert score_at(metric, run, tmp_path, 1 / 3) is None


def test_a_metric_of_which_less_is_better(make, trained, go, tmp_path, monkeypatch):
    from accumbens.runs.comparing import Metric
    from accumbens.training.kind import AGENTS

    less = AGENTS.comparing._replace(metrics=[Metric("cost", "", column="mean_return", less_is_better=True)])
    monkeypatch.setitem(AGENTS.__dict__, "comparing", less)
    trained.score = good
    sweep = halving(make)
    go(sweep)
    assert trained.calls[1][0] == [run.variant for run in sweep.runs][:3]
    assert "too low" in verdict(sweep, read_standing(sweep, tmp_path))[-1]


def test_a_stopped_sweep_goes_on(make, trained, go, tmp_path):
    trained.score, sweep = good, halving(make)
    trained.interrupt, trained.half = sweep.runs[7].variant, 50
    assert go(sweep).interrupted
    assert read_standing(sweep, tmp_path).best is None
    assert not go(sweep).interrupted
    assert [call[1:] for call in trained.calls] == [({0}, 1 / 9), ({50}, 1 / 9), ({100}, 1 / 3), ({300}, 1.0)]


def test_a_point_that_diverges_is_last_and_the_others_go_on(make, trained, go, tmp_path):
    trained.score = lambda *of: math.inf if of[0].settings.learning_rate == 0.01 else good(*of)
    sweep = make()
    outcome = go(sweep)
    assert not outcome.interrupted
    standing = read_standing(sweep, tmp_path)
    assert [tried.state for tried in standing.tried] == ["done"] * 4 + ["diverged"] * 2
    assert standing.best.run.config.settings.learning_rate == 0.001
    assert len(read_diverged(tmp_path)) == 2
    calls = len(trained.calls)
    go(sweep)  # what diverged is not tried again
    assert len(trained.calls) == calls
    assert sorted(go.view.failures) == sorted(run.variant for run in sweep.runs[4:])
    write(sweep, standing, tmp_path)
    assert (tmp_path / "sensitivity.png").stat().st_size > 10_000


def test_what_diverges_never_survives(make, trained, go, tmp_path):
    """Of four points two survive, and three diverge: one goes on."""
    trained.score = lambda *of: math.inf if of[0].settings.learning_rate > 2e-4 else good(*of)
    sweep = make(search="halving", eta=2, over={"learning_rate": [1e-4, 1e-3, 1e-2, 1e-1]}, report_seeds=0)
    go(sweep)
    assert [call[0] for call in trained.calls[1:]] == [["learning_rate=0.0001"]] * 2
    standing = read_standing(sweep, tmp_path)
    assert [len(level.runs) for level in standing.levels] == [4, 1, 1]
    assert standing.best.run.config.settings.learning_rate == 1e-4


def test_if_all_diverge_there_is_no_best(make, trained, go, tmp_path):
    trained.score = lambda *of: math.inf
    sweep = make(search="halving", over={"learning_rate": [1e-4, 1e-3, 1e-2]})
    go(sweep)
    standing = read_standing(sweep, tmp_path)
    assert standing.best is None
    assert verdict(sweep, standing) == ["there is no best point: all 3 diverged"]
    write(sweep, standing, tmp_path)


def test_another_failure_stops_the_decision(make, trained, go, tmp_path, monkeypatch):
    def full(*arguments, **named):
        raise OSError("full")

    trained.score, sweep = good, halving(make)
    with monkeypatch.context() as patch:
        patch.setattr(
            "accumbens.experiments.execute.start_or_resume_together",
            lambda *_, **__: (_ for _ in ()).throw(OSError("full")),
        )
        outcome = go(sweep)
    assert set(outcome.failures.values()) == {"full"}
    assert len(outcome.failures) == 9
    assert read_diverged(tmp_path) == {}
    go(sweep)
    assert len(trained.calls) == 3


def test_large_groups_are_cut_into_programs_of_nearly_equal_size(make, go, tmp_path, monkeypatch):
    sweep = make(over={"learning_rate": "1e-4..1e-1:11"})
    monkeypatch.setattr(type(sweep.kind), "programs", lambda self, configs: [list(range(len(configs)))])
    sizes = lambda most: [len(program) for program in programs_of(sweep.runs, tmp_path, most=most)]  # noqa: E731
    assert sizes(64) == [11]
    assert sorted(sizes(12)) == [3, 4, 4]
    assert sizes(2) == [1] * 11
    found = [run for program in programs_of(sweep.runs, tmp_path, most=12) for run in program]
    assert found == list(sweep.runs)
    with pytest.raises(AccumbensError, match="side_by_side=0"):
        sizes(0)


def test_a_rung_before_the_first_row_is_refused(make, trained, go, monkeypatch):
    trained.score = good
    sweep = make(search="halving", over={"learning_rate": [1e-4, 1e-3, 1e-2]}, total_timesteps=900)
    find = sweep.kind.comparing.metrics[0]
    late = find._replace(rows=lambda files: [row for row in find.rows(files) if int(row["step"]) > 500])
    monkeypatch.setitem(sweep.kind.__dict__, "comparing", sweep.kind.comparing._replace(metrics=[late]))
    why = "rung 1 of 2 ends at 0.333 of every run, where none has final_return yet, so none can be chosen"
    for _ in range(2):  # and again when all is there
        with pytest.raises(AccumbensError, match=why):
            go(sweep)
    assert len(trained.calls) == 1


def test_a_rung_without_numbers_is_refused(make, trained, go):
    trained.score = lambda config, seed, step: math.nan if step < 500 else 1.0
    sweep = make(search="halving", over={"learning_rate": [1e-4, 1e-3, 1e-2]})
    with pytest.raises(AccumbensError, match="where none has final_return yet"):
        go(sweep)
    assert len(trained.calls) == 1


def test_where_nothing_is_measured_at_the_end_that_is_said(make, trained, go, tmp_path):
    trained.score = lambda config, seed, step: math.nan
    sweep = make()
    assert verdict(sweep, read_standing(sweep, tmp_path)) == []  # nothing was done yet
    go(sweep)
    (line,) = verdict(sweep, read_standing(sweep, tmp_path))
    assert line.startswith("there is no best point: none has a number for final_return (mean of the last 100 training")


def test_effects_of_a_grid_are_over_seeds(make, trained, go, tmp_path):
    """Independent: differences of means in NumPy, seed by seed."""
    trained.score = lambda config, seed, step: (
        (10 + seed) * config.settings.trace_decay + 1e3 * config.settings.learning_rate * (1 + 0.1 * seed)
    )
    sweep = make()
    go(sweep)
    standing = read_standing(sweep, tmp_path)
    effects = {(effect.setting, effect.value): effect for effect in effects_of(sweep, standing)}
    assert set(effects) == {("learning_rate", "0.001"), ("learning_rate", "0.01"), ("trace_decay", "0.9")}
    found = effects["trace_decay", "0.9"]
    per_seed = np.array([0.4 * (10 + seed) for seed in range(3)])
    assert found.difference.mean == pytest.approx(per_seed.mean())
    assert found.difference.interval == pytest.approx(4.302653 * per_seed.std(ddof=1) / math.sqrt(3), rel=1e-5)
    assert (found.points, found.base_points, found.base) == (3, 3, "0.5")


def test_effects_of_a_grid_with_holes_are_of_points_that_differ_in_nothing_else(make, trained, go, tmp_path):
    """The trace decay does nothing, and the learning rate much; a hole must not make the one look like the other."""
    rate = {1e-4: 0.0, 1e-3: 10.0, 1e-2: 100.0}

    def score(config, seed, step):
        settings = config.settings
        return (
            math.inf if (settings.learning_rate, settings.trace_decay) == (1e-2, 0.9) else rate[settings.learning_rate]
        )

    trained.score, sweep = score, make()
    go(sweep)
    standing = read_standing(sweep, tmp_path)
    found = {(e.setting, e.value): (e.difference.mean, e.points, e.base_points) for e in effects_of(sweep, standing)}
    assert found == {
        ("learning_rate", "0.001"): (10.0, 2, 2),
        ("learning_rate", "0.01"): (100.0, 1, 1),
        ("trace_decay", "0.9"): (0.0, 2, 2),
    }
    assert {effect.how for effect in effects_of(sweep, standing)} == {OF_PAIRS}
    write(sweep, standing, tmp_path)


def test_effects_of_a_fraction_with_a_hole_say_that_others_are_mixed_in(make, trained, go, tmp_path):
    over = {
        "learning_rate": [1e-3, 1e-2],
        "trace_decay": [0.5, 0.9],
        "discount": [0.9, 0.99],
        "epsilon_end": [0.0, 0.1],
    }
    sweep = make(over=over, fraction="1/2")
    hole = sweep.runs[0].config
    trained.score = lambda config, seed, step: math.inf if config == hole else 100 * config.settings.trace_decay
    go(sweep)
    effects = effects_of(sweep, read_standing(sweep, tmp_path))
    assert {effect.setting for effect in effects} == over.keys()
    assert {effect.how for effect in effects} == {OF_PART}
    assert {(effect.points, effect.base_points) for effect in effects} == {(4, 3)}
    write(sweep, read_standing(sweep, tmp_path), tmp_path)


def test_the_first_value_that_was_measured_is_the_base(make, trained, go, tmp_path):
    trained.score = lambda config, seed, step: (
        math.inf if config.settings.learning_rate == 1e-4 else 1e3 * config.settings.learning_rate
    )
    sweep = make()
    go(sweep)
    effects = {
        (e.setting, e.value, e.base): e.difference.mean for e in effects_of(sweep, read_standing(sweep, tmp_path))
    }
    assert effects == {("learning_rate", "0.01", "0.001"): pytest.approx(9.0), ("trace_decay", "0.9", "0.5"): 0.0}


def test_effects_of_random_points_are_welchs(make, trained, go, tmp_path):
    from scipy.stats import ttest_ind

    trained.score = lambda config, seed, step: math.sin(1e5 * config.settings.learning_rate) + seed
    sweep = make(search="random", points=9, over={"learning_rate": "1e-4..1e-2", "credit": ["local", "backprop"]})
    go(sweep)
    standing = read_standing(sweep, tmp_path)
    for effect in effects_of(sweep, standing):
        assert effect.how == OVER_POINTS
        sides = [[], []]
        for run, score in standing.first.items():
            value = sweep.point_of(run)[effect.setting]
            above = value == effect.value if effect.setting == "credit" else float(value) >= float(effect.value[3:])
            sides[above].append(score.estimate.mean)
        low, high = ttest_ind(sides[1], sides[0], equal_var=False).confidence_interval(0.95)
        assert effect.difference.mean == pytest.approx((low + high) / 2)
        assert effect.difference.interval == pytest.approx((high - low) / 2)


def test_what_is_left_and_exported(make, trained, go, tmp_path):
    trained.score = good
    sweep = make(report_seeds=2)
    with pytest.raises(AccumbensError, match="nothing to export"):
        export(sweep, read_standing(sweep, tmp_path), tmp_path, tmp_path / "out")
    go(sweep)
    standing = read_standing(sweep, tmp_path)
    write(sweep, standing, tmp_path)
    export(sweep, standing, tmp_path, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("command.txt", "effects.csv", "sensitivity.png", "summary.csv", "sweep.toml")
    ]
    with (tmp_path / "out" / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["role"] for row in rows] == ["choosing"] * 6 + ["reporting"]
    assert rows[0]["scores"] == "31.8 31.81 31.82"
    assert (rows[0]["seeds"], rows[-1]["seeds"]) == ("0-2", "3-4")
    values = [float(row["final_return"]) for row in rows[:6]]
    assert values == sorted(values, reverse=True)
    assert plain(sweep, standing)["best"] == {"learning_rate": "0.01", "trace_decay": "0.9"}
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) < 200_000


class Place:
    """A `Where` that remembers what it is asked for, and does it here or not at all."""

    def __init__(self, shows=True):
        self.shows, self.asked = shows, []

    def execute(self, programs, folder, report, pace):
        from accumbens.experiments.execute import execute

        self.asked.append(([[run.variant for run in program] for program in programs], pace.until))
        if not self.shows:
            return Outcome({}, {}, interrupted=False)
        return execute(programs, folder, report, pace)


def test_every_rung_and_the_reporting_seeds_are_worked_on_where_it_is_asked(make, trained, go):
    trained.score, place = good, Place()
    sweep = make(search="halving", over={"learning_rate": "1e-4..1e-1:9"}, report_seeds=2)
    go(sweep, where=place)
    best = [run.variant for run in sweep.runs][::-1]
    assert place.asked == [
        ([[run.variant for run in sweep.runs]], 1 / 9),
        ([best[:3]], 1 / 3),
        ([best[:1]], 1.0),
        ([[f"{best[0]},seeds=3-4"]], 1.0),
    ]


def test_parts_of_a_job_are_the_same_however_far_runs_are(make, trained, go, tmp_path):
    """Half of the points are done, and one has diverged: its part is one point less, and no part has another number."""
    trained.score, sweep = good, make()
    before, after = Place(shows=False), Place(shows=False)
    go(sweep, most=6, where=before)
    go(make(over={"learning_rate": [1e-4, 1e-3], "trace_decay": [0.5, 0.9]}, report_seeds=0))
    write_diverged(tmp_path, {sweep.runs[4]: "no longer finite"})
    go(sweep, most=6, where=after)
    names = [run.variant for run in sweep.runs]
    assert before.asked == [([names[:2], names[2:4], names[4:]], 1.0)]  # and no reporting seeds
    assert after.asked == [([names[:2], names[2:4], names[5:]], 1.0)]
    with pytest.raises(AccumbensError, match="side_by_side=0"):
        parts_of(sweep.runs, (), 0)


def test_what_diverged_is_known_by_its_kind_and_not_by_its_words(make, trained, go, tmp_path, monkeypatch):
    """Another failure may say the same; and workers may note theirs at the same time."""
    trained.score, sweep = good, make()
    with monkeypatch.context() as patch:
        patch.setattr(
            "accumbens.experiments.execute.start_or_resume_together",
            lambda *_, **__: (_ for _ in ()).throw(AccumbensError("cell 1 is no longer finite")),
        )
        outcome = go(sweep)
    assert (len(outcome.failures), outcome.diverged, read_diverged(tmp_path)) == (6, frozenset(), {})
    trained.score = lambda *of: math.inf if of[0].settings.learning_rate == 0.01 else good(*of)
    outcome = go(sweep, together=False)  # each alone: there it is raised
    assert outcome.diverged == outcome.failures.keys() == {run.label for run in sweep.runs[4:]} | set()
    (tmp_path / "diverged" / "elsewhere").mkdir()
    (tmp_path / "diverged" / "elsewhere" / "x.txt").write_text("why\n")  # as earlier versions wrote it
    assert read_diverged(tmp_path)["elsewhere/x"] == "why"
    assert len(read_diverged(tmp_path)) == 3
    assert go(sweep).diverged == outcome.diverged


def test_a_point_that_cannot_go_on_is_alone(make, tmp_path, monkeypatch):
    """Its checkpoints are gone; those that have not begun are not kept from it."""
    sweep = make()
    lost = sweep.runs[2]
    run = sweep.kind.create(lost.config, tmp_path, lost.variant)
    Table(run.metrics, ["step", "seed", "mean_return", "wall_seconds"]).append(
        [{"step": 64, "seed": 0, "mean_return": 1.0, "wall_seconds": 1.0}]
    )
    run.write_meta(wall_seconds=1.0)
    monkeypatch.setattr(type(sweep.kind), "programs", lambda self, configs: [list(range(len(configs)))])
    programs = programs_of(sweep.runs, tmp_path, most=64)
    assert sorted(map(len, programs)) == [1, 5]
    assert (lost,) in programs


def test_what_diverged_with_other_settings_is_refused(make, trained, go, tmp_path):
    """Its folder is gone, as it had learned nothing: only the note tells."""
    trained.score = lambda *of: math.inf
    sweep = make(over={"learning_rate": [1e-2, 1e-1]})
    assert len(go(sweep, together=False).diverged) == 2
    shutil.rmtree(tmp_path / "CartPole-v1")
    require_same_runs(sweep, tmp_path)
    other = make(over={"learning_rate": [1e-2, 1e-1]}, settings={**sweep.document["settings"], "discount": 0.5})
    with pytest.raises(AccumbensError, match=r"learning_rate=0\.01\.txt is of a run that diverged with other settings"):
        require_same_runs(other, tmp_path)


def test_a_best_point_that_diverges_with_the_reporting_seeds_is_told_of(make, trained, go, tmp_path):
    trained.score = lambda config, seed, step: math.inf if seed >= 3 else good(config, seed, step)
    sweep = make(report_seeds=2)
    go(sweep)
    standing = read_standing(sweep, tmp_path)
    assert (standing.report, standing.best.state) == (None, "done")
    lines = verdict(sweep, standing)
    assert lines[2].startswith("the same point on 2 other seeds diverged: cell 1 of seed 0 is no longer finite")
    assert "too high" in lines[3]
    write(sweep, standing, tmp_path)
    last = read_table(tmp_path / "summary.csv")[-1]
    assert (last["role"], last["state"], last["seeds"], last["scores"]) == ("reporting", "diverged", "3-4", "")


@pytest.mark.skipif(sys.platform == "win32", reason="folders are locked where there is flock")
def test_a_sweep_is_worked_on_by_one_process_at_a_time(make, go, trained, tmp_path):
    """The other is refused before it has touched anything, and one that makes nothing leaves nothing."""
    sweep = make()
    program = "import pathlib, sys; from accumbens.runs.lock import locked\n"
    program += "with locked(pathlib.Path(sys.argv[1]), 'sweep'): print(flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(AccumbensError, match=rf"process {other.pid} on .* is at work on the sweep {tmp_path}"):
            go(sweep)
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert trained.calls == []
    assert go(sweep).failures == {}

    class Nowhere(Here):
        def execute(self, *_, **__):
            raise AccumbensError("nobody is there")

    folder = tmp_path / "other"
    with pytest.raises(AccumbensError, match="nobody is there"):
        carry_out(sweep, folder, lambda *_: contextlib.nullcontext(Quiet()), where=Nowhere())
    assert not folder.exists()


def test_a_setting_that_does_nothing_is_named(make, trained, go, tmp_path):
    trained.score = lambda config, seed, step: math.log10(config.settings.learning_rate) + seed
    sweep = make()
    go(sweep)
    *_, line = verdict(sweep, read_standing(sweep, tmp_path))
    assert line.startswith("trace_decay made no difference: ")
    assert not any("learning_rate made no difference" in one for one in verdict(sweep, read_standing(sweep, tmp_path)))


def test_a_setting_that_acts_at_one_value_of_another_does_something(make, trained, go, tmp_path):
    trained.score = lambda config, seed, step: (
        seed + config.settings.trace_decay * (config.settings.learning_rate > 5e-3)
    )
    sweep = make()
    go(sweep)
    assert not any("made no difference" in line for line in verdict(sweep, read_standing(sweep, tmp_path)))


def test_no_setting_is_called_like_a_column_of_the_table():
    """A setting of that name would take the column's place; `rank`, of a cell, once did."""
    everything: list[Any] = [preset.learner for preset in PRESETS.values()]
    everything += [entry.settings for entry in RULES.values()]
    everything += [method.settings for method in METHODS.values()]
    names = set().union(*map(hints_of, everything))
    assert "rank" in names
    assert not names & set(COLUMNS)


def test_a_swept_rank_has_its_own_column(make, trained, go, tmp_path):
    trained.score = lambda config, seed, step: config.settings.rank + 0.01 * seed
    sweep = make(over={"rank": [2, 3]}, report_seeds=0)
    write(sweep, go(sweep) and read_standing(sweep, tmp_path), tmp_path)
    with (tmp_path / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["position"], row["rank"]) for row in rows[:2]] == [("1", "3"), ("2", "2")]
