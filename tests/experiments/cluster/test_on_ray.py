"""On a real cluster of several machines, all of them processes of this one; one of them is killed while it works.

Ray takes about 15 seconds to believe that a machine is lost.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from accumbens.experiments.cluster.on_ray import OnRay

# Ray begins its processes by a fork, of which JAX warns where it is at work already.
pytestmark = pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")

PATIENCE = 600
"""Seconds after which a process is taken to hang; only a failing test waits so long."""


@pytest.fixture
def cluster(monkeypatch):
    """A head that works on nothing; `cluster.add_node(num_cpus=1)` adds a machine. Its processes end with the test."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def begin(command):
    """`begin(*words)`: `accumbens` with these words, at work."""
    begun = []

    def call(*words):
        process = subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        begun.append(process)
        return process

    yield call
    for process in begun:
        if process.poll() is None:
            process.kill()
            process.communicate()


def wait_until(holds, process):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def from_steps(folder):
    """Where the sessions of a run began."""
    return [session["from_step"] for session in json.loads((folder / "meta.json").read_text())["sessions"]]


def only_what_was_learned(found):
    return {name: value for name, value in found.items() if not name.endswith(("meta.json", ".ckpt"))}


@pytest.fixture
def here(small, accumbens, learned):
    """What a run of the same experiment learns on this machine alone."""
    done = accumbens("experiment", "small.toml", "--output", "here", "--quiet")
    assert done.returncode == 0, done.stderr
    return learned(small / "here/experiments/small-desk")


@pytest.mark.parametrize(
    "carry", [pytest.param(False, id="shared"), pytest.param(True, id="carried", marks=pytest.mark.slow)]
)
def test_a_machine_is_killed_and_nothing_is_lost_or_done_twice(cluster, begin, small, here, learned, carry):
    """Both machines are at work; a third one joins after the loss."""
    lost, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
    folder = small / "there/experiments/small-desk"
    words = ["experiment", "small.toml", "--output", "there", "--checkpoint-seconds", 0.2, "--json"]
    process = begin(*words, "--ray", cluster.address, *["--ray-carry"] * carry)
    wait_until(lambda: len({file.parts[-3] for file in folder.glob("*/*/*/checkpoints/*.ckpt")}) == 2, process)
    cluster.remove_node(lost, allow_graceful=False)
    cluster.add_node(num_cpus=1)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    document = json.loads(out)  # nothing but the result is on standard output
    assert (document["failed"], document["interrupted"]) == ({}, False)
    assert err.count("was lost; it goes on from its newest checkpoint") == 1
    assert "raylet" not in err
    sessions = [from_steps(folder / "CartPole-v1/ad_pqn" / name) for name in ("local", "backprop")]
    assert sorted(map(len, sessions)) == [1, 2]
    assert 0 < max(sessions, key=len)[1] < 200_000
    there = learned(folder)
    assert only_what_was_learned(there) == only_what_was_learned(here)
    ends = [name for name in here if name.endswith("000000200000.ckpt") and "/checkpoints/" in name]
    assert len(ends) == 2
    assert [there[name] for name in ends] == [here[name] for name in ends]
    assert not list(folder.glob(".*"))

    again = begin(*words, "--ray", cluster.address)
    out, err = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0
    assert err.count("done before") == 2


@pytest.mark.slow
def test_ctrl_c_saves_what_is_at_work_and_the_rest_can_go_on_here(cluster, begin, small, accumbens, here, learned):
    cluster.add_node(num_cpus=1)
    folder = small / "there/experiments/small-desk"
    words = ["experiment", "small.toml", "--output", "there", "--quiet"]
    process = begin(*words, "--ray", cluster.address)
    wait_until(lambda: any(number > 60 for number in rows(folder)), process)
    assert len(rows(folder)) == 1  # there is one CPU
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "stopping after these chunks" in err
    assert "Traceback" not in err
    (saved,) = folder.glob("*/*/*/checkpoints/*.ckpt")  # of the one that was begun
    assert int(saved.stem) < 200_000
    done = accumbens(*words)
    assert done.returncode == 0, done.stderr
    assert only_what_was_learned(learned(folder)) == only_what_was_learned(here)


COUNT = """
import os
import jax
jax.numpy.ones(3).block_until_ready()
names = [open(f"/proc/self/task/{task}/comm").read().strip() for task in os.listdir("/proc/self/task")]
print(names.count("tf_XLAEigen"))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="threads are counted as Linux lists them")
@pytest.mark.parametrize("cpus", [1, 3])
def test_xla_has_as_many_threads_as_a_program_has_cpus(cpus):
    told = os.environ | OnRay("auto", cpus).environment()["env_vars"]
    counted = subprocess.run([sys.executable, "-c", COUNT], env=told, capture_output=True, text=True, check=True)
    assert int(counted.stdout) == cpus


def test_gpus_are_shared_by_parts_and_left_alone_if_none_is_asked_for(monkeypatch):
    for name in ("JAX_PLATFORMS", "XLA_PYTHON_CLIENT_MEM_FRACTION"):
        monkeypatch.delenv(name, raising=False)
    assert OnRay("auto").environment()["env_vars"]["JAX_PLATFORMS"] == "cpu"
    quarter = OnRay("auto", gpus=0.25).environment()["env_vars"]
    assert "JAX_PLATFORMS" not in quarter
    assert float(quarter["XLA_PYTHON_CLIENT_MEM_FRACTION"]) < 0.25
    monkeypatch.setenv("JAX_PLATFORMS", "tpu")
    assert OnRay("auto").environment()["env_vars"]["JAX_PLATFORMS"] == "tpu"


def rows(folder):
    """How many rows of metrics each run has that is begun."""
    return [len(file.read_text().splitlines()) for file in folder.glob("*/*/*/metrics.csv")]


def test_what_fails_does_not_stop_the_others(cluster, begin, small):
    cluster.add_node(num_cpus=2)
    words = ["experiment", "small.toml", "--budget", "smoke", "--json", "--ray", cluster.address]
    out, err = begin(*words).communicate(timeout=PATIENCE)
    document = json.loads(out)
    assert list(document["failed"]) == ["CartPole-v1/ad_pqn/bad"]
    assert "no longer finite" in document["failed"]["CartPole-v1/ad_pqn/bad"]
    assert err.count("done        CartPole-v1/ad_pqn/") == 2
    meta = json.loads((small / "runs/experiments/small-smoke/CartPole-v1/ad_pqn/local/meta.json").read_text())
    assert meta["command"] == shlex.join(["accumbens", *words])


SWEEP = ["sweep", "CartPole-v1", "--over", "learning_rate=1e-3,1e-2,1e30", "--search", "halving", "--eta", 2]
SWEEP += ["--seeds", 2, "--total-timesteps", 2048, "--num-eval-episodes", 1, "--json", "--quiet", "--name", "x"]
SWEEP += ["--set", "net_arch=6,5", "num_envs=4", "rollout_length=16", "num_minibatches=2", "epochs=1"]
SWEEP += ["max_gradient_norm=inf"]


@pytest.mark.parametrize(
    "carry", [pytest.param(False, id="shared"), pytest.param(True, id="carried", marks=pytest.mark.slow)]
)
def test_a_halving_sweep_is_that_of_one_machine(cluster, begin, small, accumbens, carry):
    """Two rungs and the reporting seeds; one point diverges there as here."""
    cluster.add_node(num_cpus=1)
    here = accumbens(*SWEEP, "--output", "here")
    assert here.returncode == 0, here.stderr
    process = begin(*SWEEP, "--output", "there", "--ray", cluster.address, *["--ray-carry"] * carry)
    out, err = process.communicate(timeout=3 * PATIENCE)  # three programs, one after another
    assert process.returncode == 0, err
    there = json.loads(out)
    assert there | {"folder": ""} == json.loads(here.stdout) | {"folder": ""}
    assert list(there["diverged"]) == ["CartPole-v1/ad_pqn/learning_rate=1e+30"]
    assert [row["until"] for row in there["rows"]] == [1.0, 0.5, 0.5]
    assert len(there["reporting"]["scores"]) == 2
    best = f"sweeps/x/CartPole-v1/ad_pqn/learning_rate={there['best']['learning_rate']}"
    assert from_steps(small / "there" / best) == from_steps(small / "here" / best)
    assert from_steps(small / "there" / best)[-1] == 1024


@pytest.mark.slow
def test_a_cluster_of_another_number_of_processors_is_waited_for(cluster, begin, small):
    """A note says why nothing happens."""
    cluster.add_node(num_cpus=1)
    words = ["experiment", "small.toml", "--budget", "smoke", "--only", "*/local", "--ray", cluster.address]
    process = begin(*words, "--ray-cpus", 2)
    joined = time.monotonic()
    while "no machine of the cluster has 2 CPUs" not in (line := process.stdout.readline()):
        assert time.monotonic() - joined < PATIENCE, line
    cluster.add_node(num_cpus=2)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "1/1 runs" in out
