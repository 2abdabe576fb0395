"""What a fit is asked to do: resolved, refused, written and read again."""

import dataclasses
import re
import sys
import types
import typing

import numpy as np
import pytest

from accumbens import kinds
from accumbens.credit.config import (
    MOST_EVALUATIONS,
    resolve_fit,
)
from accumbens.credit.kind import FITS
from accumbens.credit.registry import RULES, register_rule
from accumbens.credit.settings import ConventionalSettings, RuleSettings
from accumbens.credit.tasks.registry import TASKS, register_task
from accumbens.credit.tasks.settings import ControlledSettings, TaskSettings
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.settings import every_setting, format_value
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS


def other_value(hint, value):
    """Another value of the same type, where there is one."""
    if value is not None and typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is typing.Literal:
        return next((choice for choice in reversed(typing.get_args(hint)) if choice != value), value)
    if isinstance(value, bool):
        return not value
    return {int: 3, float: 0.3125, tuple: (8, 6), str: "s", type(None): 2}[type(value)]


def changed(settings):
    hints = typing.get_type_hints(type(settings))
    return {key: other_value(hint, getattr(settings, key)) for key, hint in hints.items()}


def same_after_a_round_trip(config, path):
    FITS.write(config, path)
    assert FITS.read(path) == FITS.read(path, known=False) == config
    assert kinds.read_config(path) == (FITS, config)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_on_every_task(rule, task, tmp_path):
    same_after_a_round_trip(resolve_fit(task, rule), tmp_path / "config.toml")
    settings = {**changed(RULES[rule].settings), **changed(TASKS[task].settings)}
    if rule == "backprop-through-time" and isinstance(TASKS[task].settings, ControlledSettings):
        del settings["units"]  # which are the task's own
    layers = settings.pop("layers")
    config = resolve_fit(
        task,
        rule,
        layers=layers,
        epochs=7,
        seed=11,
        seeds=3,
        evaluations=5,
        data="some/folder",
        changes={key: format_value(value) for key, value in settings.items()},
    )
    for key, value in settings.items():
        owner = config.task_settings if key in changed(TASKS[task].settings) else config.rule_settings
        assert getattr(owner, key) == value
    assert config.rule_settings.layers == layers
    assert config.data.startswith("/")
    same_after_a_round_trip(config, tmp_path / "config.toml")


def test_no_setting_belongs_to_a_task_and_to_a_rule():
    of_tasks = {key for entry in TASKS.values() for key in changed(entry.settings)}
    of_rules = {key for entry in RULES.values() for key in changed(entry.settings)}
    numbers = {"epochs", "seed", "seeds", "evaluations", "data", "name", "out"}
    assert not of_tasks & of_rules
    assert not numbers & (of_tasks | of_rules)


@pytest.mark.parametrize("layers", [(), (5,), (5, 4, 3)])
def test_layers(layers, tmp_path):
    config = resolve_fit("digits", layers=layers)
    assert config.rule_settings.layers == layers
    assert resolve_fit("digits", changes={"layers": format_value(layers)}) == config
    same_after_a_round_trip(config, tmp_path / "config.toml")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpiralSettings(TaskSettings):
    turns: float = 2.0
    centres: tuple[int, ...] = (1, 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NudgeSettings(ConventionalSettings):
    nudge: float | None = None
    word: typing.Literal["loud", "quiet"] = "loud"


@pytest.fixture
def of_mine(monkeypatch):
    """A module of the user's with a task and a rule; the names under which they are kept."""
    module = types.ModuleType("module_of_mine")
    module.__dict__.update(register_rule=register_rule, register_task=register_task)
    module.__dict__.update(rule=NudgeSettings(), task=SpiralSettings())
    monkeypatch.setitem(sys.modules, "module_of_mine", module)
    exec("register_task('spirals', print, task, epochs=4)", module.__dict__)
    exec("register_rule('nudge', print, rule, 'a nudge')", module.__dict__)
    return "module_of_mine:spirals", "module_of_mine:nudge"


def test_tasks_and_rules_of_the_user_s_own(of_mine, tmp_path, monkeypatch):
    task, rule = of_mine
    config = resolve_fit("spirals", "nudge", changes={"turns": "3", "centres": "4,5", "nudge": "0.5", "word": "quiet"})
    assert (config.task, config.rule, config.epochs) == (task, rule, 4)
    assert config.rule_settings == NudgeSettings(nudge=0.5, word="quiet")
    same_after_a_round_trip(config, tmp_path / "config.toml")
    # Where the task is not known, what was asked of it can still be told; nothing is imported.
    (tmp_path / "config.toml").write_text((tmp_path / "config.toml").read_text().replace(task, "antigravity:spirals"))
    elsewhere = FITS.read(tmp_path / "config.toml", known=False)
    assert "antigravity" not in sys.modules
    assert (elsewhere.task, elsewhere.rule_settings) == ("antigravity:spirals", config.rule_settings)
    assert dataclasses.asdict(elsewhere.task_settings) == {"split_seed": 0, "turns": 3.0, "centres": (4, 5)}
    assert FITS.read(tmp_path / "config.toml", known=False) == elsewhere
    text = (tmp_path / "config.toml").read_text().replace("antigravity:spirals", "spiralz")
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(AccumbensError, match=r"^the task 'spiralz' of .*config.toml is not registered in this process"):
        FITS.read(tmp_path / "config.toml")
    assert FITS.chapter.summary(FITS.read(tmp_path / "config.toml", known=False)) == ""


def test_a_setting_that_would_be_a_task_s_and_a_rule_s(of_mine):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Clashing(RuleSettings):
        difficulty: float = 1.0

    register_rule("clashing", print, Clashing())
    with pytest.raises(AccumbensError, match=r"piecewise-random-walk and the rule .*clashing both have a setting diff"):
        resolve_fit("piecewise-random-walk", "clashing")


@pytest.mark.parametrize("suffix", ["csv", "npz", "npy"])
def test_a_file_is_known_by_its_whole_path(suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = resolve_fit(f"my.data.{suffix}", "backprop", changes={"target": "2", "kind": "regression"})
    assert config.task == str(tmp_path / f"my.data.{suffix}")
    same_after_a_round_trip(config, tmp_path / "config.toml")
    monkeypatch.chdir("/")
    assert FITS.read(tmp_path / "config.toml") == config


def test_evaluations_if_nothing_is_asked_for():
    def evaluations(task, epochs):
        return resolve_fit(task, epochs=epochs).evaluations

    assert [evaluations("digits", epochs) for epochs in (2, 30, 5000)] == [2, 30, MOST_EVALUATIONS]
    assert evaluations("piecewise-random-walk", None) == MOST_EVALUATIONS


BAD = {
    "task": ({"task": "digit"}, "unknown task 'digit'; did you mean 'digits'? Run 'accumbens tasks' to see all."),
    "rule": ({"rule": "backpropp"}, "unknown rule 'backpropp'; did you mean 'backprop'? Run 'accumbens rules' to see"),
    "module": ({"rule": "no_such_module:x"}, "cannot import the module 'no_such_module' of rule 'no_such_module:x'"),
    "setting": ({"changes": {"learning_rat": "1"}}, "unknown setting 'learning_rat'; did you mean 'learning_rate'?"),
    "word": ({"changes": {"optimiser": "rmsprob"}}, "unknown value of optimiser 'rmsprob'; did you mean 'rmsprop'?"),
    "number": ({"changes": {"learning_rate": "fast"}}, "learning_rate='fast' cannot be used: expected a number"),
    "of the fit": ({"changes": {"epochs": "5"}}, "epochs is not a setting: give it as --epochs"),
    "epochs": ({"epochs": 0}, "epochs=0 cannot be used: it must be >= 1"),
    "seeds": ({"seeds": 0}, "seeds=0 cannot be used: it must be >= 1"),
    "seed": ({"seed": -1}, "seed=-1 cannot be used: it must be from 0 to 4294967295"),
    "last seed": ({"seed": 2**32 - 2, "seeds": 3}, "cannot be used: it must be from 0 to 4294967293"),
    "evaluations": ({"evaluations": 0}, "evaluations=0 cannot be used: it must be >= 1"),
    "layers": ({"layers": (4, 0)}, "layers=4,0 cannot be used: it must be numbers >= 1, such as 64,64"),
    "rate": ({"changes": {"learning_rate": "0"}}, "learning_rate=0.0 cannot be used: it must be > 0 and finite"),
    "no rate": ({"changes": {"learning_rate": "nan"}}, "learning_rate=nan cannot be used: it must be > 0 and finite"),
    "huge rate": ({"changes": {"learning_rate": "inf"}}, "learning_rate=inf cannot be used: it must be > 0 and finite"),
    "batch": ({"changes": {"batch_size": "0"}}, "batch_size=0 cannot be used: it must be >= 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_fitted(case):
    changes, message = BAD[case]
    with pytest.raises(AccumbensError, match=re.escape(message)) as error:
        resolve_fit(**{"task": "digits"} | changes)
    assert "\n" not in str(error.value)
    assert isinstance(error.value, UnknownNameError) == message.startswith("unknown")


DAMAGE = {
    ("format_version = 1", "format_version = 9"): r"config.toml has format version 9; this accumbens reads 1",
    ("[fit]", "[fit"): r"config.toml cannot be read as a run's configuration",
    ("[rule]", "[ruler]"): r"config.toml cannot be read as a run's configuration: the table \[rule\] is missing",
    ("epochs = 100", "epochs = 1.5"): r"epochs='1.5' cannot be used: expected a whole number",
    ("epochs = 100", ""): r"cannot be read as a run's configuration: epochs is missing",
    ("epochs = 100", "epochs = 100\nmore = 1"): r"cannot be read as a run's configuration: unknown setting 'more'",
    ("seeds = 1", "seeds = 0"): r"seeds=0 cannot be used: it must be >= 1",
    ('rule = "backprop"', 'rule = "backpro"'): r"unknown rule 'backpro'; did you mean 'backprop'",
    ("batch_size = 32", 'batch_size = "many"'): r"batch_size='many' cannot be used: expected a whole number",
    ("batch_size = 32", "batch_sise = 32"): r"unknown setting 'batch_sise'; did you mean 'batch_size'",
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_is_refused(case, tmp_path):
    path = tmp_path / "config.toml"
    FITS.write(resolve_fit("digits"), path)
    text = path.read_text()
    assert case[0] in text
    path.write_text(text.replace(*case, 1))
    with pytest.raises(AccumbensError, match=DAMAGE[case]):
        FITS.read(path)


def test_what_is_no_fit(tmp_path):
    path = tmp_path / "config.toml"
    with pytest.raises(AccumbensError, match=r"config.toml does not exist: not a run directory"):
        FITS.read(path)
    AGENTS.write(resolve_config("CartPole-v1"), path)
    assert kinds.read_config(path)[0] is AGENTS
    with pytest.raises(
        AccumbensError, match=r"is of another kind of run: this is for fits, which 'accumbens fit' makes"
    ):
        FITS.read(path)


def test_a_younger_setting_has_its_default(tmp_path):
    path = tmp_path / "config.toml"
    FITS.write(resolve_fit("digits"), path)
    path.write_text(path.read_text().replace('units = "relu"\n', ""))
    assert FITS.read(path) == resolve_fit("digits")


@pytest.mark.parametrize(
    "task", [name for name, entry in TASKS.items() if isinstance(entry.settings, ControlledSettings)]
)
@pytest.mark.parametrize("rule", ["backprop-through-time", "rflo", "online-gradient"])
def test_units_are_no_setting_where_the_task_brings_the_network(task, rule, tmp_path):
    config, path = resolve_fit(task, rule), tmp_path / "config.toml"
    assert getattr(config.rule_settings, "units", None) is None
    assert FITS.usual(config) == {k: v for k, v in every_setting(config).items() if k in FITS.usual(config)}
    FITS.write(config, path)
    assert "lstm" not in path.read_text()
    # An earlier release wrote what was ignored.
    before = path.read_text().replace('units = "none"\n', "").replace("[rule]\n", '[rule]\nunits = "lstm"\n')
    path.write_text(before)
    assert FITS.read(path) == config
    if rule == "backprop-through-time":
        with pytest.raises(AccumbensError, match=f"{rule} on {task}: units=gru cannot be used: it must be none on"):
            FITS.require_usable([resolve_fit(task, rule, changes={"units": "gru"})])
    else:
        with pytest.raises(UnknownNameError, match="unknown setting 'units'"):
            resolve_fit(task, rule, changes={"units": "gru"})


def test_units_are_a_setting_elsewhere():
    assert getattr(resolve_fit("copying", "backprop-through-time").rule_settings, "units") == "lstm"  # noqa: B009
    with pytest.raises(AccumbensError, match="units=none cannot be used"):
        FITS.require_usable([resolve_fit("copying", "backprop-through-time", changes={"units": "none"})])


def test_the_document_is_of_plain_values():
    document = FITS.to_document(resolve_fit("digits", "coagent", changes={"stochastic_units": "none"}))
    assert document["rule"]["stochastic_units"] == "none"
    assert document["rule"]["layers"] == [64, 64]
    plain = (bool, int, float, str, list)
    assert all(isinstance(value, plain) for table in ("fit", "task", "rule") for value in document[table].values())
    assert not any(isinstance(value, np.generic) for value in document["fit"].values())
