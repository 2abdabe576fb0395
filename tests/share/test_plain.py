"""A kind of run that says nothing of exports: a plain card, its curve, its network, and no name is ever imported."""

import csv
import json
import sys
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest
from huggingface_hub import ModelCard

import accumbens
from accumbens import kinds
from accumbens.cli.main import main
from accumbens.errors import AccumbensError
from accumbens.runs import launch
from accumbens.runs.job import Job
from accumbens.runs.kind import Kind
from accumbens.runs.result import Result
from accumbens.runs.words import Plan, Words


@dataclass(frozen=True, kw_only=True)
class HillConfig:
    """A hill, and how to climb it."""

    hill: str
    gait: str
    paces: int
    seed: int
    seeds: int

    def seed_list(self):
        return list(range(self.seed, self.seed + self.seeds))


class Climb(Job):
    """Every pace halves the distance to the top."""

    columns = ("height",)

    def __init__(self, config):
        self.config, self.seeds, self.total = config, config.seed_list(), config.paces

    def init(self):
        return {"pace": 0, "network": {"distance": jnp.array(self.seeds, jnp.float32)[:, None]}}

    def step_of(self, state):
        return state["pace"]

    def advance(self, state, evaluated, warn):
        distance = state["network"]["distance"] / 2
        rows = [{"seed": seed, "height": -float(there)} for seed, there in zip(self.seeds, distance[:, 0], strict=True)]
        return {"pace": state["pace"] + 1, "network": {"distance": distance}}, rows, rows[0]["height"]

    def is_due(self, before, after):
        return False

    def evaluate(self, state, evaluated):
        return state, []

    def networks(self, state):
        return state["network"]


class Climbs(Kind):
    words = Words(
        *("climb", "climb", "climb", "hill", "hill", "on", "gait", "gait"),
        *("leg", "pace", "paces", "paces", "height", ".2f"),
    )
    result = Result
    curve_column = "height"

    def resolve(self, place, method, numbers, changes):
        return HillConfig(hill=place, gait=method, **numbers)

    def knows(self, place):
        return place == "knoll"

    def from_document(self, document, known=True):
        return HillConfig(**document["climb"])

    def make_job(self, config):
        return Climb(config)

    def plan(self, config):
        return Plan({}, {})

    def come_to(self, job, files, step, per_second, **common):
        return Result(**common)

    def summary(self, result):
        return {}

    def line(self, result):
        return ""


class Silent:
    """A reporter that says nothing."""

    def __getattr__(self, name):
        return lambda *arguments: None


@pytest.fixture
def climb(monkeypatch, tmp_path):
    """A finished climb of the seeds 3 and 4."""
    kind = Climbs()
    monkeypatch.setitem(kinds.KINDS, "climb", kind)
    config = kind.resolve("knoll", "stroll", {"paces": 2, "seed": 3, "seeds": 2}, {})
    return launch.start(kind, config, Silent(), out=tmp_path / "runs", name="a").run


def call(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code, *capsys.readouterr()


def test_there_and_back(climb, tmp_path, capsys):
    code, out, err = call(capsys, "export", climb, "-o", tmp_path / "out", "--seed", 4, "--json")
    assert code == 0, err
    files = ["README.md", "climb.toml", "config.toml", "curve.csv", "weights.safetensors"]
    assert json.loads(out)["files"] == files
    assert "exported: seed 4 at pace 2, 5 files" in err
    assert f'network: accumbens.load("{tmp_path / "out"}").network' in err
    for learned in (accumbens.load(tmp_path / "out"), accumbens.load(climb, seed=4)):
        np.testing.assert_array_equal(learned.network["distance"], [1.0])
        assert (learned.seed, learned.step, learned.config.gait) == (4, 2, "stroll")
    assert accumbens.load(climb, step=0).network["distance"].tolist() == [3.0]
    with (tmp_path / "out" / "curve.csv").open(newline="") as file:
        rows = [list(row.values()) for row in csv.DictReader(file)]
    assert rows == [["1", "3", "-1.5"], ["1", "4", "-2.0"], ["2", "3", "-0.75"], ["2", "4", "-1.0"]]


def test_the_card(climb, tmp_path, capsys, monkeypatch):
    assert call(capsys, "export", climb, "-o", tmp_path / "out", "--quiet") == (0, "", "")
    text = (tmp_path / "out" / "README.md").read_text()
    assert set(ModelCard(text).data.tags) == {"accumbens", "knoll"}
    assert "# stroll on knoll\n" in text
    assert "| hill | `knoll` |\n| gait | `stroll` |\n| paces | 2 of this seed |" in text
    assert "After 2 paces.\n\n| seed | height |\n|---|---|\n| 3 (this one) | -0.75 |\n| 4 | -1 |" in text
    assert "curve.png" not in text
    code = text.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path / "out")
    exec(code, {})
    assert "distance" in capsys.readouterr().out
    assert call(capsys, "export", climb, "-o", tmp_path / "first", "--step", 0, "--quiet")[0] == 0
    assert "It was not evaluated by this step." in (tmp_path / "first" / "README.md").read_text()


@pytest.mark.parametrize("key", ["hill", "gait"])
def test_no_name_is_imported(climb, tmp_path, capsys, key):
    assert call(capsys, "export", climb, "-o", tmp_path / "out", "--quiet")[0] == 0
    config = tmp_path / "out" / "config.toml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(f'{key} = "antigravity:x"' if line.startswith(key) else line for line in lines))
    with pytest.raises(AccumbensError, match=f"has climb.{key}='antigravity:x', of a module that is not imported"):
        accumbens.load(tmp_path / "out")
    assert "antigravity" not in sys.modules
