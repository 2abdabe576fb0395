"""Seeds, and runs side by side, on several devices: the numbers of one device, but for the last bits."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accumbens.runs.devices import ALL, SEEDS, devices_for, over_devices
from accumbens.runs.tables import read_table

SCRIPT = """
import sys
from pathlib import Path

import jax
import numpy as np

from accumbens.credit.kind import FITS
from accumbens.runs import launch
from accumbens.runs.devices import devices_for
from accumbens.teams.kind import TEAMS
from accumbens.training.kind import AGENTS


class Quiet:
    said = []

    def preparing(self, *_): ...
    projected = start = progress = evaluated = preparing

    def message(self, text):
        self.said.append(text)


out, places = Path(sys.argv[1]), []
work = [
    (
        *(AGENTS, "CartPole-v1", "ad_pqn", {"total_timesteps": 512, "num_eval_episodes": 1}),
        {"net_arch": "8,8", "num_envs": "4", "rollout_length": "16", "num_minibatches": "2", "epochs": "1"},
    ),
    (FITS, "digits", "backprop", {"epochs": 1}, {"layers": "8"}),
    (
        *(TEAMS, "team/fill-in-2", "idt"),
        {"updates": 8, "evaluations": 2, "num_eval_episodes": 4, "data": "random:20"},
        {"width": "8", "blocks": "1", "context": "3", "batch_size": "4"},
    ),
]
for kind, place, method, numbers, sizes in work:
    plain = kind.resolve(place, method, numbers | {"seeds": 8}, sizes)
    launch.start_or_resume_together(kind, [plain], Quiet(), out=out, names=["plain"], until=0.5)
    launch.start_or_resume(kind, plain, Quiet(), out=out, name="plain")
    several = [
        kind.resolve(place, method, numbers | {"seeds": 2}, sizes | {"learning_rate": rate})
        for rate in ("1e-3", "2e-3")
    ]
    assert kind.programs(several) == [[0, 1]]
    launch.start_or_resume_together(kind, several, Quiet(), out=out, names=["a", "b"], until=0.5)
    launch.start_or_resume_together(kind, several, Quiet(), out=out, names=["a", "b"])
    job = kind.make_jobs([plain])
    leaf = jax.tree.leaves(job.init().seeds)[0]
    places.append(len(leaf.sharding.device_set))
idle = [text for text in Quiet.said if "devices" in text]
three = AGENTS.resolve(*work[0][1:3], work[0][3] | {"seeds": 3}, work[0][4])
launch.start_or_resume(AGENTS, three, Quiet(), out=out, name="three")
print("|".join([text for text in Quiet.said if "devices" in text]), file=sys.stderr)
four = [text for text in idle if text.startswith("4 seeds learn on 4 of 8 devices")]  # the runs side by side
assert len(idle) == len(four) == (6 if jax.local_device_count() > 1 else 0), idle
print(*[len(devices_for(seeds)) for seeds in (1, 3, 4, 6, 8, 12)], *places)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = {}
    for devices in (1, 8):
        found[devices] = tmp_path_factory.mktemp(f"devices-{devices}")
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
        environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        command = [sys.executable, "-c", SCRIPT, str(found[devices])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        said = "3 seeds learn on 3 of 8 devices, and a number of seeds that is a multiple of 8 on all"
        assert (said in done.stderr) == (devices > 1)
        assert (" devices" in done.stderr) == (devices > 1)
        shared_out = [int(word) for word in done.stdout.split()]
        assert shared_out[:6] == ([1] * 6 if devices == 1 else [1, 3, 4, 6, 8, 6])
        assert shared_out[6:] == [devices] * 3
    return found


@pytest.mark.parametrize(
    "run",
    [
        "CartPole-v1/ad_pqn/plain",
        "CartPole-v1/ad_pqn/a",
        "digits/backprop/b",
        "team/fill-in-2/idt/plain",
        "team/fill-in-2/idt/a",
    ],
)
def test_numbers_are_those_of_one_device(folders, run):
    one, eight = (read_table(Path(folder) / run / "metrics.csv") for folder in folders.values())
    assert [(row["step"], row["seed"]) for row in one] == [(row["step"], row["seed"]) for row in eight]
    assert len({row["step"] for row in one}) > 1
    columns = [name for name in one[0] if name != "wall_seconds"]
    numbers = [[[float(row[name]) for name in columns] for row in rows[: len(rows) // 2]] for rows in (one, eight)]
    np.testing.assert_allclose(*numbers, rtol=1e-3, atol=1e-4)


def test_on_one_device_nothing_is_shared_out():
    if len(devices_for(8)) > 1:
        pytest.skip("this machine has several devices")
    assert over_devices(np.sin, 8, (SEEDS,), ALL) is np.sin
