"""`accumbens analyze` on a trained run of each learner: figures, the numbers behind them, and what it refuses."""

import shutil

import numpy as np
import pytest

from accumbens.runs.directory import RunDirectory
from accumbens.runs.snapshots import snapshot_steps
from accumbens.runs.tables import read_table

FEW = ["--states", 24, "--steps", 12, "--transitions", 32]
FILES = ["alignment.csv", "alignment.png", "alignment.svg", "norms.csv", "norms.png", "norms.svg", "pca.csv", "pca.png"]
FILES += ["pca.svg", "scenarios.csv", "scenarios.png", "scenarios.svg", "summary.json"]


def shortened(run, tmp_path):
    """A copy of a run with three of its snapshots."""
    path = tmp_path / "run"
    shutil.copytree(run.path, path)
    steps = snapshot_steps(RunDirectory(path))
    for file, step in zip(sorted((path / "snapshots").glob("*.ckpt")), steps, strict=True):
        if step not in (steps[0], steps[1], steps[-1]):
            file.unlink()
    return path


@pytest.fixture
def run(parallel_run, tmp_path):
    return shortened(parallel_run, tmp_path)


@pytest.mark.pictures
def test_every_file_is_there_and_says_what_the_summary_says(run, cli):
    outcome = cli("analyze", run, *FEW, "--json")
    assert outcome.code == 0, outcome.err
    steps = snapshot_steps(RunDirectory(run))
    folder = run / "analysis_8192"
    document = outcome.json
    assert document["folder"] == str(folder)
    assert document["files"] == FILES == sorted(path.name for path in folder.iterdir())
    assert (document["step"], document["seed"], document["seeds"]) == (8192, 0, [0, 1])
    assert document["snapshots"] == steps
    assert all(path.stat().st_size > 100 for path in folder.iterdir())
    assert not list(run.glob(".*-*")), "nothing half-written is left"

    points = read_table(folder / "pca.csv")
    assert len(points) == 2 * 24 * 2  # cells × states × actions
    for cell in ("1", "2"):
        mine = [row for row in points if row["cell"] == cell]
        assert {row["vector"] for row in mine} == {"contributions"}
        assert sum(int(row["greedy"]) for row in mine) == 24
        for state in range(24):
            pair = [row for row in mine if int(row["state"]) == state]
            best = max(pair, key=lambda row: float(row["value"]))
            assert best["greedy"] == "1" or pair[0]["value"] == pair[1]["value"]
        variance = np.var([[float(row["pc1"]), float(row["pc2"])] for row in mine], axis=0)
        assert variance[0] >= variance[1]

    norms = read_table(folder / "norms.csv")
    assert len(norms) == len(steps) * 2 * 2 * 3  # snapshots × seeds × cells × quantities
    for row in norms:
        percentiles = [float(row[name]) for name in ("p5", "p25", "p50", "p75", "p95")]
        assert percentiles == sorted(percentiles)

    units = read_table(folder / "scenarios.csv")
    assert {(row["cell"], row["unit"]) for row in units} == {
        *(("1", str(unit)) for unit in range(6)),
        *(("2", str(unit)) for unit in range(5)),
    }
    assert {row["scenario"] for row in units} == set(document["scenarios"])

    compared = read_table(folder / "alignment.csv")
    assert len(compared) == len(steps) * 2 * 2 * 2 * 2  # snapshots × seeds × cells × references × parameters
    for row in compared:
        if row["cell"] == "2":
            assert float(row["cosine"]) == pytest.approx(1, abs=1e-5)
        assert -1 <= float(row["cosine"]) <= 1
        assert 0 <= float(row["sign_agreement"]) <= 1
    for row in document["alignment"]:
        keys = ("reference", "parameters", "cell", "step")
        mine = [other for other in compared if all(other[key] == str(row[key]) for key in keys)]
        assert np.mean([float(other["cosine"]) for other in mine]) == pytest.approx(row["cosine"], abs=1e-5)


def test_an_earlier_snapshot_of_another_seed_into_another_folder(run, cli, tmp_path):
    steps = snapshot_steps(RunDirectory(run))
    out = tmp_path / "some" / "where"
    outcome = cli("analyze", run, *FEW, "--step", steps[1], "--seed", 1, "-o", out)
    assert outcome.code == 0, outcome.err
    assert not list(run.glob("analysis_*"))
    assert {row["step"] for row in read_table(out / "pca.csv")} == {str(steps[1])}
    assert {row["seed"] for row in read_table(out / "pca.csv")} == {"1"}
    assert {row["step"] for row in read_table(out / "alignment.csv")} == {"0", str(steps[1])}
    for word in ("components", "sizes", "scenarios", "alignment", str(out)):
        assert word in outcome.out
    again = cli("analyze", run, *FEW, "-o", out)
    assert again.code == 2
    assert again.err.startswith(f"error: {out} exists already")


def test_the_same_again_gives_the_same_numbers_and_pictures(replay_run, cli, tmp_path):
    run = shortened(replay_run, tmp_path)
    for name in ("a", "b"):
        outcome = cli("analyze", run, *FEW, "--quiet", "-o", tmp_path / name)
        assert (outcome.code, outcome.out) == (0, ""), outcome.err
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--states", 97, "--steps", 12], "states=97 cannot be used: 12 steps of 8 copies of the environment are 96"),
        (["--states", "many"], "states='many' cannot be used: expected a whole number"),
        (["--epsilon", 2], "epsilon=2 cannot be used: expected a probability from 0 to 1"),
        (["--step", 3], "step=3 cannot be used: "),
        (["--seed", 7], "seed=7 cannot be used: the run has 0, 1"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(run, cli, words, said):
    outcome = cli("analyze", run, *words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert not list(run.glob("analysis_*"))


def test_there_must_be_a_run(cli, tmp_path):
    outcome = cli("analyze", tmp_path / "nothing")
    assert (outcome.code, outcome.err) == (2, f"error: there is no run at {tmp_path / 'nothing'}\n")
