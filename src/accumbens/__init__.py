"""accumbens: deep networks in which every layer learns from its own error signal."""

from importlib.metadata import version

__version__ = version("accumbens")
