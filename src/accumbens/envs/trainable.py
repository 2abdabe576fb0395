"""Which environments can be trained, and which package they need, without making any."""

import importlib.util
from typing import Any

from accumbens.envs import registry
from accumbens.envs.teams.registry import jaxmarl_environments, team_environments

_NEEDS = {"gymnasium.envs.box2d": "box2d", "gymnasium.envs.mujoco": "mujoco"}
"""By where Gymnasium's own environments are: the extra that brings what they need."""

_TEXT_NEEDS = {"text/minigrid": "minigrid", "text/textworld": "textworld"}
"""The same of our environments of texts; TextWorld is no extra."""

_MODULES = {
    "box2d": ("Box2D",),
    "dmc": ("dm_control",),
    "jaxmarl": ("jaxmarl",),
    "minigrid": ("minigrid",),
    "mujoco": ("mujoco", "imageio"),
    "octax": ("octax", "cv2"),
    "textworld": ("textworld",),
}
"""What an extra brings."""

PACKAGES = {
    "box2d": "accumbens[box2d]",
    "dmc": "accumbens[dmc]",
    "jaxmarl": "accumbens[jaxmarl]",
    "minigrid": "accumbens[minigrid]",
    "mujoco": "gymnasium[mujoco]",
    "octax": "accumbens[octax]",
    "textworld": "textworld",
}
"""What is to be installed for an extra."""

_NO_NUMBERS = ("gymnasium.envs.toy_text", "accumbens.envs.text")
"""Where those environments of Gymnasium's and ours are whose observations are no Box of numbers."""

_WITHOUT_MUJOCO_3 = ("Pusher-v4",)


def device_environments() -> dict[str, str]:
    """Return our environments on the device, each with the extra it needs; empty for none."""
    arcade = registry.octax_environments()
    return {name: "octax" if name in arcade else "" for name in registry.device_environments()}


def host_environments() -> dict[str, str]:
    """Return the environments on the host that tell numbers, each with the extra it needs; empty for none.

    What others registered is listed too, although nobody knows whether it can be trained before it is made.
    """
    import gymnasium

    found = dict.fromkeys(registry.control_suite_environments(), "dmc")
    for name in registry.gymnasium_environments():
        home = gymnasium.registry[name].entry_point
        if name not in _WITHOUT_MUJOCO_3 and _can_be_made(home):
            found[name] = next((extra for place, extra in _NEEDS.items() if _is_in(home, place)), "")
    return found


def text_environments() -> dict[str, str]:
    """Return our environments of texts, each with what it needs; empty for nothing."""
    return {name: _TEXT_NEEDS.get(name, "") for name in registry.text_environments()}


def several_agents_environments() -> dict[str, str]:
    """Return the environments of several agents, each with the extra it needs; empty for none."""
    return {name: "jaxmarl" if name in jaxmarl_environments() else "" for name in team_environments()}


def missing_extras() -> list[str]:
    """Return the extras that environments need and that are not installed."""
    return [extra for extra, names in _MODULES.items() if not all(map(importlib.util.find_spec, names))]


def _can_be_made(home: Any) -> bool:
    """Whether an entry point is no function of Gymnasium's that only says where an environment has gone."""
    if isinstance(home, str):
        return not any(_is_in(home, place) for place in _NO_NUMBERS)
    return getattr(home, "__module__", "") != "gymnasium.envs"


def _is_in(home: Any, place: str) -> bool:
    return isinstance(home, str) and home.startswith(place)
