"""Sweeps: one method in one place, at many points of its settings, and what comes of them."""
