import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from accumbens.envs.gymnasium import HostEnvironments, _default_workers, describe
from accumbens.errors import AccumbensError

PLUGIN = """
import os
import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

class Fragile(gymnasium.Env):
    observation_space = Box(0, 1e9, (1,), np.float64)
    action_space = Discrete(4)

    def reset(self, *, seed=None, options=None):
        return np.array([float(os.getpid())]), {}

    def step(self, action):
        if action == 1:
            raise ValueError("the simulator broke")
        if action == 2:
            os._exit(7)
        if action == 3:
            print("a remark")
        return np.array([float(os.getpid())]), 0.0, False, False, {}

gymnasium.register("fragile/Fragile-v0", entry_point="fragile_plugin:Fragile")
"""
FRAGILE = "fragile_plugin:fragile/Fragile-v0"


@pytest.fixture
def fragile(tmp_path, monkeypatch):
    """Two processes of an environment that observes which process it is in, and breaks as it is told."""
    (tmp_path / "fragile_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    with closing(HostEnvironments(FRAGILE, 3, 0, num_workers=2)) as envs:
        yield envs


def is_alive(pid):
    """Whether a process runs; one that has ended but was not waited for (a zombie) counts as alive."""
    return Path(f"/proc/{pid}").exists()


needs_proc = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")


def processes(envs):
    return {int(pid) for pid in envs.reset()[:, 0]}


def test_the_number_of_workers_changes_nothing():
    def play(num_workers):
        with closing(HostEnvironments("CartPole-v1", 3, [1, 2], num_workers=num_workers)) as envs:
            rng, arrays = np.random.default_rng(0), [envs.reset(), envs.reset()]
            for _ in range(40):
                following, step = envs.step(rng.integers(2, size=6))
                arrays += [following, *step]
            arrays.append(envs.reset([5, 6]))
            return arrays

    alone, shared = play(0), play(4)
    assert sum(array.sum() for array in alone[4::5]) > 3, "some episodes ended"
    for ours, theirs in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_factored_actions_reach_every_copy():
    outcomes = []
    for num_workers in (0, 2):
        with closing(HostEnvironments("LunarLanderContinuous-v3", 4, 0, "factored", num_workers)) as envs:
            envs.reset()
            outcomes.append(envs.step(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))[1].observation)
    np.testing.assert_array_equal(*outcomes)
    assert len({tuple(row) for row in outcomes[0]}) == 4


def test_copies_live_in_other_processes(fragile):
    pids = processes(fragile)
    assert len(pids) == 2
    assert os.getpid() not in pids


@needs_proc
def test_closing_leaves_no_process(fragile):
    pids = processes(fragile)
    assert all(map(is_alive, pids))
    fragile.close()
    assert not any(map(is_alive, pids))
    fragile.close()


@needs_proc
def test_forgetting_to_close_leaves_no_process(fragile):
    envs = HostEnvironments(FRAGILE, 2, 0, num_workers=2)
    pids = processes(envs)
    del envs
    assert not any(map(is_alive, pids))


@needs_proc
def test_an_error_in_a_worker_is_told_and_ends_all(fragile):
    pids = processes(fragile)
    with pytest.raises(
        AccumbensError, match=f"'{FRAGILE}' raised ValueError in step 1 of an episode: the simulator broke"
    ) as e:
        fragile.step(np.array([0, 0, 1]))
    assert "in step" in e.value.__notes__[0], "the traceback is kept"
    assert not any(map(is_alive, pids))


@needs_proc
def test_the_death_of_a_worker_is_told_and_ends_all(fragile):
    pids = processes(fragile)
    with pytest.raises(AccumbensError, match=f"a process of environment '{FRAGILE}' died with exit code 7"):
        fragile.step(np.array([0, 0, 2]))
    assert not any(map(is_alive, pids))


def test_what_an_environment_prints_goes_to_standard_error(fragile):
    program = f"""
import sys
sys.path[:] = {sys.path!r}
import numpy as np
from accumbens.envs.gymnasium import HostEnvironments
envs = HostEnvironments({FRAGILE!r}, 2, 0, num_workers=2)
envs.reset()
envs.step(np.array([3, 0]))
"""
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert printed.stdout == ""
    assert "a remark" in printed.stderr


def test_workers_ignore_ctrl_c(fragile):
    pids = processes(fragile)
    for pid in pids:
        os.kill(pid, signal.SIGINT)
    fragile.step(np.zeros(3, int))
    assert processes(fragile) == pids


@needs_proc
def test_workers_die_with_their_parent():
    program = """
import os, signal
from accumbens.envs.gymnasium import HostEnvironments
envs = HostEnvironments("CartPole-v1", 2, 0, num_workers=2)
print(*(process.pid for process in envs._copies._processes), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    parent = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in parent.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 60
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid):
    """Not ended, though whoever inherited it may not have waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_imports_no_jax():
    program = "import sys, accumbens.envs.workers, accumbens.envs.gymnasium; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_one_process_per_core_where_that_can_help(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    source = describe("CartPole-v1")[2]
    assert [_default_workers(source, copies) for copies in (1, 2, 8, 100)] == [0, 2, 8, 8]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert _default_workers(source, 100) == 0


def test_what_another_process_cannot_import_stays_in_this_one(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    source = describe("CartPole-v1")[2]
    monkeypatch.setattr(source, "entry_point", lambda **_: None)
    assert _default_workers(source, 100) == 0
