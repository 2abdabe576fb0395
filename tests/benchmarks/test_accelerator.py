"""The script for an accelerator, in small, on whatever is here; and that no item can cost the others their time."""

import csv
import io

import pytest


@pytest.fixture(scope="module")
def accelerator(script):
    return script("accelerator")


@pytest.mark.parametrize("name", ["ad_pqn-16", "replay"])
def test_an_item_tells_speed_and_memory(accelerator, name, tmp_path, capsys):
    assert accelerator.main(["--out", str(tmp_path), "--here", name, "--smoke"]) == 0
    known = accelerator.known_of(tmp_path / f"{name}.jsonl")
    assert set(known) <= set(accelerator.COLUMNS)
    assert min(known[column] for column in ("steps_per_second", "peak_host_bytes", "compile_seconds")) > 0
    assert known["device"]
    assert (known["replay_bytes"] > 0) == (name == "replay")
    assert f"{name}: steps_per_second" in capsys.readouterr().out


def test_items_that_fail_or_take_too_long_lose_only_themselves(accelerator, tmp_path, monkeypatch, capsys):
    items = {
        name: accelerator.ITEMS[name]._replace(limit=limit)
        for name, limit in {"ad_pqn-1": 30, "ad_dqn-1": 30, "replay": 0.2, "ad_pqn-256": 1e6}.items()
    }
    script = tmp_path / "item.py"
    script.write_text(
        "import json, pathlib, sys, time\n"
        "out, name = pathlib.Path(sys.argv[2]), sys.argv[4]\n"
        "(out / f'{name}.jsonl').write_text(json.dumps({'seeds': 1}) + '\\n{\"algo')\n"
        "sys.exit(3) if name == 'ad_dqn-1' else time.sleep(60) if name == 'replay' else None\n"
    )
    monkeypatch.setattr(accelerator, "ITEMS", items)
    monkeypatch.setattr(accelerator, "__file__", str(script))
    assert accelerator.main(["--out", str(tmp_path), "--items", *items, "--budget", "100"]) == 1
    rows = {row["item"]: row for row in csv.DictReader(io.StringIO((tmp_path / "accelerator.csv").read_text()))}
    assert rows["ad_pqn-1"]["seeds"] == "1"
    assert rows["ad_pqn-1"]["note"] == ""
    assert rows["ad_dqn-1"]["note"] == "FAILED with exit status 3"
    assert rows["replay"]["note"] == "stopped after 0 s"
    assert rows["ad_pqn-256"]["note"].startswith("skipped: ")
    assert "ad_pqn-256: skipped" in capsys.readouterr().out


def test_repeats_grow_until_they_take_long_enough(accelerator, monkeypatch):
    now, counts = [0.0], []

    def run(count):
        counts.append(count)
        now[0] += 0.25 * count

    monkeypatch.setattr(accelerator.time, "perf_counter", lambda: now[0])
    assert accelerator.repeated(run, 3.0) == 0.25
    assert counts[0] == 1
    assert counts[-1] >= 12


def test_every_number_that_is_asked_for_has_an_item(accelerator):
    seeds = {(item.algo, item.settings.get("cell"), item.seeds) for item in accelerator.ITEMS.values()}
    expected = {("ad_pqn", cell, number) for cell in (None, "constant_key") for number in (1, 16, 64, 256)}
    assert seeds == expected | {("ad_dqn", None, 1)}
