"""What the extra `language` brings: readers of GGUF files and of tokenizers."""

import importlib
from types import ModuleType

from accumbens.errors import AccumbensError


def require_language(module: str, what: str) -> ModuleType:
    """Import a module of the extra `language`.

    Args:
        module: its name.
        what: needs it, in the plural.

    Raises:
        AccumbensError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise AccumbensError(
            f"{what} need the package {module}, which is not installed. In a checkout run "
            """'uv sync --extra language', elsewhere 'pip install "accumbens[language]"'. """
            "A small transformer that learns from scratch needs neither."
        ) from error
