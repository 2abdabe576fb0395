"""`accumbens audit TASK RULE`: what it prints, and its exit codes."""

import jax
import numpy as np
import pytest

from accumbens.credit.audit import measure
from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.credit.networks.vectorised import Vectorised
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.registry import RULES, register_rule
from accumbens.credit.tasks.protocol import Examples, task_of_examples
from accumbens.credit.tasks.registry import register_task


def table(out, first):
    """The rows of the table whose first heading that is, cell by cell."""
    lines = out.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(first))
    rows = []
    for line in lines[start + 1 :]:
        if not line.strip():
            return rows
        rows.append([cell.strip() for cell in line.split("  ") if cell.strip()])
    return rows


def test_gevb(cli):
    outcome = cli("audit", "diabetes", "gevb", "--set", "layers=8,8", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["task"] == "diabetes"
    assert outcome.json["rule"] == "gevb"
    assert outcome.json["kind"] == "broadcast-vector"
    assert outcome.json["holds"]
    assert outcome.json["can_tell"]
    assert outcome.json["weight_transport"] == {}
    assert outcome.json["jacobian"]["direct"] == [[0.0] * 3] * 3
    assert outcome.json["changed"]["weights:2"] == []
    assert outcome.json["layers"][1]["input"] == [1]
    assert table(outcome.err, "the update of") == [
        ["layer 1", "input", "✓", "–", "–", "a vector (4)", "–"],
        ["layer 2", "layer 1", "✓", "–", "–", "a vector (4)", "–"],
        ["output", "layer 2", "✓", "–", "–", "a vector", "–"],
    ]
    for text in ("Local but for a broadcast error vector", "none, proven: each has a step of its own", "· + "):
        assert text in outcome.err
    assert outcome.out.count("\n") == 1


def test_backprop_is_the_rule_if_none_is_given(cli):
    outcome = cli("audit", "digits", "--fast")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert outcome.out.startswith("digits  backprop\n")
    assert "Weight transport: updates read the weights of other layers, the update of layer 1 those of" in outcome.out
    assert "layer 1 ← layer 2, output; layer 2 ← output" in outcome.out
    lines = [line.split() for line in outcome.out.splitlines()]
    start = lines.index(["layer", "1", "layer", "2", "output"])
    assert lines[start + 1 : start + 4] == [
        ["layer", "1", "·", "✓", "✓"],
        ["layer", "2", "·", "·", "✓"],
        ["output", "·", "·", "·"],
    ]


def test_memory_is_told_of(cli):
    outcome = cli("audit", "digits", "feedback-alignment", "--fast")
    lines = {line.split("  ")[0]: line for line in outcome.out.splitlines()}
    assert lines["memory [1]"].endswith("fixed: handed on untouched; read by layers 1, 2")
    outcome = cli("audit", "digits", "coagent", "--fast", "--set", "baseline=state-layer")
    lines = {line.split("  ")[0]: line for line in outcome.out.splitlines()}
    learned = "learned from the activity of layer 1, the scalar; reads no weights; read by layer 2"
    assert lines["memory baseline[0][1]"].endswith(learned)


def test_a_fit_says_everything_itself(cli, tmp_path):
    FITS.write(resolve_fit("digits", "coagent", layers=(6, 5), changes={"units": "gaussian"}), tmp_path / "config.toml")
    for target in (tmp_path, tmp_path / "config.toml"):
        outcome = cli("audit", target, "--fast", "--json")
        assert outcome.code == 0, outcome.err
        assert outcome.json["kind"] == "scalar"
        assert [layer["error"] for layer in outcome.json["layers"]] == ["scalar"] * 3
    extras = {"--set": ["--set", "units=discrete"], "RULE": ["gevb"], "--data": ["--data", "."]}
    for name, words in extras.items():
        refused = cli("audit", tmp_path, *words)
        assert refused.code == 2
        assert f"{name} cannot be used with the run {tmp_path}: its configuration says everything" in refused.err


def test_own_rule_and_own_task(cli):
    """A rule that says it is direct feedback and takes the exact gradient; nothing has to be declared."""

    def make(settings, facts):
        rule = RULES["direct-feedback-alignment"].make(settings, facts)

        def update(network, memory, batch, key):
            gradients = jax.grad(lambda network: network.exact_loss(batch, key))(network)
            return rule.update(network, memory, batch, key)._replace(gradients=gradients)

        return rule._replace(update=update)

    name = register_rule("exact-in-disguise", make, RULES["direct-feedback-alignment"].settings)
    rng = np.random.default_rng(0)
    examples = Examples(rng.normal(size=(8, 3)).astype("float32"), rng.integers(0, 2, 8).astype("int32"))
    facts = TaskFacts("classification", 3, 2)
    task = register_task("coin", lambda settings, size, data: task_of_examples(facts, examples, examples, examples))
    outcome = cli("audit", task, name, "--fast", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["kind"] == "weight-transport"


def test_a_network_without_marks(cli, monkeypatch):
    monkeypatch.setattr("accumbens.credit.marks.activity", lambda made, layer: made)
    outcome = cli("audit", "digits", "gevb", "--fast")
    assert outcome.code == 0
    assert "Cannot tell: the network does not mark what it does (layers 1, 2)" in outcome.out
    assert "weights of other layers" not in [line.split("  ")[0] for line in outcome.out.splitlines()]


def test_sabotage_is_seen(cli, monkeypatch):
    """GEVB whose gradients secretly take the exact signals."""
    gradients = Vectorised.gradients

    def exact(self, trace, e, signals):
        return gradients(self, trace, e, self.backward(trace))

    monkeypatch.setattr(Vectorised, "gradients", exact)
    outcome = cli("audit", "digits", "gevb", "--fast")
    assert outcome.code == 0
    assert "Weight transport" in outcome.out
    assert cli("audit", "digits", "gevb", "--fast", "--quiet").out == ""


def test_an_audit_that_contradicts_itself_fails(cli, monkeypatch):
    def wrong(program, point):
        found = right(program, point)
        return found._replace(direct=found.direct + 1)

    right = measure.measure
    monkeypatch.setattr("accumbens.credit.audit.audit.measure", wrong)
    outcome = cli("audit", "diabetes", "gevb", "--set", "layers=8", "--quiet")
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("The audit contradicts itself, which is a fault of accumbens: the update of layer 1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["digit", "gevb"], "unknown task 'digit'; did you mean 'digits'?"),
        (["CartPol-v1", "gevb"], "unknown environment 'CartPol-v1'; did you mean 'CartPole-v1'?"),
        (
            ["qqqq"],
            "unknown environment, task or team environment 'qqqq'. Run 'accumbens envs' or 'accumbens tasks' to ",
        ),
        (["digits", "gvb"], "unknown rule 'gvb'; did you mean 'gevb'?"),
        (
            ["digits", "ad_pqn"],
            "ad_pqn is an agent, for environments, and digits is a task: 'accumbens rules' lists the",
        ),
        (
            ["CartPole-v1", "gevb"],
            "gevb is a rule, for tasks, and CartPole-v1 is an environment: 'accumbens algos' lists",
        ),
        (["digits", "gevb", "--credit", "local"], "--credit cannot be used with the task digits: it is for agents"),
        (["digits", "gevb", "--net-arch", "3", "--layers", "3"], "net_arch and layers are names of the same: give one"),
        (["digits", "gevb", "--set", "signs=both"], "unknown value of signs 'both'"),
        (["CartPole-v1", "--data", "."], "--data cannot be used with the environment CartPole-v1: it is for fits"),
        (["nowhere.csv", "gevb"], ""),
    ],
)
def test_bad_input(cli, words, message):
    outcome = cli("audit", *words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith(f"error: {message}")
    assert outcome.err.count("\n") == 1
