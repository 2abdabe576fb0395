"""What settings are called elsewhere: for those who type a name that they know from another program."""

import difflib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError, UnknownNameError

OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "activation": ("units",),
    "alpha": ("learning_rate", "entropy_coefficient"),
    "ent_coef": ("entropy_coefficient",),
    "batch": ("batch_size",),
    "minibatch_size": ("batch_size", "num_minibatches"),
    "minibatches": ("num_minibatches",),
    "beta1": ("adam_b1",),
    "beta2": ("adam_b2",),
    "betas": ("adam_b1",),
    "buffer_size": ("replay_capacity",),
    "memory_size": ("replay_capacity",),
    "replay_size": ("replay_capacity",),
    "clip": ("max_gradient_norm",),
    "max_grad_norm": ("max_gradient_norm",),
    "discretization": ("discretisation",),
    "eps": ("epsilon", "epsilon_end"),
    "epsilon": ("epsilon_end",),
    "exploration_final_eps": ("epsilon_end",),
    "exploration_fraction": ("epsilon_fraction",),
    "exploration_initial_eps": ("epsilon_start",),
    "gamma": ("discount",),
    "discount_factor": ("discount",),
    "gae_lambda": ("trace_decay",),
    "lam": ("trace_decay",),
    "lambda": ("trace_decay",),
    "td_lambda": ("trace_decay",),
    "gradient_steps": ("updates_per_phase",),
    "hidden": ("net_arch", "layers"),
    "hidden_dim": ("net_arch", "layers"),
    "hidden_layers": ("net_arch", "layers"),
    "hidden_size": ("net_arch", "layers"),
    "hidden_sizes": ("net_arch", "layers"),
    "layers": ("net_arch",),
    "net_arch": ("layers",),
    "width": ("net_arch", "layers"),
    "init": ("initialisation",),
    "initialization": ("initialisation",),
    "kappa": ("huber_threshold",),
    "lr": ("learning_rate",),
    "step_size": ("learning_rate",),
    "lr_schedule": ("learning_rate_schedule",),
    "n_envs": ("num_envs",),
    "envs": ("num_envs",),
    "n_epochs": ("epochs",),
    "num_epochs": ("epochs",),
    "update_epochs": ("epochs",),
    "n_quantiles": ("num_quantiles",),
    "n_seeds": ("seeds",),
    "num_seeds": ("seeds",),
    "n_steps": ("rollout_length", "total_timesteps"),
    "num_steps": ("rollout_length", "total_timesteps"),
    "normalize": ("standardise", "scale_observations"),
    "standardize": ("standardise",),
    "optimizer": ("optimiser",),
    "random_state": ("seed",),
    "samples_per_update": ("samples",),
    "steps": ("total_timesteps",),
    "timesteps": ("total_timesteps",),
    "total_steps": ("total_timesteps",),
    "target_network_frequency": ("target_every",),
    "target_update_interval": ("target_every",),
    "tau": ("target_rate", "target_every"),
    "test_size": ("test_fraction",),
    "train_freq": ("train_every",),
    "train_frequency": ("train_every",),
    "val_fraction": ("valid_fraction",),
    "validation_fraction": ("valid_fraction",),
}
"""By a name that other programs use: what the same is called here, in the order in which it is looked for."""


def given_once(**named: Any) -> Any:
    """Return what was given under one of several names of the same; None if it was not given.

    Raises:
        AccumbensError: it was given under two.
    """
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1:
        raise AccumbensError(f"{' and '.join(given)} are names of the same: give one of them")
    return named[given[0]] if given else None


def meant(name: str, known: Collection[str]) -> str | None:
    """Return the known name that another stands for: what that is called here, or what looks most like it."""
    folded = name.casefold().replace("-", "_")
    for candidate in (folded, *OTHER_NAMES.get(folded, ())):
        if candidate in known:
            return candidate
    return next(iter(difflib.get_close_matches(folded, known, n=1)), None)


def unknown_setting(name: str, settings: Sequence[str], options: Sequence[str] = ()) -> AccumbensError:
    """Return the error of a setting that is not known: it says what may be meant.

    Args:
        name: what was given.
        settings: those that are known.
        options: what is no setting, but an option of the command.
    """
    found = meant(name, [*settings, *options])
    if found is not None and found in options:
        return AccumbensError(f"{name} is not a setting: give it as {option_of(found)}")
    return UnknownNameError("setting", name, settings, meant=found)


def option_of(name: str) -> str:
    """Return the option that gives a value of that name."""
    return f"--{name.replace('_', '-')}"


def require_folder_name(said: str, name: str) -> None:
    """Refuse a name that a folder of ours cannot have; one with a dot in front is that of a folder that is being made.

    Args:
        said: what the error says of it, such as `name='a/b'`.
        name: to check.

    Raises:
        AccumbensError: it cannot be used.
    """
    if not name or name.startswith(".") or Path(name).name != name:
        raise AccumbensError(f"{said} cannot be used: it must be a single folder name, without a dot in front")
