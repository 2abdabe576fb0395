"""The names of all environments. Listing ours imports neither JAX nor Gymnasium, for a quick command line."""

import difflib
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from accumbens.errors import AccumbensError, EnvironmentFailedError, UnknownNameError, users_code
from accumbens.registration import Registered, import_module

if TYPE_CHECKING:
    import accumbens.envs.protocol

_CLASSIC = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0")
_MINATAR_GAMES = ("breakout", "freeway", "asterix", "space_invaders", "seaquest")
_MINATAR = tuple(f"minatar/{game}" for game in _MINATAR_GAMES)
_OCTAX = tuple(f"octax/{game}" for game in ("brix", "pong", "spacejam"))
_PROBES = ("probe/conditioning",)
_MEMORY = (*(f"memory/chain-{length}" for length in (2, 4, 8, 16, 32, 64, 128)), "memory/cartpole")
# Registered with Gymnasium under these names: where each is made, and after how many steps its episodes are truncated.
_TEXT: dict[str, tuple[str, int | None]] = {
    "text/food-preparation": ("accumbens.envs.text.household:food_preparation", 50),
    "text/microwave": ("accumbens.envs.text.household:microwave", None),
    "text/minigrid": ("accumbens.envs.text.minigrid:minigrid", None),
    "text/textworld": ("accumbens.envs.text.textworld:textworld_game", 100),
}
# `dmc/{domain}-{task}`, as the control suite spells both: `dmc/cartpole-swingup_sparse`, `dmc/humanoid_CMU-run`.
_CONTROL_SUITE_TASKS = {
    "acrobot": ("swingup", "swingup_sparse"),
    "ball_in_cup": ("catch",),
    "cartpole": ("balance", "balance_sparse", "swingup", "swingup_sparse", "two_poles", "three_poles"),
    "cheetah": ("run",),
    "dog": ("stand", "walk", "trot", "run", "fetch"),
    "finger": ("spin", "turn_easy", "turn_hard"),
    "fish": ("upright", "swim"),
    "hopper": ("stand", "hop"),
    "humanoid": ("stand", "walk", "run", "run_pure_state"),
    "humanoid_CMU": ("stand", "walk", "run"),
    "lqr": ("lqr_2_1", "lqr_6_2"),
    "manipulator": ("bring_ball", "bring_peg", "insert_ball", "insert_peg"),
    "pendulum": ("swingup",),
    "point_mass": ("easy", "hard"),
    "quadruped": ("walk", "run", "escape", "fetch"),
    "reacher": ("easy", "hard"),
    "stacker": ("stack_2", "stack_4"),
    "swimmer": ("swimmer6", "swimmer15"),
    "walker": ("stand", "walk", "run"),
}
_CONTROL_SUITE = tuple(f"dmc/{domain}-{task}" for domain, tasks in _CONTROL_SUITE_TASKS.items() for task in tasks)
# The ids of the MinAtar package; its `-v0` has all six actions in every game and is not ours.
_ALIASES = {f"MinAtar/{game.title().replace('_', '')}-v1": f"minatar/{game}" for game in _MINATAR_GAMES}


def gymnasium_id(name: str) -> str:
    """Return the id of one of our environments in Gymnasium's registry, which allows one slash in it."""
    return "accumbens/" + re.sub(r"[^\w:.-]", "-", name)


GYMNASIUM_ENTRY_POINT = "accumbens.envs.to_gymnasium:to_gymnasium"
GYMNASIUM_IDS = {gymnasium_id(name): name for name in (*_CLASSIC, *_MINATAR, *_OCTAX, *_PROBES, *_MEMORY)}
_ALIASES |= GYMNASIUM_IDS


_registered: "Registered[Callable[[], accumbens.envs.protocol.Environment]]" = Registered("environment")


def register_environment(name: str, make: "Callable[[], accumbens.envs.protocol.Environment]") -> str:
    """Register an environment of your own that runs on the device, for every command and function that takes a name.

    Call it where your module is imported. `accumbens train my_module:NAME` imports the module by itself, and so does
    everything that opens the run later.

    Args:
        name: its id, such as `corridor`; registered again, it means the later one.
        make: returns the environment; its `name` may be the id.

    Returns:
        The name that configurations keep: `module:id`.

    Raises:
        AccumbensError: the name is one of ours, empty, or has a colon in it.
    """
    taken = [*device_environments(), *control_suite_environments(), *_TEXT, *_ALIASES]
    return _registered.add(name, make, taken)


def device_environments() -> list[str]:
    """List the names of our environments that run on the device; those of `octax_environments` need an extra."""
    return [*_CLASSIC, *_MINATAR, *_OCTAX, *_PROBES, *_MEMORY]


def octax_environments() -> list[str]:
    """List the names of the arcade games, which run on the device and need the extra `octax`."""
    return list(_OCTAX)


def control_suite_environments() -> list[str]:
    """List the names of the tasks of the DeepMind Control Suite, which run on the host and need the extra `dmc`."""
    return list(_CONTROL_SUITE)


def text_environments() -> dict[str, tuple[str, int | None]]:
    """Return our environments of texts, which Gymnasium makes: the entry point of each, and its time limit in steps."""
    return dict(_TEXT)


def gymnasium_environments() -> list[str]:
    """List the ids in Gymnasium's registry that are not among ours."""
    import gymnasium

    return sorted(set(gymnasium.registry) - {*device_environments(), *GYMNASIUM_IDS})


def all_environments() -> list[str]:
    """List the names of all environments, on the device and on the host."""
    return [*device_environments(), *_registered.names(), *control_suite_environments(), *gymnasium_environments()]


def resolve(name: str) -> str:
    """Look up the registered name that `name` stands for.

    Args:
        name: a name of ours, an alias such as `MinAtar/Breakout-v1`, an id of Gymnasium or of `register_environment`,
            or `module:id` for an id of either that importing `module` registers; `module:Name-v0` is also the class or
            function `Name` of a module that does not register it.

    Raises:
        UnknownNameError: nothing of that name is registered.
        AccumbensError: `module` cannot be imported.
    """
    name = _ALIASES.get(name, name)
    if name in device_environments():
        return name
    registered = _registered.resolve(name)
    if registered is not None:
        return registered
    if on_host(name):
        return name
    module = name.rpartition(":")[0]
    if module in sys.modules:
        raise NotRegisteredByModuleError(module, name, _registered_by(module))
    raise UnknownNameError("environment", name, all_environments(), command="accumbens envs")


class NotRegisteredByModuleError(UnknownNameError):
    """A module was imported for an environment that it does not register."""

    def __init__(self, module: str, name: str, known: Sequence[str]):
        """Remember the module, the `module:id` that was asked for, and those that it registers."""
        super().__init__("environment", name, known)
        self.module = module

    def __str__(self) -> str:
        """The message: what the module registers, and the nearest of it."""
        said = f"the module {self.module!r} registers no environment {self.value.rpartition(':')[2]!r}"
        if self.allowed:
            nearest = difflib.get_close_matches(self.value, self.allowed, n=1)
            return f"{said}{f'; did you mean {nearest[0]!r}?' if nearest else '.'} Known: {', '.join(self.allowed)}."
        how = "gymnasium.register or accumbens.register_environment"
        return f"{said}, and no other: importing it has to call {how}"


def _registered_by(module: str) -> list[str]:
    """The names of the environments that a module, or what is in it, registers here or with Gymnasium, or defines."""
    import gymnasium

    from accumbens.envs.factory import defined_in

    found = {name for name in _registered.names() if name.startswith(f"{module}:")} | set(defined_in(module))
    for identifier, spec in gymnasium.registry.items():
        make = spec.entry_point
        home = make.partition(":")[0] if isinstance(make, str) else getattr(make, "__module__", "")
        if home == module or home.startswith(f"{module}."):
            found.add(f"{module}:{identifier}")
    return sorted(found)


def on_host(name: str) -> bool:
    """Whether `name` can be made on the host: a task of the control suite, an id of Gymnasium, or `module:id`.

    Raises:
        AccumbensError: `module` cannot be imported.
    """
    return name in _CONTROL_SUITE or in_gymnasium(name)


def in_gymnasium(name: str) -> bool:
    """Whether Gymnasium can make `name`, an id or `module:id`; what a module defines is registered if need be.

    Raises:
        AccumbensError: `module` cannot be imported.
    """
    import gymnasium

    module, _, environment_id = name.rpartition(":")
    if not module:
        return name in gymnasium.registry
    if not import_module(module, f"environment {name!r}"):
        return False
    from accumbens.envs.factory import registers

    return registers(module, environment_id)


def is_on_device(name: str) -> bool:
    """Whether the environment runs on the device; otherwise it runs on the host.

    Raises:
        UnknownNameError: nothing of that name is registered.
    """
    name = resolve(name)
    return name in device_environments() or _registered.get(name) is not None


def benchmark_of(name: str) -> Literal["classic", "minatar", "dmc", "probe", "gymnasium"]:
    """Name the benchmark that an environment belongs to, by which presets choose their settings.

    Tasks of memory and environments of `register_environment` have the settings of `classic`, for small tasks; arcade
    games have those of `minatar`, for games seen as pictures.

    Raises:
        UnknownNameError: nothing of that name is registered.
    """
    name = resolve(name)
    if name in (*_CLASSIC, *_MEMORY) or _registered.get(name) is not None:
        return "classic"
    if name in _CONTROL_SUITE:
        return "dmc"
    if name in _PROBES:
        return "probe"
    return "minatar" if name in (*_MINATAR, *_OCTAX) else "gymnasium"


def make(name: str) -> "accumbens.envs.protocol.Environment":
    """Make the environment of that name, which must be one that runs on the device.

    Raises:
        UnknownNameError: nothing of that name is registered.
        AccumbensError: it runs on the host, it needs an extra that is not installed, or it is one of your own and is
            not what it says it is.
    """
    name = resolve(name)
    if name in _CLASSIC:
        from accumbens.envs.jax import CLASSIC_CONTROL

        return CLASSIC_CONTROL[name]()
    if name in _MINATAR:
        from accumbens.envs.minatar import GAMES

        return GAMES[name]()
    if name in _OCTAX:
        from accumbens.envs.octax import GAMES

        return GAMES[name]()
    if name in _PROBES:
        from accumbens.envs.conditioning import PROBES

        return PROBES[name]()
    if name in _MEMORY:
        from accumbens.envs.memory import MEMORY

        return MEMORY[name]()
    make_registered = _registered.get(name)
    if make_registered is not None:
        from accumbens.envs.checker import check_declaration

        with users_code(f"environment {name!r} cannot be made", make_registered, EnvironmentFailedError):
            env = make_registered()
        check_declaration(env)
        return env._replace(name=name)
    owner = "the control suite's" if name in _CONTROL_SUITE else "Gymnasium's"
    raise AccumbensError(f"environment {name!r} is {owner}: it runs on the host, not on the device")
