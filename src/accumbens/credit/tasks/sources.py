"""Where the files of a data set are: in a folder of the user's, or with OpenML."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accumbens.errors import AccumbensError

VARIABLE = "ACCUMBENS_DATA"
"""Environment variable that names the folder with data sets."""


def data_folder(data: Path | None) -> Path | None:
    """Return the folder with data sets: the one given, or else the one that the environment names, or None.

    Raises:
        AccumbensError: there is no such folder.
    """
    named = data or Path(os.environ.get(VARIABLE, ""))
    if named == Path(""):
        return None
    folder = named.expanduser()
    if not folder.is_dir():
        raise AccumbensError(f"{folder}, given by {'--data' if data else VARIABLE}, is not a folder")
    return folder


def find_file(folder: Path, subfolder: str, names: Sequence[str]) -> Path:
    """Return the first of these files that is in the folder or its subfolder.

    Raises:
        AccumbensError: none is.
    """
    places = (folder, folder / subfolder)
    for place in places:
        for name in names:
            if (place / name).is_file():
                return place / name
    where = " and ".join(map(str, places))
    raise AccumbensError(f"no {' or '.join(names)} in {where}: put one there, or leave the folder out to use OpenML")


def fetch(name: str, version: int, files: str) -> Any:
    """Return a data set of OpenML as scikit-learn's Bunch of arrays; it is kept in scikit-learn's own cache.

    Args:
        name: of the data set.
        version: of the data set.
        files: what a folder with the data would hold, for the message.

    Raises:
        AccumbensError: OpenML cannot be reached, or sent something else.
    """
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the second try
            # This parser needs no pandas.
            return fetch_openml(name, version=version, as_frame=False, parser="liac-arff", n_retries=1)
    except (OSError, EOFError, ValueError) as error:
        raise AccumbensError(
            f"{name!r} cannot be downloaded from OpenML: {error}. Connect to the network, or name a folder that holds "
            f"{files} with --data or {VARIABLE}"
        ) from error
