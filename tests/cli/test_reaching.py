"""What a network that is told its error does: the study of a run whose snapshots were filled by hand, and its video."""

import csv
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.credit.networks.controlled import Seen
from accumbens.credit.registry import make_rule
from accumbens.credit.tasks.registry import make_task
from accumbens.errors import AccumbensError
from accumbens.representation.reaching import open_reaching, study_reaching, write_reaching
from accumbens.runs.snapshots import save_snapshot
from accumbens.runs.tables import Table

STEPS = 125


def make_run(out, task, rule, changes):
    """A run with snapshots of random networks and three evaluations, of two seeds."""
    config = resolve_fit(task, rule, layers=(5,), seeds=2, changes=changes)
    run = FITS.create(config, out, "run")
    facts = make_task(task, config.task_settings, config.rule_settings.batch_size).facts
    init = jax.vmap(lambda key: make_rule(rule, config.rule_settings, facts).init(key)[0])
    columns = ["test_loss", "test_feedback_loss", "learning_loss"]
    table = Table(run.metrics, ["step", "seed", *columns])
    for step in (0, 2, 8):
        save_snapshot(run, step, init(jax.random.split(jax.random.key(step), 2)))
        table.append({"step": step, "seed": seed} | dict.fromkeys(columns, 0.5) for seed in (0, 1))
    return run.path


@pytest.fixture(scope="module")
def rotated(tmp_path_factory):
    changes = {"updates": "8", "rotation": "40"}
    return make_run(tmp_path_factory.mktemp("rotated"), "reach-rotated", "rflo", changes)


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_study_follows_every_trial_of_every_seed_with_and_without_feedback(rotated, tmp_path):
    of = open_reaching(rotated, seed=1)
    assert of.steps == [0, 2, 8]
    done = []
    study = study_reaching(of, lambda *numbers: done.append(numbers))
    assert done == [(number, 12) for number in range(1, 13)]
    for (step, told), paths in study.paths.items():
        x = (of.task.more["feedback"] if told else of.task.test).x
        found = of.network(step, 1).predict(jnp.asarray(x))
        np.testing.assert_allclose(paths[1], found, rtol=1e-5, atol=1e-6)
        assert study.along[step, told].gradient.shape == (2, 8, STEPS)
        assert (np.abs(np.nan_to_num(study.along[step, told].second_order)) <= 1 + 1e-5).all()
    files = write_reaching(study, tmp_path / "found")
    assert {path.name for path in files} == {
        *(f"{name}.{ending}" for name in ("paths", "along", "loss") for ending in ("png", "svg")),
        *("paths.csv", "along.csv", "efficiency.csv", "summary.json"),
    }
    paths, along = rows_of(tmp_path / "found" / "paths.csv"), rows_of(tmp_path / "found" / "along.csv")
    assert len(paths) == len(along) == 3 * 2 * 2 * 8 * STEPS
    row = next(row for row in paths if (row["step"], row["seed"], row["feedback"], row["t"]) == ("8", "1", "0", "90"))
    np.testing.assert_allclose(float(row["x"]), study.paths[8, False][1, 0, 90, 0], rtol=1e-5)
    np.testing.assert_allclose(float(row["goal_y"]), of.task.test.y[0, 90, 1], rtol=1e-5)
    summary = json.loads((tmp_path / "found" / "summary.json").read_text(encoding="utf-8"))
    loss = np.square(study.paths[2, True] - of.task.test.y).mean()
    assert next(row for row in summary["rows"] if row["step"] == 2 and row["feedback"])["loss"] == pytest.approx(loss)
    units, readout = of.network(2, 1).layers
    sent_back = (np.asarray(readout.weight) @ np.asarray(units.W_rec)).T.ravel()
    W_fb = np.asarray(units.feedback.weight).ravel()
    expected = W_fb @ sent_back / np.linalg.norm(W_fb) / np.linalg.norm(sent_back)
    assert study.feedback_cosine[2][1] == pytest.approx(expected, rel=1e-5)
    means = {row["step"]: row["feedback_cosine"] for row in summary["rows"]}
    assert means == {step: pytest.approx(cosines.mean()) for step, cosines in study.feedback_cosine.items()}
    efficiency = [float(row["efficiency"]) for row in rows_of(tmp_path / "found" / "efficiency.csv")]
    assert len(efficiency) == 3 * 2 * 2 * 8
    assert all(0 < value <= 1.001 for value in efficiency)


def test_what_cannot_be_followed_is_refused(rotated, tmp_path):
    with pytest.raises(AccumbensError, match="seed=5 cannot be used: the run has 0, 1"):
        open_reaching(rotated, seed=5)
    assert open_reaching(rotated, step=2).steps == [0, 2]
    config = resolve_fit("digits", "backprop")
    with pytest.raises(AccumbensError, match=r"only those of reach, .* not of digits"):
        open_reaching(FITS.create(config, tmp_path, "digits").path)


@pytest.mark.parametrize("task", ["reach", "sine-waves"])
def test_a_hand_that_nothing_perturbs_is_pushed(task, tmp_path):
    from accumbens.cli.watch_hand import hands_of
    from accumbens.watch.hand import HandStrip

    run = make_run(tmp_path, task, "backprop-through-time", {"updates": "8"})
    of = open_reaching(run)
    hands = hands_of(of, 8)
    assert hands.pushed.sum() == 10
    x = jnp.asarray(of.task.test.x).at[:, 60:70, 3].set(0.25 if of.facts.direct else 10.0)
    np.testing.assert_allclose(hands.paths[False], of.network(8, 0).predict(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(hands.goals, Seen.of(x).goal)
    strip = HandStrip(hands)
    assert len(strip) == STEPS
    assert strip.draw(STEPS - 1).size == strip.size


def test_a_network_that_was_never_told_its_error_is_followed_without(tmp_path):
    changes = {"updates": "8", "feedback": "false", "signal": "readout"}
    of = open_reaching(make_run(tmp_path, "reach-rotated", "rflo", changes))
    assert of.with_feedback == (False,)


def test_the_commands(rotated, cli, tmp_path):
    outcome = cli("analyze", rotated, "-o", tmp_path / "found", "--step", 0, "--json")
    assert outcome.code == 0, outcome.err
    assert {row["step"] for row in outcome.json["rows"]} == {0}
    outcome = cli("watch", rotated, "-o", tmp_path / "hand.gif", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["frames"] == STEPS
    with Image.open(tmp_path / "hand.gif") as gif:
        assert gif.size == (600, 612)
    for words in (
        ("analyze", rotated, "--states", 5),
        ("watch", rotated, "--epsilon", 0.1),
        ("watch", rotated, "--terminal"),
    ):
        outcome = cli(*words)
        assert outcome.code == 2
        assert "is a fit" in outcome.err
