"""Optional trackers beside the CSV files: TensorBoard and Weights & Biases. They get host numbers between chunks."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from accumbens.errors import AccumbensError


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

    def __init__(self, run: Path):
        """Open the event file."""
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise AccumbensError(
                "--track tensorboard needs a package that is not installed: run 'uv sync --extra tensorboard' or "
                """'pip install "accumbens[tensorboard]"'"""
            ) from None
        self._writer = SummaryWriter(str(run / "tensorboard"))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log numbers at an environment step."""
        for name, number in numbers.items():
            self._writer.add_scalar(name, number, step)

    def close(self) -> None:
        """Write out what is left."""
        self._writer.close()


class WandbTracker:
    """Logs to Weights & Biases; without a login it writes `<run>/wandb` offline, for `wandb sync` later."""

    def __init__(self, run: Path, config: Mapping[str, Any]):
        """Start the tracker's own process."""
        try:
            import wandb
        except ImportError:
            raise AccumbensError(
                "--track wandb needs a package that is not installed: run 'uv sync --extra wandb' or "
                """'pip install "accumbens[wandb]"'"""
            ) from None
        mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
        self._run = wandb.init(project="accumbens", name=run.name, dir=str(run), config=dict(config), mode=mode)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log numbers at an environment step."""
        self._run.log(dict(numbers), step=step)

    def close(self) -> None:
        """Write out what is left."""
        self._run.finish()


def make_tracker(kind: str | None, run: Path, config: Mapping[str, Any]) -> Tracker | None:
    """Return the tracker of that kind, or None.

    Raises:
        AccumbensError: its package is not installed.
    """
    if kind == "tensorboard":
        return TensorBoardTracker(run)
    return WandbTracker(run, config) if kind == "wandb" else None
