"""What the card of a fit to sequences says, and that its example runs. Nothing is learned."""

import jax
import numpy as np
import pytest

import accumbens
from accumbens.credit.config import resolve_fit
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.registry import make_rule
from accumbens.credit.sharing import SHARING, _task_type
from accumbens.credit.tasks.description import describe, from_table, to_table
from accumbens.credit.tasks.registry import make_task
from accumbens.runs.directory import RunDirectory
from accumbens.runs.sharing import Learned

FITS = {
    "copying": ("rtrl", {"delay": "3", "recalled": "2", "alphabet": "3", "held_out": "4", "longer": "6"}),
    "adding": ("sparse-attentive-backtracking", {"length": "8", "held_out": "4"}),
    "reach-rotated": ("rflo", {}),
}
TYPES = {"copying": "token-classification", "adding": "tabular-regression", "reach-rotated": "robotics"}


def learned_by(task):
    rule, changes = FITS[task]
    config = resolve_fit(task, rule, layers=[4], changes=changes)
    made = make_task(task, config.task_settings, config.rule_settings.batch_size)
    about = from_table(to_table(describe(made)))
    network = make_rule(rule, config.rule_settings, about.facts).init(jax.random.key(0))[0]
    assert jax.tree.structure(network) == jax.tree.structure(SHARING.like(config, about))
    return made, Learned(config, about, network, 0, 1)


@pytest.mark.parametrize("task", FITS)
def test_the_card_of_sequences(task, monkeypatch, capsys, tmp_path):
    made, learned = learned_by(task)
    facts = made.facts
    what = "accuracy" if facts.kind == "classification" else "loss"
    row = {"seed": "0", "step": "1", "epoch": "1", f"test_{what}": "0.5", f"valid_{what}": "0.25", "test_loss": "0.5"}
    row |= {f"test_{name}_{what}": "0.125" for name in made.more}
    card = SHARING.card(RunDirectory(tmp_path), learned, [row], [], "there")
    assert card.task_type == TYPES[task]
    assert "greedy" not in card.scores.said
    assert card.scores.said.startswith("After 1 updates")
    assert ("without feedback" in card.scores.said) == facts.controlled
    assert f"[steps, {facts.inputs}]" in card.inputs
    assert card.rows["steps"].startswith(str(facts.steps))
    assert len(card.scores.columns) == len(card.scores.by_seed[0]) == 2 + len(made.more)
    assert all(any(column.endswith(f" {name}") for column in card.scores.columns) for name in made.more)

    network = SHARING.ready(learned)
    monkeypatch.setattr(accumbens, "load", lambda where: network)
    exec("\n".join(card.example), {})
    assert capsys.readouterr().out
    x = made.test.x[:2]
    outputs = network.predict(network.prepare(x))
    assert outputs.shape == (*x.shape[:2], facts.outputs)
    np.testing.assert_allclose(network.predict(x[0]), outputs[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("task", "hub"), [("text", "text-generation"), ("sequential-mnist", "image-classification")])
def test_characters_and_pixels_have_types_of_their_own(task, hub):
    facts = TaskFacts("classification", 1, 10, steps=5)
    assert _task_type(resolve_fit(task, "rtrl"), facts) == hub
