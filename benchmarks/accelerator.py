"""Measure what an accelerator makes of our programs: steps per second, seconds per seed and memory, within minutes.

    python benchmarks/accelerator.py --out FOLDER [--budget 720] [--items ad_pqn-1 replay …]

Every item is a process of its own, so that the peak of the device's memory is the item's, and one that fails or takes
too long loses only itself: it has a limit of seconds, and is skipped if less than half of that is left of the budget.
Every number is printed as soon as it is known, and kept in FOLDER/ITEM.jsonl; a row per item is added to
FOLDER/accelerator.csv. `--smoke` runs everything in small.

- `ad_pqn-N`, `constant_key-N`: N seeds of `ad_pqn` in one program on Breakout, with AD's cell and with learned keys.
- `ad_dqn-1`: the paper's preset on Breakout, with its replay of 5 M steps.
- `replay`: that replay alone: blocks appended, and a batch drawn after each.

Speeds are of learning, without compiling. Steps per second are those of all seeds together; seconds per seed are those
of the preset's whole run, divided by the seeds that run side by side. A CPU does not tell its peak of memory: there
`peak_host_bytes`, of the process, says it.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ENV = "minatar/breakout"
SMALL = {"net_arch": "16", "num_envs": "8"}
SMOKE = {
    "ad_pqn": SMALL | {"rollout_length": "8", "num_minibatches": "2"},
    "ad_dqn": SMALL | {"train_every": "8", "batch_size": "16", "replay_capacity": "1000", "learning_starts": "100"},
}


class Item(NamedTuple):
    """One thing to measure; `limit` is in seconds, everything included."""

    algo: str
    seeds: int
    limit: float
    settings: dict[str, str]
    replay_alone: bool = False


LEARNED_KEYS = {"cell": "constant_key"}
# What says most comes first.
ITEMS = {
    "ad_pqn-1": Item("ad_pqn", 1, 90, {}),
    "ad_dqn-1": Item("ad_dqn", 1, 100, {}),
    "replay": Item("ad_dqn", 1, 60, {}, replay_alone=True),
    "constant_key-1": Item("ad_pqn", 1, 90, LEARNED_KEYS),
    "ad_pqn-64": Item("ad_pqn", 64, 100, {}),
    "constant_key-64": Item("ad_pqn", 64, 100, LEARNED_KEYS),
    "ad_pqn-16": Item("ad_pqn", 16, 90, {}),
    "constant_key-16": Item("ad_pqn", 16, 90, LEARNED_KEYS),
    "ad_pqn-256": Item("ad_pqn", 256, 120, {}),
    "constant_key-256": Item("ad_pqn", 256, 120, LEARNED_KEYS),
}
SMOKE_SEEDS = {1: 1, 16: 2, 64: 3, 256: 4}
COLUMNS: tuple[str, ...] = (
    "item",
    "device",
    "driver",
    "jax",
    "algo",
    "settings",
    "seeds",
    "steps_per_second",
    "seconds_per_seed",
    "peak_device_bytes",
    "peak_host_bytes",
    "replay_bytes",
    "compile_seconds",
    "note",
)

Report = Callable[..., None]


def smaller(item: Item) -> Item:
    """Return an item of a few seconds that runs the same code."""
    return item._replace(seeds=SMOKE_SEEDS[item.seeds], settings=SMOKE[item.algo] | item.settings)


def repeated(run: Callable[[int], object], least_seconds: float) -> float:
    """Return the seconds of one of the many that `run(count)` does: of the last of ever larger counts."""
    count = 1
    while True:
        begin = time.perf_counter()
        run(count)
        seconds = time.perf_counter() - begin
        if seconds >= least_seconds:
            return seconds / count
        count *= max(2, min(10, int(1.2 * least_seconds / max(seconds, 1e-6))))


def measure(item: Item, least_seconds: float, report: Report) -> None:
    """Measure one item in this process; `report(column=value, …)` is told what is known as soon as it is."""
    import jax

    from accumbens.training.config import resolve_config

    device = jax.local_devices()[0]
    report(device=device.device_kind, driver=driver(device), jax=jax.__version__)
    total = 20_000 if "net_arch" in item.settings else None
    config = resolve_config(ENV, item.algo, seeds=item.seeds, changes=item.settings, total_timesteps=total)
    (measure_replay if item.replay_alone else measure_training)(config, least_seconds, report)
    used = device.memory_stats()  # None of a CPU
    if used:
        report(peak_device_bytes=used["peak_bytes_in_use"])
    report(peak_host_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def driver(device: Any) -> str:
    """Return what drives the device: NVIDIA's driver, if its tool is there, and the platform's own version."""
    versions = [str(device.client.platform_version).strip().replace("\n", " ")]
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        versions.insert(0, subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0])
    except (OSError, subprocess.CalledProcessError):
        pass  # no NVIDIA card
    return "; ".join(versions)


def measure_training(config: Any, least_seconds: float, report: Report) -> None:
    from learning import Learning

    from accumbens.training.trainer import Trainer

    trainer = Trainer(config)
    plan = trainer.plan
    report(replay_bytes=plan.replay_bytes * config.seeds)
    program = Learning(trainer)
    report(compile_seconds=round(program.compile_seconds, 1))
    program.begin()
    seconds = repeated(lambda blocks: program.learn(blocks * plan.steps_per_block), least_seconds)
    per_seed = plan.steps_per_block / seconds
    report(
        steps_per_second=round(per_seed * config.seeds),
        seconds_per_seed=round(config.total_timesteps / per_seed / config.seeds, 2),
    )


def measure_replay(config: Any, least_seconds: float, report: Report) -> None:
    import jax
    import jax.numpy as jnp

    from accumbens.agents.factory import replay_ring
    from accumbens.envs import registry
    from accumbens.generator import make_key
    from accumbens.replay.ring import Rows

    settings, env = config.settings, registry.make(config.env)
    ring = replay_ring(settings, env, config.total_timesteps, env.truncates)
    shape = (settings.train_every // settings.num_envs, settings.num_envs)
    observation = jnp.ones((*shape, *env.observation_shape), env.observation_dtype)
    no = jnp.zeros(shape, bool)
    rows = Rows(
        observation, jnp.ones(shape, jnp.int32), jnp.ones(shape), no, no, observation if env.truncates else None
    )
    full = ring.capacity // (shape[0] * shape[1])

    def step(i, running):
        storage, total, key = running
        storage = ring.append(storage, full + i, rows)
        batch = ring.sample(storage, full + i + 1, jax.random.fold_in(key, i), settings.batch_size)
        # All that was drawn is looked at, or XLA would not draw it.
        return storage, total + sum(jnp.sum(leaf, dtype=jnp.float32) for leaf in jax.tree.leaves(batch)), key

    def many(storage, count):
        return jax.lax.fori_loop(0, count, step, (storage, jnp.float32(0), make_key(0)))[:2]

    storage = jax.block_until_ready(jax.jit(ring.init)())
    report(
        replay_bytes=sum(leaf.nbytes for leaf in jax.tree.leaves(storage)),
        note=f"{ring.capacity} steps; a batch of {settings.batch_size} after every {shape[0] * shape[1]}",
    )
    begin = time.perf_counter()
    program = jax.jit(many, donate_argnums=0).lower(storage, jnp.int32(1)).compile()
    report(compile_seconds=round(time.perf_counter() - begin, 1))

    def run(count: int) -> None:
        nonlocal storage
        storage, total = program(storage, jnp.int32(count))
        jax.block_until_ready((storage, total))

    run(1)
    report(steps_per_second=round(shape[0] * shape[1] / repeated(run, least_seconds)))


def run_item(name: str, smoke: bool, out: Path) -> None:
    """Measure one item in this process, and print and keep every number."""
    begin = time.perf_counter()

    def report(**known: Any) -> None:
        with (out / f"{name}.jsonl").open("a") as file:
            file.write(json.dumps(known) + "\n")
        numbers = ", ".join(
            f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}" for key, value in known.items()
        )
        print(f"[{time.perf_counter() - begin:5.1f} s] {name}: {numbers}", flush=True)

    item = smaller(ITEMS[name]) if smoke else ITEMS[name]
    report(
        algo=item.algo, settings=" ".join(f"{key}={value}" for key, value in item.settings.items()), seeds=item.seeds
    )
    measure(item, 0.05 if smoke else 3.0, report)


def known_of(path: Path) -> dict[str, Any]:
    """Return all that an item has reported; the last line may be cut."""
    known: dict[str, Any] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            known |= json.loads(line)
        except json.JSONDecodeError:
            break
    return known


def outcome(command: Sequence[str], limit: float, left: float) -> str:
    """Run an item's command and return what is to be noted of it; nothing if it did what it should."""
    if left < limit / 2:
        return f"skipped: {left:.0f} s left of the budget, it may need {limit:.0f}"
    try:
        status = subprocess.run(command, timeout=min(limit, left)).returncode
    except subprocess.TimeoutExpired:
        return f"stopped after {min(limit, left):.0f} s"
    return f"FAILED with exit status {status}" if status else ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--budget", type=float, default=720, help="seconds for everything")
    parser.add_argument("--items", nargs="+", choices=ITEMS, default=list(ITEMS))
    parser.add_argument("--smoke", action="store_true", help="tiny networks and few seeds")
    parser.add_argument("--here", choices=ITEMS, help=argparse.SUPPRESS)  # one item, in this process
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.here:
        run_item(asked.here, asked.smoke, asked.out)
        return 0
    begin, notes = time.monotonic(), []
    with (asked.out / "accelerator.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for name in asked.items:
            reports = asked.out / f"{name}.jsonl"
            reports.unlink(missing_ok=True)
            command = [sys.executable, __file__, "--out", str(asked.out), "--here", name, *["--smoke"] * asked.smoke]
            note = outcome(command, ITEMS[name].limit, asked.budget - (time.monotonic() - begin))
            known = known_of(reports)
            known["note"] = "; ".join(filter(None, (known.get("note"), note)))
            writer.writerow({"item": name} | known)
            file.flush()
            os.fsync(file.fileno())
            if note:
                notes.append(note)
                print(f"{name}: {note}", flush=True)
    return 1 if notes else 0


if __name__ == "__main__":
    sys.exit(main())
