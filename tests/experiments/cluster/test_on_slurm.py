"""The script for SLURM, run as SLURM would: its parts in any order, and the step that collects their results."""

import os
import shutil
import stat
import subprocess
import sys

import pytest

from accumbens.experiments.cluster.on_slurm import parts_of, without_slurm
from accumbens.experiments.files import load
from accumbens.experiments.plan import alone


@pytest.fixture
def written(small, accumbens):
    """`written(*words) -> CompletedProcess`: have the script of the smallest experiment written."""

    def call(*words):
        asked = ["experiment", "small.toml", "--budget", "smoke", "--output", "there", "--slurm", "my job.sh", *words]
        return accumbens(*asked)

    return call


def submitted(*words, **changes):
    """Run the script's body as SLURM does: from a copy elsewhere, with what it tells a job."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")} | changes
    return subprocess.run(["bash", *words], capture_output=True, text=True, env=environment, timeout=300)


def test_its_parts_and_the_last_step_do_what_one_command_does(small, written, accumbens, learned, tmp_path):
    assert accumbens("experiment", "small.toml", "--budget", "smoke", "--output", "here").returncode == 1
    outcome = written("--slurm-cpus", "1", "--slurm-time", "1:00:00", "--quiet")
    assert outcome.returncode == 0, outcome.stderr
    assert "bash 'my job.sh'" in outcome.stderr
    folder = small / "there/experiments/small-smoke"
    assert not list(folder.glob("*/*/*"))  # nothing is worked on
    text = (small / "my job.sh").read_text()
    asked = [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH")]
    assert {"--array=0-2", "--cpus-per-task=1", "--time=1:00:00", "--requeue"} <= set(asked)
    assert f'--output="{folder}/slurm/%A-%a.txt"' in asked
    if shutil.which("sbatch"):
        subprocess.run(["sbatch", "--test-only", "my job.sh"], check=True, timeout=60)
    copy = tmp_path / "slurm_script"
    shutil.copy(small / "my job.sh", copy)
    for index in (2, 0, 1):
        done = submitted(copy, SLURM_ARRAY_TASK_ID=str(index))
        assert done.returncode == (1 if index == 1 else 0), done.stderr
        assert "Traceback" not in done.stderr
    assert not (folder / "summary.csv").exists()
    done = submitted(copy, "collect", SLURM_ARRAY_TASK_ID="0")
    assert done.returncode == 0, done.stderr
    here, there = learned(small / "here/experiments/small-smoke"), learned(folder)
    assert "summary.csv" in here
    assert set(here) == set(there)
    assert all(there[name] == here[name] for name in here if not name.endswith("meta.json"))

    done = submitted(copy, SLURM_ARRAY_TASK_ID="0")  # submitted again
    assert done.returncode == 0
    assert learned(folder) == there


def test_run_by_hand_it_submits_itself_and_what_depends_on_it(small, written, tmp_path):
    written()
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text('#!/bin/bash\nprintf "%s\\n" "$*" >> submitted.txt\necho "17;cluster"\n')
    sbatch.chmod(sbatch.stat().st_mode | stat.S_IXUSR)
    done = submitted("my job.sh", PATH=f"{sbatch.parent}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    first, second = (small / "submitted.txt").read_text().splitlines()
    assert first == "--parsable my job.sh"
    assert second == "--array=0 --dependency=afterany:17 my job.sh collect"


@pytest.mark.parametrize("refused", [True, False])
def test_slurm_looks_at_it_where_there_is_one(small, written, tmp_path, monkeypatch, refused):
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(f"#!/bin/bash\necho would start $1 >&2\nexit {int(refused)}\n")
    sbatch.chmod(sbatch.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
    outcome = written("--quiet")
    assert "would start --test-only" in outcome.stderr
    assert outcome.returncode == (2 if refused else 0)
    assert (small / "my job.sh").exists() is not refused


def test_a_file_of_the_users_is_left_alone(small, written):
    (small / "my job.sh").write_text("mine")
    outcome = written()
    assert outcome.returncode == 2
    assert "slurm=my job.sh cannot be used: it exists" in outcome.stderr
    assert (small / "my job.sh").read_text() == "mine"


def test_what_begins_from_another_run_stays_in_its_part(write):
    document = {
        "title": "One after another",
        "environments": ["CartPole-v1"],
        "agents": {"ad_pqn": ["first", "alone", "second", "third"]},
        "variants": {
            "first": {"credit": "local"},
            "alone": {"credit": "backprop"},
            "second": {"from": "./ad_pqn/first", "learning_rate": 1e-3},
            "third": {"from": "./ad_pqn/second", "learning_rate": 1e-4},
        },
        "budgets": {"desk": {"total_timesteps": 1024}},
    }
    programs = alone(load(str(write(document)), "desk").runs)
    parts = [[run.variant for program in part for run in program] for part in parts_of(programs, "mine-desk")]
    assert parts == [["alone"], ["first", "second", "third"]]


def test_only_what_speaks_of_slurm_is_left_out():
    words = ["experiment", "a", "--slurm", "f.sh", "--only", "x", "--slurm-time=3", "--slurm_cpus", "2", "--quiet"]
    assert without_slurm(words) == ["experiment", "a", "--only", "x", "--quiet"]


def test_python_is_the_one_that_wrote_it(small, written):
    written()
    assert f"command=({sys.executable} -m accumbens.cli.main experiment small.toml" in (small / "my job.sh").read_text()
