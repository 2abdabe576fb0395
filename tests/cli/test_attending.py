"""Which past moments a network attends to: the study of a run whose snapshots were filled by hand, and its command."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.credit.registry import make_rule
from accumbens.credit.tasks.registry import make_task
from accumbens.representation.attending import measure, study_attending
from accumbens.representation.snapshots import open_snapshots
from accumbens.runs.snapshots import save_snapshot

DELAY, RECALLED = 4, 2
STEPS = DELAY + 2 * RECALLED


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    changes = {"delay": str(DELAY), "recalled": str(RECALLED), "held_out": "5", "updates": "8"}
    changes |= {"truncation": "3", "write_every": "2", "attended": "2", "sparsifier": "softmax"}
    rule = "sparse-attentive-backtracking"
    config = resolve_fit("copying", rule, layers=(4,), seeds=2, changes=changes)
    run = FITS.create(config, tmp_path_factory.mktemp("copying"), "run")
    facts = make_task("copying", config.task_settings, config.rule_settings.batch_size).facts
    init = jax.vmap(lambda key: make_rule(rule, config.rule_settings, facts).init(key)[0])
    for step in (0, 8):
        save_snapshot(run, step, init(jax.random.split(jax.random.key(step), 2)))
    return run.path


def test_weights_are_those_of_the_network(run):
    of = open_snapshots(run, seed=1)
    study = study_attending(of, lambda *_: None)
    assert study.every == 2
    assert list(study.attended) == [0, 8]
    written, weights = of.network(8, 1).attended(jnp.asarray(of.task.test.x))
    for t in range(STEPS):
        for memory in range(STEPS + 1):
            expected = np.where(np.asarray(written)[:, t] == memory, weights[:, t], 0).sum(1).mean()
            assert study.attended[8].weights[t, memory] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(study.attended[8].weights.sum(axis=1), 1, rtol=1e-5)  # a softmax


def test_measures():
    # One sequence: step 3 attends to what steps 2 and 0 wrote, step 4 to what step 1 did.
    written = np.array([[[0, 0], [0, 0], [2, 0], [1, 0]]])
    weights = np.array([[[0.0, 0.0], [0.0, 0.0], [-0.5, 0.5], [1.5, 0.0]]])
    found = measure(written, weights)
    assert found.memories == 3 / 4
    assert found.distance == pytest.approx((0.5 * 1 + 1.5 * 3) / 2)
    assert found.weights[2, 2] == found.weights[2, 0] == 0.5
    assert np.isnan(measure(written, 0 * weights).distance)


@pytest.mark.pictures
def test_the_command_writes_a_picture_and_numbers(run, tmp_path, cli):
    outcome = cli("analyze", run, "-o", tmp_path / "out", "--json")
    assert outcome.code == 0, outcome.err
    assert [row["step"] for row in outcome.json["rows"]] == [0, 8]
    assert set(outcome.json["files"]) == {"attended.csv", "attended.png", "attended.svg", "summary.json"}
    with (tmp_path / "out" / "attended.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["snapshot"] for row in rows} == {"0", "8"}
    assert all(int(row["memory"]) % 2 == 0 and int(row["memory"]) < int(row["step"]) for row in rows)


def test_what_is_for_agents_is_refused(run, cli):
    outcome = cli("analyze", run, "--states", 3)
    assert outcome.code == 2
    assert "--states cannot be used" in outcome.err
