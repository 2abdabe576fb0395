"""The options that say where work is done, and what is said where it cannot be done there."""

import socket
import sys
from pathlib import Path

import pytest

from accumbens.cli.cluster import Cluster
from accumbens.experiments.cluster import on_ray
from accumbens.experiments.cluster.on_ray import OnRay
from accumbens.experiments.cluster.on_slurm import OnSlurm, Part
from accumbens.experiments.cluster.where import Here

SMOKE = ["experiment", "family", "--budget", "smoke", "--only", "*/ad_pqn/*"]


def test_a_place_is_made_of_the_options(tmp_path):
    assert Cluster().where(False) == Here()
    assert Cluster(ray="auto", ray_cpus=2, ray_gpus=0.25).where(False) == OnRay("auto", 2, 0.25)
    assert Cluster(slurm="job.sh", slurm_time="1-00:00").where(False) == OnSlurm(Path("job.sh"), 1, "1-00:00")
    assert Cluster(part=3).where(False) == Part(3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ray", "auto", "--slurm", "job.sh"], "--ray and --slurm cannot be used together"),
        (["--ray-cpus", "2"], "--ray-cpus cannot be used without --ray"),
        (["--ray-carry"], "--ray-carry cannot be used without --ray"),
        (["--slurm-time", "10"], "--slurm-time cannot be used without --slurm"),
        (["--ray", "auto", "--ray-cpus", "0"], "ray_cpus=0 cannot be used: it must be 1 or more"),
        (["--ray", "auto", "--ray-gpus", "1.5"], "ray_gpus=1.5 cannot be used"),
        (["--slurm", "job.sh", "--slurm-time", "soon"], "slurm_time=soon cannot be used"),
        (["--ray", "elsewhere"], "cannot be used: it must be auto, or HOST:PORT such as 10.0.0.1:6379"),
        (["--ray", "ray://10.0.0.1:10001"], "cannot be used: it must be auto, or HOST:PORT such as 10.0.0.1:6379"),
        (["--part", "7"], "part=7 cannot be used: it must be from 0 to"),
        (["--part", "0", "--draw"], "--draw cannot be used with --slurm or --part"),
        (["--rays", "auto"], "did you mean '--ray'"),
    ],
)
def test_what_cannot_be_used_is_said(cli, tmp_path, words, message):
    outcome = cli(*SMOKE, "--output", tmp_path, *words)
    assert outcome.code == 2
    assert message in outcome.err


def test_where_there_is_no_cluster_that_is_said_at_once(cli, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        outcome = cli(*SMOKE, "--output", tmp_path, "--ray", address)
    assert outcome.code == 2
    assert f"error: there is no Ray cluster at {address}; 'ray start --head' starts one" in outcome.err


def test_without_the_extra_that_is_said(cli, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    outcome = cli(*SMOKE, "--output", tmp_path, "--ray", "auto")
    assert outcome.code == 2
    assert "--ray needs Ray, which is not installed" in outcome.err


def test_where_something_else_listens_ray_is_not_waited_for(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "_PATIENCE", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        outcome = cli(*SMOKE, "--output", tmp_path, "--ray", address)
    assert outcome.code == 2
    assert f"there is no Ray cluster at {address}" in outcome.err
    assert "something is there, but it is no cluster" in outcome.err
