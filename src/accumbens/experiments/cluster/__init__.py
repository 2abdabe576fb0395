"""Experiments on more than one machine."""
