"""A kind of run that says nothing of comparisons, and one that says little, go through them like the others."""

import json
from dataclasses import dataclass

import pytest

from accumbens.comparison import compare, read_scales, read_scores
from accumbens.comparison.table import document
from accumbens.errors import AccumbensError
from accumbens.kinds import KINDS
from accumbens.runs.comparing import Comparing, Metric
from accumbens.runs.kind import Kind
from accumbens.runs.tables import Table, read_table, to_json
from accumbens.runs.words import Words


@dataclass(frozen=True)
class PlantConfig:
    pot: str
    soil: str
    water: float = 1.0
    weeks: int = 2
    seed: int = 0
    seeds: int = 2

    def seed_list(self):
        return list(range(self.seed, self.seed + self.seeds))


class Plants(Kind):
    words = Words(
        name="plant", verb="grow", table="grow", place="pot", place_key="pot", at="in", method="soil",
        method_key="soil", part="leaf", step="day", length="weeks", unit="weeks", score="height", score_form=".2f",
    )  # fmt: skip
    curve_column = "height"

    def from_document(self, document, known=True):
        return PlantConfig(**document["grow"])


Plants.__abstractmethods__ = frozenset()  # comparisons ask for nothing else


class Withering(Plants):
    comparing = Comparing(
        (Metric("brown", "brown leaves", ".1f", less_is_better=True), Metric("green", "green leaves")),
        by=("soil", "water"),
        clocks=("week",),
        paired="same water",
        beginning=lambda files: read_table(files.metrics)[0]["green"],
        is_paired=lambda one, other, seed: one.beginning == other.beginning,
        notes=lambda pot, runs: [f"{len(runs)} plants in {pot}"],
    )


def write_rows(path, rows):
    path.unlink(missing_ok=True)
    Table(path, list(rows[0])).append(rows)


@pytest.fixture
def grow(tmp_path, monkeypatch):
    """`grow(name, pot, soil, heights, …) -> Path`: a plant whose seeds ended with these heights."""

    def grow(name, heights, pot="clay", soil="sand", *, kind=None, **settings):
        monkeypatch.setitem(KINDS, "plant", Plants() if kind is None else kind)
        path = tmp_path / "plants" / name
        path.mkdir(parents=True)
        KINDS["plant"].write(PlantConfig(pot, soil, seeds=len(heights), **settings), path / "config.toml")
        rows = [
            {"step": 7 * week, "seed": seed, "week": week, "height": height * week, "brown": height, "green": 9}
            for week in (1, 2)
            for seed, height in enumerate(heights)
        ]
        write_rows(path / "metrics.csv", rows)
        return path

    return grow


def silent(text):
    raise AssertionError(text)


def test_a_kind_that_says_nothing_is_compared_by_its_curve_and_its_method(grow, capsys):
    from accumbens.cli.main import main

    runs = [grow("a", [1.0, 2.0]), grow("b", [2.0, 4.0], soil="peat")]
    with pytest.raises(SystemExit) as stop:
        main(["compare", *map(str, runs)])
    assert stop.value.code == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "height: the last height of each seed; [95 % bootstrap interval]"
    assert lines[2].split() == ["group", "seeds", "pots", "IQM", "mean"]
    assert lines[3].split()[:4] == ["sand", "2", "1", "3.00"]
    assert next(line for line in lines if line.startswith("sand") and "peat" in line).split()[-1] == "–"
    found = compare(read_scores(runs, None, {"step": 7}, silent))
    assert [(group.name, group.scores) for group in found.groups] == [
        ("sand", {"clay": [1.0, 2.0]}),
        ("peat", {"clay": [2.0, 4.0]}),
    ]
    (run,) = json.loads(to_json(document(found)))["groups"][0]["runs"]
    assert run == {"run": str(runs[0]), "pot": "clay", "step": 7, "scores": {"0": 1.0, "1": 2.0}}


def test_a_kind_says_its_metrics_groups_clocks_pairs_and_notes(grow):
    kind = Withering()
    runs = [grow("a", [1.0, 2.0], kind=kind), grow("b", [2.0, 4.0], kind=kind, water=2.0)]
    scores = read_scores(runs, None, {"week": 1}, silent)
    assert [(run.metric.name, run.reached) for run in scores] == [("brown", {"step": 7, "week": 1.0})] * 2
    found = compare(scores)
    assert [group.name for group in found.groups] == ["sand/1.0", "sand/2.0"]
    assert found.less_is_better
    assert found.pairs[0].paired
    assert found.notes[0] == "2 plants in clay"
    with pytest.raises(AccumbensError, match=r"seed 0 of clay would count twice in the group sand: .* --by soil,water"):
        compare(scores, ["soil"])


def test_several_places_of_any_kind_need_a_scale(grow, tmp_path):
    runs = read_scores([grow("a", [1.0, 2.0]), grow("b", [2.0, 4.0], pot="tin")], None, {}, silent)
    needed = "scores of several pots cannot be averaged, .* for clay, tin: compare one pot .* columns pot, zero, one"
    with pytest.raises(AccumbensError, match=needed):
        compare(runs)
    (tmp_path / "scale.csv").write_text("pot,zero,one\nclay,0,4\ntin,0,8\n")
    found = compare(runs, given=read_scales(tmp_path / "scale.csv"))
    assert found.groups[0].scores == {"clay": [0.5, 1.0], "tin": [0.5, 1.0]}
    (tmp_path / "scale.csv").write_text("vase,zero,one\n")
    with pytest.raises(AccumbensError, match="it needs the columns env, zero, one; or task, zero, one; or pot, zero"):
        read_scales(tmp_path / "scale.csv")


def test_runs_of_several_kinds_are_refused_by_the_name_of_one_of_each(grow, make, make_fit):
    plant, agent, fit = grow("a", [1.0]), make("agent", [1.0]), make_fit("fit", [0.5])
    grow("b", [1.0])
    with pytest.raises(AccumbensError) as error:
        read_scores([plant.parent, fit, agent], None, {}, silent)
    assert str(error.value) == (
        "agents and fits and plants cannot be compared with one another: "
        f"there are the agent {agent} and the fit {fit} and the plant {plant}"
    )


def test_a_clock_is_of_the_kinds_that_have_it(grow):
    with pytest.raises(AccumbensError, match="epoch=2 cannot be used: it is for fits, which are compared at it or at"):
        read_scores([grow("a", [1.0])], None, {"epoch": 2}, silent)


def test_runs_without_a_metric_in_common_are_refused(grow):
    kind = Withering()
    runs = [grow("a", [1.0], kind=kind), grow("b", [1.0], kind=kind)]
    for path, column in zip(runs, ("brown", "green"), strict=True):
        rows = read_table(path / "metrics.csv")
        write_rows(path / "metrics.csv", [{key: row[key] for key in row if key != column} for row in rows])
    with pytest.raises(AccumbensError, match="no metric is common to all runs, of brown, green"):
        read_scores(runs, None, {}, silent)
