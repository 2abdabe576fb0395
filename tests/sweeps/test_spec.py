"""Sweep files and the short form: what they stand for, and what is refused."""

import pytest
import tomli_w

from accumbens.credit.kind import FITS
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.kinds import all_kinds
from accumbens.runs.settings import every_setting
from accumbens.sweeps.spec import committed, load, short, variant_of, words_of
from accumbens.teams.kind import TEAMS


def test_points_are_runs_of_all_settings(make):
    sweep = make()
    assert len(sweep.runs) == len(sweep.points) == 6
    assert (sweep.seeds, sweep.report_seeds, sweep.search) == (3, 3, "grid")
    run = sweep.runs[1]
    assert run.label == "CartPole-v1/ad_pqn/learning_rate=0.0001,trace_decay=0.9"
    assert (run.config.seed, run.config.total_timesteps, run.config.settings.net_arch) == (0, 900, (6, 5))
    assert sweep.point_of(run) == {"learning_rate": "0.0001", "trace_decay": "0.9"}


def test_reporting_seeds_are_others(make):
    sweep = make(report_seeds=4)
    again = sweep.reporting(sweep.runs[2])
    assert again.config.seed_list() == [3, 4, 5, 6]
    assert sweep.runs[2].config.seed_list() == [0, 1, 2]
    assert again.variant == "learning_rate=0.001,trace_decay=0.5,seeds=3-6"
    assert again.config.settings == sweep.runs[2].config.settings


def test_the_words_are_those_of_the_kind():
    assert {kind.words.name: words_of(kind) for kind in all_kinds()} == {
        "agent": ("environment", "agent"),
        "fit": ("task", "rule"),
        "team": ("team", "method"),
    }


def test_the_short_form():
    sweep = short("digits", None, {"layers": "16/32,16"}, {"learning_rate": "0.1"}, {"epochs": 2, "seeds": 2})
    assert (sweep.kind, sweep.method, sweep.name) == (FITS, "backprop", "digits-backprop-layers")
    assert [run.config.rule_settings.layers for run in sweep.runs] == [(16,), (32, 16)]
    assert [run.variant for run in sweep.runs] == ["layers=16", "layers=32x16"]
    assert {run.config.epochs for run in sweep.runs} == {2}
    team = short("team/fill-in-2", "idt", {"learning_rate": "1e-4,1e-3"}, {}, {"data": "random:50", "updates": 4}, "x")
    assert (team.kind, team.name, team.runs[0].config.updates) == (TEAMS, "x", 4)


def test_long_names_are_cut_and_stay_different():
    points = [{f"setting_{index}": "x" * 20 for index in range(12)} | {"last": last} for last in "ab"]
    names = [variant_of(point) for point in points]
    assert all(len(name) <= 200 for name in names)
    assert len(set(names)) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"over": {"learning_rat": [1, 2]}}, "unknown setting 'learning_rat'; did you mean 'learning_rate'"),
        ({"over": {"learning_rat": "1..2"}}, "unknown setting 'learning_rat'; did you mean 'learning_rate'"),
        ({"over": {"credit": "local,bckprop"}}, "value of credit 'bckprop'; did you mean 'backprop'"),
        ({"over": {}}, "nothing is varied"),
        ({"over": {"seeds": [1, 2]}}, "seeds cannot be varied"),
        ({"over": {"total_timesteps": [1, 2]}}, "total_timesteps cannot be varied"),
        ({"over": {"num_envs": [4, 8]}}, "num_envs is given twice"),
        ({"over": {"discount": [0.9, 1.5]}}, r"point 2 \(discount=1.5\): discount=1.5 cannot be used"),
        ({"agent": "ad_pq"}, "unknown algorithm 'ad_pq'; did you mean 'ad_pqn'"),
        ({"environment": "CartPole"}, "'CartPole'; did you mean 'CartPole-v1'"),
        ({"agent": None}, "a sweep has one place and one method"),
        ({"agnt": "x"}, "unknown key 'agnt'; did you mean 'agent'"),
        ({"task": "digits", "rule": "backprop"}, "one place and one method"),
        ({"epochs": 3}, "unknown key 'epochs'"),
        ({"seeds": 0}, "seeds=0 cannot be used"),
        ({"seeds": "3"}, "expected a whole number"),
        ({"report_seeds": -1}, "report_seeds=-1"),
        ({"search": "rndom"}, "unknown search 'rndom'; did you mean 'random'"),
        ({"search": "random"}, "points is missing"),
        ({"points": 3}, "a grid has all of its points"),
        ({"search_seed": 3}, "nothing is drawn"),
        ({"search": "halving", "eta": 1}, "eta=1 cannot be used"),
        ({"eta": 3}, "eta is of a halving search"),
        ({"search": "halving", "over": {"discount": "0.5..0.9"}}, "points is missing"),
        ({"search": "random", "points": 3, "fraction": "1/2"}, "fraction=1/2 cannot be used"),
        ({"fraction": "1/2"}, "learning_rate has 3 values, not two"),
        (
            {"metric": "episodes"},
            "metric=episodes cannot be used: training alone leaves no such numbers; expected one of",
        ),
        ({"metric": "final_retrn"}, "unknown metric 'final_retrn'; did you mean 'final_return'"),
    ],
)
def test_what_cannot_be_used(make, changes, message):
    with pytest.raises(AccumbensError, match=message):
        make(**changes)


def test_a_name_is_a_folders(document):
    from accumbens.sweeps.spec import resolve

    with pytest.raises(AccumbensError, match="single folder name"):
        resolve("../x", document)


def test_files(document, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(tomli_w.dumps(document))
    assert load(str(path)).name == "mine"
    assert load(str(path), "other").name == "other"
    path.write_text("[over]\na = 1\na = 2\n")
    with pytest.raises(AccumbensError, match="is not a TOML file"):
        load(str(path))
    with pytest.raises(AccumbensError, match=r"none.toml cannot be read"):
        load("none.toml")
    with pytest.raises(UnknownNameError, match="'quik'; did you mean 'quick'"):
        load("quik")
    path.write_text(tomli_w.dumps(document | {"seeds": 0}))
    with pytest.raises(AccumbensError, match=r"mine.toml: seeds=0"):
        load(str(path))


@pytest.mark.parametrize("name", committed())
def test_committed_sweeps_can_be_resolved(name):
    assert load(name).runs


def test_the_factors_of_breakout_are_a_quarter_of_all():
    sweep = load("breakout-factors")
    assert (len(sweep.runs), sweep.seeds, sweep.report_seeds) == (16, 5, 0)
    settings = [every_setting(run.config) for run in sweep.runs]
    for name in (setting.name for setting in sweep.over):
        assert sorted(map(str, (values[name] for values in settings))).count(str(settings[0][name])) == 8


def test_what_is_for_another_kind_is_refused():
    with pytest.raises(AccumbensError, match="--epochs is not for CartPole-v1, an environment"):
        short("CartPole-v1", None, {"learning_rate": "1e-4,1e-3"}, {}, {"epochs": 3})
    with pytest.raises(AccumbensError, match="unknown environment 'CartPol-v1'; did you mean 'CartPole-v1'"):
        short("CartPol-v1", None, {"learning_rate": "1e-4,1e-3"}, {}, {})


def test_fits_are_chosen_by_validation_data_and_reported_on_test_data():
    def pairs(**asked):
        sweep = short("digits", None, {"learning_rate": "0.1,0.2"}, {}, asked)
        return [(choosing.name, reported.name) for choosing, reported in sweep.choices()]

    assert pairs()[:2] == [("valid_accuracy", "test_accuracy"), ("valid_loss", "test_loss")]
    assert pairs().index(("test_accuracy", "test_accuracy")) > pairs().index(("train_loss", "train_loss"))
    assert pairs(metric="valid_loss") == [("valid_loss", "test_loss")]
    assert pairs(metric="test_accuracy") == [("test_accuracy", "test_accuracy")]


def test_agents_are_chosen_by_what_is_reported(make):
    names = [metric.name for metric in make().kind.comparing.metrics]
    assert [(choosing.name, reported.name) for choosing, reported in make().choices()][:3] == [(n, n) for n in names]
