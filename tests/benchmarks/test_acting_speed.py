"""What is timed runs, and is timed once a repeat."""

import math


def test_a_time_is_found_for_every_repeat(script):
    (found,) = script("acting_speed").measure("minatar/breakout", "ad_ck_pqn", repeats=1)
    assert 0 < found < math.inf
