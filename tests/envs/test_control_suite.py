import os
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

os.environ.setdefault("MUJOCO_GL", "disable")
pytest.importorskip("dm_control")

import dm_env
from dm_control import suite
from dm_control.suite import quadruped

from accumbens.envs import control_suite, registry
from accumbens.envs.control_suite import ControlSuiteEnvironment
from accumbens.envs.gymnasium import HostEnvironments
from accumbens.errors import AccumbensError, UnknownNameError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dm_control")
TASKS = [f"{domain}-{task}" for domain, task in suite.ALL_TASKS]


def flat(timestep):
    return np.concatenate([np.ravel(part) for part in timestep.observation.values()]).astype(np.float32)


def test_names_are_all_tasks_of_the_suite():
    assert registry.control_suite_environments() == [f"dmc/{task}" for task in TASKS]
    assert all(registry.benchmark_of(f"dmc/{task}") == "dmc" for task in TASKS)
    assert not any(registry.is_on_device(f"dmc/{task}") for task in TASKS)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("dmc/walker_walk", "dmc/walker-walk"),
        ("dmc/cartpole-swingup-sparse", "dmc/cartpole-swingup_sparse"),
        ("dmc/humanoid_cmu-run", "dmc/humanoid_CMU-run"),
    ],
)
def test_other_spellings_are_refused_with_the_nearest_name(name, nearest):
    with pytest.raises(UnknownNameError, match=f"unknown environment '{name}'; did you mean '{nearest}'"):
        registry.resolve(name)


def test_it_does_not_run_on_the_device():
    with pytest.raises(AccumbensError, match="'dmc/walker-walk' is the control suite's: it runs on the host"):
        registry.make("dmc/walker-walk")


@pytest.mark.parametrize("name", TASKS)
def test_it_does_what_dm_control_does(name, monkeypatch):
    """Same seed, same actions: the same observations, rewards and next episode, though another copy runs beside it."""
    monkeypatch.setattr(quadruped.Physics, "contexts", None)  # or the original opens a display
    original = suite.load(*name.split("-"), task_kwargs={"random": 7})
    spec = original.action_spec()
    env, other = ControlSuiteEnvironment(f"dmc/{name}"), ControlSuiteEnvironment(f"dmc/{name}")
    assert env.spec.max_episode_steps == 1000
    assert env.action_space.shape == spec.shape
    if name.startswith("lqr"):
        assert np.all(env.action_space.high == np.inf)
        original = suite.load(*name.split("-"), task_kwargs={"random": 0})  # whose seed also decides the model
        original.task.random.seed(7)
    else:
        assert np.all(env.action_space.high == 1)
    assert np.all(env.action_space.low == -env.action_space.high)
    low, high = (np.ones(spec.shape) * sign for sign in (-1, 1)) if "lqr" in name else (spec.minimum, spec.maximum)

    first, _ = env.reset(seed=7)
    assert env.observation_space.contains(first)
    np.testing.assert_array_equal(first, flat(original.reset()))
    assert not np.array_equal(first, other.reset(seed=8)[0]), "another seed, another first state"
    for signs in np.random.default_rng(0).choice([-1.0, 1.0], (3, *spec.shape)):
        other.step(-signs)
        observation, reward, terminated, truncated, _ = env.step(signs)
        timestep = original.step(np.where(signs > 0, high, low))
        np.testing.assert_array_equal(observation, flat(timestep))
        assert (reward, terminated, truncated) == (timestep.reward, False, False)
    second, _ = env.reset()
    np.testing.assert_array_equal(second, flat(original.reset()))
    np.testing.assert_array_equal(env.reset(seed=7)[0], first)


def test_actions_are_scaled_to_the_physical_range():
    env = ControlSuiteEnvironment("dmc/quadruped-walk")  # the only domain whose range is not from -1 to 1
    spec = env._env.action_spec()
    assert spec.maximum.max() > 1
    applied = []
    env._env.step = lambda action: applied.append(action) or dm_env.transition(0.0, {"x": np.zeros(1)})
    for value in (-1.0, 0.0, 1.0):
        env.step(np.full(12, value, np.float32))
    np.testing.assert_allclose(applied, [spec.minimum, (spec.minimum + spec.maximum) / 2, spec.maximum], atol=1e-12)


def test_an_episode_is_truncated_at_its_limit_and_not_terminated():
    with closing(HostEnvironments("dmc/point_mass-easy", 2, 0, num_workers=0)) as envs:
        assert (envs.spec.num_actions, envs.spec.max_episode_steps) == (4, 1000)
        envs.reset()
        for step in range(1, 1003):
            following, outcome = envs.step(np.array([step % 4, 0]))
            assert not outcome.terminated.any()
            assert outcome.truncated.tolist() == [step == 1000] * 2
            same = np.array_equal(following, outcome.observation)
            assert same is (step != 1000), "the last observation is the episode's own"


@pytest.mark.parametrize(
    ("last", "ends"),
    [
        (dm_env.termination(0.0, {"x": np.zeros(1)}), (True, False)),
        (dm_env.truncation(0.0, {"x": np.zeros(1)}), (False, True)),
    ],
)
def test_discount_says_whether_an_early_end_is_terminal(last, ends):
    env = ControlSuiteEnvironment("dmc/point_mass-easy")
    env.reset(seed=0)
    env._env.step = lambda action: last
    assert env.step(np.zeros(2, np.float32))[2:4] == ends


def test_a_task_without_a_limit_is_cut_at_1000_steps():
    env = ControlSuiteEnvironment("dmc/lqr-lqr_2_1")
    env.reset(seed=0)
    ends = [env.step(np.zeros(1, np.float32))[2:4] for _ in range(1000)]
    assert ends == [(False, False)] * 999 + [(False, True)]


def test_copies_and_seeds_have_first_states_of_their_own_and_repeat():
    def firsts(seed):
        with closing(HostEnvironments("dmc/reacher-hard", 3, seed, num_workers=0)) as envs:
            return [tuple(row) for row in envs.reset()]

    assert len({*firsts(0), *firsts(1)}) == 6
    assert firsts([0, 1]) == firsts(0) + firsts(1)


def test_unbounded_actions_cannot_be_made_bang_bang():
    with pytest.raises(AccumbensError, match=r"'dmc/lqr-lqr_2_1' has the action space .* bounds are not finite"):
        HostEnvironments("dmc/lqr-lqr_2_1", 1, 0)


def test_large_bodies_need_factored_actions():
    with pytest.raises(AccumbensError, match=r"'dmc/humanoid-run' .* 21 dimensions.*--set discretisation=factored"):
        HostEnvironments("dmc/humanoid-run", 1, 0)
    with closing(HostEnvironments("dmc/humanoid-run", 1, 0, "factored")) as envs:
        assert (envs.spec.num_actions, envs.spec.action_dimensions) == (42, 21)
        assert envs.spec.action_features.shape == (42, 21)
        envs.reset()
        _, outcome = envs.step(np.ones((1, 21), int))
    assert np.isfinite(outcome.observation).all()


def test_missing_dm_control(monkeypatch):
    control_suite._load.cache_clear()
    monkeypatch.setitem(sys.modules, "dm_control", None)  # as if it were not installed
    with pytest.raises(AccumbensError, match=r"uv sync --extra dmc.*pip install \"accumbens\[dmc\]\""):
        HostEnvironments("dmc/walker-walk", 1, 0)


def test_loading_opens_no_display():
    """In a fresh process: not even `quadruped-escape`, which asks for the rendering contexts at every reset."""
    program = """
import sys
from accumbens.envs.control_suite import ControlSuiteEnvironment
ControlSuiteEnvironment("dmc/quadruped-escape").reset(seed=0)
sys.exit(any(name in sys.modules for name in ("glfw", "OpenGL.EGL", "OpenGL.osmesa")))
"""
    environment = {key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "DISPLAY")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
