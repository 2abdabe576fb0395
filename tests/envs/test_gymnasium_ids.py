import subprocess
import sys

import gymnasium
import pytest

from accumbens.envs import registry

IDENTIFIER = "accumbens/minatar-breakout"


@pytest.mark.parametrize(
    "lines",
    [
        f"import accumbens, gymnasium; gymnasium.spec('{IDENTIFIER}')",
        f"import gymnasium, accumbens; gymnasium.spec('{IDENTIFIER}')",
        f"import accumbens; import gymnasium.envs.registration as g; g.spec('{IDENTIFIER}')",
        f"import gymnasium; gymnasium.make('accumbens:{IDENTIFIER}')",
        "import accumbens; from importlib.util import find_spec; find_spec('gymnasium.envs.registration'); "
        f"import gymnasium; gymnasium.spec('{IDENTIFIER}')",
        "import accumbens, sys; assert not {'gymnasium', 'jax', 'numpy'} & sys.modules.keys()",
    ],
)
def test_whatever_is_imported_first(lines):
    subprocess.run([sys.executable, "-W", "error", "-c", lines], check=True)


def test_ids_mean_ours_and_are_not_listed_twice():
    assert IDENTIFIER in gymnasium.registry
    assert registry.resolve(IDENTIFIER) == "minatar/breakout"
    assert registry.is_on_device(IDENTIFIER)
    assert not [name for name in registry.all_environments() if name.startswith("accumbens/")]


def test_an_id_has_one_slash():
    assert registry.gymnasium_id("my.module:mazes/small one") == "accumbens/my.module:mazes-small-one"


def test_gymnasium_makes_a_vector_environment():
    envs = gymnasium.make_vec("accumbens/CartPole-v1", 3, autoreset_mode="SameStep", max_episode_steps=2)
    assert (envs.num_envs, envs.metadata["autoreset_mode"].value) == (3, "SameStep")
    assert gymnasium.make_vec("accumbens/CartPole-v1", 1).num_envs == 1
