"""Fits that are exported and loaded: what is in the folder, what it predicts, and what is refused."""

import csv
import re
import shutil
import sys
import types

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from huggingface_hub import ModelCard

import accumbens
from accumbens.cli.main import main
from accumbens.credit.registry import RULES, register_rule
from accumbens.credit.tasks.registry import make_task
from accumbens.errors import AccumbensError
from accumbens.runs.tables import read_table
from accumbens.share.export import export
from accumbens.share.weights import named_arrays

FILES = ["README.md", "config.toml", "curve.csv", "curve.png", "network.toml", "weights.safetensors"]
SIZES = {"layers": (16,), "epochs": 3, "seed": 3, "seeds": 2, "progress": False}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """Diabetes: features and targets are standardised."""
    return accumbens.fit("diabetes", out=tmp_path_factory.mktemp("fits"), name="a", learning_rate=0.003, **SIZES)


def task_of(fit):
    return make_task(fit.config.task, fit.config.task_settings, fit.config.rule_settings.batch_size)


def call(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code, *capsys.readouterr()


def test_the_folder_has_all_that_is_worth_knowing(fitted, tmp_path, capsys):
    code, out, err = call(capsys, "export", fitted.path, "-o", tmp_path / "network", "--json")
    assert code == 0, err
    assert f'"files": {FILES}'.replace("'", '"') in out
    assert '"seed": 3, "step": 99, "pushed": null' in out
    assert "exported: seed 3 at update 99, 6 files" in err
    assert "predict: accumbens.load(" in err
    assert sorted(file.name for file in (tmp_path / "network").iterdir()) == FILES
    assert (tmp_path / "network" / "config.toml").read_bytes() == (fitted.path / "config.toml").read_bytes()
    table = (tmp_path / "network" / "network.toml").read_text()
    assert "seed = 3" in table
    assert 'kind = "classification"' in table


def test_curves_are_the_fits(fitted, exported_network, tmp_path):
    rows = read_table(fitted.path / "metrics.csv")
    for row in rows:
        del row["wall_seconds"]
    assert read_table(exported_network / "curve.csv") == rows
    export(fitted.path, tmp_path / "untrained", step=0)
    assert {row["step"] for row in read_table(tmp_path / "untrained" / "curve.csv")} == {"0"}
    assert accumbens.load(tmp_path / "untrained").step == 0


def test_it_predicts_as_the_fit_did(fitted, exported_network):
    task, network = task_of(fitted), accumbens.load(exported_network)
    assert (network.seed, network.step, network.facts) == (4, 99, task.facts)
    assert network.config == fitted.config
    assert repr(network) == "<accumbens network: backprop on digits, seed 4, 99 updates>"
    classes = network.classes(task.test.x)
    assert fitted.scores()["test_accuracy"][1] == pytest.approx((classes == task.test.y).mean())
    other = fitted.load(seed=4)
    np.testing.assert_array_equal(other.predict(task.test.x), network.predict(task.test.x))
    before, first = fitted.load(seed=4, step=0), fitted.load()
    assert (before.step, first.seed) == (0, 3)
    for another in (before, first):
        assert not np.allclose(another.predict(task.test.x), network.predict(task.test.x))


def test_single_examples_and_batches_of_any_size(fitted, exported_network):
    task, network = task_of(fitted), accumbens.load(exported_network)
    logits = network.predict(task.train.x)
    assert len(task.train.x) > 1000, "more than are predicted at once"
    assert (logits.shape, logits.dtype) == ((len(task.train.x), 10), np.float32)
    single = network.predict(task.train.x[0])
    assert single.shape == (10,)
    np.testing.assert_allclose(single, logits[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(network.predict(task.train.x[-7:]), logits[-7:], rtol=1e-4, atol=1e-5)
    assert network.classes(task.train.x[0]) == logits[0].argmax()
    assert isinstance(network.classes(task.train.x[0]), int)
    np.testing.assert_array_equal(network.classes(task.train.x), logits.argmax(axis=1))
    assert network.classes() == list("0123456789")
    x = task.train.x[:3]
    for same in (x.tolist(), x.astype(np.float64), jnp.asarray(x)):
        np.testing.assert_array_equal(network.predict(same), network.predict(x))


def test_pixels_as_they_were_published(fitted, exported_network):
    from sklearn.datasets import load_digits

    network, digits = accumbens.load(exported_network), load_digits()
    x = network.prepare(digits.data)
    assert (x.dtype, x.min(), x.max()) == (np.float32, -1, 1)
    prepared = {row.tobytes() for row in x}
    assert all(row.tobytes() in prepared for row in task_of(fitted).test.x)
    np.testing.assert_array_equal(network.prepare(digits.data[5]), x[5])
    assert (network.classes(x) == digits.target).mean() > 0.7


def test_features_and_targets_in_their_own_units(numbers, tmp_path):
    from sklearn.datasets import load_diabetes

    export(numbers.path, tmp_path / "network")
    network, task = accumbens.load(tmp_path / "network"), task_of(numbers)
    features, target = load_diabetes(return_X_y=True, scaled=False)
    x = network.prepare(features)
    prepared = {row.tobytes() for row in x}
    assert all(row.tobytes() in prepared for row in task.test.x)
    error = np.square(network.predict(task.test.x) - task.test.y).mean()
    assert error == pytest.approx(numbers.scores()["test_loss"][0], rel=1e-5)
    restored = network.restore(network.predict(x))
    assert restored.shape == (len(x), 1)
    assert np.abs(restored.mean() - target.mean()) < 30
    for y in network.restore(task.test.y)[:, 0]:
        assert np.abs(target - y).min() < 1e-3
    assert "targets are standardised" in network.notes[0]
    with pytest.raises(AccumbensError, match="diabetes has no classes: it is a regression, so use predict"):
        network.classes(x)


def test_inputs_that_cannot_be_used(fitted, exported_network):
    network = accumbens.load(exported_network)
    for x in (np.zeros(63), np.zeros((2, 63)), np.zeros((2, 8, 8)), np.zeros((0, 64)), 3.0):
        with pytest.raises(
            AccumbensError, match=r"inputs of the shape .* cannot be used: those of digits have \(64,\)"
        ):
            network.predict(x)
        with pytest.raises(AccumbensError, match=r"inputs of the shape"):
            network.prepare(x)
    for x in ("text", {"a": 1}, [[1], [1, 2]]):
        with pytest.raises(AccumbensError, match="the inputs cannot be used"):
            network.predict(x)
    for value in (np.nan, np.inf, 1e39):
        with pytest.raises(AccumbensError, match="the inputs cannot be used: a number is not finite in 32 bits"):
            network.predict(np.full(64, value))
    with pytest.raises(AccumbensError, match="digits has no units: it is a classification, so use classes"):
        network.restore(np.zeros(10))


def test_the_card(fitted, exported_network):
    text = (exported_network / "README.md").read_text()
    data = ModelCard(text).data
    assert (data.library_name, data.license) == ("accumbens", "apache-2.0")
    assert {"accumbens", "local-learning", "digits", "backprop", "image-classification"} == set(data.tags)
    accuracy = fitted.scores()["test_accuracy"]
    (result,) = data.eval_results
    assert (result.task_type, result.dataset_name, result.metric_type) == ("image-classification", "digits", "accuracy")
    assert result.metric_value == pytest.approx(accuracy[1])
    assert f"| 4 (this one) | {accuracy[1]:.4f} |" in text
    assert f"Mean test accuracy over 2 seeds: {accuracy.mean():.4f}" in text
    assert "fewer than five say little" in text
    assert RULES["backprop"].summary in text
    size = sum(array.size for array in named_arrays(fitted.load(4).network).values())
    assert f"64 → 16 → 10, {size:,} parameters" in text
    assert "(an image, 1 × 8 × 8: channels, height, width); `prepare` shifts and scales them" in text
    assert not set(re.findall(r"\((\w+\.(?:png|gif))\)", text)) - set(FILES)
    assert "## The data\n" not in text
    assert "| classes | `0`, `1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, `9` |" in text


@pytest.mark.parametrize("which", ["fitted", "numbers"])
def test_the_code_on_the_card_runs(which, request, tmp_path, monkeypatch, capsys):
    fit = request.getfixturevalue(which)
    export(fit.path, tmp_path / "network")
    monkeypatch.chdir(tmp_path / "network")
    (code,) = re.findall(r"```python\n(.*?)```", (tmp_path / "network" / "README.md").read_text(), re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out.count("\n") == (1 if which == "fitted" else 5)


def test_the_card_of_a_regression_says_what_must_be_known_of_the_data(numbers, tmp_path):
    export(numbers.path, tmp_path / "network", licence="mit", repo="user/repo")
    text = (tmp_path / "network" / "README.md").read_text()
    data = ModelCard(text).data
    assert data.license == "mit"
    (result,) = data.eval_results
    assert (result.task_type, result.metric_type) == ("tabular-regression", "mse")
    assert result.metric_value == pytest.approx(numbers.scores()["test_loss"][0])
    assert "## The data\n\n- Targets are standardised: " in text
    assert 'accumbens.load("hf://user/repo")' in text
    assert "with the extra `hub`" in text


def test_boston_comes_with_a_warning(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "housing.csv", rng.uniform(1, 9, size=(506, 14)), delimiter=",")
    fit = accumbens.fit("boston", layers=(2,), epochs=1, data=tmp_path, out=tmp_path, evaluations=1, batch_size=404)
    network = accumbens.load(export(fit.path, tmp_path / "network").folder)
    assert "column B encodes the share of Black residents" in network.notes[0]
    assert "\n- Column B encodes the share of Black residents" in (tmp_path / "network" / "README.md").read_text()
    np.testing.assert_array_equal(network.prepare(np.arange(13)), np.arange(13, dtype=np.float32))


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def folder(exported_network, tmp_path):
    """A copy to be damaged."""
    return shutil.copytree(exported_network, tmp_path / "network")


CHANGES = {
    ("network.toml", "format_version = 1", "format_version = 2"): r"network.toml has format version 2; .* reads 1",
    ("network.toml", "[export]", "[export"): "network.toml is damaged",
    ("network.toml", "[export]", "[other]"): "network.toml is damaged: 'export'",
    ("network.toml", "inputs = 64", "inputs = 65"): "network.toml is damaged: the description of the task is damaged",
    ("network.toml", "inputs = 64", 'inputs = "many"'): "network.toml is damaged: the description of the task",
    ("network.toml", "outputs = 10", "outputs = 0"): "network.toml is damaged: the description .* do not fit",
    ("network.toml", "outputs = 10\n", ""): "network.toml is damaged: the description of the task is damaged",
    ("network.toml", "outputs = 10", "outputs = 10\nnews = 1"): "network.toml is damaged: the description of the task",
    ("network.toml", "outputs = 10", "outputs = 11"): "network.toml is damaged: the description .* do not fit",
    ("network.toml", "shift = 8.0", "shift = [8.0, 1.0]"): "network.toml is damaged: the description of the task",
    ("network.toml", 'kind = "classification"', 'kind = "art"'): "network.toml is damaged: the description of the",
    (
        "config.toml",
        "    16,\n",
        "    17,\n",
    ): "weights.safetensors does not fit config.toml: layers.0.connection.weight",
    ("config.toml", 'rule = "backprop"', 'rule = "gevb"'): "config.toml cannot be read as a run's configuration",
    ("config.toml", 'rule = "backprop"', 'rule = "antigravity:x"'): "of a module that is not imported. If you trust",
    ("config.toml", 'rule = "backprop"', 'rule = "sys:x"'): "unknown rule 'sys:x'",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change[1]} to {change[2]}".strip())
def test_descriptions_that_do_not_fit(folder, change):
    name, old, new = change
    edit(folder / name, old, new)
    with pytest.raises(AccumbensError, match=CHANGES[change]):
        accumbens.load(folder)
    assert "antigravity" not in sys.modules  # nothing that a folder names is imported


@pytest.mark.parametrize("name", ["weights.safetensors", "config.toml"])
def test_a_file_is_missing(folder, name):
    (folder / name).unlink()
    with pytest.raises(AccumbensError, match=f"is not a complete exported network: it has no {name}"):
        accumbens.load(folder)


def test_damaged_weights(folder):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(AccumbensError, match=r"weights.safetensors is damaged, or belongs to another export"):
        accumbens.load(folder)


def test_the_weights_are_plain(folder, fitted):
    arrays = safetensors.numpy.load_file(folder / "weights.safetensors")
    expected = named_arrays(fitted.load(4).network)
    assert {"layers.0.connection.weight", "layers.0.bias"} <= arrays.keys() == expected.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name])


def test_the_task_need_not_be_known(folder, fitted):
    x = task_of(fitted).test.x
    logits = accumbens.load(folder).predict(x)
    for task in ("antigravity:things", "things", "/nowhere/things.csv"):
        edit(
            folder / "config.toml", re.search("task = .*", (folder / "config.toml").read_text())[0], f'task = "{task}"'
        )
        moved = accumbens.load(folder)
        assert moved.config.task == task
        assert moved.config.task_settings.split_seed == 0
        np.testing.assert_array_equal(moved.predict(x), logits)
    assert "antigravity" not in sys.modules


@pytest.fixture
def rule_of_mine(monkeypatch):
    module = types.ModuleType("rules_of_mine")
    module.__dict__.update(register_rule=register_rule, make=RULES["backprop"].make)
    monkeypatch.setitem(sys.modules, "rules_of_mine", module)
    exec("register_rule('mine', make)", module.__dict__)
    return "rules_of_mine:mine"


def test_a_rule_of_the_user_s_own_is_imported_by_the_user(rule_of_mine, tmp_path, monkeypatch):
    sizes = SIZES | {"epochs": 1, "seeds": 1, "evaluations": 1}
    fit = accumbens.fit("digits", rule_of_mine, out=tmp_path, **sizes)
    export(fit.path, tmp_path / "network")
    assert "\nimport rules_of_mine\n" in (tmp_path / "network" / "README.md").read_text()
    assert accumbens.load(tmp_path / "network").config.rule == rule_of_mine
    monkeypatch.delitem(sys.modules, "rules_of_mine")
    with pytest.raises(AccumbensError, match=r"has rule='rules_of_mine:mine', of a module that is not imported."):
        accumbens.load(tmp_path / "network")


def test_what_cannot_be_exported(fitted, tmp_path, capsys):
    for words, message in (
        (["--seed", 9], "seed=9 cannot be used: the run has 3, 4"),
        (["--step", 5], f"step=5 cannot be used: {fitted.path} has snapshots at 0, 99"),
        (["--private"], "--private and --update are for --push USER/REPO"),
    ):
        code, out, err = call(capsys, "export", fitted.path, "-o", tmp_path / "network", *words)
        assert (code, out, err) == (2, "", f"error: {message}\n")
    (tmp_path / "notes.txt").write_text("precious")
    code, _, err = call(capsys, "export", fitted.path, "-o", tmp_path)
    assert (code, err) == (
        2,
        f"error: {tmp_path} exists already: choose another with -o, or replace it with --force (force=True)\n",
    )
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_the_default_folder_is_the_fits_and_named_by_seed_and_update(fitted, capsys):
    code, out, err = call(capsys, "export", fitted.path, "--seed", 4, "--step", 0)
    assert code == 0, err
    folder = fitted.path / "export" / "seed4_0"
    assert str(folder) in out
    assert accumbens.load(folder).step == 0
    assert call(capsys, "export", fitted.path, "--seed", 4, "--step", 0)[0] == 2


def test_a_fit_that_was_not_evaluated(fitted, tmp_path):
    path = shutil.copytree(fitted.path, tmp_path / "a", ignore=shutil.ignore_patterns("export"))
    header, first, second, *_ = (path / "metrics.csv").read_text().splitlines(keepends=True)
    (path / "metrics.csv").write_text(header + first)  # the second seed's row was not written yet
    with pytest.raises(AccumbensError, match="has not been evaluated yet: continue it with 'accumbens resume"):
        export(path, tmp_path / "network")
    (path / "metrics.csv").write_text(header + first + second + first.replace("0,3", "9,3", 1))
    export(path, tmp_path / "network")
    with (tmp_path / "network" / "curve.csv").open() as file:
        assert len(list(csv.reader(file))) == 3


def test_seeds_and_steps_are_of_runs(exported_network, fitted):
    with pytest.raises(AccumbensError, match="is an exported network, which has one seed and step: give neither"):
        accumbens.load(exported_network, seed=3)
    with pytest.raises(AccumbensError, match="seed=5 cannot be used: the run has 3, 4"):
        accumbens.load(fitted.path, seed=5)
    with pytest.raises(AccumbensError, match=r"step=7 cannot be used: .* has snapshots at 0, 99"):
        accumbens.load(fitted.path, step=7)


def test_a_description_is_what_it_was(numbers):
    from accumbens.credit.tasks.description import describe, from_table, to_table

    description = describe(task_of(numbers))
    again = from_table(to_table(description))
    assert (again.facts, again.notes) == (description.facts, description.notes)
    assert again.labels == description.labels
    for one, other in zip(again[2:4], description[2:4], strict=True):
        np.testing.assert_array_equal(one.shift, other.shift)
        np.testing.assert_array_equal(one.deviation, other.deviation)
