"""Runs and exports of an earlier release still open, go on to the same end, and act and predict as they did."""

import csv
import hashlib
import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest
from safetensors import safe_open

import accumbens
from accumbens import kinds
from accumbens.cli.main import main
from accumbens.runs import launch
from accumbens.runs.tables import read_table

OLD = Path(__file__).with_name("old")
EXPECTED = json.loads((OLD / "expected.json").read_text())


class Case(NamedTuple):
    """The old runs of one kind: where one was stopped, and the steps of its snapshots."""

    name: str
    export: str
    method: str
    stopped: int
    end: int


CASES = [Case("agent", "exported_agent", "algo", 2560, 4096), Case("fit", "exported_network", "rule", 33, 66)]


class Silent:
    """A reporter that says nothing."""

    def __getattr__(self, name):
        return lambda *arguments: None


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request):
    return request.param


@pytest.fixture
def folder(case, tmp_path):
    """A copy of the runs `finished` and `interrupted`."""
    return shutil.copytree(OLD / case.name, tmp_path / case.name)


def call(*words):
    out = io.StringIO()
    with redirect_stdout(out), pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code == 0
    return out.getvalue()


def numbers(path):
    """The rows of a table without their times."""
    return [[float(value) for name, value in row.items() if name != "wall_seconds"] for row in read_table(path)]


def test_they_open(case, folder):
    for name, last in (("finished", case.end), ("interrupted", case.stopped)):
        run = accumbens.open_run(folder / name)
        assert run.kind.words.name == case.name
        assert run.seeds == [0, 1]
        curve, scores = run.curve(), run.scores()
        assert curve.steps[-1] == last
        assert curve.values.shape == (2, len(curve.steps))
        with (folder / name / "metrics.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if int(row["step"]) == last]
        assert len(rows) == 2
        for column, values in scores.items():
            np.testing.assert_array_equal(values, [float(row[column]) for row in rows])
        assert run.kind.curve_column in scores
        assert (run.result is None) == (name == "interrupted")
        learned = run.load(seed=1)
        assert (learned.seed, learned.step) == (1, last)
        assert run.load(seed=1, step=0).step == 0
    assert accumbens.open_run(folder / "finished").result.seeds == [0, 1]


def test_what_was_evaluated_is_there():
    evaluations = accumbens.open_run(OLD / "agent" / "finished").evaluations()
    assert evaluations.steps.tolist() == [2048, 4096]
    np.testing.assert_array_equal(evaluations.returns[:, 1, -1], [22.5, 22.5])


def test_the_finished_one_is_finished(case, folder):
    path = folder / "finished"
    before = {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}
    run = accumbens.open_run(path)
    result = run.resume(progress=False).result
    assert not result.interrupted
    assert getattr(result, f"{run.kind.words.step}s") == case.end
    assert {file.name: file.read_bytes() for file in path.iterdir() if file.name in before} == before


def test_the_interrupted_one_goes_on_to_the_same_end(case, folder, tmp_path):
    kind, finished, config = kinds.open_run(folder / "finished")
    fresh = launch.start(kind, config, Silent(), out=tmp_path, name="fresh")
    run = accumbens.open_run(folder / "interrupted").resume(progress=False)
    assert not run.result.interrupted

    tables = ["metrics.csv", *(["evaluations.csv"] if case.name == "agent" else [])]
    # On a processor that rounds as the one that the old runs are from, all is the same to the bit.
    alike = all(
        np.array_equal(numbers(Path(fresh.run) / t), numbers(finished.path / t), equal_nan=True) for t in tables
    )
    tolerance = 0 if alike else 1e-3
    for table in tables:
        there, here = (np.array(numbers(path / table)) for path in (finished.path, run.path))
        before = there[:, 0] <= case.stopped
        np.testing.assert_array_equal(here[before], there[before])
        # A greedy return is no smooth function of the weights: their last bits may be worth an action, and an episode.
        if alike or table == "metrics.csv":
            np.testing.assert_allclose(here, there, rtol=tolerance, atol=tolerance, equal_nan=True)
    for seed in run.seeds:
        there, here = (kind.sharing.load(path, seed) for path in (finished.path, run.path))
        assert here.step == there.step == case.end
        jax.tree.map(
            lambda one, other: np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance),
            here.network,
            there.network,
        )


def test_they_are_compared_as_they_were(case, folder):
    words = ["--by", f"{case.method},run", "--json", "--quiet"]
    document = json.loads(call("compare", folder / "finished", folder / "interrupted", *words).splitlines()[-1])
    expected = EXPECTED["compare"][case.name]
    assert document["metric"] == expected["metric"]
    assert document["pairs"][0]["improvement"] == pytest.approx(expected["improvement"])
    for group, before in zip(document["groups"], expected["groups"], strict=True):
        assert group["seeds"] == before["seeds"]
        assert group["scores"] == before["scores"]  # read from the tables: to the bit
        for score in ("iqm", "mean"):
            assert group[score] == pytest.approx(before[score])


def test_there_is_a_report(case, folder, tmp_path):
    call("report", folder, "-o", tmp_path / "report.html", "--quiet")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    config = accumbens.open_run(folder / "finished").config
    assert getattr(config, case.method) in page
    assert "639f3bf" in page


def test_an_export_is_the_old_one(case, folder, tmp_path):
    call("export", folder / "finished", "-o", tmp_path / "export", "--without-video", "--quiet")
    here, there = tmp_path / "export", OLD / case.export
    assert (here / "config.toml").read_bytes() == (there / "config.toml").read_bytes()
    texts = []
    for path in (here, there):
        (description,) = (file for file in path.glob("*.toml") if file.name != "config.toml")
        digest = hashlib.sha256((path / "weights.safetensors").read_bytes()).hexdigest()
        texts.append((description.name, description.read_text(encoding="utf-8").replace(digest, "")))
    version = f'accumbens_version = "{accumbens.__version__}"'
    assert texts[0] == (texts[1][0], texts[1][1].replace('accumbens_version = "0.1.0"', version))
    # The file's header is in no certain order.
    files = [safe_open(path / "weights.safetensors", "numpy") for path in (here, there)]
    with files[0] as new, files[1] as old:
        assert new.metadata() == old.metadata()
        assert set(new.keys()) == set(old.keys())
        for name in old.keys():  # noqa: SIM118 - it is no mapping
            np.testing.assert_array_equal(new.get_tensor(name), old.get_tensor(name), strict=True)


def test_an_old_agent_acts_as_it_did():
    agent, expected = accumbens.load(OLD / "exported_agent"), EXPECTED["agent"]
    assert (agent.seed, agent.step, agent.config.algo) == (0, 4096, "ad_pqn")
    for observation, values, action in zip(
        expected["observations"], expected["values"], expected["actions"], strict=True
    ):
        np.testing.assert_allclose(agent.values(observation), values, rtol=1e-5, atol=1e-6)
        assert agent.act(observation) == action


def test_an_old_network_predicts_as_it_did():
    network, expected = accumbens.load(OLD / "exported_network"), EXPECTED["network"]
    assert (network.seed, network.step, network.config.rule) == (0, 66, "backprop")
    x = network.prepare(expected["examples"])
    np.testing.assert_allclose(network.predict(x), expected["logits"], rtol=1e-5, atol=1e-6)
    assert network.classes(x).tolist() == expected["classes"]
