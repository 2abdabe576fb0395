"""A kind of run that says nothing to the report: it gets a chapter all the same, beside those that say much."""

import dataclasses
import math

import pytest
from made_fits import make_fit
from made_runs import META, make_run
from read_page import Page, charts, rows

from accumbens import kinds
from accumbens.report import load_runs, render
from accumbens.runs.chapter import Chapter, Plot, column
from accumbens.runs.directory import RunDirectory
from accumbens.runs.kind import Kind
from accumbens.runs.result import Result
from accumbens.runs.settings import every_setting, read_fields
from accumbens.runs.tables import Table
from accumbens.runs.words import Words


@dataclasses.dataclass(frozen=True, kw_only=True)
class WalkConfig:
    env: str
    walker: str
    total_moves: int
    seed: int = 0
    seeds: int = 1

    def seed_list(self):
        return list(range(self.seed, self.seed + self.seeds))


class Walks(Kind[WalkConfig]):
    words = Words(
        *("walk", "walk", "walk", "maze", "env", "in", "walker", "walker", "leg", "move", "total_moves", "moves"),
        *("distance", ".3g"),
    )
    result = Result
    curve_column = "distance_left"

    def from_document(self, document, known=True):
        return WalkConfig(**read_fields(document, "walk", WalkConfig))


Walks.__abstractmethods__ = frozenset()  # nobody resolves, trains or plans one here
WALKS = Walks()


def distance(move, seed, speed=0.05):
    """What the made walks have still before them."""
    return 10 * math.exp(-speed * move) + seed


def make_walk(folder, maze="spiral", walker="random", name="a", moves=20, speed=0.05, asked=20, seeds=3):
    config = WalkConfig(env=maze, walker=walker, total_moves=asked, seeds=seeds)
    run = RunDirectory(folder / maze / walker / name)
    run.path.mkdir(parents=True)
    WALKS.write(config, run.config)
    run.write_meta(**META)
    table = Table(run.metrics, ["step", "seed", "distance_left", "wall_seconds"])
    numbers = [(move, seed) for move in range(1, moves + 1) for seed in range(seeds)]
    table.append({"step": move, "seed": seed, "distance_left": distance(move, seed, speed), "wall_seconds": move}
                 for move, seed in numbers)  # fmt: skip
    return run.path


@pytest.fixture(autouse=True)
def third_kind(monkeypatch):
    monkeypatch.setitem(kinds.KINDS, "walk", WALKS)


def test_the_curve_its_end_and_statistics_are_shown(tmp_path):
    make_walk(tmp_path)
    make_walk(tmp_path, walker="clever", speed=0.2)
    make_walk(tmp_path, maze="comb", moves=12)
    html = render(load_runs([tmp_path]))
    page, drawn = Page(html), charts(html)
    assert set(drawn) == {"env-0-distance_left", "env-1-distance_left"}
    curves = drawn["env-1-distance_left"]["curves"]
    assert [curve["name"] for curve in curves] == ["random", "clever"]  # as they were met, in the comb first
    mean = sum(distance(20, seed, 0.2) for seed in range(3)) / 3
    assert curves[1]["mean"][-1] == pytest.approx(mean, rel=1e-4)
    assert drawn["env-1-distance_left"]["along"] == {"axis": "moves", "point": "move", "form": ",d"}
    found = next(table for table in page.tables if table[0][:4] == ["run", "seeds", "moves", "distance left"])
    assert found[0][4:] == ["parameters", "wall time"]
    assert found[1] == ["random", "3", "12 of 20", f"{distance(12, 1):.3g} ± 2.48", "–", "0:00:13"]
    row = rows(page, "interquartile mean", "against the first")
    assert row["random"]["distance left of each"] == " ".join(f"{distance(20, seed):.3g}" for seed in range(3))
    assert "comb, random: stopped at move 12 of 20." in page.text
    assert "random, clever on 2 mazes" in page.text
    assert "3 runs, 2 mazes, 3 seeds each" in page.text
    assert rows(page, "moves/s")["comb, random"]["moves/s"] == "–", "these files do not tell learning from compiling"
    assert html.count("<dt>Shaded</dt>") == 1


def test_a_single_one_has_no_settings_to_differ_from(tmp_path):
    page = Page(render(load_runs([make_walk(tmp_path, seeds=1)])))
    assert "Settings that differ" not in page.text
    assert "Statistics" not in page.text
    every = next(table for table in page.tables if table[0] == ["setting", "value", "source"])
    assert [row[:2] for row in every[1:]] == [
        [name, str(value)]
        for name, value in every_setting(WALKS.read(tmp_path / "spiral/random/a/config.toml")).items()
    ]


def test_it_stands_beside_the_others_and_after_them(tmp_path):
    make_walk(tmp_path / "a")
    make_walk(tmp_path / "a", maze="comb")
    make_fit(tmp_path / "b")
    make_run(tmp_path / "c")
    runs = load_runs([tmp_path])
    assert [run.kind.words.name for run in runs] == ["agent", "fit", "walk", "walk"]
    page = Page(render(runs))
    # It names its places with the same key as agents do; no name is used twice for that.
    assert len(page.ids) == len(set(page.ids))
    assert {"env-0-section", "task-0-section", "env-1-section", "env-2-section"} <= set(page.ids)


def test_a_walk_without_a_row(tmp_path):
    html = render(load_runs([make_walk(tmp_path, moves=0)]))
    assert charts(html) == {}
    assert "There is no curve yet: nothing was logged." in Page(html).text
    assert rows(Page(html), "distance left")["random"]["moves"] == "0 of 20"


def test_a_kind_may_say_what_it_knows_of_its_parts(tmp_path, monkeypatch):
    class Legs(Chapter):
        less_is_better = True

        def details(self, run):
            return [Plot("swing", "Swing", "angle", self.part_numbers(run), digits=".2f")]

        def part_numbers(self, run):
            return [column(run.training, "distance_left", f"leg {number}", factor=float(number)) for number in (1, 2)]

    monkeypatch.setattr(WALKS, "chapter", Legs(WALKS))
    for maze in ("spiral", "comb"):
        make_walk(tmp_path, maze=maze)
        make_walk(tmp_path, maze=maze, walker="clever", speed=0.5)
    html = render(load_runs([tmp_path]))
    page = Page(html)
    assert [curve["name"] for curve in charts(html)["env-0-legs-0-swing"]["curves"]] == ["leg 1", "leg 2"]
    assert "Leg by leg" in page.text
    assert rows(page, "leg 1", "leg 2")["random"]["leg 2"].startswith(f"{2 * distance(20, 1):.1f} ± ")
    assert "<p></p>" not in html
    assert "has a lower distance left than one of the column's" in page.text
    across = rows(page, "clever", "random")
    # Every clever walk ends nearer than every random one, which are 3.7 behind; seeds are 1 apart.
    assert across["clever"]["random"] == "1.00 [1.00, 1.00]"
    assert across["random"]["clever"] == "0.00 [0.00, 0.00]"
