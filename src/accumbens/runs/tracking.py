"""Optional trackers beside the CSV files: TensorBoard and Weights & Biases. They get host numbers between chunks."""

import importlib
import importlib.util
import math
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from accumbens.errors import AccumbensError
from accumbens.runs.directory import RunDirectory

_MODULES = {"tensorboard": "tensorboardX", "wandb": "wandb"}


@runtime_checkable
class Tracker(Protocol):
    """Something that numbers are logged to."""

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log numbers at an environment step."""
        ...

    def close(self) -> None:
        """Write out what is left."""
        ...


class TensorBoardTracker:
    """Writes event files to `<run>/tensorboard`, without TensorFlow or PyTorch."""

    def __init__(self, run: Path, first_step: int):
        """Open an event file; what an earlier session logged after `first_step` is no longer shown."""
        self._writer = importlib.import_module(_MODULES["tensorboard"]).SummaryWriter(
            str(run / "tensorboard"), purge_step=first_step + 1
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log numbers at an environment step; what is no number yet is left out, as TensorBoard cannot show it."""
        for name, number in numbers.items():
            if math.isfinite(number):
                self._writer.add_scalar(name, number, step)

    def close(self) -> None:
        """Write out what is left."""
        self._writer.close()


class WandbTracker:
    """Logs to Weights & Biases; without a login it writes `<run>/wandb` offline, for `wandb sync` later."""

    def __init__(self, run: Path, config: Mapping[str, Any], identifier: str):
        """Start the tracker's own process; a run that is continued goes on there under the same identifier."""
        wandb = importlib.import_module(_MODULES["wandb"])
        mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
        names = {"project": "accumbens", "name": run.name, "id": identifier, "resume": "allow"}
        self._run = wandb.init(**names, dir=str(run), config=dict(config), mode=mode)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log numbers at an environment step."""
        self._run.log(dict(numbers), step=step)

    def close(self) -> None:
        """Write out what is left."""
        self._run.finish()


def require_tracker(kind: str | None) -> None:
    """Refuse a tracker whose package is not installed.

    Raises:
        AccumbensError: says how to install it.
    """
    if kind is not None and importlib.util.find_spec(_MODULES[kind]) is None:
        raise AccumbensError(
            f"--track {kind} needs a package that is not installed: run 'uv sync --extra {kind}' or "
            f"""'pip install "accumbens[{kind}]"'"""
        )


def make_tracker(kind: str | None, run: RunDirectory, config: Mapping[str, Any], first_step: int) -> Tracker | None:
    """Return the tracker of that kind, or None.

    Args:
        kind: `tensorboard`, `wandb` or None.
        run: the run; its `meta.json` keeps the identifier of Weights & Biases.
        config: what the run was asked to do.
        first_step: environment step at which this session begins.
    """
    if kind == "tensorboard":
        return TensorBoardTracker(run.path, first_step)
    if kind != "wandb":
        return None
    identifier = run.read_meta().get("wandb") or uuid.uuid4().hex
    run.write_meta(wandb=identifier)
    return WandbTracker(run.path, config, identifier)


def require_usable(track: str | None, checkpoint_seconds: float) -> None:
    """Refuse, before anything is made, a tracker that is not installed and seconds that are none.

    Raises:
        AccumbensError: says which.
    """
    require_tracker(track)
    if not checkpoint_seconds >= 0:
        raise AccumbensError(f"checkpoint_seconds={checkpoint_seconds} cannot be used: it must be >= 0")
