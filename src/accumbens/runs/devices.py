"""Seeds shared out over the local devices: every device works on as many of them, and none waits for another.

A program of N seeds on d devices is the program of N / d seeds on each. How many run beside it, and on how many
devices, shows in the last bits of a seed's numbers.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import AxisType, PartitionSpec

SEEDS = PartitionSpec("seeds")
"""Arrays with a leading axis of seeds."""
ALL = PartitionSpec()
"""Arrays that every device has."""


def devices_for(seeds: int) -> list[Any]:
    """Return the local devices that so many seeds are shared out over: as many as divide them."""
    devices = jax.local_devices()
    count = next(count for count in range(min(seeds, len(devices)), 0, -1) if seeds % count == 0)
    return devices[:count]


def idle_note(seeds: int) -> list[str]:
    """Return what a user should know of devices that so many seeds leave idle; nothing if there are none."""
    used, there = len(devices_for(seeds)), jax.local_device_count()
    if used == there:
        return []
    many = "1 seed learns" if seeds == 1 else f"{seeds} seeds learn"
    return [f"{many} on {used} of {there} devices, and a number of seeds that is a multiple of {there} on all"]


def over_devices(function: Callable, seeds: int, takes: Any, returns: Any) -> Callable:
    """Return a function of arrays of so many seeds that works on several devices, if there are.

    Args:
        function: pure; nothing that it computes for a seed depends on another.
        seeds: how many.
        takes: for each argument `SEEDS` or `ALL`, or a tree of them.
        returns: the same for what it returns.
    """
    devices = devices_for(seeds)
    if len(devices) == 1:
        return function
    mesh = jax.make_mesh((len(devices),), ("seeds",), (AxisType.Auto,), devices=devices)
    return jax.shard_map(function, mesh=mesh, in_specs=takes, out_specs=returns, check_vma=False)
