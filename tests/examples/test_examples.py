"""The examples run as they are, are as short as they claim, and their things work in every later process."""

import importlib
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import accumbens
from accumbens.cli.main import main
from accumbens.errors import AccumbensError
from accumbens.training.kind import AGENTS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SMALL = ["--total-timesteps", "512", "--net-arch", "6,5", "--num-eval-episodes", "1", "--eval-frequency", "0"]
SMALL += ["--set", "num_envs=2", "rollout_length=16", "num_minibatches=2", "epochs=1", "--quiet"]
NOTEBOOK = EXAMPLES / "quickstart.ipynb"


@pytest.fixture
def in_root_of_a_checkout(tmp_path, monkeypatch):
    """Work where `examples` lies, as a user does, but leave runs in another place."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT))
    return tmp_path


def call(*words):
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return end.value.code


def in_a_process_of_its_own(*words):
    program = "import sys; from accumbens.cli.main import main; main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("custom_*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40


def test_there_is_an_example_of_each_kind():
    kinds = ("cell", "environment", "readout", "rule", "task")
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {f"custom_{kind}" for kind in kinds}


def test_the_checkers_accept_the_examples(in_root_of_a_checkout):
    accumbens.check_cell(importlib.import_module("examples.custom_cell").GatedCell)
    accumbens.check_environment(importlib.import_module("examples.custom_environment").make(), num_steps=2000)


def test_the_corridor_is_what_it_says(in_root_of_a_checkout):
    env = accumbens.to_gymnasium("examples.custom_environment:corridor")
    observation, _ = env.reset(seed=0)
    position, total, ended = int(np.argmax(observation)), 0.0, False
    assert position < 4
    for step in range(7 - position):
        observation, reward, terminated, truncated, _ = env.step(1)
        assert np.argmax(observation) == position + step + 1
        total, ended = total + reward, terminated
    assert (ended, truncated) == (True, False)
    assert total == pytest.approx(1 - 0.01 * (6 - position))


def test_one_of_each_together_in_this_process_and_in_another(in_root_of_a_checkout):
    names = {"cell": "examples.custom_cell:gated", "readout": "examples.custom_readout:committee"}
    words = ["examples.custom_environment:corridor", "ad_pqn", *SMALL, "--name", "a", "--checkpoint-seconds", "0"]
    in_a_process_of_its_own("train", *words, "--set", *(f"{key}={name}" for key, name in names.items()))
    run = in_root_of_a_checkout / "runs" / "examples.custom_environment:corridor" / "ad_pqn" / "a"
    config = AGENTS.read(run / "config.toml")
    assert (config.env, config.settings.cell, config.settings.readout) == (words[0], *names.values())

    # As if it had been interrupted before its last checkpoint, to which yet another process trains again.
    *_, last = sorted((run / "checkpoints").glob("*.ckpt"))
    before = last.read_bytes()
    last.unlink()
    in_a_process_of_its_own("resume", str(run))
    assert last.read_bytes() == before

    assert call("evaluate", str(run), "--num-episodes", "1", "--epsilon", "0", "--quiet") == 0
    folder = in_root_of_a_checkout / "exported"
    assert call("export", str(run), "-o", str(folder), "--without-video", "--quiet") == 0
    agent, observation = accumbens.load(folder), np.eye(8, dtype=np.float32)[2]
    np.testing.assert_array_equal(agent.values(observation), accumbens.load(run).values(observation))
    assert agent.values(observation).shape == (2, 2)
    assert "import examples.custom_environment" in (folder / "README.md").read_text()

    # The folder names code, which loading it never imports.
    program = f"import accumbens; accumbens.load({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "AccumbensError" in done.stderr
    assert "of a module that is not imported. If you trust it" in done.stderr


def test_settings_that_a_cell_does_not_read_are_refused(in_root_of_a_checkout, capsys):
    words = ["train", "CartPole-v1", "ad_pqn", *SMALL, "--set", "cell=examples.custom_cell:gated"]
    assert call(*words, "action_conditioning=true") == 2
    assert "cell=examples.custom_cell:gated cannot be used: the cell breaks a promise: it takes no argument" in (
        capsys.readouterr().err
    )
    assert call(*words[:-1], "cell=examples.custom_cell:gatd") == 2
    assert "unknown value of cell 'examples.custom_cell:gatd'; did you mean 'examples.custom_cell:gated'" in (
        capsys.readouterr().err
    )
    assert not (in_root_of_a_checkout / "runs").exists()


def test_an_environment_that_is_not_what_it_says_is_refused_in_words(in_root_of_a_checkout):
    make = importlib.import_module("examples.custom_environment").make
    accumbens.register_environment("too_short", lambda: make()._replace(observation_shape=(3, 8)))
    with pytest.raises(AccumbensError, match=r"reset's observation is float32\(8,\), not float32\(3, 8\)"):
        accumbens.train("too_short")
    with pytest.raises(AccumbensError, match="did you mean 'too_short'"):
        accumbens.train("too_shrt")


def test_the_notebook_runs_and_is_stored_with_its_outputs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in codes] == list(range(1, len(codes) + 1))  # by docs/generate/notebook.py
    assert all(cell.outputs for cell in codes)
    stored = [output for cell in codes for output in cell.outputs]
    assert not [output for output in stored if output.output_type == "error" or output.get("name") == "stderr"]
    assert codes[0].source.count("STEPS = 100_000") == 1
    codes[0].source = codes[0].source.replace("STEPS = 100_000", "STEPS = 4_096")
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in codes for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 2
    printed = "".join(output.get("text", "") for output in outputs if output.get("name") == "stdout")
    assert "cells 1 to 2: [" in printed
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert float(codes[3].outputs[0].data["text/plain"]) >= 1
