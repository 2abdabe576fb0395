"""Environments that a module defines without registering them, and what is said of those that it does not have."""

import gymnasium
import pytest

from accumbens.envs import registry
from accumbens.envs.factory import register_factory
from accumbens.errors import AccumbensError, UnknownNameError

SOURCE = """
import accumbens, gymnasium
from gymnasium.envs.classic_control import MountainCarEnv

class Hill(MountainCarEnv):
    pass

def steep():
    return Hill()
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """`write(name, text)`: a module that can be imported, until the test is over."""
    before = dict(gymnasium.registry)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name, text: (tmp_path / f"{name}.py").write_text(text)
    for name in set(gymnasium.registry) - set(before):
        del gymnasium.registry[name]


@pytest.mark.parametrize("name", ["Hill", "steep"])
def test_what_a_module_defines_is_found_by_its_name(write, name):
    write(f"hills_of_{name}", SOURCE)
    full = f"hills_of_{name}:{name}-v0"
    assert registry.resolve(full) == full
    assert registry.benchmark_of(full) == "gymnasium"
    assert gymnasium.registry[f"{name}-v0"].entry_point == f"hills_of_{name}:{name}"
    module = __import__(f"hills_of_{name}")
    assert register_factory(getattr(module, name)) == full


def test_an_environment_of_another_module_is_not_taken_for_it(write):
    write("hills_here", SOURCE)
    write("hills_there", SOURCE)
    assert registry.resolve("hills_here:Hill-v0")
    with pytest.raises(AccumbensError, match="another environment 'Hill-v0' already, hills_here:Hill: rename one"):
        registry.resolve("hills_there:Hill-v0")


def test_what_a_module_registers_itself_stays_as_it_is(write):
    write("hills_of_its_own", SOURCE + "gymnasium.register('Hill-v0', entry_point=Hill, max_episode_steps=7)\n")
    assert registry.resolve("hills_of_its_own:Hill-v0")
    assert gymnasium.registry["Hill-v0"].max_episode_steps == 7


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (SOURCE, "Hil-v0", "did you mean 'one:Hill-v0'? Known: one:Hill-v0."),
        (SOURCE, "Hill-v1", "did you mean 'two:Hill-v0'? Known: two:Hill-v0."),
        ("import gymnasium\ngymnasium.register('B-v3', entry_point=print)", "B-v2", "B-v2', and no other"),
        ("import gymnasium\ngymnasium.register('B-v3', entry_point='four:C')", "B-v2", "mean 'four:B-v3'?"),
        ("import accumbens\naccumbens.register_environment('hop', 3)", "hopp", "mean 'five:hop'?"),
        ("print = print", "print-v0", "and no other: importing it has to call gymnasium.register or accumbens.reg"),
    ],
    ids=["one", "two", "three", "four", "five", "six"],
)
def test_a_module_without_the_environment(write, request, text, name, message):
    module = request.node.callspec.id
    write(module, text)
    with pytest.raises(UnknownNameError) as error:
        registry.resolve(f"{module}:{name}")
    assert str(error.value).startswith(f"the module {module!r} registers no environment {name!r}")
    assert message in str(error.value)
