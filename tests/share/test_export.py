"""`accumbens export`: what is in the folder, and what is refused."""

import csv
import io
import json
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from PIL import Image

import accumbens
from accumbens.cli import watch_view
from accumbens.cli.main import main
from accumbens.errors import AccumbensError
from accumbens.share.export import export
from accumbens.share.markdown import header
from accumbens.share.weights import named_arrays
from accumbens.training.config import resolve_config
from accumbens.training.sharing import example

FILES = ["README.md", "agent.toml", "config.toml", "curve.csv", "curve.png", "evaluations.csv", "weights.safetensors"]


def call(*words):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code, out.getvalue(), err.getvalue()


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_has_all_that_is_worth_knowing(run, tmp_path):
    code, out, err = call("export", run.path, "-o", tmp_path / "agent", "--json")
    assert code == 0, err
    document = json.loads(out)
    assert (document["seed"], document["step"], document["pushed"]) == (3, 4096, None)  # the first seed
    assert document["files"] == sorted([*FILES, "video.gif"]) == sorted(f.name for f in (tmp_path / "agent").iterdir())
    assert document["bytes"] == sum(file.stat().st_size for file in (tmp_path / "agent").iterdir()) < 2e6
    assert "exported: seed 3 at step 4,096, 8 files" in err
    with Image.open(tmp_path / "agent" / "video.gif") as video:
        assert getattr(video, "n_frames", 1) > 5
    assert (tmp_path / "agent" / "config.toml").read_bytes() == (run.path / "config.toml").read_bytes()


def test_curves_are_the_runs(run, exported):
    curve, expected = rows(exported / "curve.csv"), run.curve()
    assert list(curve[0]) == ["step", "seed", "mean_return"]
    for index, seed in enumerate(run.seeds):
        mine = {int(row["step"]): float(row["mean_return"]) for row in curve if int(row["seed"]) == seed}
        there = ~np.isnan(expected.values[index])
        assert list(mine) == expected.steps[there].tolist()
        np.testing.assert_array_equal(list(mine.values()), expected.values[index][there])
    assert rows(exported / "evaluations.csv") == rows(run.path / "evaluations.csv")


def test_an_earlier_step_has_the_curves_until_then(run, tmp_path):
    export(run.path, tmp_path / "early", step=2048)
    for name in ("curve.csv", "evaluations.csv"):
        assert {int(row["step"]) for row in rows(tmp_path / "early" / name)} <= set(range(2049))
    export(run.path, tmp_path / "untrained", step=0)
    assert "It was not evaluated by this step." in (tmp_path / "untrained" / "README.md").read_text()
    assert accumbens.load(tmp_path / "untrained").step == 0


def test_the_card(run, exported):
    text = (exported / "README.md").read_text()
    data = ModelCard(text).data
    assert (data.library_name, data.license) == ("accumbens", "apache-2.0")
    assert {"reinforcement-learning", "CartPole-v1", "accumbens"} <= set(data.tags)
    returns = run.evaluations().returns[1, -1, -1]  # seed 4, last evaluation, full network
    (result,) = data.eval_results
    assert (result.task_type, result.dataset_name) == ("reinforcement-learning", "CartPole-v1")
    assert result.metric_value.startswith(f"{returns:.2f} +/- ")
    assert f"| 4 (this one) | {returns:.1f} |" in text
    assert "fewer than five say little" in text
    assert "local: every cell learned from its own TD error alone" in text
    size = sum(array.size for array in named_arrays(run.load(seed=4).network).values())
    assert f"2 × attention, 6 → 5 hidden units, {size:,} parameters" in text
    assert not set(re.findall(r"\((\w+\.(?:png|gif))\)", text)) - {file.name for file in exported.iterdir()}


def test_the_code_on_the_card_runs(exported, monkeypatch, capsys):
    monkeypatch.chdir(exported)
    (code,) = re.findall(r"```python\n(.*?)```", (exported / "README.md").read_text(), re.DOTALL)
    assert 'accumbens.load(".")' in code
    names = {}
    exec(code.replace("range(1000)", "range(60)"), names)
    assert names["agent"].facts.observation_shape == names["observation"].shape


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ("minatar/breakout", 'accumbens.to_gymnasium("minatar/breakout")'),
        ("dmc/walker-walk", 'accumbens.envs.control_suite.ControlSuiteEnvironment("dmc/walker-walk")'),
        ("LunarLander-v3", 'gymnasium.make("LunarLander-v3")'),
        (
            "gymnasium.envs.classic_control.cartpole:CartPoleEnv-v0",
            "gymnasium.envs.classic_control.cartpole.CartPoleEnv()",
        ),
    ],
)
def test_the_card_makes_every_kind_of_environment(env, line):
    code = "\n".join(example(resolve_config(env), "hf://user/repo"))
    assert line in code
    assert 'accumbens.load("hf://user/repo")' in code


def test_texts_are_safe_in_the_header():
    name, kind = 'odd: "name" # x', "reinforcement-learning"
    text = header([kind, name], "other: thing", "ad_pqn", kind, name, [("mean_reward", "1.00 +/- 0.50")])
    data = yaml.safe_load(text.strip("-\n"))
    assert data["license"] == "other: thing"
    assert data["tags"][-1] == data["model-index"][0]["results"][0]["dataset"]["name"] == 'odd: "name" # x'


def test_nothing_is_overwritten(run, tmp_path):
    kept = tmp_path / "mine" / "notes.txt"
    kept.parent.mkdir()
    kept.write_text("precious")
    for out in (kept.parent, kept):
        code, _, err = call("export", run.path, "-o", out, "--without-video")
        assert code == 2
        assert err == f"error: {out} exists already: choose another with -o, or replace it with --force (force=True)\n"
    assert kept.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [kept.parent]
    (tmp_path / "empty").mkdir()
    assert call("export", run.path, "-o", tmp_path / "empty", "--without-video", "--quiet") == (0, "", "")
    assert sorted(file.name for file in (tmp_path / "empty").iterdir()) == FILES


def test_a_folder_is_complete_or_not_there(run, tmp_path):
    def fail(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(run.path, tmp_path / "agent", make_video=fail)
    assert not list(tmp_path.iterdir())


def test_without_a_video_there_is_a_note(run, tmp_path, monkeypatch):
    def fail(request):
        raise AccumbensError("nobody can draw")

    monkeypatch.setattr(watch_view, "write", fail)
    code, _, err = call("export", run.path, "-o", tmp_path / "agent", "--quiet")
    assert (code, err) == (0, "note: no video: nobody can draw\n")
    assert "video.gif" not in (tmp_path / "agent" / "README.md").read_text()


def test_the_default_folder_is_the_runs_and_named_by_seed_and_step(run, monkeypatch):
    code, out, err = call("export", run.path, "--seed", 4, "--step", 2048, "--without-video")
    folder = run.path / "export" / "seed4_2048"
    assert code == 0, err
    assert str(folder) in out
    assert f'accumbens.load("{folder}")' in out
    agent = accumbens.load(folder)
    assert (agent.seed, agent.step) == (4, 2048)
    code, _, err = call("export", run.path, "--seed", 4, "--step", 2048, "--without-video")
    assert (code, err) == (
        2,
        f"error: {folder} exists already: choose another with -o, or replace it with --force (force=True)\n",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--seed 9", "seed=9 cannot be used: the run has 3, 4"),
        ("--seed x", "seed='x' cannot be used: expected a whole number"),
        ("--step 5", "step=5 cannot be used"),
        ("--private", "--private and --update are for --push USER/REPO"),
        ("--push nobody", "push='nobody' cannot be used: expected USER/REPO"),
    ],
)
def test_what_cannot_be_exported(run, tmp_path, words, message):
    code, out, err = call("export", run.path, "-o", tmp_path / "agent", "--without-video", *shlex.split(words))
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_there_is_no_run(tmp_path):
    assert call("export", tmp_path / "nowhere")[0] == 2
