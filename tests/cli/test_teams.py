"""`accumbens evaluate` and `accumbens watch` of teams, whose networks are as they were drawn."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from accumbens.runs.tables import read_table
from accumbens.stats import estimate

sys.path.append(str(Path(__file__).parent.parent / "teams"))
from made_teams import SCALE, make_team_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs of students with a teacher, and of action values."""
    out = tmp_path_factory.mktemp("runs")
    return {algo: make_team_run(out, algo) for algo in ("distilled", "iql-cql")}


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made["distilled"], tmp_path / "distilled"))


def test_returns_of_every_agent_and_seed_and_their_interval(run, cli):
    outcome = cli("evaluate", run, "--num-episodes", 3, "--json")
    assert outcome.code == 0, outcome.err
    document = outcome.json
    assert document["evaluations"] == [{key: value for key, value in document.items() if key != "evaluations"}]
    assert (document["algo"], document["step"], document["target_return"]) == ("distilled", 16, SCALE.asked(0.5))
    assert (document["best_of_data"], document["beyond_data"], document["won"]) == (SCALE.best, False, None)
    episodes = read_table(Path(document["file"]))
    assert Path(document["file"]).parent == run / "episodes"
    means = []
    for row in document["evaluation"]:
        mine = [line for line in episodes if int(line["seed"]) == row["seed"]]
        assert [int(line["episode"]) for line in mine] == [0, 1, 2]
        means.append(np.mean([float(line["return"]) for line in mine]))
        assert row["mean_return"] == pytest.approx(means[-1])
        for agent in (0, 1):
            of_one = [float(line[f"return_{agent + 1}"]) for line in mine]
            assert row["agents"][agent] == pytest.approx(np.mean(of_one))
    assert [document["mean_return"], document["mean_return_interval"]] == pytest.approx(estimate(means))
    lines = outcome.err.splitlines()
    assert lines[0].endswith("update 16, 3 episodes × 2 seed(s), ± 95 % t-interval over seeds")
    assert lines[1] == "* is the best return of an episode of the data, mean over agents: -6"
    assert lines[2].split() == ["asked", "for", "seed", "return", "length", "of", "each", "agent"]
    assert [line.split()[:2] for line in lines[3:6]] == [["-10", seed] for seed in ("0", "1", "all")]
    assert f"{estimate(means):.2f}" in lines[5]
    assert lines[6] == f"episodes: {document['file']}"
    again = cli("evaluate", run, "--num-episodes", 3, "--json", "--quiet")
    assert again.out == outcome.out
    assert len(list((run / "episodes").iterdir())) == 1


def test_each_target_has_a_row_and_one_beyond_the_data_is_told(run, cli):
    outcome = cli("evaluate", run, "--num-episodes", 2, "--target-return", "-12,-6,5.5", "--json")
    assert outcome.code == 0, outcome.err
    documents = outcome.json["evaluations"]
    assert [document["target_return"] for document in documents] == [-12, -6, 5.5]
    assert [document["beyond_data"] for document in documents] == [False, False, True]
    assert [Path(document["file"]).name for document in documents] == [
        f"000000000016_target{target}_2.csv" for target in ("-12", "-6", "5.5")
    ]
    rows = [line.split()[:2] for line in outcome.err.splitlines()[3:6]]
    assert rows == [["-12", "all"], ["-6", "*"], ["5.5", "all"]]
    assert "note: target_return=5.5 is more than any episode of the data has (-6)" in outcome.err
    assert "note" not in cli("evaluate", run, "--num-episodes", 2, "--target-return=-12").err


def test_teams_and_what_is_told_no_return_side_by_side(made, run, cli):
    outcome = cli("evaluate", run, made["iql-cql"], "--num-episodes", 2, "--json")
    assert outcome.code == 0, outcome.err
    assert [(one["algo"], one["target_return"]) for one in outcome.json["evaluations"]] == [
        ("distilled", SCALE.asked(0.5)),
        ("iql-cql", None),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epsilon", "0"], "--epsilon cannot be used: it is not for teams, and RUN is one of theirs"),
        (["--num-episodes", "0"], "num_episodes=0 cannot be used: it must be >= 1"),
        (["--target-return", "1,1"], "target_return=1,1 cannot be used: it must be different finite numbers"),
        (["--target-return", "inf"], "target_return=inf cannot be used: it must be different finite numbers"),
        (["--target-return", "1,"], "target_return='' cannot be used: expected a number"),
        (["VALUES", "--target-return", "1"], "--target-return cannot be used: iql-cql in VALUES is told no return"),
    ],
)
def test_what_cannot_be_evaluated(words, message, made, run, cli):
    outcome = cli("evaluate", run, *(made["iql-cql"] if word == "VALUES" else word for word in words))
    message = message.replace("RUN", str(run)).replace("VALUES", str(made["iql-cql"]))
    assert (outcome.code, outcome.err) == (2, f"error: {message}\n")
    assert not (run / "episodes").exists()


def test_a_video_is_made(run, cli):
    outcome = cli("watch", run, "--seed", 1, "--episode-seed", 7, "--max-steps", 4, "--json")
    assert outcome.code == 0, outcome.err
    document = outcome.json
    assert document["video"] == str(run / "watch_16_seed1_episode7.gif")
    assert (document["frames"], document["episode_length"], document["ended"]) == (5, 4, None)
    assert (document["target_return"], document["fps"]) == (SCALE.asked(0.5), 4)
    with Image.open(document["video"]) as gif:
        assert gif.n_frames == 5
    assert "not played to its end" in outcome.err
    again = cli("watch", run, "--seed", 1, "--episode-seed", 7, "--max-steps", 4)
    assert (again.code, "exists already" in again.err) == (2, True)


def test_the_terminal_shows_the_end(made, cli):
    outcome = cli("watch", made["iql-cql"], "--terminal", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["ended"] in ("terminated", "truncated")
    assert f"step {outcome.json['episode_length']}" in outcome.err
    assert "agent_1" in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epsilon", "0.1"], "--epsilon cannot be used: it is for agents, and this is a team, which plays greedily"),
        (["--terminal", "-o", "team.gif"], "--terminal writes no file: leave out either --terminal or -o"),
        (["-o", "team.png"], "unknown video format '.png'"),
        (["--seed", "9"], "seed=9 cannot be used: the run has 0, 1"),
        (["--step", "3"], "step=3 cannot be used"),
        (["--fps", "0"], "fps=0 cannot be used"),
    ],
)
def test_what_cannot_be_watched(words, message, made, cli):
    outcome = cli("watch", made["iql-cql"], *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert not list(made["iql-cql"].glob("*.gif"))
