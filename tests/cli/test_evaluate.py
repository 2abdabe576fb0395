"""`accumbens evaluate` on two trained runs: tables, JSON, and a file of episodes that is never replaced."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import read_table
from accumbens.training.episode_files import episode_files, read_episodes

STEPS = {"parallel": 8192, "replay": 2048}


@pytest.fixture
def runs(parallel_run, replay_run, tmp_path):
    """Copies of a run with two seeds and of one with one, in which nothing was evaluated yet."""
    paths = [tmp_path / "parallel", tmp_path / "replay"]
    for path, run in zip(paths, (parallel_run, replay_run), strict=True):
        shutil.copytree(run.path, path)
    return paths


def test_full_network_and_every_prefix_play_greedily_and_with_noise(runs, cli):
    outcome = cli("evaluate", *runs, "--num-episodes", 4, "--json")
    assert outcome.code == 0
    documents = outcome.json["evaluations"]
    assert [(document["run"], document["algo"], document["step"], document["epsilon"]) for document in documents] == [
        (str(runs[0]), "ad_pqn", 8192, 0.0),
        (str(runs[0]), "ad_pqn", 8192, 0.05),
        (str(runs[1]), "ad_dqn", 2048, 0.0),
        (str(runs[1]), "ad_dqn", 2048, 0.05),
    ]
    assert {key: value for key, value in outcome.json.items() if key != "evaluations"} == documents[0]
    for document in documents:
        rows = document["evaluation"]
        seeds = [0, 1] if document["algo"] == "ad_pqn" else [0]
        expected = [(seed, cells, 4) for seed in seeds for cells in (1, 2)]
        assert [(row["seed"], row["cells"], row["episodes"]) for row in rows] == expected
        assert all(row["mean_return"] == row["mean_length"] for row in rows)  # both exact: every step pays 1
        episodes = read_table(Path(document["file"]))
        assert list(episodes[0]) == ["step", "seed", "epsilon", "cells", "episode", "return", "length", "cut"]
        assert len(episodes) == 4 * len(rows)
        for row in rows:
            mine = [line for line in episodes if (int(line["seed"]), int(line["cells"])) == (row["seed"], row["cells"])]
            assert [int(line["episode"]) for line in mine] == [0, 1, 2, 3]
            assert {(int(line["step"]), float(line["epsilon"])) for line in mine} == {
                (document["step"], document["epsilon"])
            }
            assert np.mean([float(line["return"]) for line in mine]) == row["mean_return"]
            assert np.std([float(line["return"]) for line in mine]) == pytest.approx(row["std_return"])
            assert np.mean([int(line["length"]) for line in mine]) == row["mean_length"]


def test_the_table_shows_both(runs, cli):
    outcome = cli("evaluate", runs[1], "--num-episodes", 4, "--json")
    lines = outcome.err.splitlines()
    assert lines[0] == "CartPole-v1  ad_dqn  local credit  step 2,048, 4 episodes × 1 seed(s)"
    assert lines[1].split() == ["ε", "acting", "cells", "mean", "return", "std", "min", "max", "mean", "length"]
    rows = [row for document in outcome.json["evaluations"] for row in document["evaluation"]]
    names = [line.split()[:2] for line in lines[2:6]]
    assert names == [["0", "1"], ["0", "full"], ["0.05", "1"], ["0.05", "full"]]
    assert [line.split()[-1] for line in lines[2:6]] == [f"{row['mean_length']:.1f}" for row in rows]
    assert lines[6:] == [
        f"episodes: {runs[1]}/episodes/000000002048_epsilon0_4.csv",
        f"episodes: {runs[1]}/episodes/000000002048_epsilon0.05_4.csv",
        f"picture of the training: {runs[1]}/curve.png",
    ]


def test_the_same_evaluation_again_gives_the_same_numbers_and_writes_nothing(runs, cli):
    words = ["evaluate", runs[0], "--num-episodes", 3, "--epsilon", "0.1", "--json", "--quiet"]
    first = cli(*words)
    files = {path: path.stat().st_mtime_ns for path in (runs[0] / "episodes").iterdir()}
    again = cli(*words)
    assert (again.out, again.err) == (first.out, "")
    assert {path: path.stat().st_mtime_ns for path in (runs[0] / "episodes").iterdir()} == files
    assert len(files) == 1


def test_other_numbers_are_put_beside_the_old_ones(runs, cli):
    words = ["evaluate", runs[1], "--num-episodes", 2, "--epsilon", "0", "--quiet", "--json"]
    file = runs[1] / "episodes" / "000000002048_epsilon0_2.csv"
    assert cli(*words).json["file"] == str(file)
    kept = file.read_text().replace("0,0.0,1,1", "0,0.0,1,7")  # as if by another simulator
    file.write_text(kept)
    outcome = cli(*words)
    other = file.with_name("000000002048_epsilon0_2-2.csv")
    assert outcome.json["file"] == str(other)
    assert outcome.err == f"note: {other} is not what an earlier evaluation gave, whose file is kept beside it\n"
    assert file.read_text() == kept != other.read_text()
    again = cli(*words)
    assert (again.json["file"], again.err, len(list(file.parent.iterdir()))) == (str(other), "", 2)


def test_files_are_found_by_what_they_hold(runs, cli):
    assert episode_files(RunDirectory(runs[0])) == []
    for episodes in (10, 3):
        cli("evaluate", runs[0], "--num-episodes", episodes, "--quiet")
    (runs[0] / "episodes" / "mine.csv").write_text("notes of my own\n")
    files = episode_files(RunDirectory(runs[0]))
    assert [(file.step, file.epsilon, file.episodes, file.number) for file in files] == [
        (8192, epsilon, episodes, 1) for episodes in (3, 10) for epsilon in (0.0, 0.05)
    ]
    full, first = read_episodes(files[-1].path), read_episodes(files[-1].path, cells=1)
    assert full.seed.tolist() == first.seed.tolist() == [0] * 10 + [1] * 10
    np.testing.assert_array_equal(full.returns, full.lengths)
    with pytest.raises(Exception, match=r"cells=3 cannot be used: .* has 1, 2"):
        read_episodes(files[-1].path, cells=3)
    with pytest.raises(Exception, match="is not a file of episodes"):
        read_episodes(runs[0] / "episodes" / "mine.csv")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no RUN is given: expected the directory of at least one run"),
        (["RUN", "RUN"], "RUN is given twice"),
        (["RUN", "nowhere"], "there is no run at nowhere"),
        (["nowhere", "--target-return", "3"], "there is no run at nowhere"),
        (["RUN", "--epsilon", "0,0"], "epsilon=0.0,0.0 cannot be used: expected different numbers"),
        (["RUN", "--epsilon", "0,2"], "epsilon=2.0 cannot be used: it must be from 0 to 1"),
        (["RUN", "--epsilon", "0,"], "epsilon='' cannot be used: expected a number"),
        (
            ["RUN", "--target-return", "3"],
            "--target-return cannot be used: it is not for agents, and RUN is one of theirs",
        ),
        (["RUN", "--epsilon", "nan"], "epsilon=nan cannot be used: it must be from 0 to 1"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_anything_is_played(words, message, runs, cli):
    outcome = cli("evaluate", *(runs[0] if word == "RUN" else word for word in words))
    assert outcome.code == 2
    assert outcome.err == f"error: {message.replace('RUN', str(runs[0])) if words else message}\n"
    assert not (runs[0] / "episodes").exists()
