"""Names of tasks: ours, users', and files."""

import dataclasses
import inspect
import subprocess
import sys

import numpy as np
import pytest

from accumbens.credit.registry import RULES
from accumbens.credit.tasks import registry
from accumbens.credit.tasks.registry import TASKS, folder_name, make_task, register_task, task_entry
from accumbens.credit.tasks.settings import FileSettings, TaskSettings
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.registration import Registered

SPIRALS = """
import numpy as np
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.protocol import Examples, task_of_examples
from accumbens.credit.tasks.registry import register_task


def make(settings, batch_size, data):
    examples = Examples(np.zeros((4, 2), np.float32), np.arange(4, dtype=np.int32) % 2)
    return task_of_examples(TaskFacts("classification", 2, 2), examples, examples, examples, notes=(str(data),))


register_task("spirals", make, summary="two spirals", epochs=7)
"""


def test_a_users_task_is_found_through_its_module(tmp_path, monkeypatch):
    (tmp_path / "users_task_module.py").write_text(SPIRALS)
    monkeypatch.syspath_prepend(tmp_path)
    name, entry = task_entry("users_task_module:spirals")
    assert (name, entry.epochs, entry.summary) == ("users_task_module:spirals", 7, "two spirals")
    assert task_entry("spirals")[0] == name
    task = make_task("spirals", entry.settings, 32, tmp_path)
    assert task.notes == (str(tmp_path),)
    np.testing.assert_array_equal(task.train.y, [0, 1, 0, 1])
    assert folder_name(name) == name


@pytest.mark.parametrize("name", ["digits", "", "a:b"])
def test_names_that_cannot_be_registered(name):
    with pytest.raises(AccumbensError, match="task="):
        register_task(name, lambda settings, batch_size, data: None)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownNameError, match=r"did you mean 'digits'.*accumbens tasks"):
        task_entry("digit")


def test_folders_of_runs():
    assert folder_name("/somewhere/of/mine/wine.quality.csv") == "wine.quality"
    assert folder_name("mnist") == "mnist"


def test_no_setting_of_a_task_is_called_like_one_of_a_rule_or_of_the_fit():
    def settings(entries):
        """Names of all settings of ours; tests before this one may have registered others'."""
        ours = [entry.settings for name, entry in entries.items() if ":" not in name]
        return {field.name for part in ours for field in dataclasses.fields(part)}

    of_fit = {"task", "rule", "layers", "epochs", "seed", "seeds", "evaluations", "data"}
    of_tasks = settings(TASKS) | {field.name for field in dataclasses.fields(FileSettings)}
    assert {"difficulty", "target"} <= of_tasks
    assert {"sigma", "layers"} <= settings(RULES)
    assert not of_tasks & (settings(RULES) | of_fit)


def test_every_task_can_be_made_with_the_same_arguments():
    import importlib

    for entry in TASKS.values():
        module, _, function = entry.home.partition(":")
        make = getattr(importlib.import_module(f"accumbens.credit.tasks.{module}"), function)
        assert list(inspect.signature(make).parameters) == ["settings", "batch_size", "data"]


def test_listing_imports_little():
    listing = (
        "import sys; from accumbens.credit.tasks.registry import TASKS, task_entry; task_entry('a.csv'); "
        "print([name for name in ('jax', 'numpy', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_the_making_of_a_users_task_raises_is_told_with_its_line(monkeypatch):
    monkeypatch.setattr(registry, "_registered", Registered("task"))
    name = register_task("unmade", lambda settings, batch_size, data: [][1])
    with pytest.raises(
        AccumbensError, match=r"unmade' cannot be made: IndexError: .*\n.*test_registry.py, line \d+, in "
    ):
        make_task(name, TaskSettings(), 32)
    name = register_task("short", lambda settings: None)
    with pytest.raises(AccumbensError, match=r"short' cannot be made: TypeError: .*\n.*test_registry.py, line \d+"):
        make_task(name, TaskSettings(), 32)
