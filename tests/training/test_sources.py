"""Where presets say that their numbers come from."""

import re
from pathlib import Path

import pytest

from accumbens.presets import PRESETS, resolve_preset

ROOT = Path(__file__).parents[2]
SOURCES = {
    (name, source) for name, preset in PRESETS.items() for groups in preset.groups.values() for source, _ in groups
}


def test_a_source_that_names_a_file_of_ours_names_one_that_is_committed():
    for name, source in SOURCES:
        for file in re.findall(r"\b(?:benchmarks|docs|examples)/[\w./*-]*", source):
            assert file != "benchmarks/results", (name, source)  # a folder is no measurement
            assert list(ROOT.glob(file)), (name, source)


def test_nothing_is_called_measured_without_saying_where():
    assert not [(name, source) for name, source in SOURCES if re.search(r"measure", source) and "/" not in source]


@pytest.mark.parametrize("env", ["CartPole-v1", "minatar/breakout", "dmc/walker-walk"])
def test_the_attention_cell_of_ad_is_the_released_codes(env):
    benchmark = {"CartPole-v1": "classic"}.get(env, env.split("/")[0])
    resolved = resolve_preset("ad_dqn", env, benchmark)
    assert resolved.settings.cell == "attention"
    assert "published code" in resolved.sources["cell"]
    assert "section 3.1" in resolved.sources["recurrent_gain"]
