"""Cells and readouts of the user's own, checked before a run is compiled with them."""

from collections.abc import Iterator
from contextlib import contextmanager

from accumbens import registration
from accumbens.agents.protocol import EnvironmentFacts
from accumbens.agents.settings import CommonSettings
from accumbens.agents.stacks import action_codes, make_readout
from accumbens.cells.checker import HIDDEN, check_cell_with, check_readout
from accumbens.errors import AccumbensError


def check_own_parts(settings: CommonSettings, env: EnvironmentFacts) -> None:
    """Refuse a registered cell or readout that breaks a promise; takes a second, and nothing where both are ours.

    Args:
        settings: of the agent.
        env: of which actions are known.

    Raises:
        AccumbensError: names the part, and says the first promise that is broken.
    """
    cell, readout = registration.CELLS.get(settings.cell), registration.READOUTS.get(settings.readout)
    features = action_codes(env).shape[1] if settings.action_conditioning else None
    if readout is not None:
        with _named(f"readout={settings.readout}"):
            check_readout(readout)
    if cell is not None:
        with _named(f"cell={settings.cell}"):
            check_cell_with(cell, make_readout(settings, HIDDEN), features=features)


@contextmanager
def _named(part: str) -> Iterator[None]:
    try:
        yield
    except AccumbensError as error:
        raise AccumbensError(f"{part} cannot be used: {error}") from error
