"""A kind of run that says nothing of experiments goes through them all the same, by its words and its curve."""

import csv
from dataclasses import dataclass

import pytest

from accumbens.cli.experiment_view import ExperimentView
from accumbens.errors import AccumbensError
from accumbens.experiments.execute import execute, progress_of
from accumbens.experiments.files import load
from accumbens.experiments.plan import alone
from accumbens.experiments.summary import export, write
from accumbens.experiments.tables import end_table
from accumbens.kinds import KINDS
from accumbens.runs.job import Job
from accumbens.runs.kind import Kind
from accumbens.runs.result import Result
from accumbens.runs.tables import last_rows
from accumbens.runs.words import Plan, Words


@dataclass(frozen=True)
class Config:
    maze: str
    walker: str
    steps: int = 4
    seed: int = 0
    seeds: int = 1
    stride: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Walked(Result):
    height: list[float]


class Walking(Job):
    """Seed s is at s + stride x step."""

    def __init__(self, config):
        self.config, self.total, self.columns = config, config.steps, ["height"]
        self.seeds = [config.seed + index for index in range(config.seeds)]

    def init(self):
        return 0

    def step_of(self, state):
        return state

    def advance(self, state, evaluated, warn):
        rows = [{"seed": seed, "height": seed + self.config.stride * (state + 1)} for seed in self.seeds]
        return state + 1, rows, rows[0]["height"]

    def is_due(self, before, after):
        return False

    def evaluate(self, state, evaluated):
        raise AssertionError("nothing is due")

    def networks(self, state):
        return {}


class Walks(Kind):
    words = Words(
        **{"name": "walk", "verb": "walk", "table": "walk", "place": "maze", "place_key": "maze", "at": "in"},
        **{"method": "walker", "method_key": "walker", "part": "leg", "step": "step", "length": "steps"},
        **{"unit": "steps", "score": "height", "score_form": ".2f"},
    )
    result = Walked
    curve_column = "height"

    def resolve(self, place, method, numbers, changes):
        return Config(place, method, **numbers, **{name: float(text) for name, text in changes.items()})

    def knows(self, place):
        return place == "alps"

    def from_document(self, document, known=True):
        return Config(**document["walk"])

    def lengthened(self, config, length, step):
        raise AssertionError("no run is made longer")

    def make_job(self, config):
        return Walking(config)

    def plan(self, config):
        return Plan({}, {})

    def come_to(self, job, files, step, per_second, **common):
        return Walked(height=[float(row["height"]) for row in last_rows(files.metrics)], **common)

    def summary(self, result):
        return {}

    def line(self, result):
        return f"height {result.height}"


@pytest.fixture
def walks(monkeypatch, write):
    kind = Walks()
    monkeypatch.setitem(KINDS, "walk", kind)
    document = {
        "title": "Two strides",
        "mazes": ["alps"],
        "walkers": {"goat": ["short", "long"]},
        "variants": {"short": {"stride": 1}, "long": {"stride": 2}},
        "budgets": {"smoke": {"seeds": 2}},
    }
    return kind, write(document)


def test_from_its_file_to_table_figure_and_export(walks, tmp_path, capsys):
    kind, path = walks
    experiment = load(str(path), "smoke")
    assert experiment.kind is kind
    assert [run.label for run in experiment.runs] == ["alps/goat/short", "alps/goat/long"]
    with ExperimentView(experiment.runs, json=False, quiet=False) as view:
        outcome = execute(alone(experiment.runs), tmp_path / "out", view)
    shown = capsys.readouterr().out
    assert "done        alps/goat/long  height [8.0, 9.0]" in shown
    assert "2/2 runs  16/16 steps of all seeds" in shown
    assert (outcome.failures, outcome.interrupted) == ({}, False)
    assert [result.height for result in outcome.results.values()] == [[4.0, 5.0], [8.0, 9.0]]
    assert progress_of(tmp_path / "out", experiment.runs[0]) == 4

    rows = write(experiment, tmp_path / "out")
    with (tmp_path / "out" / "summary.csv").open() as file:
        first, second = csv.DictReader(file)
    columns = ["maze", "walker", "variant", "seeds", "steps", "height", "height_interval", "seconds", "commit"]
    assert list(first) == columns
    assert [first[name] for name in columns[:6]] == ["alps", "goat", "short", "2", "4", "4.5"]
    # Student's t for one degree of freedom is 12.706; the standard error is 0.5.
    assert float(second["height_interval"]) == pytest.approx(12.706 / 2, rel=1e-3)
    table = end_table(kind.experimenting, rows)
    assert table.headings == ["", "seeds", "height", "steps", "seconds"]
    assert [row[:4] for row in table.panels["alps"]] == [
        ["goat/short", "2", "4.50 ± 6.35", "4"],
        ["goat/long", "2", "8.50 ± 6.35", "4"],
    ]
    assert table.notes == ["mean ± 95 % t-interval over seeds; few seeds: rough"]
    assert "</svg>" in (tmp_path / "out" / "curves.svg").read_text()
    export(experiment.runs, tmp_path / "out", tmp_path / "results")
    assert {path.name for path in (tmp_path / "results").iterdir()} >= {"alps-goat-long.csv", "alps-goat-long.toml"}

    view = ExperimentView(experiment.runs, json=False, quiet=False)
    again = execute(alone(experiment.runs), tmp_path / "out", view)
    assert [result.height for result in again.results.values()] == [[4.0, 5.0], [8.0, 9.0]]
    assert "done before alps/goat/short" in capsys.readouterr().out
    view.table(experiment, rows, tmp_path / "out")
    assert "goat/short" in capsys.readouterr().out


def test_what_its_file_cannot_say_is_named(walks):
    _, path = walks
    text = path.read_text()
    path.write_text(text.replace("seeds = 2", "epochs = 2"))
    with pytest.raises(AccumbensError, match="unknown key of budget smoke 'epochs'"):
        load(str(path), "smoke")
    path.write_text(f"{text}\n[published]\nsource = 'a paper'\n")
    with pytest.raises(AccumbensError, match="unknown key of published 'source'"):
        load(str(path), "smoke")
