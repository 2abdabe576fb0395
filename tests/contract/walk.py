"""A third kind of run, as small as one can be: walkers on a slope. All that a kind must say of itself is here."""

import os
import time
from dataclasses import dataclass

import numpy as np

from accumbens import kinds
from accumbens.cli.main import COMMANDS
from accumbens.cli.start import Options, Run, start
from accumbens.runs.analysis import Analysis
from accumbens.runs.job import Job
from accumbens.runs.kind import Kind
from accumbens.runs.result import Result, mean_and_all
from accumbens.runs.settings import hints_of, parse_field, read_fields
from accumbens.runs.tables import last_rows
from accumbens.runs.words import Plan, Words


@dataclass(frozen=True, kw_only=True)
class WalkConfig:
    hill: str
    gait: str
    strides: int = 40
    seed: int = 0
    seeds: int = 1
    slope: float = 0.5

    def seed_list(self):
        return list(range(self.seed, self.seed + self.seeds))


class WalkJob(Job[dict]):
    columns = ("height",)

    def __init__(self, config):
        self.config, self.seeds, self.total = config, config.seed_list(), config.strides

    def init(self):
        return {"step": 0, "height": np.zeros((self.config.seeds, 1), np.float32)}

    def step_of(self, state):
        return state["step"]

    def advance(self, state, evaluated, warn):
        time.sleep(float(os.environ.get("WALK_SECONDS", "0")))
        noise = [np.random.default_rng((seed, state["step"])).normal(size=1) for seed in self.seeds]
        height = state["height"] + np.float32(self.config.slope) + np.asarray(noise, np.float32)
        rows = [{"seed": seed, "height": float(h[0])} for seed, h in zip(self.seeds, height, strict=True)]
        return {"step": state["step"] + 1, "height": height}, rows, float(height.mean())

    def networks(self, state):
        return {"height": state["height"]}

    def begin_from(self, state, networks):
        return state | {"height": np.asarray(networks["height"])}


@dataclass(frozen=True, kw_only=True)
class WalkResult(Result):
    steps: int
    height: list[float]


class Walks(Kind[WalkConfig]):
    words = Words(
        name="walk", verb="walk", table="walk", place="hill", place_key="hill", at="on", method="gait",
        method_key="gait", part="leg", step="step", length="strides", unit="strides", score="height", score_form=".2f",
    )  # fmt: skip
    result, curve_column = WalkResult, "height"

    def resolve(self, place, method, numbers, changes):
        settings = {key: parse_field(hints_of(WalkConfig), key, text) for key, text in changes.items()}
        return WalkConfig(hill=place, gait=method, **numbers, **settings)

    def knows(self, place):
        return place.startswith("hill/")

    def from_document(self, document, known=True):
        return WalkConfig(**read_fields(document, "walk", WalkConfig))

    def make_job(self, config):
        return WalkJob(config)

    def plan(self, config):
        return Plan({"strides that will be made": f"{config.strides:,}"}, {"strides": config.strides})

    def come_to(self, job, files, step, per_second, **common):
        return WalkResult(steps=step, height=[float(row["height"]) for row in last_rows(files.metrics)], **common)

    def summary(self, result):
        return {"height": mean_and_all(result.height), "strides": f"{result.steps:,}"}

    def line(self, result):
        return f"height {mean_and_all(result.height)}"


WALKS = Walks()


DEFAULTS = Options(name="a", checkpoint_seconds=0.0)


def walk(hill: str, gait: str = "trot", /, *, strides: int = 40, run: Run = DEFAULTS) -> int:
    """Walk."""
    config = WALKS.resolve(hill, gait, {"strides": strides, "seed": run.seed, "seeds": run.seeds}, {})
    return start(WALKS, config, run)


def register():
    kinds.KINDS["walk"], COMMANDS["walk"] = WALKS, walk


def watch(request, terminal):
    """What it says to `accumbens watch`."""
    return {"watched": str(request.run), "seed": request.seed}


def analyse(run, step, seed, options):
    """What it says to `accumbens analyze`."""

    def write(found, folder, force):
        folder.mkdir()
        (folder / "MARK").write_text("")
        return [folder / "MARK"]

    return Analysis(
        40,
        "MARK",
        lambda progress: dict(options),
        write,
        lambda found: {"found": found},
        lambda console, *_: console.print("shown"),
    )
