"""Students one by one learn what all learn together; and what is asked of teams is asked of what they learned."""

import csv
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest

import accumbens
from accumbens.teams.settings import DistilledSettings, PolicySettings

SMALL = {"width": 8, "heads": 2, "blocks": 1, "context": 3, "batch_size": 4}
DISTILLED = DistilledSettings(mapping="none", relation_gradient="own", teacher_updates=1, **SMALL)


@pytest.mark.parametrize(
    "settings",
    [DISTILLED, replace(DISTILLED, relation_gradient="both"), PolicySettings(**SMALL)],
    ids=["distilled", "both", "idt"],
)
def test_both_ways_are_the_same_update(script, settings):
    pair = script("student_speed").make_pair(settings, 2)
    ends = [step(pair.state, 0).networks.team for step in (pair.together, pair.apart)]
    for together, apart, before in zip(*map(jax.tree.leaves, (*ends, pair.state.networks.team)), strict=True):
        np.testing.assert_allclose(together, apart, atol=3e-6)
        assert np.abs(np.asarray(together) - np.asarray(before)).max() > 1e-5


def test_targets(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    common = {"data": "random:12", "updates": 2, "evaluations": 1, "num_eval_episodes": 2, "progress": False}
    accumbens.train("team/fill-in-2", "idt", name="plain", seeds=2, **common, **SMALL)
    accumbens.train("team/fill-in-2", "bc", name="plain", seeds=2, **common, **SMALL)
    script("team_targets").main(["runs", "--episodes", "3", "--output", "out"])
    with open("out/targets.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["algo"] for row in rows] == ["bc"] + ["idt"] * 6
    told = rows[1:]
    assert [row["way"] for row in told] == ["0.0", "0.25", "0.5", "0.75", "1.0", "1.5"]
    asked = [float(row["asked"]) for row in told]
    assert asked == sorted(asked)
    assert float(told[0]["mean_return"]) == pytest.approx(
        np.mean([float(x) for x in told[0]["per_seed"].split()]), rel=1e-3
    )
    assert (tmp_path / "out/targets.png").stat().st_size > 5_000
    most = (tmp_path / "out/most/team-fill-in-2-idt-plain.csv").read_text().splitlines()
    best = max(told[:5], key=lambda row: float(row["mean_return"]))
    assert most == ["step,seed,mean_return", *(f"0,{i},{x}" for i, x in enumerate(best["per_seed"].split()))]
    shutil.copytree("out", "again")
    script("team_targets").main(["--output", "again"])
    assert (tmp_path / "again/targets.png").read_bytes() == (tmp_path / "out/targets.png").read_bytes()
