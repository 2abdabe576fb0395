"""The table of tried settings, of exported runs as they are committed."""

from pathlib import Path

from accumbens.runs.find import find_runs
from accumbens.runs.tables import read_table

DEPTH = Path(__file__).parents[2] / "benchmarks" / "results" / "depth"


def test_a_row_says_what_is_not_the_presets_and_what_was_returned_by_then(script):
    runs = {files.path.name: files for files in find_runs([DEPTH])}
    twin = runs["minatar-breakout-ad_ck_pqn-twin-3"]
    rows = script("settings_tried").rows_of(twin, [100_000, 400_000, 600_000])
    assert [row["seed"] for row in rows] == [seed for seed in "01234" for _ in range(2)]  # none came to 600 000
    assert {row["settings"] for row in rows} == {"net_arch=64,64,64 credit=backprop"}
    assert all(100_000 <= int(row["step"]) < 120_000 for row in rows[::2])
    [last] = [row for row in read_table(twin.metrics) if row["seed"] == "4" and row["step"] == rows[-1]["step"]]
    assert float(rows[-1]["mean_return"]) == round(float(last["mean_return"]), 2)
