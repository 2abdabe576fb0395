"""The looks of runs: what twins have, what all others have, and that the report's page has the same colours."""

import re
from importlib import resources

import numpy as np
import pytest
from matplotlib.lines import Line2D

from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.runs.looks import PALETTES, look, looks_of
from accumbens.training.config import resolve_config
from accumbens.training.kind import AGENTS


def agent(algo, credit, env="CartPole-v1", **more):
    return resolve_config(env, algo, seeds=1, credit=credit, **more)


def test_local_credit_and_its_twin_have_a_colour_each():
    looks = looks_of(AGENTS, [("twin", agent("ad_pqn", "backprop")), ("local", agent("ad_pqn", "local"))])
    assert {name: (one.colour, one.dash) for name, one in looks.items()} == {
        "local": (PALETTES["first"][0], "solid"),
        "twin": (PALETTES["twin"][0], "dash"),
    }


def test_twins_belong_together_also_in_other_environments_and_with_other_seeds():
    runs = [
        ("a", agent("ad_pqn", "local")),
        ("b", agent("arq_pqn", "local")),
        ("a", agent("ad_pqn", "local", env="Acrobot-v1")),  # counts once
        ("c", agent("arq_pqn", "backprop", env="CartPole-v1", seed=7)),
        ("again", agent("ad_pqn", "local")),
    ]
    looks = looks_of(AGENTS, runs)
    assert [(one.palette, one.shade) for one in looks.values()] == [
        ("first", 0),
        ("first", 1),
        ("twin", 1),
        ("first", 2),
    ]


def test_kinds_without_twins_have_a_colour_for_each_name():
    runs = [(rule, resolve_fit("digits", rule, seeds=1)) for rule in ("backprop", "coagent", "gevb")]
    looks = looks_of(FITS, runs)
    assert [(one.palette, one.shade, one.dash) for one in looks.values()] == [("run", at, "solid") for at in range(3)]


@pytest.mark.parametrize("is_twin", [None, True, False])
def test_when_colours_are_used_up_lines_differ(is_twin):
    looks = [look(number, is_twin) for number in range(60)]
    assert len(set(looks)) == 60
    lines = [Line2D([], [], **one.line()) for one in looks]
    assert len({(line.get_color(), str(line._unscaled_dash_pattern)) for line in lines}) == 60


@pytest.mark.parametrize("is_twin", [None, True, False])
def test_five_have_a_colour_each(is_twin):
    assert len({(look(number, is_twin).colour, look(number, is_twin).dash) for number in range(5)}) == 5
    assert len({look(number, is_twin).dash for number in range(5)}) == 1


def test_the_report_has_the_same_colours():
    css = resources.files("accumbens.report").joinpath("style.css").read_text()
    light, dark = (part.split("}")[0] for part in css.split(":root")[1:3])
    for sheet in (light, dark):
        found = dict(re.findall(r"--((?:first|twin|run)-\d): (#\w{6})", sheet))
        assert len(found) == sum(map(len, PALETTES.values()))
        # The two that most pictures need are far apart, in brightness or in blue, for whoever sees no red or no green.
        one, other = (
            np.array([int(found[f"{name}-0"][at : at + 2], 16) for at in (1, 3, 5)]) for name in ("first", "twin")
        )
        assert abs(int(one[2]) - int(other[2])) > 100
    for name, colours in PALETTES.items():
        assert [dict(re.findall(r"--([\w-]+): (#\w{6})", light))[f"{name}-{at}"] for at in range(len(colours))] == list(
            colours
        )
