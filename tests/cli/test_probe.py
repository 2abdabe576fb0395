"""`accumbens watch --probe`: trains what it needs once, and leaves a figure, two tables and a verdict per cell."""

from pathlib import Path

import pytest

from accumbens.runs.tables import read_table
from accumbens.training.kind import AGENTS

SMALL = ["--seeds", 2, "--total-timesteps", 256, "--set", "num_envs=4", "rollout_length=16", "net_arch=6,5"]
SMALL += ["--set", "num_minibatches=2", "epochs=1"]


@pytest.fixture
def probe(cli, tmp_path_factory, monkeypatch):
    """`probe(*words) -> Outcome` in one folder for all tests of this file, so that one training serves them."""
    folder = tmp_path_factory.getbasetemp() / "probe"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    return lambda *words: cli("watch", *words)


def test_a_folder_of_the_name_of_a_preset_is_not_taken_for_a_run(probe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ad_pqn", "mine"):
        (tmp_path / name).mkdir()
    preset = probe("ad_pqn", "--probe", "reward-omission", *SMALL, "--set", "rank=none")
    assert "rank='none' cannot be used" in preset.err
    mine = probe("mine", "--probe", "reward-omission", *SMALL)
    assert (mine.code, mine.err) == (2, "error: mine/config.toml does not exist: not a run directory\n")


def test_it_trains_once_and_leaves_figure_tables_and_verdicts(probe):
    first = probe("ad_pqn", "--probe", "reward-omission", *SMALL, "--json")
    assert first.code == 0, first.err
    found = first.json
    run = Path(found["run"])
    assert run.parent == Path("runs/probe/conditioning/ad_pqn")
    assert [Path(file).name for file in found["files"]] == [
        "reward-omission.png",
        "reward-omission.csv",
        "reward-omission_traces.csv",
    ]
    assert all(Path(file).is_file() and Path(file).parent == run for file in found["files"])
    assert found["steps"] == {"before": 0, "early": 64, "late": 256}
    assert [(row["cell"], row["response"], row["stage"]) for row in found["responses"]][:2] == [
        (1, "unexpected reward", "before"),
        (1, "reward after cue", "before"),
    ]
    assert {row["holds"] for row in found["responses"]} <= {True, False}
    unexpected = [
        row for row in found["responses"] if (row["response"], row["stage"]) == ("unexpected reward", "before")
    ]
    assert [row["share_of_seeds"] for row in unexpected] == [1, 1]
    assert all(abs(row["td_error"] - 1) < 0.5 for row in unexpected)
    assert {row["seed"] for row in read_table(Path(found["files"][1]))} == {"0", "1"}
    lines = first.err.splitlines()
    assert "note: fewer than 5 seeds: nothing should be claimed" in lines
    assert any(line.split()[-1:] == ["verdict"] for line in lines)

    trained = (run / "meta.json").stat().st_mtime_ns
    again = probe("ad_pqn", "--probe", "reward-shift", *SMALL, "--json", "--quiet")
    assert again.code == 0
    assert again.json["run"] == found["run"]
    assert (run / "meta.json").stat().st_mtime_ns == trained, "not trained again"
    assert (run / "reward-shift.png").is_file()

    twice = probe(run, "--probe", "reward-omission", "--json", "--quiet")
    assert Path(twice.json["figure"]) == run / "reward-omission-2.png"
    assert twice.json["responses"] == found["responses"]
    assert (run / "reward-omission-2.csv").read_text() == (run / "reward-omission.csv").read_text()

    refused = probe(run, "--probe", "reward-shift", "-o", run / "reward-shift.png")
    assert refused.code == 2
    said = "choose another with -o, or replace it with --force (force=True)"
    assert refused.err == f"error: {run}/reward-shift.png exists already: {said}\n"
    assert probe(run, "--probe", "reward-shift", "-o", run / "reward-shift.png", "--force", "--quiet").code == 0
    refused = probe(run, "--probe", "reward-shift", "--credit", "backprop")
    assert refused.err == f"error: --credit cannot be used with {run}, which is looked at as it was trained\n"


def test_of_another_run_the_algorithm_and_its_settings_are_trained_on_the_task(probe, parallel_run):
    words = [parallel_run.path, "--probe", "reward-omission", "--seeds", 1, "--total-timesteps", 128, "--runs", "other"]
    outcome = probe(*words, "--json", "--quiet", "-o", "mine.svg")
    assert outcome.code == 0, outcome.err
    _, config = AGENTS.open(Path(outcome.json["run"]))
    assert (config.env, config.seeds, config.total_timesteps) == ("probe/conditioning", 1, 128)
    assert config.settings == AGENTS.open(parallel_run.path)[1].settings
    assert Path("mine.svg").is_file()
    assert {row["holds"] for row in outcome.json["responses"]} == {None}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ad_pqn", "--probe", "reward"], "unknown probe 'reward'"),
        (["ad_pq", "--probe", "reward-shift"], "unknown algorithm 'ad_pq'; did you mean 'ad_pqn'?"),
        (
            ["ad_pqn", "--probe", "reward-shift", "--step", 0],
            "--step cannot be used: it is for a video, not for --probe",
        ),
        (["ad_pqn", "--probe", "reward-shift", "--fps", 9], "--fps cannot be used: it is for a video, not for --probe"),
        (["ad_pqn", "--credit", "local"], "--credit cannot be used: it is for --probe"),
        (["ad_pqn", "--seeds", 3], "--seeds cannot be used: it is for --probe"),
        (["ad_pqn", "--probe", "reward-shift", "-o", "a.jpg"], "a.jpg cannot be written"),
        (["ad_pqn", "--probe", "reward-shift", "--set", "discount=2"], "discount=2.0 cannot be used"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_training(words, message, cli, tmp_path):
    outcome = cli("watch", *words)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: {message}")
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
