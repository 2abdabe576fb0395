"""What the page "From one core to a cluster" tells to type is done, and ends with the same numbers everywhere."""

import csv
import os
import signal
import socket
import subprocess
import sys
import tomllib

import pytest
from pages import ROOT, blocks, commands

PAGE = ROOT / "docs" / "cluster.md"
SBATCH = """#!/bin/bash
if [[ "${*: -1}" == collect ]]; then
    SLURM_ARRAY_TASK_ID=0 bash job.sh collect
elif [[ "$1" == --parsable ]]; then
    for index in 0 1; do SLURM_ARRAY_TASK_ID=$index bash "$2" >&2 || exit 1; done
    echo 17
fi
"""
"""Does at once what SLURM does in its own time."""


def summary(folder):
    with (folder / "experiments/credits-smoke/summary.csv").open() as file:
        return [
            {key: value for key, value in row.items() if key not in ("seconds", "commit")}
            for row in csv.DictReader(file)
        ]


@pytest.fixture
def environment(tmp_path):
    """In which `sbatch` is the above, and the cluster of this machine is the one that the page starts."""
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(SBATCH)
    sbatch.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    paths = {"PATH": f"{sbatch.parent}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return os.environ | paths | {"RAY_ADDRESS": address}


@pytest.fixture
def start(environment, tmp_path):
    """`start(words)`: what `ray` does; its processes end with the test, and no others do."""
    begun = []

    def call(words):
        host, port = environment["RAY_ADDRESS"].split(":")
        asked = [*words, "--block", "--node-ip-address", host, "--port", port]
        own = {name: value for name, value in environment.items() if name != "RAY_ADDRESS"}
        with (tmp_path / "ray.log").open("w") as log:
            python = [sys.executable, "-m", "ray.scripts.scripts"]
            begun.append(subprocess.Popen([*python, *asked], stdout=log, stderr=log, env=own, start_new_session=True))

    yield call
    for process in begun:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@pytest.mark.slow
def test_what_the_page_tells_to_type_ends_with_the_same_numbers_everywhere(environment, start, tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    typed = []
    for words in (words for block in blocks(PAGE) for words in commands(block)):
        typed.append(words[0])
        if words[0] == "ray":
            start(words[1:])
            wait_for(environment["RAY_ADDRESS"])
            continue
        if words[:2] == ["accumbens", "train"]:
            continue  # test_commands.py does that
        if words[0] == "accumbens":
            words = [sys.executable, "-m", "accumbens.cli.main", *words[1:]]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert set(typed) == {"accumbens", "ray", "bash"}
    here = summary(tmp_path / "runs")
    assert len(here) == 2
    assert summary(tmp_path / "on-ray") == here
    assert summary(tmp_path / "on-slurm") == here


def wait_for(address):
    """Wait until a cluster answers."""
    ask = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    for _ in range(60):
        if subprocess.run(ask, capture_output=True, timeout=60).returncode == 0:
            return
    raise AssertionError(f"no cluster at {address}")


def test_the_page_shows_the_file_as_it_is():
    text = PAGE.read_text(encoding="utf-8")
    shown = text.split("```toml\n")[1].split("```")[0]
    assert shown == (ROOT / "examples/credits.toml").read_text(encoding="utf-8")
    assert set(tomllib.loads(shown)["budgets"]) == {"desk", "smoke"}
