"""Cells, readouts and rules of the user's own are tried before anything is compiled or a folder made."""

import pytest

PARTS = """
import equinox as eqx
import jax
import jax.numpy as jnp

import accumbens
from accumbens.cells import CellOutput, MLPCell
from accumbens.credit.networks.conventional import Conventional
from accumbens.credit.protocol import Rule, Update


class Wide(eqx.Module):
    W: jax.Array
    actions: int = eqx.field(static=True)

    def __init__(self, inputs, hidden, actions, *, key, readout):
        self.W, self.actions = jax.random.normal(key, (inputs, hidden + 1)), actions

    def hidden(self, x):
        return jnp.tanh(x @ self.W)

    def __call__(self, x, candidates=None):
        h = self.hidden(x)
        return CellOutput(h, h[: self.actions])


def narrow(inputs, hidden, actions, *, key, readout):
    if hidden > 8:
        raise ValueError(f"{hidden} units are too many")
    return MLPCell(inputs, hidden, actions, key=key, readout=readout)


class Pairs(eqx.Module):
    size: int = eqx.field(static=True, default=2)

    def __call__(self, y):
        return y


def make(settings, facts):
    def update(network, memory, batch, key):
        loss, gradients = jax.value_and_grad(lambda network: network.exact_loss(batch, key))(network)
        return Update(gradients, memory, loss[None])

    return Rule(lambda key: (Conventional.create(settings, facts, key), ()), update)


accumbens.register_cell("wide", Wide)
accumbens.register_cell("narrow", narrow)
accumbens.register_readout("pairs", lambda hidden, value_scale: Pairs())
accumbens.register_rule("listed", make)
"""

BROKEN = {
    "train CartPole-v1 --set cell=my_parts:wide": (
        "cell=my_parts:wide cannot be used: the cell breaks a promise: its hidden is float32[6], not float32[5]"
    ),
    "train CartPole-v1 --set readout=my_parts:pairs": (
        "readout=my_parts:pairs cannot be used: the readout breaks a promise: of 3 actions it reads float32[3,2], not "
        "float32[3]"
    ),
    "fit digits my_parts:listed": (
        "rule=my_parts:listed cannot be used: the rule breaks a promise: the loss is float32[1], not float32[]"
    ),
}


@pytest.mark.parametrize("words", BROKEN)
@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_a_broken_part_is_refused_at_once(cli, tmp_path, monkeypatch, words, more):
    (tmp_path / "my_parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(tmp_path)
    outcome = cli(*words.split(), *more)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"error: {BROKEN[words]}\n"
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_a_cell_that_raises_at_the_sizes_of_a_run_is_told_with_its_line(cli, tmp_path, monkeypatch, more):
    (tmp_path / "my_parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(tmp_path)
    outcome = cli("train", "CartPole-v1", "--set", "cell=my_parts:narrow", *more)
    line = 1 + PARTS.splitlines().index('        raise ValueError(f"{hidden} units are too many")')
    assert (outcome.code, outcome.out) == (2, "")
    said, place, text = outcome.err.splitlines()
    assert said == "error: cell=my_parts:narrow with readout=value does not work: ValueError: 128 units are too many"
    assert place.endswith(f"my_parts.py, line {line}, in narrow")
    assert text == '    raise ValueError(f"{hidden} units are too many")'
    assert not (tmp_path / "runs").exists()
