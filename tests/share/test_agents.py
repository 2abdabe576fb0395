"""Exported agents are evaluated and watched as runs are, and stay as they are."""

import json

import numpy as np
import pytest

import accumbens
from accumbens.cli.main import main
from accumbens.errors import AccumbensError
from accumbens.share.agents import is_export, open_agent


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_an_export_plays_as_its_run_does(run, exported, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before, found = contents(exported), []
    for path in (run.path, exported):
        with pytest.raises(SystemExit) as end:
            main(["evaluate", str(path), "--num-episodes", "3", "--epsilon", "0", "--json"])
        assert end.value.code == 0
        found.append(json.loads(capsys.readouterr().out))
    of_run, of_export = found
    (seed,) = {row["seed"] for row in of_export["evaluation"]}
    assert [row for row in of_run["evaluation"] if row["seed"] == seed] == of_export["evaluation"]
    assert of_export["file"] is None
    assert contents(exported) == before
    assert list(tmp_path.iterdir()) == []


def test_an_exported_language_agent_plays_as_its_run_does(tmp_path, capsys):
    sizes = {"width": 8, "heads": 1, "blocks": 1, "critic_layers": [4], "num_envs": 2, "rollout_length": 4}
    sizes |= {"epochs": 1, "num_minibatches": 1, "num_eval_episodes": 1}
    run = accumbens.train("text/microwave", "poad", out=tmp_path, name="a", total_timesteps=16, seeds=2, **sizes)
    run.export(tmp_path / "exported", seed=1)
    found = []
    for path in (run.path, tmp_path / "exported"):
        with pytest.raises(SystemExit) as end:
            main(["evaluate", str(path), "--num-episodes", "2", "--epsilon", "0", "--json"])
        out, err = capsys.readouterr()
        assert end.value.code == 0, err
        found.append(json.loads(out))
    of_run, of_export = found
    (row,) = of_export["evaluation"]
    assert row["seed"] == 1
    assert row in of_run["evaluation"]


def test_a_video_of_an_export_goes_where_one_is(exported, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = contents(exported)
    with pytest.raises(SystemExit) as end:
        main(["watch", str(exported), "--max-steps", "3", "--json"])
    assert end.value.code == 0
    (video,) = tmp_path.iterdir()
    assert json.loads(capsys.readouterr().out)["video"] == video.name
    assert contents(exported) == before


def test_only_the_step_that_was_exported_can_be_asked_for(run, exported):
    assert is_export(exported)
    assert not is_export(run.path)
    agent = open_agent(exported)
    assert (agent.seeds, agent.step) == ([agent.config.seed], 4096)
    assert open_agent(exported, 4096).step == 4096
    with pytest.raises(AccumbensError, match=r"step=0 cannot be used: .* is an exported agent, of step 4096"):
        open_agent(exported, 0)
    np.testing.assert_array_equal(
        np.asarray(agent.network(agent.seeds[0]).cells[0].activity.W_h),
        np.asarray(open_agent(run.path).network(agent.seeds[0]).cells[0].activity.W_h),
    )
