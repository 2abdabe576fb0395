"""`accumbens fit` from end to end, and fits that are stopped, killed and continued."""

import dataclasses
import json
import shlex
import signal
import struct

import numpy as np
import pytest

import accumbens
from accumbens.cli.run_view import RunView
from accumbens.credit.kind import FitResult
from accumbens.runs.directory import RunDirectory
from accumbens.runs.snapshots import snapshot_steps
from accumbens.runs.tables import read_table

# 33 updates an epoch; 8 evaluations, so 8 chunks.
WORDS = ["digits", "backprop", "--layers", "16", "--epochs", 4, "--evaluations", 8, "--seed", 3, "--seeds", 2]
WORDS += ["--set", "learning_rate=0.003"]
STEPS = [0, 16, 33, 50, 66, 82, 99, 116, 132]


@pytest.fixture(scope="module")
def fit_run(tmp_path_factory, cli):
    """Two seeds, uninterrupted: the directory, and what the command printed."""
    pytest.importorskip("tensorboardX")
    out = tmp_path_factory.mktemp("fits")
    outcome = cli("fit", *WORDS, "--output", out, "--name", "a", "--json", "--track", "tensorboard")
    assert outcome.code == 0, outcome.err
    return out / "digits" / "backprop" / "a", outcome


def without_time(path):
    rows = read_table(path / "metrics.csv")
    for row in rows:
        del row["wall_seconds"]
    return rows


def newest(path):
    return max((int(file.stem) for file in path.glob("checkpoints/*.ckpt")), default=-1)


def assert_same_end(path, whole):
    step = newest(whole)
    assert newest(path) == step == 132
    final = f"checkpoints/{step:012d}.ckpt"
    assert (path / final).read_bytes() == (whole / final).read_bytes(), "parameters, optimiser, order, loss, counter"
    assert without_time(path) == without_time(whole)
    assert (path / "config.toml").read_bytes() == (whole / "config.toml").read_bytes()
    results = [json.loads((run / "meta.json").read_text())["result"] for run in (path, whole)]
    for result in results:
        for name in ("run", "wall_seconds", "updates_per_second", "session_steps", "train_seconds", "compile_seconds"):
            del result[name]
    assert results[0] == results[1]
    assert not list(path.glob("checkpoints/*.tmp"))


def test_the_last_line_is_json(fit_run):
    path, outcome = fit_run
    assert len(outcome.out.splitlines()) == 1
    result = outcome.json
    assert set(result) == {field.name for field in dataclasses.fields(FitResult)} | {"seed"}
    assert (result["task"], result["rule"], result["seeds"]) == ("digits", "backprop", [3, 4])
    assert (result["updates"], result["epochs"], result["interrupted"]) == (132, 4.0, False)
    assert result["run"] == str(path)
    last = read_table(path / "metrics.csv")[-2:]
    for name in ("valid_accuracy", "test_accuracy", "valid_loss", "test_loss"):
        assert result[name] == [float(row[name]) for row in last]
    assert min(result["test_accuracy"]) > 0.7
    assert json.loads((path / "meta.json").read_text())["result"] | {"seed": 3} == result


def test_people_are_shown_how_it_goes(fit_run):
    path, outcome = fit_run
    err = outcome.err
    assert "digits  backprop  16  seeds 3 to 4\n" in err
    assert f"run directory: {path}\n" in err
    rows = read_table(path / "metrics.csv")
    for step in STEPS:
        scores = {
            split: np.mean([float(row[f"{split}_accuracy"]) for row in rows if row["step"] == str(step)])
            for split in ("train", "valid", "test")
        }
        shown = "  ".join(f"{split} {score:.3f}" for split, score in scores.items())
        # The line may be broken where the console ends.
        assert f"epoch {step / 33:.4g}  accuracy  {shown}  angles 0°, 0°" in " ".join(err.split("\n"))
    assert "test accuracy  " in err
    assert f"picture        {path}/curve.png\n" in err
    assert f"look again     accumbens report {path}\n" in err
    assert "resume" not in err


def test_it_leaves_its_files(fit_run):
    path, _ = fit_run
    names = {"config.toml", "meta.json", "metrics.csv", "curve.png", "checkpoints", "snapshots", ".lock", "tensorboard"}
    assert {file.name for file in path.iterdir()} == names
    assert snapshot_steps(RunDirectory(path)) == [0, 132]
    assert newest(path) == 132
    rows = read_table(path / "metrics.csv")
    assert [(int(row["step"]), int(row["seed"])) for row in rows] == [(s, seed) for s in STEPS for seed in (3, 4)]


def events(folder):
    """(step, tag, value) of everything in TensorBoard's event files: length, checksum, event, checksum; repeated."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        while content:
            (length,) = struct.unpack_from("<Q", content)
            event = event_pb2.Event.FromString(content[12 : 12 + length])
            yield from ((event.step, value.tag, value.simple_value) for value in event.summary.value)
            content = content[12 + length + 4 :]


def test_tensorboard_gets_the_numbers_of_the_table(fit_run):
    path, _ = fit_run
    found = list(events(path / "tensorboard"))
    shown = {(step, tag): value for step, tag, value in found}
    assert len(shown) == len(found), "nothing is logged twice"
    for row in read_table(path / "metrics.csv"):
        for name, text in row.items():
            if name not in ("step", "seed") and text != "nan":
                value = shown.pop((int(row["step"]), f"seed{row['seed']}/{name}"))
                assert value == pytest.approx(float(text), rel=1e-6)
    assert not shown


def test_quiet_is_quiet(cli, tmp_path):
    words = ["fit", "digits", "--layers", "16", "--epochs", 1, "--evaluations", 1, "--output", tmp_path, "--quiet"]
    assert cli(*words) == (0, "", "")
    outcome = cli(*words, "--json")
    assert (outcome.err, len(outcome.out.splitlines())) == ("", 1)


def test_a_dry_run_says_what_it_would_do(cli, tmp_path):
    outcome = cli("fit", *WORDS, "--dry-run", "--json", "--output", tmp_path)
    assert outcome.code == 0
    config, plan = outcome.json, outcome.json["plan"]
    assert (config["task"], config["rule"], config["epochs"], config["seeds"]) == ("digits", "backprop", 4, 2)
    assert config["rule_settings"]["layers"] == [16]
    assert plan == {"updates": 132, "updates_per_epoch": 33, "parameters": [64 * 16 + 16, 16 * 10 + 10], "notes": []}
    outcome = cli("fit", *WORDS, "--dry-run", "--output", tmp_path)
    for name, cost in (
        ("updates that will run", "132 per seed (33 an epoch)"),
        ("parameters of layer 1", "1,040"),
        ("parameters of layer 2", "170"),
    ):
        assert f"{name:<27}{cost}\n" in outcome.out
    lines = [line for line in outcome.out.splitlines() if line and not line.startswith(" ")]
    shown = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines}
    for setting, value, source in (
        ("layers", "16", "your choice"),
        ("learning_rate", "0.003", "your choice"),
        ("batch_size", "32", "default"),
        ("test_fraction", "0.2", "default"),
        ("split_seed", "0", "default"),
    ):
        assert [word.strip() for word in shown[setting]] == [value, source]
    assert "evaluations" in shown
    outcome = cli("fit", "diabetes", "--dry-run", "--output", tmp_path)
    assert "note: targets are standardised" in outcome.out
    assert not list(tmp_path.iterdir())


WRONG = {
    "digit": "unknown task 'digit'; did you mean 'digits'? Run 'accumbens tasks' to see all.",
    "digits backpro": "unknown rule 'backpro'; did you mean 'backprop'? Run 'accumbens rules' to see all.",
    "digits --set learning_rat=1": "unknown setting 'learning_rat'; did you mean 'learning_rate'? Known: ",
    "digits --set optimiser=adan": "unknown value of optimiser 'adan'; did you mean 'adam'? Known: sgd, rmsprop, adam.",
    "digits --set learning_rate=fast": "learning_rate='fast' cannot be used: expected a number",
    "digits --set learning_rate=-1": "learning_rate=-1.0 cannot be used: it must be > 0 and finite",
    "digits --set epochs=3": "epochs is not a setting: give it as --epochs",
    "digits --set test_fraction=2": "test_fraction=2.0 cannot be used: it must be between 0 and 1",
    "digits --layers wide": "layers='wide' cannot be used: expected numbers such as 128,96",
    "digits --layers 0": "layers=0 cannot be used: it must be numbers >= 1, such as 64,64",
    "digits --epochs 0": "epochs=0 cannot be used: it must be >= 1",
    "digits --epochs 1.5": "epochs='1.5' cannot be used: expected a whole number",
    "digits --seeds 0": "seeds=0 cannot be used: it must be >= 1",
    "digits --seed -1": "seed=-1 cannot be used: it must be from 0 to 4294967295",
    "digits --evaluations 0": "evaluations=0 cannot be used: it must be >= 1",
    "digits --name a/b": "name='a/b' cannot be used: it must be a single folder name",
    "digits --track paper": "unknown value of track 'paper'",
    "digits --checkpoint-seconds -1": "checkpoint_seconds=-1.0 cannot be used: it must be >= 0",
    "digits --resume": "--resume needs the --name of the run; 'accumbens resume RUN' takes its directory",
    "digits straight-through --set units=relu": "straight-through on digits: units=relu cannot be used: it must be",
    "reach snap-1": "snap-1 on reach: the rule is for sequences, and the task has a hand to move; rules for it: ",
    "copying rflo": "rflo on copying: the rule is for a hand to move, and the task has sequences; rules for it: ",
    "diabetes backprop --set architecture=convolutional": "architecture=convolutional cannot be used",
    "nothing.csv": "nothing.csv does not exist, or is not a file",
    "mnist --data nowhere": "nowhere, given by --data, is not a folder",
    "digits --data .": "cannot be used: it must be left out with digits, which reads no folder",
    "digits no_such_module:rule": "cannot import the module 'no_such_module' of rule 'no_such_module:rule'",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_fitted(words, cli, tmp_path):
    outcome = cli("fit", *shlex.split(words), "--output", tmp_path / "runs")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert WRONG[words] in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_numbers_that_stop_being_finite_are_named(cli, tmp_path):
    words = ["digits", "--layers", "16", "--epochs", 1, "--evaluations", 1, "--set", "learning_rate=1e30"]
    outcome = cli("fit", *words, "--output", tmp_path, "--name", "a", "--quiet")
    assert outcome.code == 1
    assert outcome.err.startswith("error: ")
    assert "of seed 0 is no longer finite" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "digits" / "backprop" / "a").exists(), "it learned nothing"


def test_a_name_is_not_used_twice(fit_run, cli):
    path, _ = fit_run
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file() and file.name != ".lock"}
    outcome = cli("fit", *WORDS, "--output", path.parents[2], "--name", "a")
    assert outcome.code == 2
    assert f"error: the run {path} exists already; choose another --name" in outcome.err
    outcome = cli("fit", *WORDS, "--output", path.parents[2], "--name", "a", "--resume", "--set", "batch_size=8")
    assert outcome.code == 2
    assert "was started with other settings (batch_size: 32 there, 8 asked)" in outcome.err
    assert {file: file.read_bytes() for file in before} == before


def test_a_finished_fit_is_left_as_it_is(fit_run, cli):
    path, whole = fit_run
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file() and file.name != ".lock"}
    for words in (["resume", path], ["fit", *WORDS, "--output", path.parents[2], "--name", "a", "--resume"]):
        outcome = cli(*words, "--json")
        assert outcome.code == 0
        assert outcome.json == whole.json
        assert f"the run {path} is complete" in outcome.err
    assert {file: file.read_bytes() for file in before} == before


def test_a_fit_that_is_killed_again_and_again_ends_like_one_that_is_not(fit_run, run_apart, tmp_path):
    whole, _ = fit_run
    command = ["fit", *WORDS, "--output", tmp_path, "--name", "a", "--checkpoint-seconds", 0, "--resume", "--quiet"]
    path = tmp_path / "digits" / "backprop" / "a"
    # While the rows of the first evaluation are written; then at a checkpoint's file, at rows, and at meta.json.
    for at_sync, is_there in ((8, -1), (9, 16), (7, 16), (13, 50)):
        assert run_apart(command, at_sync) == -signal.SIGKILL
        assert is_there <= newest(path) < 132
    assert run_apart(command) == 0
    assert_same_end(path, whole)
    sessions = [session["from_step"] for session in json.loads((path / "meta.json").read_text())["sessions"]]
    assert sessions == sorted(sessions)
    assert sessions[0] == 0
    assert sessions[-1] >= 50


def test_ctrl_c_saves_and_resume_goes_on(fit_run, run_apart, cli, tmp_path):
    whole, _ = fit_run
    command = ["fit", *WORDS, "--output", tmp_path, "--name", "a", "--checkpoint-seconds", 1000, "--quiet"]
    assert run_apart(command, at_sync=10, number=signal.SIGINT) == 130  # at the rows of the second evaluation
    path = tmp_path / "digits" / "backprop" / "a"
    assert newest(path) == 33, "the chunk was finished, and all of it is kept"
    assert snapshot_steps(RunDirectory(path)) == [0, 33]
    assert cli("resume", path, "--quiet") == (0, "", "")
    assert_same_end(path, whole)


def test_a_stopped_fit_says_how_to_go_on(fit_run, cli, tmp_path, monkeypatch):
    whole, _ = fit_run
    presses = [signal.SIGINT]

    def progress(self, update, loss, updates_per_second):
        if update == 50 and presses:
            signal.raise_signal(presses.pop())

    monkeypatch.setattr(RunView, "progress", progress)
    outcome = cli("fit", *WORDS, "--output", tmp_path, "--name", "a", "--json")
    assert outcome.code == 130
    assert outcome.json["interrupted"] is True
    assert outcome.json["updates"] == 50
    path = tmp_path / "digits" / "backprop" / "a"
    assert newest(path) == 50
    assert "note: stopping after this chunk; Ctrl-C again stops at once, at the last checkpoint" in outcome.err
    assert "stopped, nothing is lost" in outcome.err
    assert f"continue       accumbens resume {path}\n" in outcome.err
    outcome = cli("resume", path, "--json")
    assert outcome.code == 0
    assert outcome.json["interrupted"] is False
    assert len(outcome.out.splitlines()) == 1
    assert_same_end(path, whole)


FOR_AGENTS = "config.toml is of another kind of run: this is for agents, which 'accumbens train' makes"
REFUSED = {
    "evaluate": FOR_AGENTS,
    "watch": "cannot be looked at like this: of fits, only those of reach, reach-rotated, sine-waves and",
    "watch --terminal": "--terminal cannot be used: it is for agents, and this is a fit",
    "watch --probe reward-omission": FOR_AGENTS,
    "analyze": "cannot be analysed: of fits, only those by sparse-attentive-backtracking can, and those of reach",
}


@pytest.mark.parametrize("words", REFUSED)
def test_commands_that_are_not_for_every_fit(words, fit_run, cli):
    path, _ = fit_run
    before = sorted(path.rglob("*"))
    command, *options = words.split()
    outcome = cli(command, path, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert REFUSED[words] in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert sorted(path.rglob("*")) == before


def test_a_file_of_one_s_own(cli, tmp_path):
    rng = np.random.default_rng(0)
    kinds, x = rng.choice(["cat", "dog"], 80), rng.normal(size=(80, 2))
    x[:, 0] += 3 * (kinds == "dog")
    lines = ["weight,height,animal", *(f"{a:.4f},{b:.4f},{kind}" for (a, b), kind in zip(x, kinds, strict=True))]
    (tmp_path / "pets.csv").write_text("\n".join(lines) + "\n")
    words = ["pets.csv", "--layers", "4", "--epochs", 30, "--evaluations", 2, "--set", "learning_rate=0.01"]
    outcome = cli("fit", *words, "batch_size=8", "--name", "a", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["run"] == "runs/pets/backprop/a"
    assert "note: the target's 2 classes, from 0: cat, dog" in outcome.err
    assert outcome.json["test_accuracy"][0] > 0.7


def test_labels_travel_through_run_report_export_and_load(cli, tmp_path):
    labels = [f"202401{number:02}" for number in range(1, 25)]
    rows = [f"{number / 7:.4f},{labels[number % len(labels)]}" for number in range(240)]
    (tmp_path / "codes.tsv").write_text("a\tcode\n" + "\n".join(rows).replace(",", "\t") + "\n")
    words = ["--layers", "none", "--epochs", 1, "--set", "target=code", "kind=classification"]
    planned = cli("fit", "codes.tsv", *words, "--dry-run")
    assert "note: the target's 24 classes, from 0: 20240101, 20240102" in planned.out
    assert cli("fit", "codes.tsv", *words, "--name", "a").code == 0
    run = tmp_path / "runs" / "codes" / "backprop" / "a"
    assert json.loads((run / "meta.json").read_text())["task"]["labels"] == labels
    assert cli("report", run, "-o", "page.html").code == 0
    assert labels[-1] in (tmp_path / "page.html").read_text()
    assert cli("export", run, "-o", "shared").code == 0
    assert f"`{labels[-1]}`" in (tmp_path / "shared" / "README.md").read_text()
    for path in (run, tmp_path / "shared"):
        assert accumbens.load(path).classes() == labels
