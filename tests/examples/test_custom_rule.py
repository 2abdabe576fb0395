"""The rule and the task of one's own: they are what the page says, and can be fitted, in later processes too."""

import dataclasses
import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.cli.main import main
from accumbens.credit.diagnostics import angle, flat_layers
from accumbens.credit.kind import FITS
from accumbens.credit.protocol import Batch, TaskFacts
from accumbens.credit.registry import rule_entry
from accumbens.credit.tasks.registry import make_task, task_entry
from accumbens.errors import AccumbensError

ROOT = Path(__file__).parents[2]
RULE = "examples.custom_rule:node-perturbation"
TASK = "examples.custom_task:spirals"


@pytest.fixture
def in_root_of_a_checkout(tmp_path, monkeypatch):
    """Work where `examples` lies, as a user does, but leave runs in another place."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT))
    return tmp_path


def call(*words):
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return end.value.code


def test_what_noise_tells_is_the_exact_gradient_on_average(in_root_of_a_checkout, quick_jit):
    _, entry = rule_entry(RULE)
    rule = entry.make(dataclasses.replace(entry.settings, layers=(6, 6)), TaskFacts("classification", 4, 3))
    network, memory = rule.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (8, 4))
    batch = Batch(x, jnp.arange(8) % 3, jnp.int32(0))
    keys = jax.random.split(jax.random.key(2), 20_000)

    def gradient(key):
        return jnp.concatenate(flat_layers(rule.update(network, memory, batch, key).gradients))

    exact = jnp.concatenate(flat_layers(jax.grad(lambda network: network.exact_loss(batch, keys[0]))(network)))
    many = quick_jit(jax.vmap(gradient))(keys)
    # The noise's own size makes a bias that is small beside the standard error of this mean.
    deviation = many.std(axis=0)  # zero of weights whose input is silent
    error = (many.mean(axis=0) - exact)[deviation > 0] / (deviation[deviation > 0] / len(keys) ** 0.5)
    assert 0.5 < jnp.square(error).mean() < 1.5
    assert angle(many.mean(axis=0), exact) < 8 < 30 < angle(many[0], exact)


def test_it_says_what_it_is_not_for(in_root_of_a_checkout):
    _, entry = rule_entry(RULE)
    facts = TaskFacts("classification", 64, 10, (1, 8, 8))
    for change in ({"units": "on-off"}, {"architecture": "convolutional"}):
        settings = type(entry.settings)(**change)
        with pytest.raises(AccumbensError, match=next(iter(change))):
            entry.make(settings, facts)


def test_the_spirals_are_three_and_lie_in_the_unit_disc(in_root_of_a_checkout):
    name, entry = task_entry(TASK)
    task = make_task(name, entry.settings, 32)
    assert isinstance(task.train.x, np.ndarray)
    assert set(task.train.y) == {0, 1, 2}
    assert np.linalg.norm(task.train.x, axis=1).max() <= 1 + 1e-6
    assert task.digest == make_task(name, entry.settings, 32).digest
    assert not np.array_equal(task.valid.x, task.test.x)


def test_the_rule_learns_the_task_from_the_command_line(in_root_of_a_checkout, capsys):
    words = ["fit", TASK, RULE, "--layers", "16", "--epochs", "30", "--evaluations", "1", "--name", "a", "--quiet"]
    assert call(*words, "--set", "noise=0.02", "learning_rate=0.02") == 0
    run = in_root_of_a_checkout / "runs" / TASK / RULE / "a"
    config = FITS.read(run / "config.toml")
    assert (config.task, config.rule) == (TASK, RULE)
    assert config.rule_settings.noise == 0.02
    first, last = np.genfromtxt(run / "metrics.csv", delimiter=",", names=True)["test_accuracy"]
    assert first < 0.6 < 0.7 < last
    assert call("resume", str(run), "--quiet") == 0


def test_both_are_named_when_a_name_is_misspelt(in_root_of_a_checkout, capsys):
    importlib.import_module("examples.custom_rule")
    assert call("fit", "digits", "node-pertubation") == 2
    assert "did you mean 'node-perturbation'" in capsys.readouterr().err
