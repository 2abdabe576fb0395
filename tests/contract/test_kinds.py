"""A third kind of run, defined in `walk.py` and nowhere else, goes through every verb as agents and fits do."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import accumbens
from accumbens import kinds
from accumbens.cli import main as entry
from accumbens.cli.run_view import RunView
from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints, launch
from accumbens.runs.evaluating import Evaluated, Evaluating
from accumbens.runs.snapshots import snapshot_steps

HERE = Path(__file__).parent
sys.path.append(str(HERE))
from walk import WALKS, WalkJob, walk  # noqa: E402

PROGRAM = "import walk; walk.register(); from accumbens.cli.main import run; run()"
EXPERIMENT = """
title = "Gaits on hills"
hills = ["hill/steep", "hill/flat"]
gaits = { trot = ["slow", "fast"] }
strides = 12
seeds = 2
[variants]
slow = { slope = 0.25 }
fast = { slope = 1.0 }
[budgets.desk]
"""


@pytest.fixture(autouse=True)
def registered(monkeypatch, tmp_path):
    monkeypatch.setitem(kinds.KINDS, "walk", WALKS)
    monkeypatch.setitem(entry.COMMANDS, "walk", walk)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cli(capsys):
    """`cli(*words) -> (code, out, err)`."""

    def call(*words):
        with pytest.raises(SystemExit) as stop:
            entry.main([str(word) for word in words])
        return stop.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def run(cli):
    """A run of two walkers, whole, and what was printed."""
    code, out, err = cli("walk", "hill/steep", "--seeds", 2, "--json")
    assert code == 0, err
    return Path("runs/hill/steep/trot/a"), json.loads(out), err


def rows_of(path):
    with (path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: value for name, value in row.items() if name != "wall_seconds"} for row in rows]


def assert_same(path, other):
    assert rows_of(path) == rows_of(other)
    ends = [checkpoints.newest(folder / "checkpoints") for folder in (path, other)]
    assert ends[0].name == ends[1].name
    assert ends[0].read_bytes() == ends[1].read_bytes()


def test_the_kind_is_small():
    assert len((HERE / "walk.py").read_text().splitlines()) < 140


def test_start(run):
    path, document, err = run
    assert (document["steps"], document["seeds"], document["interrupted"]) == (40, [0, 1], False)
    assert document["run"] == str(path)
    assert document["height"] == [float(row["height"]) for row in rows_of(path)[-2:]]
    assert err.startswith("hill/steep  trot  seeds 0 to 1\n")
    assert "strides        40\n" in err
    assert len(rows_of(path)) == 2 * 40
    assert [int(step.stem) for step in sorted((path / "snapshots").iterdir())] == [0, 40]


def test_where_nothing_was_measured_the_first_chunk_tells_how_long_it_takes(cli, monkeypatch):
    told = []
    monkeypatch.setattr(RunView, "projected", lambda view, *numbers: told.append(numbers))
    cli("walk", "hill/steep", "--seeds", 2)
    ((seconds, per_second),) = told
    assert seconds == pytest.approx(39 / (per_second / 2))


def test_what_a_kind_says_of_watching_and_analysis_is_asked(run, cli, monkeypatch):
    for verb, done in (("watch", "watched"), ("analyze", "analysed")):
        code, _, err = cli(verb, run[0])
        assert (code, f"error: a walk cannot be {done}" in err) == (2, True)
    monkeypatch.setattr(
        WALKS, "says", {"watching": "walk:watch", "analysis": "walk:analyse"} | dict(WALKS.says), raising=False
    )
    code, out, _ = cli("watch", run[0], "--seed", 1, "--json")
    assert (code, json.loads(out)) == (0, {"watched": str(run[0]), "seed": 1})
    code, out, err = cli("analyze", run[0], "--states", 7, "--json")
    found = json.loads(out)
    assert (code, found["found"], found["files"]) == (0, {"states": 7}, ["MARK"])
    assert "shown" in err


class Falls(Evaluating):
    noun, options = "walks", ()

    def evaluate(self, path, asked, reporter):
        reporter.table("walk", ["falls"], [[str(asked.num_episodes)]])
        return Evaluated([{"run": str(path), "falls": asked.num_episodes}], [])


def test_what_a_kind_says_of_evaluation_is_asked(run, cli, monkeypatch):
    monkeypatch.setattr(sys.modules["walk"], "EVALUATING", Falls(), raising=False)
    said = {"evaluating": "walk:EVALUATING"} | dict(WALKS.says)
    monkeypatch.setattr(WALKS, "says", said, raising=False)
    code, out, err = cli("evaluate", run[0], "--num-episodes", 3, "--json")
    assert code == 0, err
    assert json.loads(out)["evaluations"] == [{"run": str(run[0]), "falls": 3}]
    assert "falls" in err
    code, _, err = cli("evaluate", run[0], "--epsilon", "0")
    assert (code, err) == (2, f"error: --epsilon cannot be used: it is not for walks, and {run[0]} is one of theirs\n")


def test_dry_run_from_another(run, cli):
    code, out, err = cli("walk", "hill/steep", "--name", "b", "--dry-run", "--json", "--from", run[0])
    assert (code, json.loads(out)["from"]["step"]) == (0, 40)
    assert f"begins from                {run[0].absolute()}, step 40, each seed's own network" in err
    code, _, err = cli("walk", "hill/steep", "--name", "b", "--dry-run", "--from", f"{run[0]}@7")
    assert (code, "step=7 cannot be used" in err) == (2, True)


def test_dry_run(cli):
    code, out, err = cli("walk", "hill/steep", "--strides", 7, "--dry-run", "--json")
    assert (code, json.loads(out)["plan"], json.loads(out)["strides"]) == (0, {"strides": 7}, 7)
    assert "strides that will be made  7" in err
    assert not Path("runs").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_stopped_and_resumed_it_is_the_same_to_the_bit(number, code, run, cli, tmp_path):
    whole, _, _ = run
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = os.environ | {"PYTHONPATH": str(HERE), "WALK_SECONDS": "0.02"}
    words = [sys.executable, "-c", PROGRAM, "walk", "hill/steep", "--seeds", "2"]
    process = subprocess.Popen(words, cwd=elsewhere, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    path, deadline = elsewhere / whole, time.monotonic() + 120
    while not (path / "metrics.csv").exists() or len((path / "metrics.csv").read_text().splitlines()) < 12:
        assert time.monotonic() < deadline, "the run hangs"
        assert process.poll() is None, process.communicate()[0].decode()
        time.sleep(0.005)
    process.send_signal(number)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == code, said.decode()
    assert checkpoints.newest(path / "checkpoints").stem < f"{40:012d}"
    if number == signal.SIGINT:
        assert "stopped, nothing is lost" in said.decode()
        assert f"accumbens resume {whole}" in said.decode()
    assert cli("resume", path)[0] == 0
    assert_same(path, whole)


def test_a_longer_run_is_the_run_that_was_longer_from_the_start(run, cli):
    path, _, _ = run
    assert cli("resume", path, "--total-timesteps", 60)[0] == 2
    assert cli("resume", path, "--epochs", 60)[2].startswith("error: epochs=60 cannot be used")
    assert cli("resume", path, "--length", 60)[0] == 0
    assert accumbens.open_run(path).config.strides == 60
    cli("walk", "hill/steep", "--seeds", 2, "--strides", 60, "--name", "long")
    assert_same(path, path.with_name("long"))
    with pytest.raises(AccumbensError, match=r"strides=60 cannot be used: .* is for 60 already"):
        launch.resume(WALKS, path, _Silent(), length=60)


class _Silent:
    def __getattr__(self, name):
        return lambda *arguments: None


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (AccumbensError("no"), 2)])
@pytest.mark.parametrize("when", ["prepare", "advance"])
def test_a_run_that_learned_nothing_leaves_no_folder_and_its_name_is_free(when, error, code, run, cli, monkeypatch):
    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(WalkJob, when, fail)
        for name in ("b", "b"):
            assert cli("walk", "hill/steep", "--name", name)[0] == code
            assert cli("walk", "hill/flat", "--name", name)[0] == code
    assert [path.parent for path in Path("runs").rglob("config.toml")] == [run[0]]
    assert not (Path("runs/hill/flat")).exists()
    assert cli("walk", "hill/steep", "--name", "b")[0] == 0


def test_begin_from_another(run, cli):
    path, _, _ = run
    assert cli("walk", "hill/flat", "--strides", 1, "--name", "b", "--from", f"{path}@40:1")[0] == 0
    begun = Path("runs/hill/flat/trot/b")
    meta = json.loads((begun / "meta.json").read_text())
    assert (meta["from"]["run"], meta["from"]["step"], meta["from"]["seed"]) == (str(path.absolute()), 40, 1)
    first = accumbens.load(begun, step=0)
    np.testing.assert_array_equal(first.network["height"], accumbens.load(path, seed=1).network["height"])


def test_list(run, cli):
    code, out, _ = cli("runs", "--json")
    assert code == 0
    height = WALKS.line(accumbens.open_run(run[0]).result)
    expected = {"run": str(run[0]), "kind": "walk", "seeds": 2, "state": "finished", "result": height}
    assert json.loads(out) == [expected]


def test_python(run):
    opened = accumbens.open_run(run[0])
    assert opened.kind is WALKS
    assert opened.result.steps == 40
    curve = opened.curve()
    assert curve.steps.tolist() == list(range(1, 41))
    assert opened.scores()["height"].tolist() == curve.values[:, -1].tolist() == opened.result.height
    assert opened.resume(progress=False).result == opened.result


def test_compare(run, cli):
    assert cli("walk", "hill/steep", "gallop", "--seeds", 2)[0] == 0
    code, out, err = cli("compare", "runs", "--json")
    assert code == 0, err
    groups = json.loads(out)["groups"]
    assert [group["group"] for group in groups] == ["trot", "gallop"] or [g["group"] for g in groups] == [
        "gallop",
        "trot",
    ]
    assert all(group["scores"]["hill/steep"] == run[1]["height"] for group in groups)


def test_report(run, cli):
    code, _, err = cli("report", run[0], "-o", "page.html")
    assert code == 0, err
    page = Path("page.html").read_text()
    assert "hill/steep" in page
    assert f"{np.mean(run[1]['height']):.2f}" in page


def test_export_and_load(run, cli):
    code, out, err = cli("export", run[0], "-o", "out", "--seed", 1, "--json")
    assert code == 0, err
    assert {"config.toml", "weights.safetensors", "README.md", "curve.csv"} <= set(json.loads(out)["files"])
    loaded, own = accumbens.load("out"), accumbens.open_run(run[0]).load(seed=1)
    assert (loaded.seed, loaded.step, loaded.config) == (1, 40, own.config)
    np.testing.assert_array_equal(loaded.network["height"], own.network["height"])


def test_experiment(cli):
    Path("gaits.toml").write_text(EXPERIMENT)
    code, out, err = cli("experiment", "gaits.toml", "--json")
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert [(row["hill"], row["gait"], row["variant"]) for row in rows] == [
        (hill, "trot", variant) for hill in ("hill/steep", "hill/flat") for variant in ("slow", "fast")
    ]
    folder = Path("runs/experiments/gaits-desk")
    assert (folder / "curves.png").stat().st_size > 5_000
    heights = accumbens.open_run(folder / "hill/flat/trot/fast").result.height
    assert float(rows[-1]["height"]) == pytest.approx(np.mean(heights), abs=1e-3)
    assert re.search(r"done before +hill/steep/trot/slow", cli("experiment", "gaits.toml")[1])


def test_sweep(cli):
    text = 'hill = "hill/steep"\ngait = "trot"\nstrides = 9\nseeds = 2\nsearch = "halving"\n[over]\n'
    Path("slopes.toml").write_text(text + "slope = [0.25, 0.5, 4.0]\n")
    code, out, err = cli("sweep", "slopes.toml", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["best"] == {"slope": "4.0"}
    assert [row["until"] for row in found["rows"]] == [1.0, 1 / 3, 1 / 3]
    assert [row["step"] for row in found["rows"]] == [9, 3, 3]
    assert len(found["reporting"]["scores"]) == 2
    folder = Path("runs/sweeps/slopes")
    best = accumbens.open_run(folder / "hill/steep/trot/slope=4.0").result
    again = accumbens.open_run(folder / "hill/steep/trot/slope=4.0,seeds=2-3").result
    assert (best.seeds, again.seeds) == ([0, 1], [2, 3])
    assert found["reporting"]["scores"] == again.height
    meta = json.loads((folder / "hill/steep/trot/slope=4.0/meta.json").read_text())
    assert [session["from_step"] for session in meta["sessions"]] == [0, 3]
    code, out, err = cli("sweep", "slopes.toml", "--json")
    assert (code, json.loads(out)) == (0, found)


def test_no_other_command_claims_it(run, cli):
    code, _, err = cli("evaluate", run[0])
    assert (code, "this is for agents, which 'accumbens train' makes" in err) == (2, True)
    code, _, err = cli("audit", run[0])
    assert (code, err) == (2, "error: there is no audit for a walk\n")


def test_snapshots_are_listed(run):
    assert snapshot_steps(accumbens.open_run(run[0])._directory) == [0, 40]
