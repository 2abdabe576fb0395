"""The table has a row for every number of seeds, and keeps those of other agents."""

from accumbens.runs.tables import read_table

COLUMNS = (
    *("env", "algo", "seeds", "compile_seconds", "cpu_us_best", "cpu_us_median", "wall_us_best", "wall_us_median"),
    *("times_less", "repeats"),
)


def test_a_row_for_every_number_of_seeds(script, tmp_path, monkeypatch):
    speed, path = script("seed_speed"), tmp_path / "seed_speed.csv"
    monkeypatch.setattr(speed, "RESULTS", path)
    for algo in ("pqn", "ad_ck_pqn", "pqn"):
        speed.main(algos=(algo,), seeds=(1,) if algo == "ad_ck_pqn" else (1, 2), steps=1, repeats=1)
    rows = read_table(path)
    assert [(row["env"], row["algo"], row["seeds"], row["repeats"]) for row in rows] == [
        ("minatar/breakout", "ad_ck_pqn", "1", "1"),
        ("minatar/breakout", "pqn", "1", "1"),
        ("minatar/breakout", "pqn", "2", "1"),
    ]
    for row in rows:
        assert tuple(row) == COLUMNS
        assert 0 < float(row["cpu_us_best"]) == float(row["cpu_us_median"])
        assert 0 < float(row["wall_us_best"]) == float(row["wall_us_median"])
    assert [row["times_less"] for row in rows if row["seeds"] == "1"] == ["1.00", "1.00"]
