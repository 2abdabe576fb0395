"""What is said of 64 runs, of which only some may have been measured."""

import pytest


@pytest.fixture
def speed(script):
    return script("sweep_speed")


def test_some_runs_are_scaled_to_all_and_all_are_summed(speed):
    runs, sweeps = [speed.Cost(cpu, 2 * cpu) for cpu in (12.0, 10.0, 17.0)], [speed.Cost(100.0, 400.0)]
    some = speed.row_of(20_000, runs, sweeps, scaled=True)
    assert (some["measured"], some["points"]) == (3, 64)
    assert (some["runs_cpu_best"], some["runs_cpu_median"]) == (640.0, 768.0)
    assert (some["ratio_cpu_best"], some["ratio_wall_best"]) == (6.4, 3.2)
    every = speed.row_of(20_000, [speed.Cost(float(cpu), 1.0) for cpu in range(64)] * 2, sweeps, scaled=False)
    assert every["runs_cpu_best"] == every["runs_cpu_median"] == sum(range(64))


def test_points_are_all_different_and_some_are_spread_over_them(speed):
    assert len(set(speed.POINTS)) == 64
    assert speed.spread(3) == [speed.POINTS[0], speed.POINTS[32], speed.POINTS[63]]


def test_a_row_takes_the_place_of_that_of_its_length(speed, tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "RESULTS", tmp_path / "x.csv")
    for steps, value in ((100, 1), (20, 2), (100, 3)):
        speed.write({"steps": steps, "value": value})
    assert (tmp_path / "x.csv").read_text() == "steps,value\n20,2\n100,3\n"
