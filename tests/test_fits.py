"""Fits in Python: what the command line does, with arrays instead of files."""

import csv
import dataclasses
import inspect
import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import accumbens
from accumbens import api
from accumbens.cli.main import main
from accumbens.credit.losses import losses, output_error
from accumbens.credit.networks.conventional import Conventional
from accumbens.credit.protocol import Rule, TaskFacts, Update
from accumbens.credit.tasks.protocol import Examples, task_of_examples
from accumbens.errors import AccumbensError, UnknownNameError

SIZES = {"layers": [16], "epochs": 3, "seed": 1, "seeds": 2}


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    out = tmp_path_factory.mktemp("fits")
    return accumbens.fit("digits", "backprop", out=out, name="a", learning_rate=np.float32(0.003), **SIZES)


def test_a_fit_is_that_of_the_command_line(fit, tmp_path):
    words = ["fit", "digits", "backprop", "--layers", "16", "--epochs", "3", "--seed", "1", "--seeds", "2", "--quiet"]
    words += ["--set", f"learning_rate={np.float32(0.003).item()!r}", "--output", str(tmp_path), "--name", "a"]
    with redirect_stdout(io.StringIO()), pytest.raises(SystemExit):
        main(words)
    other = accumbens.open_run(tmp_path / "digits" / "backprop" / "a")
    assert isinstance(other, accumbens.Run)
    assert other.config == fit.config
    for name, values in fit.metrics().items():
        if name != "wall_seconds":
            np.testing.assert_array_equal(other.metrics()[name], values)


def test_numbers_are_the_files(fit):
    with (fit.path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    metrics = fit.metrics()
    assert set(metrics) == set(rows[0]) - {"seed"}
    for row in rows:
        place = fit.seeds.index(int(row["seed"])), metrics["step"][0].tolist().index(int(row["step"]))
        for name, values in metrics.items():
            np.testing.assert_equal(values[place], float(row[name]))
    curve = fit.curve("test_accuracy")
    assert curve.steps.tolist() == [0, 33, 66, 99]
    assert metrics["epoch"].tolist() == [[0, 1, 2, 3]] * 2
    np.testing.assert_array_equal(fit.curve().values, metrics["test_loss"])
    np.testing.assert_array_equal(curve.values, metrics["test_accuracy"])
    assert fit.result is not None
    scores = fit.scores()
    assert set(scores) == {f"{split}_{what}" for split in ("train", "valid", "test") for what in ("loss", "accuracy")}
    assert scores["test_accuracy"].tolist() == fit.result.test_accuracy
    with pytest.raises(UnknownNameError, match="unknown metric 'test_acuracy'; did you mean 'test_accuracy'"):
        fit.curve("test_acuracy")


def test_what_a_fit_knows(fit):
    assert (fit.seeds, fit.config.task, fit.config.rule_settings.layers) == ([1, 2], "digits", (16,))
    assert fit.result is not None
    assert (fit.result.updates, fit.result.run) == (99, str(fit.path))
    assert repr(fit) == f"Run({str(fit.path)!r})"
    assert fit.path == Path(fit.result.run)
    assert fit.resume().result == fit.result  # complete: nothing is left to do
    network = fit.load(seed=2, step=0)
    assert (network.seed, network.step) == (2, 0)
    assert isinstance(network, accumbens.FittedNetwork)


def test_it_is_silent_without_a_terminal_and_shows_progress_if_asked(tmp_path, capsys):
    few = SIZES | {"epochs": 1, "evaluations": 1}
    accumbens.fit("digits", out=tmp_path, name="quiet", **few)
    assert capsys.readouterr() == ("", "")
    accumbens.fit("digits", out=tmp_path, name="shown", progress=True, **few)
    printed = capsys.readouterr()
    assert printed.out == ""  # standard output is the caller's
    assert "epoch 1  accuracy" in printed.err


def test_no_hidden_layer_and_files(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    np.savez(tmp_path / "lines.npz", x=x, y=np.stack([x[:, 0] - x[:, 1], 10 * x[:, 2]], axis=1))
    fit = accumbens.fit(
        tmp_path / "lines.npz", layers=[], epochs=30, evaluations=1, out=tmp_path, learning_rate=0.01, batch_size=10
    )
    assert fit.config.rule_settings.layers == ()
    assert fit.scores().keys() == {"train_loss", "valid_loss", "test_loss"}
    network = fit.load()
    one = np.array([0.5, -0.5, 1.0])
    np.testing.assert_allclose(network.restore(network.predict(network.prepare(one))), [1, 10], atol=0.5)


BAD = {
    "task": ({"task": "digit"}, UnknownNameError, "unknown task 'digit'; did you mean 'digits'"),
    "rule": ({"rule": "backpro"}, UnknownNameError, "unknown rule 'backpro'; did you mean 'backprop'"),
    "setting": ({"learning_rat": 1}, UnknownNameError, "unknown setting 'learning_rat'; did you mean 'learning_rate'"),
    "word": ({"optimiser": "adan"}, UnknownNameError, "unknown value of optimiser 'adan'; did you mean 'adam'"),
    "text": ({"learning_rate": "fast"}, AccumbensError, "learning_rate='fast' cannot be used: expected a number"),
    "kind": ({"learning_rate": {"a": 1}}, AccumbensError, r"learning_rate=\{'a': 1\} cannot be used: expected a"),
    "epochs": ({"epochs": 1.5}, AccumbensError, "epochs='1.5' cannot be used: expected a whole number"),
    "none": ({"seeds": None}, AccumbensError, "seeds='none' cannot be used: expected a whole number"),
    "seeds": ({"seeds": 0}, AccumbensError, "seeds=0 cannot be used: it must be >= 1"),
    "layers": ({"layers": ["wide"]}, AccumbensError, "layers='wide' cannot be used: expected numbers such as"),
    "name": ({"name": "a/b"}, AccumbensError, "name='a/b' cannot be used: it must be a single folder name"),
    "track": ({"track": "paper"}, UnknownNameError, "unknown value of track 'paper'"),
    "data": ({"task": "mnist", "data": "nowhere"}, AccumbensError, "nowhere, given by --data, is not a folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_arguments_that_cannot_be_used(tmp_path, case):
    arguments, error, message = BAD[case]
    with pytest.raises(error, match=message):
        inspect.unwrap(accumbens.fit)(**{"task": "digits", "out": tmp_path} | arguments)  # without checks of types
    assert not list(tmp_path.rglob("config.toml"))


def test_a_run_of_that_name_is_not_overwritten(fit):
    before = (fit.path / "metrics.csv").read_bytes()
    with pytest.raises(AccumbensError, match="exists already"):
        accumbens.fit("digits", out=fit.path.parents[2], name="a", **SIZES)
    assert (fit.path / "metrics.csv").read_bytes() == before


def test_what_is_no_fit(tmp_path):
    with pytest.raises(AccumbensError, match="there is no run at"):
        accumbens.Run(tmp_path / "nowhere")
    (tmp_path / "config.toml").write_text("format_version = 1\n[walk]\n")
    with pytest.raises(
        AccumbensError, match=r"cannot be read as a run's configuration: it has no table \[run\] or \[fit"
    ):
        accumbens.Run(tmp_path)


@pytest.mark.parametrize("ask", [accumbens.Run.evaluate, accumbens.Run.evaluations])
def test_what_only_agents_do(fit, ask):
    with pytest.raises(AccumbensError, match="is of another kind of run: this is for agents, which 'accumbens train'"):
        ask(fit)


def test_a_stopped_fit_does_not_pass_for_a_whole_one(fit, monkeypatch):
    stopped = dataclasses.replace(fit.result, interrupted=True, updates=64)
    monkeypatch.setattr(api.launch, "start", lambda *_, **__: stopped)
    with pytest.raises(KeyboardInterrupt, match=r"stopped at update 64: accumbens.open_run\('.*'\).resume\(\)"):
        accumbens.fit("digits")


def test_a_fit_that_has_not_begun(fit, tmp_path):
    (tmp_path / "config.toml").write_bytes((fit.path / "config.toml").read_bytes())
    begun = accumbens.Run(tmp_path)
    assert begun.metrics() == {}
    with pytest.raises(AccumbensError, match="has no numbers yet"):
        begun.scores()


def make_last_layer_only(settings, facts):
    """A rule of the user's own: only the last layer learns."""

    def init(key):
        return Conventional.create(settings, facts, key), ()

    def update(network, memory, batch, key):
        trace = network.forward(batch.x)
        error = output_error(trace.outputs, batch.y, facts.kind) / len(batch.x)
        signals = [*(0 * z for z in trace.z), error]
        return Update(network.gradients(trace, signals), memory, losses(trace.outputs, batch.y, facts.kind).mean())

    return Rule(init, update)


def make_corners(settings, batch_size, data):
    """A task of the user's own."""
    x = np.random.default_rng(settings.split_seed).uniform(-1, 1, size=(90, 2)).astype(np.float32)
    y = (x.prod(axis=1) > 0).astype(np.int32)
    parts = (Examples(x[i::3], y[i::3]) for i in range(3))
    return task_of_examples(TaskFacts("classification", 2, 2), *parts, notes=("drawn by hand",))


def test_a_task_and_a_rule_of_one_s_own(tmp_path):
    rule = accumbens.register_rule("last-layer-only", make_last_layer_only, summary="nothing but the last")
    task = accumbens.register_task("corners", make_corners, summary="four corners", epochs=4)
    assert rule.endswith(":last-layer-only")
    fit = accumbens.fit("corners", "last-layer-only", layers=[20], out=tmp_path, split_seed=3, batch_size=10)
    assert (fit.config.task, fit.config.rule, fit.config.epochs) == (task, rule, 4)
    assert accumbens.open_run(fit.path).config == fit.config
    first, last = (fit.load(step=step).network for step in (0, 12))
    np.testing.assert_array_equal(first.layers[0].connection.weight, last.layers[0].connection.weight)
    assert np.any(np.asarray(first.layers[1].connection.weight) != np.asarray(last.layers[1].connection.weight))
    assert np.isnan(fit.metrics()["angle_1"]).all()
    np.testing.assert_allclose(fit.metrics()["angle_2"], 0, atol=0.01)
    assert fit.load().notes == ("drawn by hand",)
