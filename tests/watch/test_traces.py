"""Traces: what is drawn at the column of an instant is that instant's number, and nothing of what is still to come."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accumbens.watch.style import PANEL, cell_colour, rgb
from accumbens.watch.traces import (
    PITCH,
    Range,
    Strip,
    error_range,
    error_strip,
    unusual_rewards,
    usual_range,
    value_range,
    value_strip,
)

PAST, HEIGHT, LANE = 160, 81, 41


def near(pixel, colour, tolerance=40):
    return max(abs(a - b) for a, b in zip(pixel, rgb(colour), strict=True)) <= tolerance


@pytest.mark.parametrize("time", [0, 1, 9, 38])
@pytest.mark.parametrize("view", [Strip.scrolling, Strip.paged])
def test_the_value_now_is_at_its_height_in_the_column_of_now(time, view):
    values = np.stack([np.repeat(np.random.default_rng(0).uniform(0, 10, 20), 2), np.full(40, 5.0)], axis=1)
    strip = value_strip(values, Range(0.0, 10.0), PAST, HEIGHT)
    piece, now = view(strip, time)
    assert piece.size == (PAST, HEIGHT)
    for cell in range(2):
        row = round((10 - values[time, cell]) / 10 * (HEIGHT - 1))
        colours = [piece.getpixel((now, min(max(row + shift, 0), HEIGHT - 1))) for shift in (-1, 0, 1)]
        overdrawn = cell == 0 and abs(values[time, 0] - 5.0) < 0.5
        assert overdrawn or any(near(colour, cell_colour(cell), 90) for colour in colours)


def test_scrolling_puts_now_at_the_right_edge_and_every_step_further_left():
    errors = np.zeros((50, 1))
    errors[30] = 1.0
    strip = error_strip(errors, np.zeros(50), Range(-1.1, 1.1), PAST, LANE)
    for time in range(30, 50):
        piece, now = strip.scrolling(time)
        assert now == PAST - 1
        assert piece.getpixel((now - PITCH * (time - 30), LANE // 4)) == rgb(cell_colour(0))


def test_a_page_stands_still_until_it_is_turned_and_then_shows_the_end_of_the_last_one():
    errors = np.ones((200, 1))
    strip = error_strip(errors, np.zeros(200), Range(-1.1, 1.1), PAST, LANE)
    columns = [strip.paged(time)[1] for time in range(200)]
    moves = np.diff(columns)
    assert set(moves[moves > 0]) == {PITCH}
    turned = (np.flatnonzero(moves < 0) + 1).tolist()
    assert turned
    for time in turned:
        before, after = strip.paged(time - 1)[0], strip.paged(time)[0]
        kept = columns[time]
        assert kept >= 8 * PITCH
        end = columns[time - 1] + PITCH
        old = before.crop((end - kept, 0, end - PITCH + 1, LANE))
        assert old.tobytes() == after.crop((0, 0, kept - PITCH + 1, LANE)).tobytes()


@pytest.mark.parametrize("time", [3, 60, 120])
def test_a_page_shows_nothing_of_what_is_still_to_come(time):
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(150, 2))
    for strip in (
        value_strip(numbers, Range(-3.0, 3.0), PAST, HEIGHT),
        error_strip(numbers, np.zeros(150), Range(-3.0, 3.0), PAST, LANE),
    ):
        piece, now = strip.paged(time)
        assert now < PAST
        future = np.asarray(piece)[:, now + 1 :]
        assert (future == rgb(PANEL)).all()


def test_a_bar_rises_from_zero_for_more_than_expected_and_dips_for_less():
    errors = np.array([[np.nan, np.nan], [0.5, -0.5], [0.0, 1.0]])
    strip = error_strip(errors, np.zeros(3), Range(-1.0, 1.0), PAST, LANE)
    zero = LANE // 2

    def column(time, cell):
        piece, now = strip.scrolling(time)
        rows = np.asarray(piece)[LANE * cell : LANE * (cell + 1), now]
        return np.flatnonzero((rows == rgb(cell_colour(cell))).all(axis=-1))

    up, down = column(1, 0), column(1, 1)
    assert (up.min(), up.max()) == (zero - 10, zero)
    assert (down.min(), down.max()) == (zero, zero + 10)
    assert column(0, 0).size == 0, "nothing led to the first instant"
    assert column(2, 1).min() <= 1


def test_a_bar_that_leaves_its_lane_is_broken_and_stays_in_it():
    errors = np.array([[np.nan, 0.0], [50.0, 0.0], [-50.0, 0.0]])
    strip = error_strip(errors, np.zeros(3), Range(-1.0, 1.0), PAST, LANE)
    for time in (1, 2):
        piece, now = strip.scrolling(time)
        pixels = np.asarray(piece)[:, now]
        bar = (pixels == rgb(cell_colour(0))).all(axis=-1)
        assert not bar[LANE:].any(), "the next cell's lane"
        inside = np.flatnonzero(bar)
        assert inside.max() - inside.min() + 1 > len(inside), "a gap"


def test_unusual_rewards_are_those_that_tell_something():
    assert unusual_rewards(np.array([0, 0, 0, 1, 0, 0, 0.0])) == [3]
    assert unusual_rewards(np.array([0, -1, -1, -1, -1, 0.0])) == [5]
    assert unusual_rewards(np.array([0, 1, 1, 1.0])) == []
    assert unusual_rewards(np.arange(30.0)) == [], "all are unusual"


def test_ranges_hold_all_numbers_but_a_few_that_would_hide_the_others():
    rng = np.random.default_rng(0)
    values = rng.uniform(3, 4, size=(300, 2))
    assert value_range(values).low < values.min() <= values.max() < value_range(values).high
    values[0, 0] = -100
    values[5, 1] = np.nan
    assert 2 < value_range(values).low < 3.1
    errors = rng.normal(scale=0.1, size=(300, 2))
    errors[-1] = -7.0
    assert error_range(errors).high < 1
    assert error_range(errors).low == -error_range(errors).high
    errors[100:150] = -7.0
    assert error_range(errors).high > 7, "they are many"


@pytest.mark.parametrize("values", [np.full((4, 2), np.nan), np.zeros((4, 2)), np.full((4, 2), -3.0)])
def test_ranges_of_nothing_and_of_one_number(values):
    for scale in (value_range(values), error_range(values)):
        assert scale.low < scale.high
        assert all(math.isfinite(edge) for edge in scale)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_the_usual_range_is_a_range_within_the_whole(numbers):
    low, high = usual_range(np.array(numbers))
    assert min(numbers) <= low <= high <= max(numbers)


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_ticks_are_two_to_five_in_the_range(low, width):
    scale = Range(low, low + width)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 5
    assert all(scale.low - 1e-9 * abs(low) - 1e-9 <= tick <= scale.high + 1e-9 * abs(low) + 1e-9 for tick in ticks)
    assert np.ptp(np.diff(ticks)) <= 1e-6 * width
