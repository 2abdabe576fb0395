"""Replay on the device: transitions with the context before them."""

from accumbens.replay.ring import Ring, Rows, Storage, Windows, make_ring

__all__ = ["Ring", "Rows", "Storage", "Windows", "make_ring"]
