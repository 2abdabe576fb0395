"""Names that users' modules give to environments, cells and readouts."""

import subprocess
import sys
from pathlib import Path

import pytest

from accumbens import registration
from accumbens.cells.registry import register_cell
from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.registration import Registered, import_module, module_name, resolve_choice


@pytest.fixture
def things():
    return Registered("thing")


def test_an_id_and_the_name_that_a_configuration_keeps(things):
    assert things.add("a", 1, ["ours"], {"__name__": "some.module"}) == "some.module:a"
    assert things.resolve("a") == things.resolve("some.module:a") == "some.module:a"
    assert things.get("a") == things.get("some.module:a") == 1
    assert things.names() == ["a", "some.module:a"]


def test_of_two_under_one_id_the_bare_id_means_the_later_one(things):
    things.add("a", 1, [], {"__name__": "first"})
    things.add("a", 2, [], {"__name__": "second"})
    assert (things.resolve("a"), things.get("a"), things.get("first:a")) == ("second:a", 2, 1)


@pytest.mark.parametrize("name", ["", "ours", "module:a"])
def test_names_that_cannot_be_registered(things, name):
    with pytest.raises(AccumbensError, match=rf"thing='{name}' cannot be registered: it must be a new name"):
        things.add(name, 1, ["ours"], {"__name__": "m"})


def test_what_is_not_registered(things):
    assert things.get("nothing") is None
    assert things.resolve("os:nothing") is None
    assert things.resolve(":nothing") is things.resolve("not a module:nothing") is None
    with pytest.raises(AccumbensError, match="cannot import the module 'no_such_module' of thing 'no_such_module:a'"):
        things.get("no_such_module:a")


def test_what_a_module_imports_may_have_registered_it(things):
    things.add("a", 1, [], {"__name__": "elsewhere"})
    assert things.resolve("sys:a") == "sys:a"
    assert things.get("sys:a") == 1


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        ({"__name__": "package.module", "__file__": "/x/module.py"}, "package.module"),
        ({"__name__": "__main__", "__spec__": None, "__file__": "/x/script.py"}, "script"),
        ({"__name__": "__main__"}, ""),  # a notebook
    ],
)
def test_the_name_of_the_module_that_registers(caller, name):
    assert module_name(caller) == name
    assert Registered("thing").add("a", 1, [], caller) == (f"{name}:a" if name else "a")


def test_the_module_that_registers_is_found(things):
    assert things.add("a", 1, []) == f"{__name__}:a"
    name = register_cell("a_cell_of_this_test", object)
    assert name == f"{__name__}:a_cell_of_this_test"


def test_modules_in_the_working_folder_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    (tmp_path / "a_module_of_mine.py").write_text("answer = 42")
    (tmp_path / "json").mkdir()  # hides nothing that is installed
    assert import_module("a_module_of_mine", "nothing")
    assert sys.path[-1] == str(tmp_path)
    del sys.modules["a_module_of_mine"]


FAILING = {
    "def f(: pass": ("SyntaxError: invalid syntax", "line 1", "def f(: pass"),
    "ratio = 1 / 0": ("ZeroDivisionError: division by zero", "line 1, in <module>", "ratio = 1 / 0"),
    "import sys\nsys.exit(3)": ("SystemExit: 3", "line 2, in <module>", "sys.exit(3)"),
    "import no_such_module": ("No module named 'no_such_module'", "line 1, in <module>", "import no_such_module"),
    "import accumbens\naccumbens.register_cell('mlp', print)": (
        "cell='mlp' cannot be registered: it must be a new name without a colon",
        "line 2, in <module>",
        "accumbens.register_cell('mlp', print)",
    ),
}


@pytest.mark.parametrize("source", FAILING)
def test_a_module_that_cannot_be_imported_is_told_with_the_users_line(tmp_path, monkeypatch, source):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "a_failing_module.py"
    file.write_text(source)
    error, line, text = FAILING[source]
    with pytest.raises(AccumbensError) as told:
        Registered("cell").get("a_failing_module:x")
    said = f"cannot import the module 'a_failing_module' of cell 'a_failing_module:x': {error}"
    assert str(told.value) == f"{said}\n  {file}, {line}\n    {text}"


def test_choices_of_settings(monkeypatch):
    ours = ["attention", "dot", "mlp"]
    assert resolve_choice("cell", "dot", ours) == "dot"
    with pytest.raises(UnknownNameError, match=r"unknown value of cell 'dott'; did you mean 'dot'\?"):
        resolve_choice("cell", "dott", ours)
    monkeypatch.setattr(registration, "CELLS", Registered("cell"))
    registration.CELLS.add("gated", object, ours, {"__name__": "mine"})
    assert resolve_choice("cell", "gated", ours) == "mine:gated"
    with pytest.raises(UnknownNameError, match="did you mean 'gated'"):
        resolve_choice("cell", "gatd", ours)


def test_registering_a_cell_or_listing_does_not_import_jax_and_the_public_names_are_there():
    program = """
import sys
import accumbens
assert set(accumbens.__all__) <= set(dir(accumbens))
assert not {"jax", "numpy", "gymnasium"} & set(sys.modules)
for name in accumbens.__all__:
    getattr(accumbens, name)
try:
    accumbens.no_such_name
except AttributeError as error:
    assert "no_such_name" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent)
