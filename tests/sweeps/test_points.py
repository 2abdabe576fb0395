"""The values and points of a sweep: grids, ranges, draws, and fractions of two-level designs."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.sweeps.points import fraction, grid, random
from accumbens.sweeps.values import Choices, Range, parse_values


def two_level(count):
    return [Choices(f"f{index}", ("low", "high")) for index in range(count)]


def test_a_list_in_words_and_in_toml():
    assert parse_values("learning_rate", "1e-4, 1e-3", float) == Choices("learning_rate", ("0.0001", "0.001"))
    assert parse_values("learning_rate", [1e-4, 1], float) == Choices("learning_rate", ("0.0001", "1.0"))
    assert parse_values("gain", ["none", 1.0], float | None) == Choices("gain", ("none", "1.0"))
    assert parse_values("layer_norm", [True, False], bool).texts == ("true", "false")


def test_whole_tuples_stand_between_slashes():
    expected = Choices("net_arch", ("64,64", "128"))
    assert parse_values("net_arch", "64,64/128", tuple[int, ...]) == expected
    assert parse_values("net_arch", [[64, 64], [128]], tuple[int, ...]) == expected


def test_ranges_are_log_from_a_tenfold_on():
    assert parse_values("a", "0.3..0.95", float) == Range("a", 0.3, 0.95, log=False, whole=False)
    assert parse_values("a", "1e-4..1e-3", float).log
    assert not parse_values("a", "1e-4..1e-3:linear", float).log
    assert parse_values("a", "0.3..0.95:3:log", float) == Range("a", 0.3, 0.95, log=True, whole=False, count=3)
    assert not parse_values("a", "0..10", float).log
    assert parse_values("a", "-1..1", float).grid() == ("-1.0", "-0.5", "0.0", "0.5", "1.0")


def test_the_grid_of_a_range():
    assert parse_values("a", "1e-4..1e-2:3", float).grid() == ("0.0001", "0.001", "0.01")
    assert parse_values("a", "0.99..0.99996:3", float).grid() == ("0.99", "0.995", "0.99996")  # the ends as they are
    assert parse_values("a", "1.23456e-4..9e-4:2", float).grid() == ("0.000123456", "0.0009")
    narrow = parse_values("a", "0.9999..0.99999:5", float).grid()
    assert narrow[0] == "0.9999"
    assert narrow[-1] == "0.99999"
    assert len(set(narrow)) == 5
    assert all(0.9999 <= float(text) <= 0.99999 for text in narrow)
    with pytest.raises(AccumbensError, match="fewer than 5 values"):
        parse_values("a", "1.0..1.0000000000000002:5", float).grid()
    assert parse_values("n", "1..4:10", int).grid() == ("1", "2", "3", "4")
    assert parse_values("n", "1..64:4", int).grid() == ("1", "4", "16", "64")


@pytest.mark.parametrize(
    ("given_", "hint", "message"),
    [
        ("1e-4", float, "one value, 0.0001: give it two or more"),
        ("64,64", tuple[int, ...], "several are separated by '/'"),
        ("1e-4,1e-3,0.0001", float, "the value 0.0001 twice"),
        ("1e-4,,1e-3", float, "a value is empty"),
        ("a,b", float, "expected a number"),
        ("0.9..0.3", float, "from a smaller to a larger number"),
        ("0.3..inf", float, "from a smaller to a larger number"),
        ("-1..1:log", float, "positive numbers"),
        ("0..1:1", float, "two values or more"),
        ("0..1:lgo", float, "'lgo'; did you mean 'log'"),
        ("local..backprop", str, "only a setting that is a number has a range"),
        ("true..false", bool, "only a setting that is a number has a range"),
        ("8..16", tuple[int, ...], "only a setting that is a number has a range"),
        (0.3, float, "expected a list"),
        ([], float, "or none"),
    ],
)
def test_values_that_cannot_be_used(given_, hint, message):
    with pytest.raises(AccumbensError, match=message):
        parse_values("x", given_, hint)


def test_a_grid_is_every_combination():
    points = grid([Choices("a", ("1", "2")), Choices("b", ("x", "y", "z"))])
    assert [tuple(point.values()) for point in points] == list(itertools.product("12", "xyz"))
    with pytest.raises(AccumbensError, match="20,000 points"):
        grid([Range("a", 0.0, 1.0, False, False, 200), Range("b", 0.0, 1.0, False, False, 100)])


OVER = [Range("a", 1e-4, 1.0, True, False), Range("n", 1.0, 9.0, False, True), Choices("c", ("x", "y"))]


def test_more_draws_begin_with_the_fewer():
    many = random(OVER, 40, seed=3)
    assert random(OVER, 7, seed=3) == many[:7]
    assert random(OVER, 7, seed=4) != many[:7]
    assert len({tuple(point.values()) for point in many}) == 40


def test_draws_are_spread_by_the_logarithm_and_reach_both_ends():
    points = random(OVER, 400, seed=0)
    logs = np.log10([float(point["a"]) for point in points])
    counts, _ = np.histogram(logs, bins=4, range=(-4, 0))
    assert counts.sum() == 400
    assert counts.min() > 70  # of 100 expected
    assert {point["n"] for point in points} == set("123456789")
    assert {point["c"] for point in points} == {"x", "y"}


@pytest.mark.parametrize(
    ("over", "count", "message"),
    [
        ([Choices("a", ("1", "2"))], 3, "at most 2"),
        (OVER, 0, "from 1 to"),
        ([Range("a", 0.0, 1.0, False, False, 4)], 3, "has 4 values, which is of a grid"),
    ],
)
def test_draws_that_cannot_be(over, count, message):
    with pytest.raises(AccumbensError, match=message):
        random(over, count, 0)


def test_all_that_there_is_can_be_drawn():
    assert len(random([Choices("a", ("1", "2")), Range("n", 1.0, 3.0, False, True)], 6, 0)) == 6


def columns(points):
    return np.array([[1 if text == "high" else -1 for text in point.values()] for point in points]).T


def resolutions(points):
    """The shortest word of the defining relation: a product of columns that is constant."""
    levels = columns(points)
    for length in range(1, len(levels) + 1):
        for chosen in itertools.combinations(range(len(levels)), length):
            if abs(levels[list(chosen)].prod(axis=0).sum()) == levels.shape[1]:
                return length
    return math.inf


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 5), st.integers(1, 5))
def test_a_fraction_is_balanced_orthogonal_and_of_resolution_four(base, further):
    if further > math.comb(base, 3):
        return
    points = fraction(two_level(base + further), f"1/{2**further}")
    levels = columns(points)
    assert levels.shape == (base + further, 2**base)
    np.testing.assert_array_equal(levels @ levels.T, 2**base * np.eye(base + further))
    np.testing.assert_array_equal(levels.sum(axis=1), 0)
    assert len({tuple(column) for column in levels.T}) == 2**base
    assert resolutions(points) == 4


@pytest.mark.parametrize(
    ("count", "part", "message"),
    [
        (6, "1/3", "another power of two"),
        (6, "0.25", "another power of two"),
        (6, "1/1", "another power of two"),
        (6, "1/8", "none of resolution IV"),  # the 2^(6-3) is of resolution III
        (3, "1/2", "none of resolution IV"),
        (2, "1/4", "none of resolution IV"),
    ],
)
def test_fractions_that_there_are_none_of(count, part, message):
    with pytest.raises(AccumbensError, match=message):
        fraction(two_level(count), part)


def test_a_fraction_is_of_two_values():
    with pytest.raises(AccumbensError, match="c has 3 values, not two"):
        fraction([*two_level(4), Choices("c", ("1", "2", "3"))], "1/2")


def test_an_unknown_ending_offers_the_nearest():
    with pytest.raises(UnknownNameError):
        parse_values("x", "0..1:liner", float)
