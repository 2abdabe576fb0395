"""`accumbens watch` on a run of a language agent: a page, or the terminal; what it refuses."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import accumbens

WORDS = ["text/microwave", "poad", "--total-timesteps", 8, "--num-eval-episodes", 1, "--seeds", 2, "--quiet"]
WORDS += ["--set", "width=16", "blocks=1", "heads=2", "critic_layers=8", "num_envs=2", "rollout_length=4", "epochs=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cli):
    """Two seeds of a tiny language agent, after one block."""
    out = tmp_path_factory.mktemp("words")
    outcome = cli("train", *WORDS, "--output", out, "--name", "a")
    assert outcome.code == 0, outcome.err
    return out / "text" / "microwave" / "poad" / "a"


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it."""
    return shutil.copytree(trained, tmp_path / "run")


def test_a_page_appears_in_the_run_s_folder_and_is_what_json_says(run, cli):
    outcome = cli("watch", run, "--json")
    assert outcome.code == 0, outcome.err
    document, page = outcome.json, run / "watch_8_seed0_episode0.html"
    assert document["page"] == str(page)
    assert document["bytes"] == page.stat().st_size
    assert (document["env"], document["algo"], document["rule"]) == ("text/microwave", "poad", "poad")
    assert (document["seed"], document["step"], document["epsilon"]) == (0, 8, 0.0)
    assert document["episode_length"] == len(document["steps"])
    assert document["ended"] == "terminated"
    assert document["episode_return"] == sum(step["reward"] for step in document["steps"]) in (-1, 1)
    assert abs(document["discounted_return"]) == pytest.approx(0.95 ** (document["episode_length"] - 1))
    for step in document["steps"]:
        assert "".join(step["tokens"]).strip() == step["action"]
        counts = {len(step[name]) for name in ("tokens", "values", "errors", "advantages")}
        assert counts == {len(step["tokens"])}
        inside = 1.0 * np.array(step["values"][1:]) - step["values"][:-1]
        np.testing.assert_allclose(step["errors"][:-1], inside, atol=1e-5, err_msg="γ_w = 1")
    text = page.read_text(encoding="utf-8")
    assert text.count("<h2>Step ") == document["episode_length"]
    assert outcome.out.count("\n") == 1


def test_another_seed_and_snapshot_are_other_pages_and_the_same_is_the_same(run, cli):
    words = {"a": [], "again": [], "seed": ["--seed", 1], "snapshot": ["--step", 0], "noise": ["--epsilon", 1]}
    pages = {}
    for name, more in words.items():
        outcome = cli("watch", run, "-o", f"deep/{name}.html", "--max-steps", 2, "--quiet", *more)
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
        with open(f"deep/{name}.html", encoding="utf-8") as file:
            pages[name] = file.read()
    assert pages["a"] == pages["again"]
    assert len(set(pages.values())) == len(words) - 1
    assert "untrained" in pages["snapshot"]


def test_a_page_is_not_replaced_unless_forced(run, cli):
    words = ["watch", run, "--max-steps", 1]
    assert cli(*words).code == 0
    again = cli(*words)
    assert again.code == 2
    assert re.search(r"error: .*watch_8_seed0_episode0\.html exists already", again.err)
    forced = cli(*words, "--force")
    assert forced.code == 0
    assert "return 0 in 1 steps (not played to its end, which --max-steps N allows)" in forced.out


REFUSED = {
    "a video": (["-o", "a.gif"], "unknown format of a page '.gif'. Known: .html"),
    "an unknown seed": (["--seed", 7], "seed=7 cannot be used: the run has 0, 1"),
    "an unknown snapshot": (["--step", 5], "step=5 cannot be used"),
    "no steps": (["--max-steps", 0], "max_steps=0 cannot be used: expected at least 1"),
    "an impossible probability": (["--epsilon", 1.5], "epsilon=1.5 cannot be used: expected a probability"),
    "a negative episode": (["--episode-seed", -1], "episode_seed=-1 cannot be used"),
    "a pace": (["--fps", 3], "--fps cannot be used: it is for videos, and this agent acts in words"),
    "a file and the terminal": (["--terminal", "-o", "a.html"], "leave out either --terminal or -o"),
    "an option of probes": (["--seeds", 3], "--seeds cannot be used: it is for --probe"),
    "a probe": (["--probe", "reward-omission"], "not made of cells"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_clear_line(trained, cli, case, tmp_path):
    words, message = REFUSED[case]
    outcome = cli("watch", trained, *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_the_terminal_shows_the_episode_and_writes_nothing(run, cli):
    before = sorted(run.iterdir())
    outcome = cli("watch", run, "--terminal", "--max-steps", 2)
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("text/microwave") == 1
    assert re.search(r"Step 2\n(.*\n)+?.*the +microwave.*\n δ( +[+−]?\d\.\d+)+", outcome.out)
    assert "Left after step 2" in outcome.out
    assert sorted(run.iterdir()) == before
    told = cli("watch", run, "--terminal", "--max-steps", 2, "--json")
    assert told.json["episode_length"] == 2
    assert "page" not in told.json
    assert "Step 2" in told.err
    quiet = cli("watch", run, "--terminal", "--max-steps", 2, "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_it_is_watched_in_python(run):
    page = accumbens.open_run(run).watch(max_steps=1)
    assert page == run / "watch_8_seed0_episode0.html"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    other = accumbens.open_run(run).watch("other.html", seed=1, step=0, epsilon=1.0, max_steps=1)
    assert "seed 1" in other.read_text(encoding="utf-8")


def test_an_export_is_watched_and_stays_as_it_is(trained, cli):
    assert cli("export", trained, "-o", "agent", "--without-video", "--quiet").code == 0
    before = sorted(path.name for path in Path("agent").iterdir())
    outcome = cli("watch", "agent", "--max-steps", 2, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["page"] == "watch_8_seed0_episode0.html"
    assert outcome.json["steps"] == cli("watch", trained, "--max-steps", 2, "--terminal", "--json").json["steps"]
    assert sorted(path.name for path in Path("agent").iterdir()) == before
